"""What files hold: roles, policies and providers, each with the place where it is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from podrole.doctor.sources.documents import FileDocument, Where
from podrole.iam.storing import StoredAs


@dataclass(frozen=True, slots=True)
class Origin:
    """The place in a document where something is written."""

    document: FileDocument
    where: Where = ()
    generated: bool = False
    """Whether a program wrote it from other files, which an edit has to change."""

    def line(self, *more: str | int) -> int:
        """Return the line of the place, or of a place inside it."""
        return self.document.line((*self.where, *more))

    def at(self, *more: str | int) -> Origin:
        """Return a place inside it."""
        return Origin(self.document, (*self.where, *more), self.generated)


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """A policy document. ``inside`` says whether its elements have lines of their own: not if it is a string."""

    text: str
    stored_as: StoredAs
    origin: Origin
    name: str
    inside: bool = True


@dataclass(frozen=True, slots=True)
class RoleFile:
    """A role; ``name`` and ``path`` are empty if they are not known, as for a name that AWS generates."""

    name: str
    path: str
    trust: PolicyFile | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class ProviderFile:
    """An OpenID Connect provider."""

    issuer: str
    client_ids: tuple[str, ...]
    origin: Origin


@dataclass(frozen=True, slots=True)
class PassedOver:
    """Something that may give pods an identity and is not read."""

    what: str
    origin: Origin


Item = PolicyFile | RoleFile | ProviderFile | PassedOver


def optional(item: Item | None) -> Iterator[Item]:
    """Yield the item if there is one."""
    if item is not None:
        yield item


def as_policy(value: Any, stored_as: StoredAs, origin: Origin, name: str) -> PolicyFile | None:
    """Return a policy that is written as a string or as an object, None if it is neither."""
    if isinstance(value, str) and value:
        return PolicyFile(value, stored_as, origin, name, inside=False)
    return PolicyFile(json.dumps(value), stored_as, origin, name) if isinstance(value, dict) else None


def issuer_of(url: str) -> str:
    """Return a provider's URL with its scheme, which files often leave out."""
    return "https://" + url.removeprefix("https://")
