"""``podrole state save``, ``podrole state load`` and ``podrole reset``: a stopped world's state as a whole."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from podrole.world import saved_state
from podrole.world.state import WorldDirectory


def save(path: Path, file: Path) -> int:
    """Save the state of the world of a directory."""
    saved_state.save(WorldDirectory(path), file, time.time())
    print(
        f"Saved to {file}. It holds credentials: the administrator's access key, every access key of the account, "
        "and the keys that sign tokens and sessions."
    )
    return 0


def load(path: Path, file: Path, *, replace: bool) -> int:
    """Give the world of a directory the state of a file."""
    directory = WorldDirectory(path)
    header = saved_state.load(directory, file, replace=replace)
    saved_at = datetime.fromtimestamp(header.saved_at, UTC)
    print(
        f"Loaded into {directory.path}: the state of {saved_at:%Y-%m-%d %H:%M} UTC, saved by podrole {header.podrole}. "
        "podrole up starts from it."
    )
    return 0


def reset(path: Path) -> int:
    """Empty the world of a directory."""
    directory = WorldDirectory(path)
    saved_state.reset(directory)
    print(
        f"The world in {directory.path} is empty: podrole up starts a new one. Its keys and its administrator's "
        "credentials stay."
    )
    return 0
