"""Quantities in the one form in which kube-apiserver writes them back (``0.5`` is ``500m``, ``1024Mi`` is ``1Gi``).

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import re
from decimal import ROUND_CEILING, Decimal

REGEX = "^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$"
PROBLEM = f"quantities must match the regular expression '{REGEX}'"

_FORM = re.compile(r"([+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+))(?:([KMGTPE]i)|([numkMGTPE]?)|[eE]([+-]?[0-9]{1,3}))")
_BINARY = {suffix: 1024**power for power, suffix in enumerate(("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))}
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_SUFFIX_OF = {power: suffix for suffix, power in _DECIMAL.items()}
_SMALLEST = Decimal("1e-9")
_MAX_DIGITS = 100


def canonical(text: str) -> str:
    """Return the quantity's canonical form. Raises ValueError for what is no quantity.

    As in apimachinery: no fraction, no more digits than needed, the largest suffix that leaves none; finer than a
    nano is rounded up.
    """
    match = _FORM.fullmatch(text) if len(text) <= _MAX_DIGITS else None
    if match is None:
        raise ValueError(PROBLEM)
    digits, binary, decimal, exponent = match.groups()
    number = Decimal(digits)
    if binary:
        number *= _BINARY[binary]
    elif exponent is not None:
        number = number.scaleb(int(exponent))
    else:
        number = number.scaleb(_DECIMAL[decimal])
    number = number.quantize(_SMALLEST, rounding=ROUND_CEILING) if number % _SMALLEST else number
    if binary and number == number.to_integral_value():
        return _binary_form(int(number))
    value, power = _without_zeros(number)
    return f"{value}e{power}" if exponent is not None and power else f"{value}{_SUFFIX_OF[power]}"


def _binary_form(number: int) -> str:
    power = 0
    suffixes = list(_BINARY)
    while number and number % 1024 == 0 and power < len(suffixes) - 1:
        number //= 1024
        power += 1
    return f"{number}{suffixes[power]}"


def _without_zeros(number: Decimal) -> tuple[int, int]:
    """Return mantissa and a power of ten that has a suffix."""
    if not number:
        return 0, 0
    power = -9
    mantissa = int(number.scaleb(9))
    while mantissa % 1000 == 0 and power < 18:
        mantissa //= 1000
        power += 3
    return mantissa, power
