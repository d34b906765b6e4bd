"""Time is a parameter: code that depends on it takes a ``Clock``, and tests set that clock."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], float]
"""Returns seconds since 1970-01-01T00:00:00Z, as ``time.time`` does."""

system_clock: Clock = time.time


def rfc3339(seconds: float) -> str:
    """Write a time as both AWS and Kubernetes do: whole seconds, UTC, ``2026-01-31T12:00:00Z``."""
    return _whole(int(seconds))


@functools.lru_cache(maxsize=64)
def _whole(seconds: int) -> str:
    # Thousands of requests fall into one second, and each formats the time it came and the time its session ends.
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
