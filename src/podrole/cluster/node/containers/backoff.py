"""How long to wait before the next attempt, as the kubelet does: 10 s, doubling, at most 5 minutes."""

from __future__ import annotations

INITIAL_SECONDS = 10.0
MAX_SECONDS = 300.0
FORGOTTEN_AFTER_SECONDS = 2 * MAX_SECONDS
"""After a container has run this long its earlier crashes no longer count."""


class Backoff:
    """One container's (or image's) history of failures.

    The first failure costs nothing, as with the kubelet: the wait belongs to the one after it.
    """

    def __init__(self) -> None:
        self._seconds = 0.0
        self._last_attempt = 0.0

    def attempted(self, now: float) -> None:
        """Note an attempt: the next failure waits twice as long."""
        if now - self._last_attempt > FORGOTTEN_AFTER_SECONDS:
            self._seconds = 0.0
        self._seconds = min(max(self._seconds * 2, INITIAL_SECONDS), MAX_SECONDS)
        self._last_attempt = now

    def delay(self, failed_at: float) -> float:
        """Return how many seconds after ``failed_at`` (epoch) the next attempt may be."""
        if failed_at - self._last_attempt > FORGOTTEN_AFTER_SECONDS:
            return 0.0
        return self._seconds
