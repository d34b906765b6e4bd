"""Stops what was started, the last first, by a deadline. What has not ended by then is cut off and named.

A part can hang in a way that nobody foresaw: a call to a service that never returns, a client that never reads, a
process that cannot be killed. The others are stopped all the same, and the world ends.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Self, TypeVar

T = TypeVar("T")

STOP_SECONDS = 6.5
"""How long everything together may take."""
MORE_FOR_CONTAINERS_SECONDS = 30.0
"""How much longer it may take with pods in containers: an engine removes a few in a second."""
LAST_SECONDS = 1.5
"""How much of that is kept for the part that ends last: it saves the services' state."""
LEAST_SECONDS = 0.1
"""What each part gets, however late it is."""
CUT_SECONDS = 0.2
"""How long a part that was cut off may take to notice it."""


class Stopping:
    """What is to be stopped. ``cut`` names the parts that had not ended in time."""

    def __init__(self, seconds: float = STOP_SECONDS) -> None:
        self.cut: list[str] = []
        self._seconds = seconds
        self._stack = contextlib.AsyncExitStack()
        self._deadline: float | None = None

    async def enter(
        self, name: str, context: AbstractAsyncContextManager[T], *, seconds: float, last: bool = False
    ) -> T:
        """Start a part, to be stopped within ``seconds``, and earlier if the deadline of all is near.

        ``name`` is for sentences. Only the ``last`` part may use the time that is kept for it.
        """
        entered = await context.__aenter__()
        self._stack.push_async_callback(self._stop, name, context, seconds, last=last)
        return entered

    def enter_now(self, context: AbstractContextManager[T]) -> T:
        """Enter a context whose end does not wait for anything."""
        return self._stack.enter_context(context)

    def at_end(self, call: Callable[[], object]) -> None:
        """Have something done that does not wait."""
        self._stack.callback(call)

    async def close(self) -> None:
        """Stop everything. Raises what the first part raised that failed."""
        await self._stack.aclose()

    async def _stop(self, name: str, context: AbstractAsyncContextManager[Any], seconds: float, *, last: bool) -> None:
        now = asyncio.get_running_loop().time()
        if self._deadline is None:
            self._deadline = now + self._seconds
        left = self._deadline - now - (0.0 if last else LAST_SECONDS)
        ending = asyncio.ensure_future(context.__aexit__(None, None, None))
        try:
            await asyncio.wait({ending}, timeout=max(LEAST_SECONDS, min(seconds, left)))
        finally:
            if not ending.done():
                self.cut.append(name)
                ending.add_done_callback(_look_at)
                ending.cancel()
        if not ending.done():
            await asyncio.wait({ending}, timeout=CUT_SECONDS)
        elif not ending.cancelled():
            ending.result()


class Together:
    """Contexts that are left at the same time, so that they share one limit."""

    def __init__(self) -> None:
        self._stacks: list[contextlib.AsyncExitStack] = []

    async def enter(self, context: AbstractAsyncContextManager[T]) -> T:
        """Enter a context."""
        stack = contextlib.AsyncExitStack()
        entered = await stack.enter_async_context(context)
        self._stacks.append(stack)
        return entered

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        results = await asyncio.gather(*(stack.aclose() for stack in self._stacks), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result


def _look_at(ending: asyncio.Future[Any]) -> None:
    """Take the outcome of what was cut off, which nobody waits for."""
    if not ending.cancelled():
        ending.exception()
