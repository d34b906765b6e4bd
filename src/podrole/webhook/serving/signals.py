"""SIGTERM and SIGINT: the first one asks to stop, the second one ends the process."""

from __future__ import annotations

import asyncio
import os
import signal


class Signals:
    """Takes both signals from the moment it is made, within the event loop. ``may_wait`` is False after Ctrl-C.

    As long as ``serving`` is not set there is nothing to bring to an end, and the first signal ends the process.
    """

    def __init__(self) -> None:
        self.may_wait = True
        self.serving = False
        self._asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._take, number)

    async def wait(self) -> None:
        """Wait for the first signal."""
        await self._asked.wait()

    def _take(self, number: int) -> None:
        if not self.serving:
            os._exit(0)
        if self._asked.is_set():
            os._exit(1)
        # Who presses Ctrl-C has no Endpoints that must follow first.
        self.may_wait = number != signal.SIGINT
        self._asked.set()
