"""Clocks: how times are written, and the clock that its owner moves."""

from __future__ import annotations

import pytest

from podrole.base.clock import AdjustableClock, rfc3339


def test_a_time_is_written_in_whole_seconds_of_utc() -> None:
    assert rfc3339(1_800_000_000.9) == "2027-01-15T08:00:00Z"


def test_a_clock_shows_real_time_until_it_is_moved_and_after_its_reset() -> None:
    real = [100.0]
    clock = AdjustableClock(lambda: real[0])
    assert clock() == 100.0
    clock.advance(50)
    clock.advance(0)
    real[0] = 101.0
    assert (clock(), clock.moved_seconds) == (151.0, 50.0)
    clock.reset()
    assert (clock(), clock.moved_seconds) == (101.0, 0.0)


@pytest.mark.parametrize("seconds", [-1.0, float("nan")])
def test_a_clock_does_not_move_backwards(seconds: float) -> None:
    clock = AdjustableClock(lambda: 100.0)
    with pytest.raises(ValueError, match="forward only"):
        clock.advance(seconds)
    assert clock() == 100.0
