"""The store of objects, behind a Protocol: one narrow path for writes, reads from memory, watches of changes.

A durable store fits the same Protocol: ``commit`` may wait until the write is on disk, and nobody sees a write before
it is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from podrole.cluster.core.resources import Resource

Object = dict[str, Any]
ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]
EndReason = Literal["closed", "too slow"]


class Change(msgspec.Struct, frozen=True, gc=False):
    """A committed write. ``previous`` is the object before it; of a deletion, ``object`` is the last state."""

    type: ChangeType
    object: Object
    previous: Object | None
    revision: int


@dataclass(frozen=True, slots=True)
class Create:
    """Store a new object."""

    resource: Resource
    object: Object


@dataclass(frozen=True, slots=True)
class Update:
    """Store ``object`` in place of ``before``, which the store has given out."""

    resource: Resource
    object: Object
    before: Object


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove ``before``, which the store has given out; ``object`` is its last state."""

    resource: Resource
    object: Object
    before: Object


Write: TypeAlias = Create | Update | Delete
Select = Callable[[Change], tuple[ChangeType, Object] | None]
"""Returns the event that a watch sees of a change, None if it sees none."""


class ObjectChanged(Exception):
    """The store no longer holds the object that a write was made from, or already holds one of a new object's name."""


class RevisionTooOld(Exception):
    """A watch asks for changes that are no longer kept; ``oldest`` is the first revision it could start from."""

    def __init__(self, oldest: int) -> None:
        super().__init__(oldest)
        self.oldest = oldest


class Watcher(Protocol):
    """The events of one watch."""

    @property
    def ended(self) -> EndReason | None:
        """Why the watch is over; None while it is open."""
        ...

    async def batch(self, seconds: float | None = None) -> list[tuple[ChangeType, Object]]:
        """Return the waiting events, at least one; none if ``seconds`` have passed or the watch has ended."""
        ...

    def close(self) -> None:
        """End the watch."""
        ...


class Store(Protocol):
    """Keeps objects in wire form, ``kind`` and ``apiVersion`` first.

    Objects that the store has given out or taken in are never changed: a different state is a new dict. Reads show
    committed writes only, all of them, in the order of their revisions.
    """

    @property
    def revision(self) -> int:
        """The revision of the last committed write, 0 before the first."""
        ...

    def get(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """Return an object, None if there is none; ``namespace`` is empty for cluster-scoped objects."""
        ...

    def list(self, resource: Resource, namespace: str = "") -> list[Object]:
        """Return the objects ordered by namespace and name; those of all namespaces if ``namespace`` is empty."""
        ...

    def changed_at(self, resource: Resource) -> int:
        """Return the revision of the last change to any object of the resource, 0 if there was none."""
        ...

    async def commit(self, write: Write) -> Object:
        """Make a write, and return the object with the resourceVersion that it was given.

        The write and its notification are one step: no other write comes between the comparison with ``before`` and
        the change. Raises ObjectChanged, or StatusError if the write cannot be kept; then nothing has been written.
        """
        ...

    def seed(self, writes: Iterable[Write]) -> None:
        """Make the first writes, before anybody reads or watches the store; they are seen at once.

        Raises ObjectChanged.
        """
        ...

    def watch(self, resource: Resource, select: Select, *, after: int | None, limit: int | None) -> Watcher:
        """Return a watcher of what ``select`` lets through, of the changes after a revision, or from now on.

        ``limit`` is how many events may wait before the watch ends as too slow. Raises RevisionTooOld.
        """
        ...

    def close(self) -> None:
        """End every watch."""
        ...
