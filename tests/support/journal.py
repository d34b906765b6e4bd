"""A journal written and read at once, and one whose disk fails when the test says so."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

from podrole.base.journal import Journal, Write


class FaultyJournal(Journal):
    """Fails the next ``failures`` transactions, as a full disk does. While ``goes`` is not set, the disk is slow."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.failures = 0
        self.goes = threading.Event()
        self.goes.set()

    def _store(self, writes: Iterator[Write]) -> None:
        self.goes.wait(20)
        if self.failures:
            self.failures -= 1
            raise OSError("No space left on device")
        super()._store(writes)


def fill(path: Path, *writes: Write) -> None:
    """Write records into a journal."""

    async def commit() -> None:
        journal = Journal(path)
        await journal.commit(writes)
        journal.close()

    asyncio.run(commit())


def records(path: Path) -> dict[str, dict[str, bytes]]:
    """Return a journal's records."""
    journal = Journal(path)
    try:
        return {table: dict(kept) for table, kept in journal.tables().items()}
    finally:
        journal.close()
