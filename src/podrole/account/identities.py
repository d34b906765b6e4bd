"""The identities of an AWS account as typed records: what reads them, and the narrow path that changes them.

``IdentityDirectory`` answers the questions of authentication, STS and authorization. ``IdentityStore`` is what IAM's
own rules read and change. The local AWS implements both over moto (podrole.aws.emulator).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from podrole.iam.directory import Directory, OIDCProvider, PolicyText, Role, User


class IdentityDirectory(Directory, Protocol):
    """A directory that also knows unique ids. Its reads may run beside a write, and see the account before or after
    it, never in between."""

    def role_by_id(self, account: str, role_id: str, partition: str = "aws") -> Role | None:
        """Return the role with that unique id. A deleted role has none, even if another one has its name."""
        ...

    def user_by_id(self, account: str, user_id: str, partition: str = "aws") -> User | None:
        """Return the user with that unique id."""
        ...

    def user(self, arn: str) -> User | None:
        """Return the user with that ARN, path included."""
        ...

    def group_policies(self, arn: str) -> tuple[PolicyText, ...] | None:
        """Return the policies of the group with that ARN; None if there is no such group."""
        ...


class EntityKind(StrEnum):
    """The kinds of IAM entities, by the nouns that IAM uses for them."""

    USER = "user"
    GROUP = "group"
    ROLE = "role"


@dataclass(frozen=True, slots=True)
class Entity:
    """A user, group or role as IAM's rules see it.

    ``attached`` are the ARNs of its managed policies, ``inline`` its inline documents by name. ``must_do_first`` says
    what keeps a user or group from being deleted, in IAM's words (``delete access keys``).
    """

    kind: EntityKind
    name: str
    arn: str
    id: str
    attached: frozenset[str] = frozenset()
    inline: Mapping[str, str] = field(default_factory=dict)
    boundary: str | None = None
    access_keys: tuple[str, ...] = ()
    must_do_first: tuple[str, ...] = ()


class IdentityStore(Protocol):
    """The identities of one account and partition. Use it only where nothing else writes at the same time."""

    def entity(self, kind: EntityKind, name: str) -> Entity | None:
        """Return the entity of that exact name."""
        ...

    def names(self, kind: EntityKind) -> tuple[str, ...]:
        """Return the names of all entities of a kind."""
        ...

    def groups_of(self, user: str) -> tuple[str, ...]:
        """Return the names of the groups that a user is in."""
        ...

    def has_policy(self, arn: str) -> bool:
        """Return whether a managed policy exists, AWS's own included."""
        ...

    def own_policy_names(self) -> tuple[str, ...]:
        """Return the names of the account's own managed policies."""
        ...

    def uses_policy(self, arn: str) -> bool:
        """Return whether a policy is attached to an entity, or is the boundary of one."""
        ...

    def providers(self) -> tuple[OIDCProvider, ...]:
        """Return all OpenID Connect providers."""
        ...

    def provider(self, arn: str) -> OIDCProvider | None:
        """Return the OpenID Connect provider with that ARN."""
        ...

    def provider_tag_keys(self, arn: str) -> frozenset[str]:
        """Return the keys of a provider's tags."""
        ...

    def set_user_boundary(self, user: str, policy_arn: str | None) -> None:
        """Set a user's permissions boundary, or remove it."""
        ...

    def set_client_ids(self, provider_arn: str, client_ids: list[str]) -> None:
        """Replace a provider's client ids (audiences)."""
        ...
