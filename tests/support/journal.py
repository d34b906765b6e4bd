"""A journal whose disk fails when the test says so."""

from __future__ import annotations

from collections.abc import Iterator

from podrole.base.journal import Journal, Write


class FaultyJournal(Journal):
    """Fails the next ``failures`` transactions, as a full disk does."""

    failures = 0

    def _store(self, writes: Iterator[Write]) -> None:
        if self.failures:
            self.failures -= 1
            raise OSError("No space left on device")
        super()._store(writes)
