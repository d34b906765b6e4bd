"""Background tasks with an owner: one that fails is logged, and ends the part that it works for.

A part (the node, the webhook, …) starts its loops in a ``BackgroundTasks`` and has a ``failed`` for its owner. The
owner waits for ``failed`` beside everything else and stops the part when it returns. ``asyncio.TaskGroup`` does not
fit: it belongs to one ``async with`` block and interrupts the code inside it, while a part is entered and left by
calls.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, Self

from podrole.base.errors import PodroleError, outline

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TaskFailure:
    """A background task that ended though it should not have.

    ``part`` and ``task`` name it in sentences: "the webhook", "the service account watch". ``problem`` is what it
    raised, None if it returned or was cancelled by something other than its owner.
    """

    part: str
    task: str
    problem: BaseException | None = None

    @property
    def reason(self) -> str:
        """Say why: a PodroleError by its sentence; another exception by its class and place, as its message may hold
        a secret."""
        if self.problem is None:
            return "it ended without an error"
        return self.problem.what if isinstance(self.problem, PodroleError) else outline(self.problem)


class Supervised(Protocol):
    """A part of which background tasks may fail."""

    async def failed(self) -> TaskFailure:
        """Wait until a background task fails. Returns at once if one has failed already."""
        ...


class BackgroundTasks:
    """The background tasks of one part, from ``run`` or ``run_forever`` until ``aclose``.

    A failure is logged once and kept; the other tasks go on until the owner closes this object.
    """

    def __init__(self, part: str) -> None:
        self.part = part
        self.failure: TaskFailure | None = None
        """The first failure."""
        self._any_failed = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._forever: set[asyncio.Task[Any]] = set()
        self._closing = False

    def run(self, name: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start a task that may return or be cancelled; only an exception is a failure."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def run_forever(self, name: str, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Start a task that must run until ``aclose``: however it ends before, that is a failure."""
        task = self.run(name, work)
        self._forever.add(task)
        return task

    async def failed(self) -> TaskFailure:
        """Wait until a task fails. Returns the first failure, at once if there is one already."""
        while self.failure is None:
            await self._any_failed.wait()
        return self.failure

    async def aclose(self) -> None:
        """Cancel all tasks and wait until they have ended. What they raise now is not a failure."""
        self._closing = True
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        forever = task in self._forever
        self._forever.discard(task)
        # A task that awaits something cancelled is cancelled too, without anyone having asked for it.
        problem = None if task.cancelled() else task.exception()
        if self._closing or (problem is None and not forever):
            return
        failure = TaskFailure(self.part, task.get_name(), problem)
        _log.critical("%s stopped working: %s failed: %s", failure.part, failure.task, failure.reason)
        if self.failure is None:
            self.failure = failure
            self._any_failed.set()


async def first_failure(*parts: Supervised) -> TaskFailure:
    """Wait until a task of any part fails, and return the first failure."""
    waiting = [asyncio.ensure_future(part.failed()) for part in parts]
    try:
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        return done.pop().result()
    finally:
        for task in waiting:
            task.cancel()
