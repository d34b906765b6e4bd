"""What a client sent, in a form that can be kept: bounded, and writable as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MOST, _LONGEST, _DEEPEST = 64, 1_024, 6


def shown(value: object, depth: int = _DEEPEST) -> Any:
    """Return a part of a token as the event log can hold it: no more than JSON can write, and not without end."""
    if depth == 0:
        return "…"
    if isinstance(value, Mapping):
        return {shown(key): shown(inner, depth - 1) for key, inner in list(value.items())[:_MOST]}
    if isinstance(value, list):
        return [shown(inner, depth - 1) for inner in value[:_MOST]]
    if isinstance(value, str):
        return value[:_LONGEST].encode("utf-8", "replace").decode()
    if isinstance(value, int) and abs(value) >= 1 << 63:
        return f"an integer of {value.bit_length()} bits"
    return value
