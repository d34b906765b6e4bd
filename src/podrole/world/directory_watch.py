"""Notices that the directory of a running world was deleted or replaced.

The process would go on with files that have no name any more: whatever it acknowledged would be lost.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from podrole.world.errors import DirectoryGone

SECONDS = 1.0


def check(lock_file: Path, descriptor: int) -> None:
    """Raise DirectoryGone unless ``lock_file`` is still the file that is open as ``descriptor``."""
    try:
        is_there = os.path.samestat(lock_file.stat(), os.fstat(descriptor))
    except OSError:
        is_there = False
    if not is_there:
        raise DirectoryGone(
            f"The directory {lock_file.parent} was deleted or replaced while its world ran, so the world ends.",
            next_step="podrole up starts a new, empty world",
        )


async def watch(check: Callable[[], None]) -> NoReturn:
    """Make a check every second until it raises."""
    while True:
        check()
        await asyncio.sleep(SECONDS)
