"""``podrole down``: stop a world and wait until its process has ended."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

from podrole.base.processes import ProcessHandle, opened
from podrole.cli.terminal import complain
from podrole.world.errors import WorldError
from podrole.world.state import Description, WorldDirectory

LIMIT_SECONDS = 9.0
"""How long a world may take to end. It cuts off by itself what takes longer (podrole.world.stopping), and ends then
(podrole.cli.ending); this is for one that does not even react."""
KILL_SECONDS = 1.0
_POLL_SECONDS = 0.02
_KILLED = """\
The world in {path} did not react within {limit:g} s and was killed. What was acknowledged is on disk; of the services
other than IAM, EKS and Organizations, changes since the last save are lost."""


def run(path: Path) -> int:
    """Stop the world of a directory. Raises NotRunning, WorldError."""
    directory = WorldDirectory(path)
    stop(directory)
    print(f"The world in {directory.path} has stopped.")
    return 0


def stop(directory: WorldDirectory) -> None:
    """Ask the world's process to stop, which stops its pods first, and wait for it; kill it if it does not.

    Only the process that runs the world is ever signalled. Raises NotRunning, WorldError.
    """
    world = directory.running()
    if sys.platform != "linux":
        _stop_by_pid(directory, world)
        return
    with opened(world.process) as process:
        if process is None or not directory.is_run_by(world):
            directory.running()  # raises NotRunning if it has ended since
            raise WorldError(
                f"The process of the world in {directory.path} cannot be stopped from here.",
                got=f"process {world.pid} is not visible, or is not that world's",
                next_step="run podrole down where the world was started, in the same container for example",
            )
        process.signal(signal.SIGTERM)
        if not process.wait(LIMIT_SECONDS + world.more_stop_seconds):
            _kill(directory, world, process)


def _stop_by_pid(directory: WorldDirectory, world: Description) -> None:
    """Stop a world where processes have no identity but their pid: the lock says that its process runs.

    Windows has no signal that asks a process of another console to stop.
    """
    if sys.platform == "win32":
        raise WorldError(
            f"The world in {directory.path} cannot be stopped from here: Windows has no signal for it.",
            next_step="press Ctrl-C where podrole up runs",
        )
    deadline = time.monotonic() + LIMIT_SECONDS
    with contextlib.suppress(ProcessLookupError):
        os.kill(world.pid, signal.SIGTERM)
    while directory.is_running():
        if time.monotonic() > deadline:
            raise WorldError(
                f"The world in {directory.path} has not stopped after {LIMIT_SECONDS:g} s.",
                got=f"process {world.pid} still has it locked",
                next_step=f"kill -9 {world.pid}",
            )
        time.sleep(_POLL_SECONDS)


def _kill(directory: WorldDirectory, world: Description, process: ProcessHandle) -> None:
    from podrole.cluster.node.runtimes.process.process import MARK
    from podrole.cluster.node.runtimes.process.process_table import end_recorded

    process.signal(signal.SIGKILL)
    if not process.wait(KILL_SECONDS):
        raise WorldError(
            f"The world in {directory.path} was killed, but its process has not ended.",
            got=f"process {world.pid} waits for the kernel: for a disk or a network file system, for example",
        )
    complain(_KILLED.format(path=directory.path, limit=LIMIT_SECONDS + world.more_stop_seconds))
    with directory.lock():  # and nobody takes what it published for a running world
        end_recorded(directory.processes, MARK)
