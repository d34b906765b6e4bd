"""The event loop of what serves."""

from __future__ import annotations

import asyncio
import sys

import pytest

from podrole.base.event_loop import run_loop


async def kind_of_loop() -> str:
    return type(asyncio.get_running_loop()).__module__.partition(".")[0]


def test_uvloop_is_used_where_it_is_installed() -> None:
    assert run_loop(kind_of_loop()) == "uvloop"


def test_event_loop_of_python_is_used_without_uvloop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert run_loop(kind_of_loop()) == "asyncio"
