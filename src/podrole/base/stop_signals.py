"""SIGTERM and SIGINT in an event loop, on every system."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def on_stop_signals(take: Callable[[int], object]) -> None:
    """Call ``take`` with the number of each stop signal from now on, in the running event loop."""
    loop = asyncio.get_running_loop()

    def from_handler(number: int, _: FrameType | None) -> None:
        loop.call_soon_threadsafe(take, number)

    for number in STOP_SIGNALS:
        try:
            loop.add_signal_handler(number, take, number)
        except NotImplementedError:  # the event loops of Windows
            signal.signal(number, from_handler)
