"""A part of a world that fails ends the world, and the error says which part it was."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, NoReturn

from podrole.base.tasks import Supervised, TaskFailure
from podrole.world.errors import DirectoryGone, PartFailed, StartFailed


async def unless_failed(part: Supervised, ready: Coroutine[Any, Any, None]) -> None:
    """Wait until a part is ready. Raises PartFailed if one of its tasks fails before: it may never be ready then."""
    waits = [asyncio.create_task(ready), asyncio.create_task(part.failed())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if waits[1].done():
            raise_failure(await part.failed())
        await waits[0]
    finally:
        for each in waits:
            each.cancel()


def raise_failure(failure: TaskFailure) -> NoReturn:
    """Raise what ends the world because a task of a part has failed: PartFailed, StartFailed or DirectoryGone."""
    if isinstance(failure.problem, StartFailed | DirectoryGone):
        raise failure.problem
    part = failure.part[0].upper() + failure.part[1:]
    raise PartFailed(
        f"{part} stopped working, which ends the world: {failure.task} failed.",
        got=failure.reason,
        next_step="start it again with podrole up; if it fails again, report it with the lines above",
    ) from failure.problem
