"""What is there: the objects of a cluster and an account that a set-up can change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from podrole.setup.wanted import ServiceAccountName


@dataclass(frozen=True, slots=True)
class FoundProvider:
    """An OpenID Connect provider."""

    arn: str
    client_ids: tuple[str, ...]
    thumbprints: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FoundRole:
    """A role with all that belongs to it. ``trust_policy`` is the text as it is stored."""

    arn: str
    name: str
    trust_policy: str
    managed: tuple[str, ...] = ()
    inline: Mapping[str, str] = field(default_factory=dict)
    boundary: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FoundServiceAccount:
    """A service account's metadata."""

    account: ServiceAccountName
    uid: str
    resource_version: str
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FoundAssociation:
    """A Pod Identity association. ``owner_arn`` is the add-on that made it, if one did."""

    id: str
    arn: str
    account: ServiceAccountName
    role_arn: str
    target_role_arn: str | None = None
    disable_session_tags: bool = False
    session_policy: str | None = None
    external_id: str | None = None
    owner_arn: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FoundPod:
    """A pod, as far as its identity is concerned. ``environment`` are the names of its containers' variables."""

    namespace: str
    name: str
    service_account: str
    environment: frozenset[str]
    running: bool
