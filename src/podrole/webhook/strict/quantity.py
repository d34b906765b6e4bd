"""Kubernetes quantities in canonical form, as Go writes what it has read: ``1000m`` → ``1``, ``1.5Gi`` → ``1536Mi``.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import re
from fractions import Fraction

_QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(?:(?P<suffix>[numkMGTPE]|[KMGTPE]i)|[eE](?P<exponent>[+-]?[0-9]{1,9}))?",
    re.ASCII,
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_BINARY_SUFFIX = {0: "", **{bits: suffix for suffix, bits in _BINARY.items()}}

MAX = Fraction((1 << 63) - 1)
NANO = Fraction(1, 10**9)


def canonical(text: str) -> str:
    """Return the canonical form of a quantity. Raises ValueError with Go's words where it is none."""
    matched = _QUANTITY.fullmatch(text.strip())
    if matched is None or len(text) > 1_000:
        raise ValueError("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTPE]*[-+]?[0-9]*)$'")
    suffix, exponent = matched["suffix"] or "", matched["exponent"]
    value = Fraction(matched["number"])
    if exponent is not None:
        # Beyond these every value is cut to the largest or rounded to the smallest; the power itself would be huge.
        value *= Fraction(10) ** max(min(int(exponent), 1_100), -1_100)
    elif suffix in _BINARY:
        value *= 1 << _BINARY[suffix]
    else:
        value *= Fraction(10) ** _DECIMAL[suffix]
    value = max(min(_away_from_zero(value, NANO), MAX), -MAX)
    if value == 0:
        return "0"
    if suffix in _BINARY and abs(value) >= 1024:
        return _binary(_away_from_zero(value, Fraction(1)))
    return _decimal(value, scientific=exponent is not None)


def _away_from_zero(value: Fraction, unit: Fraction) -> Fraction:
    """Round to a multiple of ``unit``, away from zero: whoever asks for some of a resource gets some."""
    steps = -(-abs(value) // unit)
    return steps * unit if value >= 0 else -steps * unit


def _binary(value: Fraction) -> str:
    number, bits = int(value), 0
    while number % 1024 == 0 and bits < 60:
        number //= 1024
        bits += 10
    return f"{number}{_BINARY_SUFFIX[bits]}"


def _decimal(value: Fraction, *, scientific: bool) -> str:
    exponent = -9
    number = int(value * 10**9)
    while number % 1000 == 0 and exponent < 18:
        number //= 1000
        exponent += 3
    if scientific:
        return f"{number}e{exponent}" if exponent else str(number)
    return f"{number}{_DECIMAL_SUFFIX[exponent]}"
