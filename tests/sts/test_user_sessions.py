"""GetSessionToken and GetFederationToken, check by check, without any server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from podrole.iam.directory import User
from podrole.iam.principal import Principal, PrincipalType
from podrole.sts.denial import ASSUME_ROLE_STEPS, Denial, Step
from podrole.sts.session import Session, SessionKind
from podrole.sts.trust import Candidate
from podrole.sts.user_sessions import Granted, federation_token, session_token
from support.sts import ACCOUNT, AT, NOW, Accounts, allow, document, policies

ANN = User(f"arn:aws:iam::{ACCOUNT}:user/ann", "AIDAANN", "ann", ACCOUNT)
ROOT = User(f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT, "", ACCOUNT)
READ_ONLY = document({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})
MANAGED = f"arn:aws:iam::{ACCOUNT}:policy/limit"
DIRECTORY = Accounts(managed={MANAGED: READ_ONLY})
SERIAL = f"arn:aws:iam::{ACCOUNT}:mfa/ann"
TEAM = {"Tags.member.1.Key": "team", "Tags.member.1.Value": "shop"}
FEDERATED_ARN = f"arn:aws:sts::{ACCOUNT}:federated-user/eve"


def federated(parameters: Mapping[str, str | None], *own: dict[str, Any], user: User = ANN) -> Granted | Denial:
    """Ask for a federated user "eve"; a parameter of None is left out."""
    caller = Candidate(
        Principal(PrincipalType.USER, ACCOUNT, user.arn, user.id), AT.context_keys(), policies(*own) if own else None
    )
    sent = {name: value for name, value in {"Name": "eve", **parameters}.items() if value is not None}
    return federation_token(sent, user, caller, DIRECTORY, AT)


def test_a_session_token_stands_for_its_user() -> None:
    session = Session(SessionKind.SESSION_TOKEN, ACCOUNT, ANN.arn, ANN.id, "", NOW, NOW + 43_200)
    assert session_token({}, ANN, AT) == Granted(session, 0, 0)


@pytest.mark.parametrize(
    ("user", "asked", "seconds"),
    [
        (ANN, None, 43_200),
        (ANN, "900", 900),
        (ANN, "129600", 129_600),
        (ROOT, None, 3_600),
        (ROOT, "129600", 3_600),
        (ROOT, "900", 900),
    ],
)
def test_the_root_users_sessions_are_cut_to_an_hour(user: User, asked: str | None, seconds: int) -> None:
    parameters = {} if asked is None else {"DurationSeconds": asked}
    for outcome in (session_token(parameters, user, AT), federated(parameters, user=user)):
        assert isinstance(outcome, Granted)
        assert outcome.session.expires_at - outcome.session.issued_at == seconds
        assert outcome.session.issued_at == NOW


def test_the_token_has_the_size_that_was_asked_for() -> None:
    for outcome in (
        session_token({"MinimumSessionTokenSize": "700"}, ANN, AT),
        federated({"MinimumSessionTokenSize": "700"}),
    ):
        assert isinstance(outcome, Granted)
        assert outcome.minimum_token_size == 700


@pytest.mark.parametrize(
    ("parameters", "step", "code"),
    [
        ({"DurationSeconds": "129601"}, Step.PARAMETERS, "ValidationError"),
        ({"DurationSeconds": "899"}, Step.PARAMETERS, "ValidationError"),
        ({"SerialNumber": SERIAL}, Step.CALLER, "AccessDenied"),
        ({"TokenCode": "123456"}, Step.CALLER, "AccessDenied"),
        ({"SerialNumber": SERIAL, "TokenCode": "123456"}, Step.CALLER, "AccessDenied"),
    ],
)
def test_a_session_token_is_refused(parameters: dict[str, str], step: Step, code: str) -> None:
    denial = session_token(parameters, ANN, AT)
    assert isinstance(denial, Denial)
    assert (denial.step, denial.code, denial.steps) == (step, code, ASSUME_ROLE_STEPS)


def test_a_federated_user_gets_what_was_asked_for() -> None:
    asked = {"Policy": READ_ONLY, "PolicyArns.member.1.arn": MANAGED, **TEAM, "DurationSeconds": "900"}
    outcome = federated(asked, allow("sts:TagSession", Resource=FEDERATED_ARN))
    assert isinstance(outcome, Granted)
    assert outcome.session == Session(
        SessionKind.FEDERATED_USER,
        ACCOUNT,
        ANN.arn,
        ANN.id,
        "eve",
        NOW,
        NOW + 900,
        policy=READ_ONLY,
        policy_arns=(MANAGED,),
        tags={"team": "shop"},
    )
    assert 0 < outcome.packed_policy_size <= 100
    plain = federated({})
    assert isinstance(plain, Granted)
    assert (plain.packed_policy_size, plain.minimum_token_size) == (0, 0)


@pytest.mark.parametrize(
    ("parameters", "step", "code"),
    [
        ({"Name": None}, Step.PARAMETERS, "ValidationError"),
        ({"Name": "x"}, Step.PARAMETERS, "ValidationError"),
        ({"Tags.1.Key": "team"}, Step.PARAMETERS, "MalformedInput"),
        ({"Tags.member.1.Key": "aws:a", "Tags.member.1.Value": ""}, Step.PARAMETERS, "InvalidParameterValue"),
        ({"Policy": "{}"}, Step.SESSION_POLICY, "MalformedPolicyDocument"),
        ({"PolicyArns.member.1.arn": f"{MANAGED}s"}, Step.SESSION_POLICY, "ValidationError"),
        (TEAM, Step.TRUST, "AccessDenied"),
    ],
)
def test_a_federated_user_is_refused(parameters: dict[str, str | None], step: Step, code: str) -> None:
    denial = federated(parameters)
    assert isinstance(denial, Denial)
    assert (denial.step, denial.code, denial.steps) == (step, code, ASSUME_ROLE_STEPS)
    assert denial.status == (403 if code == "AccessDenied" else 400)


@pytest.mark.parametrize(
    ("own", "allowed"),
    [
        ((), False),
        ((allow("sts:GetFederationToken", Resource="*"),), False),
        ((allow("sts:TagSession", Resource=f"{FEDERATED_ARN}x"),), False),
        ((allow("sts:TagSession", Resource="*", Condition={"StringEquals": {"aws:RequestTag/team": "x"}}),), False),
        ((allow("sts:TagSession", Resource="*"), allow("sts:TagSession", effect="Deny", Resource="*")), False),
        ((allow("sts:TagSession", Resource="*", Condition={"StringEquals": {"aws:RequestTag/team": "shop"}}),), True),
        ((allow("sts:TagSession", Resource="*", Condition={"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}),), True),
    ],
)
def test_tags_of_a_federated_user_need_sts_tag_session(own: tuple[dict[str, Any], ...], allowed: bool) -> None:
    outcome = federated(TEAM, *own)
    assert isinstance(outcome, Granted) is allowed
    if isinstance(outcome, Denial):
        expected = f"User: {ANN.arn} is not authorized to perform: sts:TagSession on resource: {FEDERATED_ARN}"
        assert (outcome.message, outcome.evidence["action"]) == (expected, "sts:TagSession")
