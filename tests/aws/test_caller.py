"""The principal of each kind of caller, and the condition keys that describe it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from podrole.aws.caller import ANONYMOUS, Caller, caller_of_session, caller_of_user
from podrole.iam.directory import Role, User
from podrole.iam.principal import PrincipalType
from podrole.sts.session import Session, SessionKind

ACCOUNT = "111122223333"
ADA = User(f"arn:aws:iam::{ACCOUNT}:user/x/ada", "AIDA1", "ada", ACCOUNT, {"team": "blue"})
ROOT = User(f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT, "", ACCOUNT)
ROLE = Role(f"arn:aws:iam::{ACCOUNT}:role/x/reader", "AROA1", "reader", ACCOUNT, "{}", tags={"team": "blue"})


def session(kind: SessionKind, entity: User | Role, **more: Any) -> Caller:
    return caller_of_session(Session(kind, ACCOUNT, entity.arn, entity.id, "s", 0, 1, **more), entity, "ASIA1")


OF_ROLE = session(SessionKind.ASSUMED_ROLE, ROLE)
FEDERATED = session(SessionKind.FEDERATED_USER, ADA)
WITH_TOKEN = session(SessionKind.SESSION_TOKEN, ADA)


@pytest.mark.parametrize(
    ("caller", "kind", "arn", "identifier"),
    [
        (caller_of_user(ADA, "AKIA1"), PrincipalType.USER, ADA.arn, "AIDA1"),
        (caller_of_user(ROOT, "AKIA2"), PrincipalType.ROOT, ROOT.arn, ACCOUNT),
        (OF_ROLE, PrincipalType.ASSUMED_ROLE, f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/s", "AROA1:s"),
        (FEDERATED, PrincipalType.FEDERATED_USER, f"arn:aws:sts::{ACCOUNT}:federated-user/s", f"{ACCOUNT}:s"),
        (WITH_TOKEN, PrincipalType.USER, ADA.arn, "AIDA1"),
        (session(SessionKind.SESSION_TOKEN, ROOT), PrincipalType.ROOT, ROOT.arn, ACCOUNT),
    ],
    ids=["user", "root", "role", "federated user", "session token", "session token of the root user"],
)
def test_the_principal_of_a_caller(caller: Caller, kind: PrincipalType, arn: str, identifier: str) -> None:
    principal = caller.principal
    assert (principal.type, principal.arn, principal.id, caller.account) == (kind, arn, identifier, ACCOUNT)


def test_the_role_or_user_behind_a_session() -> None:
    assert (OF_ROLE.principal.role_arn, OF_ROLE.principal.role_id) == (ROLE.arn, ROLE.id)
    assert FEDERATED.principal.user_arn == ADA.arn
    assert session(SessionKind.FEDERATED_USER, ROOT).principal.user_arn == ""


def test_the_keys_of_an_anonymous_caller() -> None:
    assert ANONYMOUS.context_keys() == {"aws:PrincipalAccount": "anonymous", "aws:PrincipalType": "Anonymous"}


OF_EVERYONE = {
    "aws:PrincipalAccount": ACCOUNT,
    "aws:PrincipalIsAWSService": "false",
    "aws:ViaAWSService": "false",
    "aws:PrincipalTag/team": "blue",
}
OF_SESSIONS = {"aws:TokenIssueTime": "1970-01-01T00:00:00Z", "aws:MultiFactorAuthPresent": "false"}


@pytest.mark.parametrize(
    ("caller", "expected"),
    [
        (
            caller_of_user(ADA, "AKIA1"),
            {
                "aws:PrincipalArn": ADA.arn,
                "aws:PrincipalType": "User",
                "aws:userid": "AIDA1",
                "aws:username": "ada",
            },
        ),
        (
            caller_of_user(replace(ROOT, tags=ADA.tags), "AKIA2"),
            {"aws:PrincipalArn": ROOT.arn, "aws:PrincipalType": "Account", "aws:userid": ACCOUNT},
        ),
        (
            OF_ROLE,
            {
                "aws:PrincipalArn": ROLE.arn,
                "aws:PrincipalType": "AssumedRole",
                "aws:userid": "AROA1:s",
                **OF_SESSIONS,
            },
        ),
        (
            FEDERATED,
            {
                "aws:PrincipalArn": f"arn:aws:sts::{ACCOUNT}:federated-user/s",
                "aws:PrincipalType": "FederatedUser",
                "aws:userid": f"{ACCOUNT}:s",
                **OF_SESSIONS,
            },
        ),
        (
            WITH_TOKEN,
            {
                "aws:PrincipalArn": ADA.arn,
                "aws:PrincipalType": "User",
                "aws:userid": "AIDA1",
                "aws:username": "ada",
                **OF_SESSIONS,
            },
        ),
    ],
    ids=["user", "root", "role", "federated user", "session token"],
)
def test_the_keys_of_a_caller(caller: Caller, expected: dict[str, str]) -> None:
    assert caller.context_keys() == {**OF_EVERYONE, **expected}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"context": {"oidc:sub": "pod"}}, {"oidc:sub": "pod"}),
        ({"federated_provider": "provider"}, {"aws:FederatedProvider": "provider"}),
        ({"source_identity": "ada"}, {"aws:SourceIdentity": "ada"}),
        ({"tags": {"team": "red", "x": "y"}}, {"aws:PrincipalTag/team": "red", "aws:PrincipalTag/x": "y"}),
    ],
)
def test_what_a_session_adds(more: dict[str, Any], expected: dict[str, str]) -> None:
    found = session(SessionKind.ASSUMED_ROLE, ROLE, **more).context_keys()
    assert found == {**OF_ROLE.context_keys(), **expected}
