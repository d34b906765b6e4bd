"""Which processes belong to podrole: the records of what was started, /proc, and ending all of them.

A process is ended only where it is certain that podrole started it: its environment carries a random mark that podrole
gave it, or it belongs to a session whose leader is still the very process that was recorded. So a pid that the system
gave to another program meanwhile is never touched.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from podrole.base.files import write_private

PROC = Path("/proc")
END_SECONDS = 5.0
"""How long ``end_marked`` goes on while new processes keep appearing."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A process that was started: ``started`` is in clock ticks after boot, ``boot`` that boot's id."""

    mark: str
    pid: int
    started: int
    boot: str


def boot_id() -> str:
    """Return the id of this boot, without which a start time means nothing."""
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def start_time(pid: int) -> int | None:
    """Return when a process was started, in clock ticks after boot; None if the process does not exist."""
    fields = _stat(pid)
    return int(fields[19]) if fields else None


def record_process(directory: Path, mark: str, pid: int) -> Path | None:
    """Record a process in ``directory`` and return the file; None if the process has ended already."""
    started = start_time(pid)
    if started is None:
        return None
    path = directory / f"{pid}-{started}.json"
    write_private(path, json.dumps({"mark": mark, "pid": pid, "started": started, "boot": boot_id()}))
    return path


def read_records(directory: Path) -> list[tuple[Path, Recorded]]:
    """Return the records of an earlier podrole, without those that cannot be read."""
    found = []
    for path in directory.glob("*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            note = json.loads(path.read_text())
            found.append((path, Recorded(str(note["mark"]), int(note["pid"]), int(note["started"]), str(note["boot"]))))
    return found


def end_recorded(directory: Path, mark_name: str) -> int:
    """End all that an earlier podrole left running and delete its records; return the number of processes."""
    ended = 0
    for path, note in read_records(directory):
        if note.boot == boot_id():
            session = note.pid if start_time(note.pid) == note.started else None
            ended += end_marked(f"{mark_name}={note.mark}", session)
        path.unlink(missing_ok=True)
    return ended


def end_marked(mark: str, session: int | None) -> int:
    """Kill every process with ``mark`` (``NAME=value``) in its environment or of ``session``; return how many.

    Looks again until none is left and none can have been missed: a process can start another after it was listed.
    ``session`` is trusted: pass it only while its leader has not been waited for, or is known to be the recorded one.
    """
    needle = mark.encode()
    ended: set[int] = set()
    until = time.monotonic() + END_SECONDS
    while time.monotonic() < until:
        newest = _newest_pid()
        alive = [pid for pid in _pids() if _is_ours(pid, needle, session)]
        if not alive and _newest_pid() == newest:
            break
        for pid in alive:
            _kill(pid, needle, session)
        ended.update(alive)
        time.sleep(0.002)  # time for the kernel to end them
    return len(ended)


def _kill(pid: int, mark: bytes, session: int | None) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if _is_ours(pid, mark, session):  # checked again: the descriptor now refers to one process, whatever its pid
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def _is_ours(pid: int, mark: bytes, session: int | None) -> bool:
    fields = _stat(pid)
    if fields is None or fields[0] in {"Z", "X"}:
        return False
    if session is not None and int(fields[3]) == session:
        return True
    try:
        return mark in (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _pids() -> list[int]:
    return [int(name) for name in os.listdir(PROC) if name.isdigit()]  # noqa: PTH208 - names are all that is needed


def _newest_pid() -> str:
    """Return the pid that was given last, by proc(5)'s loadavg: while it stays, nothing has been started."""
    try:
        return (PROC / "loadavg").read_text().split()[4]
    except (OSError, IndexError):
        return ""


def _stat(pid: int) -> list[str] | None:
    """Return the fields of /proc/<pid>/stat from the third, the state, on (proc(5)): 0 state, 3 session, 19 start."""
    try:
        text = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()
