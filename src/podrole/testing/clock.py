"""The world's clock, moved by a test, and botocore's view of it in this process."""

from __future__ import annotations

import datetime
import importlib
import sys
import types
from collections.abc import Callable
from typing import Any


class Clock:
    """The world's clock. It shows real time until it is moved; ``World.reset`` shows real time again.

    STS, sessions, tokens and policies (``aws:CurrentTime``) go by it. A signature's fifteen minutes go by real time, as
    SDKs sign by it. botocore in this process refreshes its credentials by the moved time.
    """

    def __init__(self, move: Callable[[float, bool], float]) -> None:
        self._move = move
        self._moved = 0.0

    @property
    def moved(self) -> datetime.timedelta:
        """How far the clock is ahead of real time."""
        return datetime.timedelta(seconds=self._moved)

    def advance(
        self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0, refresh_tokens: bool = True
    ) -> None:
        """Move the clock forward. Tokens and sessions whose time is over expire at once.

        A pod's token file holds a new token afterwards, as the kubelet would have written it, unless ``refresh_tokens``
        is false: then it is the old one. Raises InvalidArrangement for a step back.
        """
        step = datetime.timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        self._moved = self._move(step.total_seconds(), refresh_tokens)
        _show_to_botocore(self.moved)

    def reset(self) -> None:
        """Show real time to botocore again; the world's clock is reset with the world."""
        self._moved = 0.0
        _show_to_botocore(self.moved)


def _show_to_botocore(moved: datetime.timedelta) -> None:
    """Have botocore's credentials go by a time that is ``moved`` ahead."""
    if not moved and "botocore.credentials" not in sys.modules:
        return
    credentials: Any = importlib.import_module("botocore.credentials")
    credentials.datetime = _moved_module(moved) if moved else datetime


def _moved_module(moved: datetime.timedelta) -> types.ModuleType:
    class AnyDatetime(type):
        def __instancecheck__(cls, value: object) -> bool:
            return isinstance(value, datetime.datetime)

    class Moved(datetime.datetime, metaclass=AnyDatetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Any:
            return datetime.datetime.now(tz) + moved

        @classmethod
        def utcnow(cls) -> Any:
            return datetime.datetime.now(datetime.UTC).replace(tzinfo=None) + moved

    module = types.ModuleType("datetime")
    module.__dict__.update({**vars(datetime), "datetime": Moved})
    return module
