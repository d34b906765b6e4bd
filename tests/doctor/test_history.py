"""A call is attributed to the exchange that created its caller's session, and to no other."""

from __future__ import annotations

import pytest

from podrole.base.events import Event
from podrole.doctor.facts.history import history_of

ACCOUNT = "111122223333"
USER = f"arn:aws:iam::{ACCOUNT}:user/ann"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/one"
NODE = f"arn:aws:sts::{ACCOUNT}:assumed-role/node/i-1"


def event(number: int, what: str, who: str, **more: object) -> Event:
    return Event(f"id-{number}", float(number), "aws", who, what, "allowed", **more)  # type: ignore[arg-type]


BY_TOKEN = event(1, "sts:AssumeRoleWithWebIdentity", SESSION)
BY_USER = event(1, "sts:AssumeRole", USER, explanation={"session": SESSION})
BY_AGENT = event(1, "eks-auth:AssumeRoleForPodIdentity", NODE, explanation={"session": SESSION})
WITHOUT_SESSION = event(1, "sts:AssumeRole", USER)
"""As logs of earlier versions have it."""


@pytest.mark.parametrize("exchange", [BY_TOKEN, BY_USER, BY_AGENT], ids=["token", "user", "agent"])
def test_a_call_of_a_session_has_its_exchange(exchange: Event) -> None:
    call = event(2, "s3:GetObject", SESSION)
    assert history_of([call, exchange], call).exchange is exchange


@pytest.mark.parametrize("exchange", [BY_USER, BY_AGENT, WITHOUT_SESSION], ids=["user", "agent", "earlier version"])
def test_a_later_call_of_who_assumed_the_role_has_none(exchange: Event) -> None:
    call = event(2, "s3:GetObject", exchange.who)
    assert history_of([call, exchange], call).exchange is None
