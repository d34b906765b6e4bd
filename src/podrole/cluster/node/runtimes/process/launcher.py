"""What a container's process runs first: it arranges to die with podrole, sets limits, and becomes the program.

It waits until podrole has recorded it: a program that podrole could not find again never begins.

A program of its own, run as ``python -I -S launcher.py``, because the calls here may only be made between fork and
exec, where a process with threads must not run Python. It imports nothing of podrole.

Arguments: the descriptor to report a failure on, the one that podrole writes a byte to once the process is recorded,
podrole's pid, the limit on file locks by which the container's processes are recognised, ``tty`` or ``-``, what the
process sees of this machine (``view.View`` or ``view.Joined`` as JSON, or ``null`` for all of it), then the command
line. What it reports is one JSON list, ``[errno, message]``; a successful exec closes the descriptor unwritten.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import importlib
import json
import os
import resource
import signal
import sys
import termios
from typing import Any, NoReturn

PR_SET_PDEATHSIG = 1
RLIMIT_LOCKS = 10
"""Not in the module ``resource``: Linux has not enforced this limit since 2.4 (getrlimit(2))."""
MAX_OPEN_FILES = 4096


def main(arguments: list[str]) -> None:
    """Become the program, or report a failure and exit. Never returns."""
    report, recorded, parent, limit = map(int, arguments[:4])
    tty, view, command = arguments[4], json.loads(arguments[5]), arguments[6:]
    program = command[0]
    os.set_inheritable(report, False)
    os.set_inheritable(recorded, False)
    _die_with(parent)
    if resource.getrlimit(RLIMIT_LOCKS)[1] == resource.RLIM_INFINITY:  # otherwise another podrole's, which stays
        resource.setrlimit(RLIMIT_LOCKS, (limit, limit))
    if not os.read(recorded, 1):
        os._exit(1)
    if view is not None:
        try:
            _enter(view)
        except OSError as problem:
            where = f" at {problem.filename}" if problem.filename else ""
            _fail(report, problem.errno, f"cannot prepare what the container sees{where}: {problem.strerror}")
        _die_with(parent)  # a change of credentials may have undone it
    if tty == "tty":
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = MAX_OPEN_FILES if hard == resource.RLIM_INFINITY else min(MAX_OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):  # Python ignores or handles these
        with contextlib.suppress(OSError):
            signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        os.execvpe(program, command, os.environ)  # noqa: S606 - this is what it is for
    except OSError as problem:
        if "/" not in program and problem.errno in {errno.ENOENT, errno.ENOTDIR}:
            message = f'exec: "{program}": executable file not found in $PATH'
        else:
            message = f'exec: "{program}": {(problem.strerror or "cannot be executed").lower()}'
        _fail(report, problem.errno, message)


def _die_with(parent: int) -> None:
    """Let this process be killed when podrole ends, also if podrole has ended before this call."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _enter(view: dict[str, Any]) -> None:
    sys.path.append(os.path.dirname(__file__))
    namespaces = importlib.import_module("namespaces")  # in the directory of this program
    sys.path.pop()
    if "join" in view:
        namespaces.join(view["join"], view["directory"])
    else:
        namespaces.enter(view)


def _fail(report: int, number: int | None, message: str) -> NoReturn:
    os.write(report, json.dumps([number, message]).encode())
    os._exit(127)


if __name__ == "__main__":
    main(sys.argv[1:])
