"""Which processes belong to podrole: the records of what was started, /proc, and ending all of them.

A process is ended only where it is certain that podrole started it or one of its ancestors, by one of these:

- the limit on file locks that podrole gave the container's process (``limit_of``): every descendant inherits it,
  whatever its environment, session and parent;
- the mark in its environment;
- its session, whose leader is still the very process that was recorded.

So a pid that the system gave to another program meanwhile is never touched.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from podrole.base.files import write_private
from podrole.base.processes import (
    PROC,
    ProcessIdentity,
    boot_id,
    identity_of,
    is_dead,
    start_time,
    stat_fields,
)

END_SECONDS = 5.0
"""How long ``end_all`` goes on while new processes keep appearing."""
_LIMIT_NAME = b"Max file locks"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A process that was started, and the mark of its container."""

    mark: str
    process: ProcessIdentity


class EndedProcesses(NamedTuple):
    """How many processes were ended, and whether none is left."""

    number: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Belonging:
    """How the processes of a container are recognised. ``mark`` is ``NAME=value`` in an environment.

    ``limit`` is of ``limit_of``. ``leader`` leads the container's session; pass it only if nobody can have taken its
    pid since: while it has not been waited for, or if it was found to be the recorded one.
    """

    mark: str
    limit: int
    leader: ProcessIdentity | None = None

    def includes(self, pid: int) -> bool:
        """Say whether a process is the container's, and has not ended."""
        fields = stat_fields(pid)
        if fields is None or is_dead(fields):
            return False
        if self.leader is not None and int(fields[3]) == self.leader.pid:
            # While a session has members, its number is not given to another process.
            return start_time(self.leader.pid) in {None, self.leader.started}
        return self._has_limit(pid) or self._has_mark(pid)

    def _has_limit(self, pid: int) -> bool:
        for line in _content(pid, "limits").splitlines():
            if line.startswith(_LIMIT_NAME):
                return line.removeprefix(_LIMIT_NAME).split()[1] == b"%d" % self.limit  # the hard limit
        return False

    def _has_mark(self, pid: int) -> bool:
        return self.mark.encode() in _content(pid, "environ").split(b"\0")


def limit_of(mark: str) -> int:
    """Return the limit on file locks that stands for a mark.

    Linux has not enforced this limit since 2.4, so every value is as good as none. This one is a number of 62 bits that
    depends on the random mark.
    """
    return 1 << 61 | int.from_bytes(hashlib.sha256(mark.encode()).digest()[:8], "big") >> 3


def record_process(directory: Path, mark: str, pid: int) -> Path | None:
    """Record a process in ``directory`` and return the file; None if the process has ended already.

    Raises FileProblem.
    """
    process = identity_of(pid)
    if process is None:
        return None
    path = directory / f"{pid}-{process.started}.json"
    content = {"mark": mark, "pid": pid, "started": process.started, "boot": process.boot}
    write_private(path, json.dumps(content))
    return path


def read_records(directory: Path) -> list[tuple[Path, Recorded]]:
    """Return the records of an earlier podrole, without those that cannot be read."""
    records = []
    for path in directory.glob("*.json"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            note = json.loads(path.read_text())
            process = ProcessIdentity(int(note["pid"]), int(note["started"]), str(note["boot"]))
            records.append((path, Recorded(str(note["mark"]), process)))
    return records


def end_recorded(directory: Path, mark_name: str) -> EndedProcesses:
    """End all that an earlier podrole left running and delete its records, except of what could not be ended."""
    count, complete = 0, True
    for path, note in read_records(directory):
        if note.process.boot == boot_id():
            leader = note.process if start_time(note.process.pid) == note.process.started else None
            ended = end_all(Belonging(f"{mark_name}={note.mark}", limit_of(note.mark), leader))
            count += ended.number
            if not ended.complete:
                complete = False
                continue
        path.unlink(missing_ok=True)
    return EndedProcesses(count, complete)


def end_all(container: Belonging) -> EndedProcesses:
    """Kill every process of a container.

    Looks again until none is left and none can have been missed: a process can start another after it was listed.
    """
    ended: set[int] = set()
    others: set[int] = set()
    until = time.monotonic() + END_SECONDS
    while True:
        newest = _newest_pid()
        pids = _pids()
        # Only new processes are looked at again: on a busy machine there are always some.
        alive = [pid for pid in pids if pid not in others and container.includes(pid)]
        if not alive and _newest_pid() == newest:
            return EndedProcesses(len(ended), complete=True)
        if time.monotonic() > until:
            return EndedProcesses(len(ended), complete=not alive)
        for pid in alive:
            _kill(pid, container)
        ended.update(alive)
        others = {*pids} - {*alive}
        if alive:
            time.sleep(0.002)  # time for the kernel to end them


def _kill(pid: int, container: Belonging) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if container.includes(pid):  # checked again: the descriptor now refers to one process, whatever its pid
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def _content(pid: int, name: str) -> bytes:
    try:
        return (PROC / str(pid) / name).read_bytes()
    except OSError:
        return b""


def _pids() -> list[int]:
    return [int(name) for name in os.listdir(PROC) if name.isdigit()]  # noqa: PTH208 - names are all that is needed


def _newest_pid() -> str:
    """Return the pid that was given last, by proc(5)'s loadavg: while it stays, nothing has been started."""
    try:
        return (PROC / "loadavg").read_text().split()[4]
    except (OSError, IndexError):
        return ""
