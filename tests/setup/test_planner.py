"""The plan of a whole set-up is read patiently."""

from __future__ import annotations

import pytest

from podrole.setup.errors import Throttled
from podrole.setup.found import FoundProvider
from podrole.setup.group import PlanOptions
from podrole.setup.planner import Planner
from podrole.setup.progress import MOST_THROTTLED, Pacing
from support.setup_model import PLACE, PROVIDER


class ThrottledReader:
    """A reader whose first answers are that the account is throttling."""

    def __init__(self, times: int) -> None:
        self.left = times

    async def provider(self) -> FoundProvider | None:
        if self.left:
            self.left -= 1
            raise Throttled("AWS is throttling.")
        return PROVIDER


@pytest.mark.parametrize(
    ("times", "succeeds"), [(0, True), (3, True), (MOST_THROTTLED, True), (MOST_THROTTLED + 1, False)]
)
async def test_throttled_read_is_tried_again_with_growing_pauses(times: int, succeeds: bool) -> None:
    slept: list[float] = []
    told: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    planner = Planner(
        PLACE,
        ThrottledReader(times),  # type: ignore[arg-type]
        PlanOptions(PLACE),
        lambda: 0.0,
        with_provider=True,
        on_throttled=lambda _, seconds: told.append(seconds),
        pacing=Pacing(sleep, lambda: 0.0, lambda: 1.0),
    )
    if succeeds:
        assert (await planner.whole([])).writes == ()
    else:
        with pytest.raises(Throttled):
            await planner.whole([])
    assert told == slept
    assert slept == sorted(slept)
    assert len(slept) == min(times, MOST_THROTTLED)
