"""Kubernetes quantities (``250m``, ``64Mi``, ``1e3``): parsing, and the form in which Kubernetes writes them back.

The rules are those of ``resource.Quantity`` in k8s.io/apimachinery v0.37; its answers to 10,000 texts are the same.
There are two intended differences. A value that is too large for a suffix keeps its exponent, as in later versions:
``1000E`` is written ``1e21``, where v0.37 writes ``1``. And texts and exponents have a limit, where Go overflows.
https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

WRONG_FORM = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
WRONG_NUMBER = "unable to parse numeric part of quantity"
WRONG_SUFFIX = "unable to parse quantity's suffix"
"""What apimachinery says of a text that is not a quantity."""

MAX_CHARACTERS = 100
MAX_EXPONENT = 2**31 - 1
"""An exponent is an int32 in Go, and one out of its range wraps around."""
MAX_INT64 = 2**63 - 1

Notation = Literal["decimal", "binary", "exponent"]
"""How the text was written, and its canonical form will be: ``1k``, ``1Ki``, ``1e3``."""

_FORM = re.compile(r"([+-]?)0*([0-9]*)(?:\.([0-9]*))?([eEinumkKMGTP]*[-+]?[0-9]*)", re.ASCII)
_EXPONENT = re.compile(r"[eE]([-+]?[0-9]+)", re.ASCII)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DECIMAL_SUFFIX = {exponent: suffix for suffix, exponent in _DECIMAL.items()}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_BINARY_SUFFIX = {0: "", **{bits: suffix for suffix, bits in _BINARY.items()}}
_NANO = -9
_INT64_DIGITS = 18
"""Numbers of so many decimal digits fit into an int64; Go parses them in another way."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity: ``mantissa`` times ten to the power of ``exponent``, which is -9 or more.

    ``unchanged`` is the text itself if Kubernetes writes it back as it came, though it may not be the shortest form.
    """

    mantissa: int
    exponent: int
    notation: Notation
    unchanged: str | None = None

    @property
    def value(self) -> Fraction:
        """The value; a magnitude over 2^63-1, at which Go's ``Value`` overflows, is cut to it."""
        if not self.mantissa:
            return Fraction(0)
        digits = len(str(abs(self.mantissa))) + self.exponent
        magnitude = Fraction(MAX_INT64)
        if digits <= 20:
            magnitude = min(abs(self.mantissa) * Fraction(10) ** self.exponent, magnitude)
        return magnitude if self.mantissa >= 0 else -magnitude

    def canonical(self) -> str:
        """Return the form that Kubernetes writes: no fraction, and the largest suffix that leaves none."""
        if self.unchanged is not None:
            return self.unchanged
        if not self.mantissa:
            return "0"
        value = self.value
        if self.notation == "binary" and abs(value) >= 1024 and value.denominator == 1:
            return _binary_form(int(value))
        return _decimal_form(self.mantissa, self.exponent, self.notation)


def parse(text: str) -> Quantity:
    """Parse a quantity. A value finer than a nano is rounded away from zero; a binary one is at most 2^63-1.

    As in JSON's decoder of apimachinery, the caller strips white space around the text.

    Raises ValueError in apimachinery's words.
    """
    match = _FORM.fullmatch(text) if 0 < len(text) <= MAX_CHARACTERS else None
    if match is None:
        raise ValueError(WRONG_FORM)
    sign, whole, fraction = match[1], match[2] or "0", match[3] or ""
    power, notation = _interpret(match[4])
    digits = whole + fraction
    mantissa = int(digits)
    short, kept = _shortcut(digits, len(fraction), power, notation)
    exponent = -len(fraction)
    if notation == "binary":
        mantissa <<= power
    else:
        exponent += power
    if short and kept:
        return Quantity(-mantissa if sign == "-" else mantissa, exponent, notation, text)
    if not short and not (match[0][: match.start(4)].strip("+-.")):
        raise ValueError(WRONG_NUMBER)
    mantissa, exponent = _rounded_up(mantissa, exponent)
    if notation == "binary":
        unit = 10**-exponent
        if mantissa > MAX_INT64 * unit:
            mantissa, exponent = MAX_INT64, 0
        elif 0 < mantissa < unit:
            notation = "decimal"
    return Quantity(-mantissa if sign == "-" else mantissa, exponent, notation)


def canonical(text: str) -> str:
    """Return a quantity as Kubernetes writes it back. Raises ValueError in apimachinery's words."""
    return parse(text).canonical()


def in_units_of(quantity: str, divisor: str) -> int:
    """Return how many ``divisor`` a quantity is, rounded up as the downward API does; divisor 0 means 1.

    Raises ValueError in apimachinery's words.
    """
    unit = parse(divisor).value or Fraction(1)
    return -(-parse(quantity).value // unit)


def _interpret(suffix: str) -> tuple[int, Notation]:
    """Return a suffix's power, of two if the notation is binary, else of ten. Raises ValueError."""
    if suffix in _DECIMAL:
        return _DECIMAL[suffix], "decimal"
    if suffix in _BINARY:
        return _BINARY[suffix], "binary"
    match = _EXPONENT.fullmatch(suffix)
    if match is None or abs(power := int(match[1])) > MAX_EXPONENT:
        raise ValueError(WRONG_SUFFIX)
    return power, "exponent"


def _shortcut(digits: str, places: int, power: int, notation: Notation) -> tuple[bool, bool]:
    """Return whether Go parses a quantity as an int64, and whether it then keeps the text as it is.

    It keeps what looks canonical at a glance, ``1.125`` and ``1e+3`` included.
    """
    if notation == "binary":
        short = not places and len(digits) + power * 3 // 10 < 15
        return short, short and int(digits) % 8 != 0
    short = len(digits) <= _INT64_DIGITS and power - places >= _NANO
    return short, (power - places) % 3 == 0 and not digits.endswith("000") and digits[0] != "0"


def _rounded_up(mantissa: int, exponent: int) -> tuple[int, int]:
    """Round a magnitude up to nanos, so that a request for some of a resource is never a request for none."""
    surplus = _NANO - exponent
    if surplus <= 0:
        return mantissa, exponent
    if surplus > MAX_CHARACTERS:
        return min(mantissa, 1), _NANO
    return -(-mantissa // 10**surplus), _NANO


def _binary_form(value: int) -> str:
    bits = 0
    while value % 1024 == 0 and bits < 60:
        value //= 1024
        bits += 10
    return f"{value}{_BINARY_SUFFIX[bits]}"


def _decimal_form(mantissa: int, exponent: int, notation: Notation) -> str:
    while mantissa % 10 == 0:
        mantissa //= 10
        exponent += 1
    mantissa *= 10 ** (exponent % 3)
    exponent -= exponent % 3
    if notation == "exponent" or exponent not in _DECIMAL_SUFFIX:
        return f"{mantissa}e{exponent}" if exponent else str(mantissa)
    return f"{mantissa}{_DECIMAL_SUFFIX[exponent]}"
