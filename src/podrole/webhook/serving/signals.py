"""SIGTERM and SIGINT: the first signal requests the stop, the second one ends the process."""

from __future__ import annotations

import asyncio
import os
import signal

from podrole.base.stop_signals import on_stop_signals


class Signals:
    """Handles both signals in the event loop, from its creation on. ``may_wait`` is False after Ctrl-C.

    While ``serving`` is False, nothing has to be finished, and the first signal ends the process.
    """

    def __init__(self) -> None:
        self.may_wait = True
        self.serving = False
        self._asked = asyncio.Event()
        on_stop_signals(self._take)

    async def wait(self) -> None:
        """Wait for the first signal."""
        await self._asked.wait()

    def _take(self, number: int) -> None:
        if not self.serving:
            os._exit(0)
        if self._asked.is_set():
            os._exit(1)
        # A user who presses Ctrl-C has no Endpoints that must be updated first.
        self.may_wait = number != signal.SIGINT
        self._asked.set()
