"""Measures how long an event loop was busy with something else while a request ran.

What counts is the processor time that this process used between two beats: other programs may keep the loop waiting as
long as they like.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from support import garbage

BEAT_SECONDS = 0.002

GENEROUS_SECONDS = 0.4
"""The limit of tests. docs/benchmarks.md has the measured figures."""


@dataclass
class Heartbeat:
    """``longest`` is the longest time, in seconds, in which the loop ran nothing else."""

    longest: float = 0.0
    _stopped: bool = field(default=False, repr=False)

    async def run(self) -> None:
        while not self._stopped:
            began, used = time.perf_counter(), time.process_time()
            await asyncio.sleep(BEAT_SECONDS)
            waited = time.perf_counter() - began - BEAT_SECONDS
            self.longest = max(self.longest, min(waited, time.process_time() - used))

    def stop(self) -> None:
        self._stopped = True


@contextlib.asynccontextmanager
async def heartbeat() -> AsyncIterator[Heartbeat]:
    """Measure the running loop."""
    beat = Heartbeat()
    task = asyncio.create_task(beat.run())
    await asyncio.sleep(0)
    try:
        yield beat
    finally:
        beat.stop()
        await task


@contextlib.contextmanager
def heartbeat_of(loop: asyncio.AbstractEventLoop) -> Iterator[Heartbeat]:
    """Measure a loop that runs in another thread. What the tests before have left is not looked at for garbage."""
    garbage.collect()
    beat = Heartbeat()
    running = asyncio.run_coroutine_threadsafe(beat.run(), loop)
    time.sleep(2 * BEAT_SECONDS)
    try:
        yield beat
    finally:
        beat.stop()
        running.result(60)
