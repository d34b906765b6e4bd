"""Time as the node and the controllers use it: what it is now, and waiting until a moment.

Back-off, token refresh, deadlines and grace periods use this Protocol, so tests set the clock and do not sleep.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol

from podrole.base.clock import Clock, system_clock

LONGEST_NAP_SECONDS = 5.0
"""How soon a wait notices that its clock was turned: a clock says what time it is, not that it was changed."""


class Time(Protocol):
    """Both take and give epoch seconds."""

    def now(self) -> float:
        """Return the time."""
        ...

    async def sleep_until(self, moment: float) -> None:
        """Return once ``now() >= moment``."""
        ...


class SystemTime:
    """A ``Clock``, waited for by the event loop's timer."""

    def __init__(self, clock: Clock = system_clock) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock()

    async def sleep_until(self, moment: float) -> None:
        while (left := moment - self._clock()) > 0:  # noqa: ASYNC110 - a clock has no event to wait for
            await asyncio.sleep(min(left, LONGEST_NAP_SECONDS))


class Deadline:
    """A moment that can only come nearer: the end of a grace period."""

    def __init__(self, moment: float) -> None:
        self.moment = moment
        self._changed = asyncio.Event()

    def bring_forward(self, moment: float) -> None:
        """Move it to ``moment`` if that is sooner."""
        if moment < self.moment:
            self.moment = moment
            self._changed.set()

    async def reached(self, time: Time) -> None:
        """Return once the moment has come."""
        while time.now() < self.moment:
            self._changed.clear()
            await first(time.sleep_until(self.moment), self._changed.wait())


async def first(*awaitables: Coroutine[Any, Any, Any]) -> int:
    """Return the index of the first to finish; the others are cancelled and have ended. An exception is raised."""
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        done = next(index for index, task in enumerate(tasks) if task.done())
        tasks[done].result()
        return done
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


FIRST_RETRY_SECONDS = 0.02
MAX_RETRY_SECONDS = 30.0


def retry_delay(failures: int) -> float:
    """Return how many seconds to wait after so many earlier failures: doubling from 20 ms to 30 s."""
    return min(FIRST_RETRY_SECONDS * 2.0 ** min(failures, 20), MAX_RETRY_SECONDS)
