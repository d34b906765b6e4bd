"""A world's parts are stopped in order and by a deadline; what does not end is cut off and named."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Self

import pytest

from podrole.world.stopping import LAST_SECONDS, Stopping, Together


class Part:
    """A part that notes its end, or never ends."""

    def __init__(self, ended: list[str], name: str, *, hangs: bool = False, deaf: bool = False) -> None:
        self.name, self.hangs, self.deaf = name, hangs, deaf
        self._ended = ended

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        while self.hangs:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.hangs = self.deaf
                if not self.deaf:
                    raise
                self.deaf = False
        self._ended.append(self.name)


async def test_parts_are_stopped_in_reverse_order() -> None:
    ended: list[str] = []
    stopping = Stopping()
    for name in ("first", "second"):
        part = await stopping.enter(name, Part(ended, name), seconds=10)
        assert part.name == name
    stopping.at_end(lambda: ended.append("call"))
    await stopping.close()
    assert ended == ["call", "second", "first"]
    assert stopping.cut == []


@pytest.mark.parametrize("deaf", [False, True])
async def test_part_that_hangs_is_cut_off_and_named_and_the_others_are_stopped(deaf: bool) -> None:
    ended: list[str] = []
    stopping = Stopping()
    await stopping.enter("the first", Part(ended, "first"), seconds=10)
    await stopping.enter("the second", Part(ended, "second", hangs=True, deaf=deaf), seconds=0.05)
    async with asyncio.timeout(30):
        await stopping.close()
    assert stopping.cut == ["the second"]
    assert "first" in ended


async def test_deadline_of_all_cuts_off_a_part_before_its_own_limit() -> None:
    ended: list[str] = []
    stopping = Stopping(LAST_SECONDS + 0.05)
    await stopping.enter("the last", Part(ended, "last", hangs=True), seconds=3600, last=True)
    for number in range(3):
        await stopping.enter(f"part {number}", Part(ended, "x", hangs=True), seconds=3600)
    async with asyncio.timeout(60):
        await stopping.close()
    assert stopping.cut == ["part 2", "part 1", "part 0", "the last"]


async def test_failure_of_one_part_is_raised_once_the_others_have_stopped() -> None:
    ended: list[str] = []

    @contextlib.asynccontextmanager
    async def failing() -> AsyncIterator[None]:
        yield
        raise OSError("a fault")

    stopping = Stopping()
    await stopping.enter("the first", Part(ended, "first"), seconds=10)
    await stopping.enter("the second", failing(), seconds=10)
    with pytest.raises(OSError, match="a fault"):
        await stopping.close()
    assert ended == ["first"]


async def test_contexts_of_a_group_are_left_at_the_same_time() -> None:
    both = asyncio.Barrier(2)

    @contextlib.asynccontextmanager
    async def waiting() -> AsyncIterator[None]:
        yield
        await both.wait()

    async with asyncio.timeout(30), Together() as group:
        await group.enter(waiting())
        await group.enter(waiting())
