"""Values that are sent as text, converted by their types in botocore's model."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from botocore.model import Shape

_SMALLEST_LONG, _LARGEST_LONG = -(2**63), 2**63 - 1


def from_text(text: str, shape: Shape) -> Any:
    """Convert a value of a query, a header or XML by its type. Raises ValueError."""
    match shape.type_name:
        case "integer" | "long":
            return long_of(int(text))
        case "float" | "double":
            return float(text)
        case "boolean":
            if text.lower() not in ("true", "false"):
                raise ValueError(f"{text!r} is not true or false")
            return text.lower() == "true"
        case "blob":
            return bytes_of(text)
    return text


def long_of(number: int) -> int:
    """Return a whole number that fits 64 bits. Raises ValueError for another, which no service can read."""
    if not _SMALLEST_LONG <= number <= _LARGEST_LONG:
        raise ValueError("a number does not fit 64 bits")
    return number


def bytes_of(text: str) -> bytes:
    """Return the bytes of a text in base64. Raises ValueError."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a binary value is not base64") from None
