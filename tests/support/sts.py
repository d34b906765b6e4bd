"""An account and an issuer as values, for tests of the exchanges without any server."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from podrole.iam.directory import OIDCProvider, PolicyText, PrincipalPolicies, Role, User
from podrole.iam.document import parse_policy
from podrole.iam.evaluate import NamedPolicy, PolicySet
from podrole.iam.policy import PolicyKind
from podrole.oidc.errors import KeysFault, KeysUnavailable
from podrole.oidc.keys import VerificationKey
from podrole.sts.circumstances import Circumstances

NOW = 1_800_000_000
ACCOUNT, OTHER_ACCOUNT = "111122223333", "444455556666"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/team/reader"
AT = Circumstances(NOW + 0.9, "192.0.2.7", "eu-west-1", secure_transport=True, user_agent="tests")


@dataclass
class Accounts:
    """A Directory of values."""

    roles: list[Role] = field(default_factory=list)
    providers: list[OIDCProvider] = field(default_factory=list)
    managed: dict[str, str] = field(default_factory=dict)

    def role(self, arn: str) -> Role | None:
        return next((role for role in self.roles if role.arn == arn), None)

    def oidc_provider(self, account: str, issuer: str, partition: str = "aws") -> OIDCProvider | None:
        prefix = f"arn:{partition}:iam::{account}:"
        matching = (one for one in self.providers if one.issuer == issuer and one.arn.startswith(prefix))
        return next(matching, None)

    def policies_of(self, principal: Role | User) -> PrincipalPolicies:
        return PrincipalPolicies(())

    def managed_policy(self, arn: str) -> PolicyText | None:
        document = self.managed.get(arn)
        return None if document is None else PolicyText(arn, document)

    def access_key(self, key_id: str) -> None:
        raise NotImplementedError


@dataclass
class Published:
    """A KeySource of values: the keys of one issuer, or why they cannot be had."""

    issuer: str
    published: Sequence[VerificationKey]
    fault: KeysFault | None = None
    asked: list[tuple[str, str, tuple[str, ...]]] = field(default_factory=list)

    async def keys(self, issuer: str, kid: str, thumbprints: Sequence[str]) -> tuple[VerificationKey, ...]:
        self.asked.append((issuer, kid, tuple(thumbprints)))
        matching = tuple(key for key in self.published if issuer == self.issuer and key.kid == kid)
        if self.fault is not None or not matching:
            raise KeysUnavailable(self.fault or KeysFault.UNKNOWN_KEY, "no such key", got="this", expected="that")
        return matching


def document(*statements: Mapping[str, Any]) -> str:
    """Return a policy document of these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(*actions: str, effect: str = "Allow", **elements: Any) -> dict[str, Any]:
    """Return a statement for these actions."""
    return {"Effect": effect, "Action": list(actions), **elements}


def a_role(*statements: Mapping[str, Any], arn: str = ROLE_ARN, **members: Any) -> Role:
    """Return a role with a trust policy of these statements."""
    name, account = arn.rpartition("/")[2], arn.split(":")[4]
    return Role(arn, f"AROA{name.upper()}", name, account, document(*statements), **members)


def policies(*statements: Mapping[str, Any]) -> PolicySet:
    """Return what a user has: one identity policy of these statements, or no policy."""
    if not statements:
        return PolicySet()
    return PolicySet(identity=(NamedPolicy("its policy", parse_policy(document(*statements), PolicyKind.IDENTITY)),))
