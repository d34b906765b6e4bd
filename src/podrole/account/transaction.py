"""One change of the accounts' records: worked out on the newest state, whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from podrole.account.ids import Random
from podrole.account.records import Record, State


class Put(NamedTuple):
    """A record to store."""

    state: State
    record: Record


class Delete(NamedTuple):
    """A record to delete."""

    state: State
    record: Record


@dataclass(slots=True)
class Transaction:
    """What an operation is given to work with, and the changes that it asks for, in order.

    The states are the newest ones; the operation only reads them. ``random(n)`` returns n random bytes.
    """

    now: float
    random: Random
    changes: list[Put | Delete] = field(default_factory=list)

    def put(self, state: State, *records: Record) -> None:
        """Store records in a state."""
        self.changes += [Put(state, record) for record in records]

    def delete(self, state: State, *records: Record) -> None:
        """Delete records from a state."""
        self.changes += [Delete(state, record) for record in records]
