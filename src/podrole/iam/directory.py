"""What is in an AWS account, as values: the seam between a decision and wherever the account really is.

moto's IAM (the local AWS), a real account through boto3, and files each give one of these; decisions take what
comes out and never look behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Role:
    """A role as IAM holds it now. ``trust_policy`` is the document's text."""

    arn: str
    id: str
    name: str
    account: str
    trust_policy: str
    max_session_seconds: int = 3_600
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class User:
    """An IAM user, or the account's root user (whose ``name`` is empty)."""

    arn: str
    id: str
    name: str
    account: str
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OIDCProvider:
    """An OpenID Connect provider. ``issuer`` is its URL with ``https://``, exactly as tokens must name it."""

    arn: str
    issuer: str
    client_ids: tuple[str, ...]
    thumbprints: tuple[str, ...]

    @property
    def key_prefix(self) -> str:
        """The provider's URL without its scheme: what condition keys begin with."""
        return self.issuer.removeprefix("https://")


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A long-term key and whose it is."""

    id: str
    secret: str = field(repr=False)
    user: User
    active: bool


@dataclass(frozen=True, slots=True)
class PolicyText:
    """A policy document with the name that explanations use: an ARN, or ``inline policy X of role Y``.

    ``inline_name`` is the name of an inline policy, None for any other.
    """

    name: str
    document: str
    inline_name: str | None = None


@dataclass(frozen=True, slots=True)
class PrincipalPolicies:
    """All that is attached to one user or role, its groups' included."""

    identity: tuple[PolicyText, ...]
    boundary: PolicyText | None = None


class Directory(Protocol):
    """Reads an account. Every answer is of this moment: nothing is remembered across a write."""

    def role(self, arn: str) -> Role | None:
        """Return the role of that ARN, path and all."""
        ...

    def oidc_provider(self, account: str, issuer: str, partition: str = "aws") -> OIDCProvider | None:
        """Return the provider of ``account`` for exactly that issuer URL."""
        ...

    def policies_of(self, principal: Role | User) -> PrincipalPolicies:
        """Return what is attached to a role or user."""
        ...

    def managed_policy(self, arn: str) -> PolicyText | None:
        """Return a managed policy's default version, AWS's own included."""
        ...

    def access_key(self, key_id: str) -> AccessKey | None:
        """Return a long-term access key."""
        ...
