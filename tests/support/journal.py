"""A journal whose disk fails when the test says so."""

from __future__ import annotations

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
