"""Parsers that accept what Go's ``strconv``, ``time`` and ``encoding/csv`` accept.

The EKS webhook reads annotations and flags with them, so ``+600``, ``T`` and ``1h0.5m`` must mean the same here. A
parser returns ``None`` for a value that Go rejects; it never raises.
"""

from __future__ import annotations

import re

_BOOLS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}
_INT = re.compile(r"[+-]?[0-9]+", re.ASCII)
_DURATION = re.compile(r"([+-]?)((?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+)", re.ASCII)
_PLAIN_FIELD = re.compile(r"[^,\n]*")
_DURATION_PART = re.compile(r"([0-9.]+)([a-zµμ]+)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}

INT64_MAX = (1 << 63) - 1
INT64_MIN = -(1 << 63)


def parse_bool(text: str) -> bool | None:
    """Parse as ``strconv.ParseBool``, which accepts twelve spellings."""
    return _BOOLS.get(text)


def parse_int64(text: str) -> int | None:
    """Parse as ``strconv.ParseInt(text, 10, 64)``: with an optional sign, without spaces, units or underscores."""
    # int() raises for more than 4,300 digits, and no int64 needs that many.
    if len(text) > 4_000 or _INT.fullmatch(text) is None:
        return None
    value = int(text)
    return value if INT64_MIN <= value <= INT64_MAX else None


def parse_duration(text: str) -> float | None:
    """Parse as ``time.ParseDuration``; return seconds. Examples: ``300ms``, ``-1.5h``, ``2h45m``, ``0``."""
    if text in ("0", "+0", "-0"):
        return 0.0
    matched = _DURATION.fullmatch(text)
    if matched is None:
        return None
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(matched[2]))
    if seconds * 1e9 > INT64_MAX:
        return None
    return -seconds if matched[1] == "-" else seconds


def first_csv_record(text: str) -> list[str] | None:
    """Return the first record as Go's ``csv.Reader`` reads it, None if Go reports an error or there is no record.

    RFC 4180 as Go reads it: fields are not trimmed, a quoted field is quoted as a whole, empty lines are skipped.
    """
    text = text.replace("\r\n", "\n")
    if text.endswith("\r"):  # Go drops it before the end of the input
        text = text[:-1]
    position, end = 0, len(text)
    while position < end and text[position] == "\n":
        position += 1
    if position == end:
        return None
    fields: list[str] = []
    while True:
        if position < end and text[position] == '"':
            quoted = _quoted_field(text, position + 1)
            if quoted is None:
                return None
            field, position = quoted
        else:
            plain = _PLAIN_FIELD.match(text, position)
            assert plain is not None  # noqa: S101 - it matches nothing, too
            field, position = plain[0], plain.end()
            if '"' in field:
                return None
        fields.append(field)
        if position == end or text[position] == "\n":
            return fields
        if text[position] != ",":  # something after a closing quote
            return None
        position += 1


def _quoted_field(text: str, position: int) -> tuple[str, int] | None:
    """Return the field whose opening quote precedes ``position``, and its end; None if there is no closing quote."""
    parts: list[str] = []
    while True:
        quote = text.find('"', position)
        if quote < 0:
            return None
        parts.append(text[position:quote])
        if text[quote + 1 : quote + 2] != '"':
            return "".join(parts), quote + 1
        parts.append('"')
        position = quote + 2
