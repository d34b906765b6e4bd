"""The event loop of a process that serves: uvloop where it is installed, otherwise Python's own.

uvloop serves more calls a second and takes 14 MB on the disk; it does not exist for Windows. The extras that bring the
services and the images contain it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_loop(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` in a new event loop and return its result."""
    try:
        import uvloop  # only where something is served, and only where it is installed
    except ModuleNotFoundError:
        return asyncio.run(main)
    result: T = uvloop.run(main)
    return result
