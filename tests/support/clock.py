"""A clock that a test turns."""

from __future__ import annotations


class Turned:
    """Stands still until a test moves ``now`` (epoch seconds)."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now
