"""Python's collection of cycles, which takes seconds in a process that has run many tests."""

from __future__ import annotations

import gc


def collect() -> None:
    """Collect the garbage, and leave what is alive out of every later collection: each object is looked at once."""
    gc.collect()
    gc.freeze()
