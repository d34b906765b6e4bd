"""What is common to all records of an account: immutable values with an id, kept by kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Protocol

Scope = tuple[str, ...]
"""What a state is of, its kind first: ``("iam", account, partition)``, ``("organizations",)``. No slash in any part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What all records have. ``table`` names the kind of record in the journal; ``id`` is unique in its state."""

    table: ClassVar[str]
    id: str


class State(Protocol):
    """The records of one account, or of something else that belongs together, with what it takes to find them."""

    @property
    def scope(self) -> Scope:
        """What the records are of."""
        ...

    def put(self, record: Record) -> None:
        """Put a record in the place of the one with its id, or as a new one."""
        ...

    def remove(self, record: Record) -> None:
        """Take the record with that id away, if there is one."""
        ...

    def all(self) -> Iterator[Record]:
        """Yield every record."""
        ...
