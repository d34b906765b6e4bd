"""Which process a recorded pid means, and signals that reach this process or none.

The system gives the pid of an ended process to another one. A pid that was read from a file is therefore only used
together with the start time of its process and the id of the boot (pidfd and /proc, on Linux). Elsewhere processes
cannot be identified: ``this_process`` has only its pid, and ``opened`` opens none.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """One process of this machine. ``started`` is in clock ticks after boot (proc(5)), ``boot`` the id of that boot."""

    pid: int
    started: int
    boot: str

    def is_current(self) -> bool:
        """Say whether the process has not ended, and still has its pid."""
        fields = stat_fields(self.pid)
        return fields is not None and not is_dead(fields) and int(fields[19]) == self.started and self.boot == boot_id()


class ProcessHandle:
    """A process that was found by its identity: signals reach it alone, even if its pid is given to another one."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def signal(self, number: signal.Signals) -> None:
        """Signal the process; nothing happens once it has ended. Raises PermissionError."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._descriptor, number)

    def wait(self, seconds: float) -> bool:
        """Wait until the process has ended; False if it has not after so many seconds."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(max(0.0, seconds) * 1000))


@contextlib.contextmanager
def opened(process: ProcessIdentity) -> Iterator[ProcessHandle | None]:
    """Open a process for signals; None if it has ended, whatever has its pid now."""
    if sys.platform != "linux":
        yield None
        return
    try:
        descriptor = os.pidfd_open(process.pid)
    except (OSError, OverflowError, ValueError):
        yield None
        return
    try:
        # Compared after it was opened: from here on the descriptor is of this process, whatever its pid.
        yield ProcessHandle(descriptor) if process.is_current() else None
    finally:
        os.close(descriptor)


def identity_of(pid: int) -> ProcessIdentity | None:
    """Return which process has a pid now; None if none has."""
    started = start_time(pid)
    return None if started is None else ProcessIdentity(pid, started, boot_id())


def this_process() -> ProcessIdentity:
    """Return the identity of the process that calls."""
    if sys.platform != "linux":
        return ProcessIdentity(os.getpid(), 0, "")
    identity = identity_of(os.getpid())
    if identity is None:
        raise OSError("/proc is not mounted, or does not show this process")
    return identity


def has_open(pid: int, file: Path) -> bool:
    """Say whether a process has a file open, as far as this user may know."""
    try:
        status = file.stat()
        descriptors = list((PROC / str(pid) / "fd").iterdir())
    except OSError:
        return False
    for descriptor in descriptors:
        with contextlib.suppress(OSError):  # it was closed meanwhile, or it is not a file
            if os.path.samestat(descriptor.stat(), status):
                return True
    return False


def boot_id() -> str:
    """Return the id of this boot, without which a start time means nothing."""
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def start_time(pid: int) -> int | None:
    """Return when a process was started, in clock ticks after boot; None if the process does not exist."""
    fields = stat_fields(pid)
    return int(fields[19]) if fields else None


def is_dead(fields: list[str]) -> bool:
    """Say of ``stat_fields`` whether the process has ended and only waits to be waited for."""
    return fields[0] in {"Z", "X"}


def stat_fields(pid: int) -> list[str] | None:
    """Return the fields of /proc/<pid>/stat from the third, the state, on (proc(5)): 0 state, 3 session, 19 start."""
    if sys.platform != "linux":
        return None
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()
