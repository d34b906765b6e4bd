"""SIGTERM and SIGINT, also in an event loop that takes no signal handlers."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from podrole.base.stop_signals import STOP_SIGNALS, on_stop_signals


@pytest.fixture(autouse=True)
def _handlers_are_put_back() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in STOP_SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", STOP_SIGNALS, ids=lambda number: number.name)
@pytest.mark.parametrize("has_handlers", [True, False], ids=["loop", "without"])
async def test_signal_is_taken(monkeypatch: pytest.MonkeyPatch, number: signal.Signals, *, has_handlers: bool) -> None:
    loop = asyncio.get_running_loop()

    def refuses(*_: Any) -> None:
        raise NotImplementedError

    if not has_handlers:
        monkeypatch.setattr(loop, "add_signal_handler", refuses)
    taken: asyncio.Future[int] = loop.create_future()
    on_stop_signals(taken.set_result)
    os.kill(os.getpid(), number)
    assert await asyncio.wait_for(taken, 30) == number
    if has_handlers:
        for each in STOP_SIGNALS:
            loop.remove_signal_handler(each)
