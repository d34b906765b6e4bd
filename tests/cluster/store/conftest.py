"""A journal that is closed and opened again, as by a restart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.journal import FaultyJournal


@pytest.fixture
def open_journal(tmp_path: Path) -> Iterator[Callable[[], FaultyJournal]]:
    """Return a function that opens the journal, as after a restart: the one before is closed."""
    opened: list[Any] = []

    def open_() -> FaultyJournal:
        if opened:
            opened.pop().close()
        opened.append(FaultyJournal(tmp_path / "state.db"))
        return opened[0]

    yield open_
    if opened:
        opened.pop().close()
