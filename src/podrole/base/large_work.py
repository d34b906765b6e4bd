"""Work on large requests, in worker threads, so that the event loop goes on answering others.

The garbage collection of cycles is paused meanwhile: it looks at every object of the process, which takes the longer
the more objects the work makes, and no thread runs while it does. What the work makes has no cycles.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import gc
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")

INLINE_BYTES = 64 * 1024
"""The largest request that is read and worked on in the event loop; that takes a few milliseconds."""

LARGE = INLINE_BYTES + 1
"""A size that is never worked on in the event loop."""

_THREADS = concurrent.futures.ThreadPoolExecutor(max_workers=2, thread_name_prefix="large-requests")
_lock = threading.Lock()
_running = 0


async def off_loop(size: int, work: Callable[[], T]) -> T:
    """Return what ``work`` returns, in a worker thread if ``size`` (bytes) is more than INLINE_BYTES.

    ``work`` must not touch anything that only the event loop's thread may touch.
    """
    if size <= INLINE_BYTES:
        return work()
    return await in_thread(_THREADS, lambda: _without_collection(work))


async def in_thread(threads: concurrent.futures.Executor, work: Callable[[], T]) -> T:
    """Return what ``work`` returns in a thread of ``threads``.

    A StopIteration is raised as RuntimeError: a future cannot hold it, and its waiter would never
    return.
    """

    def run() -> T:
        try:
            return work()
        except StopIteration as problem:
            raise RuntimeError("the work raised StopIteration") from problem

    return await asyncio.get_running_loop().run_in_executor(threads, run)


def _without_collection(work: Callable[[], T]) -> T:
    with _collection_paused():
        return work()


@contextlib.contextmanager
def _collection_paused() -> Iterator[None]:
    global _running  # noqa: PLW0603 - the collector is the process's
    with _lock:
        _running += 1
        gc.disable()
    try:
        yield
    finally:
        with _lock:
            _running -= 1
            if not _running:
                gc.enable()
