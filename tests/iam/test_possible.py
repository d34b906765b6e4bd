"""Requests with unknown condition keys: allowed, denied, or dependent on the keys."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from podrole.iam.document import compile_policy
from podrole.iam.evaluate import NamedPolicy, PolicySet, Request, evaluate
from podrole.iam.policy import PolicyKind
from podrole.iam.possible import evaluate_possible
from podrole.iam.principal import principal_of
from podrole.iam.unknown import UnknownKeys

BOB = principal_of("arn:aws:iam::111122223333:user/bob")
ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
VPC, TEAM = {"StringEquals": {"aws:SourceVpc": "vpc-1"}}, {"StringNotEquals": {"aws:ResourceTag/team": "blue"}}


def policies(*statements: dict[str, Any]) -> PolicySet:
    text = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    return PolicySet(identity=(NamedPolicy("p", compile_policy(text, PolicyKind.IDENTITY)),))


def asked(context: dict[str, str], *unknown: str) -> Request:
    return Request(BOB, "s3:GetObject", "arn:aws:s3:::logs/a", "", dict(context), unknown=UnknownKeys(unknown))


def allow(condition: dict[str, Any]) -> dict[str, Any]:
    return {**ALL, "Condition": condition}


def deny(condition: dict[str, Any]) -> dict[str, Any]:
    return {**ALL, "Effect": "Deny", "Condition": condition}


CASES: list[tuple[list[dict[str, Any]], str, tuple[str, ...]]] = [
    # statements, the outcome of the strict reading, the keys that it depends on
    ([ALL], "Allowed", ()),
    ([allow(VPC)], "ImplicitlyDenied", ("aws:sourcevpc",)),
    ([allow(VPC), ALL], "Allowed", ()),
    ([allow({**VPC, "Bool": {"aws:ViaAWSService": "true"}})], "ImplicitlyDenied", ()),
    ([allow(VPC), allow(TEAM)], "ImplicitlyDenied", ("aws:resourcetag/team", "aws:sourcevpc")),
    ([allow({"Bool": {"aws:ViaAWSService": "true"}}), allow(VPC)], "ImplicitlyDenied", ("aws:sourcevpc",)),
    ([ALL, deny(VPC)], "ExplicitlyDenied", ("aws:sourcevpc",)),
    ([ALL, deny(TEAM)], "ExplicitlyDenied", ("aws:resourcetag/team",)),
    ([deny(VPC)], "ExplicitlyDenied", ()),
    ([allow(VPC), deny({"Bool": {"aws:SecureTransport": "false"}})], "ExplicitlyDenied", ()),
    ([allow({**VPC, **TEAM})], "ImplicitlyDenied", ("aws:resourcetag/team", "aws:sourcevpc")),
    ([allow({**VPC, "Bool": {"aws:SecureTransport": "true"}})], "ImplicitlyDenied", ()),
    ([allow({"Null": {"aws:SourceVpc": "true"}})], "ImplicitlyDenied", ("aws:sourcevpc",)),
    ([{**ALL, "Resource": "arn:aws:s3:::logs/${aws:SourceVpc}"}], "ImplicitlyDenied", ("aws:sourcevpc",)),
    ([{**ALL, "Resource": "arn:aws:s3:::others/${aws:SourceVpc}"}], "ImplicitlyDenied", ()),
    ([], "ImplicitlyDenied", ()),
]


@pytest.mark.parametrize(("statements", "outcome", "depends_on"), CASES)
def test_a_decision_depends_on_the_unknown_keys_that_can_change_it(
    statements: list[dict[str, Any]], outcome: str, depends_on: tuple[str, ...]
) -> None:
    request = asked({"aws:SecureTransport": "false"}, "aws:SourceVpc", "aws:ResourceTag/*")
    possible = evaluate_possible(request, policies(*statements) if statements else PolicySet())
    assert (possible.decision.outcome.value, possible.depends_on) == (outcome, depends_on)


@pytest.mark.parametrize(("statements", "outcome", "depends_on"), CASES)
def test_no_value_changes_a_decision_that_depends_on_nothing(
    statements: list[dict[str, Any]], outcome: str, depends_on: tuple[str, ...]
) -> None:
    """Try every combination of values, and the absence of each."""
    of = policies(*statements) if statements else PolicySet()
    outcomes = set()
    for vpc, team in itertools.product((None, "vpc-1", "a", "vpc-2"), (None, "blue", "red")):
        given = {"aws:SecureTransport": "false", "aws:SourceVpc": vpc, "aws:ResourceTag/team": team}
        context = {key: value for key, value in given.items() if value is not None}
        outcomes.add(evaluate(asked(context), of).allowed)
    assert outcomes == ({True, False} if depends_on else {outcome == "Allowed"})
