"""A session: what temporary credentials stand for, from the moment of the exchange until they expire."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class SessionKind(StrEnum):
    """How the session came to be; what it may do depends on it."""

    ASSUMED_ROLE = "AssumedRole"
    FEDERATED_USER = "FederatedUser"
    SESSION_TOKEN = "SessionToken"  # noqa: S105 - the name of an operation's outcome


class Session(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything that a later request needs to know of the exchange; sealed into the session token.

    ``principal_arn`` and ``principal_id`` are the role's (or user's) own, so that deleting it ends the session and
    re-creating it under the same name does not revive it. Times are epoch seconds. ``context`` holds the condition keys
    that outlive the exchange (``<issuer>:sub`` and the like). ``policy`` is the inline session policy's text and
    ``policy_arns`` the managed ones; ``restricted`` says that a session policy was given at all. ``padding`` only makes
    the token as long as was asked for.
    """

    kind: SessionKind
    account: str
    principal_arn: str
    principal_id: str
    name: str
    issued_at: int
    expires_at: int
    policy: str | None = None
    policy_arns: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    transitive_tag_keys: tuple[str, ...] = ()
    source_identity: str | None = None
    federated_provider: str | None = None
    context: dict[str, str | list[str]] = {}
    padding: str = ""

    @property
    def restricted(self) -> bool:
        """Whether session policies limit it."""
        return self.policy is not None or bool(self.policy_arns)

    @property
    def partition(self) -> str:
        """The partition of its principal."""
        return self.principal_arn.split(":")[1]

    @property
    def arn(self) -> str:
        """The session's own ARN, as AWS prints it: an assumed role's holds no path."""
        if self.kind is SessionKind.ASSUMED_ROLE:
            role_name = self.principal_arn.rpartition("/")[2]
            return f"arn:{self.partition}:sts::{self.account}:assumed-role/{role_name}/{self.name}"
        if self.kind is SessionKind.FEDERATED_USER:
            return f"arn:{self.partition}:sts::{self.account}:federated-user/{self.name}"
        return self.principal_arn

    @property
    def id(self) -> str:
        """What ``aws:userid`` and GetCallerIdentity give: ``AROA…:name``."""
        if self.kind is SessionKind.ASSUMED_ROLE:
            return f"{self.principal_id}:{self.name}"
        if self.kind is SessionKind.FEDERATED_USER:
            return f"{self.account}:{self.name}"
        return self.principal_id
