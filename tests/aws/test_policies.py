"""The policies that decide about a caller: all that are attached, and nothing that cannot be read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import cast

import pytest

from podrole.account.identities import IdentityDirectory
from podrole.aws.caller import ANONYMOUS, Caller, caller_of_session, caller_of_user
from podrole.aws.errors import AWSError
from podrole.aws.policies import compile_stored, policies_of
from podrole.iam.directory import PolicyText, PrincipalPolicies, Role, User
from podrole.iam.evaluate import PolicySet
from podrole.iam.policy import Effect, PolicyKind
from podrole.sts.session import Session, SessionKind

ACCOUNT = "111122223333"
USER = caller_of_user(User(f"arn:aws:iam::{ACCOUNT}:user/ada", "AIDA1", "ada", ACCOUNT), "AKIA1")
ROLE = Role(f"arn:aws:iam::{ACCOUNT}:role/r", "AROA1", "r", ACCOUNT, "{}")
READ = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}})


@dataclass
class FakeDirectory:
    """Everyone has the policy ``own``, and a boundary if there is one."""

    boundary: PolicyText | None = None

    def policies_of(self, principal: Role | User) -> PrincipalPolicies:
        return PrincipalPolicies((PolicyText("own", READ),), self.boundary)

    def managed_policy(self, arn: str) -> PolicyText | None:
        return PolicyText(arn, READ) if arn == "managed" else None


def policies(caller: Caller, boundary: PolicyText | None = None) -> PolicySet:
    return policies_of(caller, cast("IdentityDirectory", FakeDirectory(boundary)))


def session(policy: str | None = None, *arns: str) -> Caller:
    made = Session(SessionKind.ASSUMED_ROLE, ACCOUNT, ROLE.arn, ROLE.id, "s", 0, 1, policy, arns)
    return caller_of_session(made, ROLE, "ASIA1")


def test_an_anonymous_caller_has_no_policies() -> None:
    assert policies(ANONYMOUS) == PolicySet()


def test_a_user_has_their_own_policies_and_a_boundary() -> None:
    found = policies(USER)
    assert ([one.name for one in found.identity], found.boundaries, found.session) == (["own"], None, None)
    found = policies(USER, PolicyText("limit", READ))
    assert [one.name for one in found.boundaries or ()] == ["limit"]


@pytest.mark.parametrize(
    ("caller", "names"),
    [
        (session(), None),
        (session(READ), ["the session's inline policy"]),
        (session(None, "managed"), ["managed"]),
        (session(READ, "managed"), ["the session's inline policy", "managed"]),
        (session(None, "gone"), ["gone (deleted)"]),
    ],
    ids=["not restricted", "inline", "managed", "both", "deleted"],
)
def test_a_session_is_limited_by_its_policies(caller: Caller, names: list[str] | None) -> None:
    found = policies(caller).session
    assert (found and [one.name for one in found]) == names


def test_a_deleted_session_policy_denies_everything() -> None:
    (deleted,) = policies(session(None, "gone")).session or ()
    (statement,) = deleted.policy.statements
    assert (statement.effect, statement.actions.actions) == (Effect.DENY, ("*",))


def test_a_document_that_cannot_be_read_refuses_the_call() -> None:
    with pytest.raises(AWSError) as raised:
        compile_stored(PolicyText("p", "{"), PolicyKind.IDENTITY)
    assert (raised.value.error_code, raised.value.status, raised.value.message) == (
        "AccessDenied",
        403,
        "Access Denied",
    )
    assert (raised.value.why or "").startswith("p is not a policy that AWS accepts, so nothing is allowed: ")
