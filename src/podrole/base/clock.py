"""Time is a parameter: code that depends on it takes a ``Clock``, and tests set that clock."""

from __future__ import annotations

import email.utils
import functools
import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], float]
"""Returns seconds since 1970-01-01T00:00:00Z, as ``time.time`` does."""

system_clock: Clock = time.time


class AdjustableClock:
    """Real time, moved forward as far as its owner wants."""

    def __init__(self, real: Clock = system_clock) -> None:
        self._real = real
        self.moved_seconds = 0.0
        """How far it is ahead of real time."""

    def __call__(self) -> float:
        """Return the time."""
        return self._real() + self.moved_seconds

    def advance(self, seconds: float) -> None:
        """Move it forward. Raises ValueError for a step back: what has happened would lie in the future."""
        if not seconds >= 0:
            raise ValueError(f"a clock moves forward only, not by {seconds!r} s")
        self.moved_seconds += seconds

    def reset(self) -> None:
        """Show real time again; for a world from which everything that happened meanwhile is gone."""
        self.moved_seconds = 0.0


def rfc3339(seconds: float) -> str:
    """Write a time as both AWS and Kubernetes do: whole seconds, UTC, ``2026-01-31T12:00:00Z``."""
    return _whole(int(seconds))


@functools.lru_cache(maxsize=64)
def _whole(seconds: int) -> str:
    # Thousands of requests fall into one second, and each formats the time it came and the time its session ends.
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def http_date(header: str | None) -> float | None:
    """Read a Date header in epoch seconds; None if there is none, or it is not a date."""
    try:
        return email.utils.parsedate_to_datetime(header).timestamp() if header else None
    except (ValueError, OverflowError):
        return None
