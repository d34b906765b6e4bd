"""The end of a process whose threads may hang: by a deadline, whatever they wait for.

Python waits for every thread at the end of a program. A thread that waits for a service or a name server must not keep
a world from ending.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import NoReturn

from podrole.cli.terminal import complain

LIMIT_SECONDS = 8.0
"""How long a process may take from the moment it was asked to stop."""


def end_within(seconds: float = LIMIT_SECONDS, *, code: Callable[[], int]) -> None:
    """End this process after so many seconds if it has not ended by then, with the exit code that ``code`` returns."""

    def wait() -> None:
        timer.wait(seconds)
        complain(f"Not everything had ended after {seconds:g} s; the rest was cut off.")
        end_now(code())

    timer = threading.Event()
    threading.Thread(target=wait, name="the end of the process", daemon=True).start()


def end_now(code: int) -> NoReturn:
    """End this process without waiting for its threads. What was printed is written."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()
    os._exit(code)
