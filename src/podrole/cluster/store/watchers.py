"""The queue of events between the store, which never waits, and a watch whose client may be slow."""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Callable

from podrole.cluster.core.store import Change, ChangeType, EndReason, Object, Select


class QueuedWatcher:
    """Collects events until they are fetched (podrole.cluster.core.store.Watcher).

    If more than ``limit`` events wait, the watch ends and gets no more.
    """

    def __init__(self, select: Select, limit: int | None) -> None:
        self._select = select
        self._limit = limit
        self._waiting: collections.deque[tuple[ChangeType, Object]] = collections.deque()
        self._wake = asyncio.Event()
        self._on_close: Callable[[], None] | None = None
        self.ended: EndReason | None = None

    def on_close(self, call: Callable[[], None]) -> None:
        """Call ``call`` when the watch is closed."""
        self._on_close = call

    def add(self, change: Change) -> None:
        """Queue a change that has just happened."""
        if self.ended is not None:
            return
        selected = self._select(change)
        if selected is None:
            return
        if self._limit is not None and len(self._waiting) >= self._limit:
            self.ended = "too slow"
        else:
            self._waiting.append(selected)
        self._wake.set()

    def replay(self, change: Change) -> None:
        """Queue a change of the past: these are bounded by the history, not by the limit."""
        selected = self._select(change)
        if selected is not None:
            self._waiting.append(selected)
            self._wake.set()

    async def batch(self, seconds: float | None = None) -> list[tuple[ChangeType, Object]]:
        """Return the waiting events, at least one; none if ``seconds`` have passed or the watch has ended."""
        if not self._waiting and self.ended is None:
            try:
                async with asyncio.timeout(seconds):
                    await self._wake.wait()
            except TimeoutError:
                return []
        events = list(self._waiting)
        self._waiting.clear()
        if self.ended is None:
            self._wake.clear()
        return events

    def close(self) -> None:
        """End the watch from the server's side."""
        if self.ended is None:
            self.ended = "closed"
        self._wake.set()
        if self._on_close is not None:
            self._on_close()
