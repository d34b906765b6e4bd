"""How many files a process may have open. Each connection is one; at the limit, no client is served."""

from __future__ import annotations

import contextlib
import sys

_NO_LIMIT = 1_000_000
"""Where the system has no limit that a process could raise (Windows), or this one has none."""

if sys.platform == "win32":

    def allow_many() -> None:
        """Do nothing: Windows has no such limit for sockets."""

    def most() -> int:
        """Return how many files this process may have open."""
        return _NO_LIMIT

else:
    import resource

    def allow_many() -> None:
        """Raise the limit of open files to the maximum, as Go programs do: the usual 1,024 are soon used up."""
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def most() -> int:
        """Return how many files this process may have open."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return _NO_LIMIT if soft == resource.RLIM_INFINITY else soft
