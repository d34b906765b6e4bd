"""How many examples a property is tried with."""

from __future__ import annotations

from hypothesis import settings


def examples(number: int) -> int:
    """Return ``number`` in make soak, and as much less in make test as its profile has less than Hypothesis's 100."""
    return number * settings().max_examples // 100
