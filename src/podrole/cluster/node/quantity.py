"""Kubernetes quantities (``250m``, ``64Mi``, ``1e3``) as numbers."""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal

_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_QUANTITY = re.compile(r"([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)(?:([KMGTPE]i|[numkMGTPE])|[eE]([+-]?\d{1,3}))?")


def parse_quantity(text: str) -> Decimal:
    """Return the value of a quantity. Raises ValueError for what is none."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a quantity: expected a number with a suffix such as m, k, Mi, G or e3")
    number, suffix, exponent = match.groups()
    value = Decimal(number)
    if exponent is not None:
        return value.scaleb(int(exponent))
    if suffix in _BINARY:
        return value * (1 << _BINARY[suffix])
    return value.scaleb(_DECIMAL[suffix or ""])


def in_units_of(quantity: str, divisor: str) -> int:
    """Return how many ``divisor`` a quantity is, rounded up as the downward API does; divisor 0 means 1."""
    unit = parse_quantity(divisor) or Decimal(1)
    return int((parse_quantity(quantity) / unit).to_integral_value(ROUND_CEILING))
