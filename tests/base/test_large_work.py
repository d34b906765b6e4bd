"""Large work runs beside the event loop; small work in it."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from podrole.base.large_work import INLINE_BYTES, LARGE, off_loop


@pytest.mark.parametrize(("size", "in_the_loop"), [(0, True), (INLINE_BYTES, True), (LARGE, False)])
async def test_size_decides_where_work_runs(size: int, in_the_loop: bool) -> None:
    here = threading.current_thread()
    assert (await off_loop(size, threading.current_thread) is here) == in_the_loop


async def test_collection_is_paused_while_large_work_runs() -> None:
    first, second = threading.Event(), threading.Event()
    begun = threading.Barrier(3)

    def work(end: threading.Event) -> bool:
        begun.wait(10)
        end.wait(10)
        return gc.isenabled()

    one = asyncio.create_task(off_loop(LARGE, lambda: work(first)))
    other = asyncio.create_task(off_loop(LARGE, lambda: work(second)))
    await asyncio.to_thread(begun.wait, 10)
    first.set()
    assert await one is False
    assert not gc.isenabled()
    second.set()
    assert await other is False
    assert gc.isenabled()


async def test_error_of_large_work_is_raised() -> None:
    with pytest.raises(KeyError):
        await off_loop(LARGE, lambda: {}["missing"])
    assert gc.isenabled()


async def test_stop_iteration_ends_the_wait() -> None:
    with pytest.raises(RuntimeError, match="StopIteration"):
        await off_loop(LARGE, lambda: next(iter(())))
