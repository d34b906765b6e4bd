"""What an applying run tells of itself, and how long it waits between attempts."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from podrole.base.errors import PodroleError
from podrole.setup.writes import PlannedWrite

MOST_THROTTLED = 10
"""How many attempts in succession may be throttled: one to two minutes."""
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 20.0  # seconds


class ApplyStep(StrEnum):
    """What happened to a group."""

    WRITING = "writing"
    WRITTEN = "written"
    THROTTLED = "throttled"
    NOT_VISIBLE = "not visible"
    CHANGED = "changed"
    FINISHED = "finished"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Progress:
    """An event of a run. ``seconds`` is how long the group waits now."""

    group: str
    step: ApplyStep
    write: PlannedWrite | None = None
    error: PodroleError | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class GroupResult:
    """What was done for a group; nothing was to do if it has neither writes nor an error."""

    group: str
    writes: tuple[PlannedWrite, ...]
    error: PodroleError | None = None


@dataclass(frozen=True, slots=True)
class Pacing:
    """Time and chance. ``now`` is monotonic, in seconds; ``chance`` returns a number from 0 to 1."""

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    now: Callable[[], float] = time.monotonic
    chance: Callable[[], float] = random.random

    def wait(self, attempt: int) -> float:
        """Return how many seconds to wait before another attempt: exponential, with jitter."""
        longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0**attempt)
        return longest * (0.5 + self.chance() / 2)


REAL_PACING = Pacing()
"""The clock and chance of the machine."""
