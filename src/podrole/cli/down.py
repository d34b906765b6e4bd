"""``podrole down``: stop a world and wait until its process has ended."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from podrole.world.errors import WorldError
from podrole.world.state import WorldDirectory

LIMIT_SECONDS = 30.0
POLL_SECONDS = 0.05


def run(path: Path) -> int:
    """Stop the world of a directory. Raises NotRunning."""
    directory = WorldDirectory(path)
    stop(directory)
    print(f"The world in {directory.path} has stopped.")
    return 0


def stop(directory: WorldDirectory) -> None:
    """Ask the world's process to stop, which stops its pods first, and wait for it. Raises NotRunning, WorldError."""
    world = directory.running()
    os.kill(world.pid, signal.SIGTERM)
    deadline = time.monotonic() + LIMIT_SECONDS
    while directory.is_running() or _is_alive(world.pid):
        if time.monotonic() > deadline:
            raise WorldError(
                f"The world in {directory.path} did not stop within {LIMIT_SECONDS:g} s.",
                got=f"process {world.pid} still runs",
                next_step=f"kill -9 {world.pid} ends it and its pods",
            )
        time.sleep(POLL_SECONDS)


def _is_alive(pid: int) -> bool:
    """Say whether a process exists and is not a zombie."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False  # it has ended, possibly between the two system calls
