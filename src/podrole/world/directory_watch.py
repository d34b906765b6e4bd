"""Notices that the directory of a running world was deleted or replaced.

The process would go on with files that have no name any more: whatever it acknowledged would be lost.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import NoReturn

from podrole.world.errors import DirectoryGone

SECONDS = 1.0


async def watch(lock_file: Path, descriptor: int) -> NoReturn:
    """Look every second whether ``lock_file`` is still the file that is open as ``descriptor``. Raises DirectoryGone
    once it is not."""
    while True:
        try:
            is_there = os.path.samestat(os.stat(lock_file), os.fstat(descriptor))  # noqa: PTH116 - takes microseconds
        except OSError:
            is_there = False
        if not is_there:
            raise DirectoryGone(
                f"The directory {lock_file.parent} was deleted or replaced while its world ran, so the world ends.",
                next_step="podrole up starts a new, empty world",
            )
        await asyncio.sleep(SECONDS)
