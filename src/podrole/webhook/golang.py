"""Values written the way Go's ``strconv``, ``time`` and ``encoding/csv`` read them.

Annotations and flags of the EKS webhook are Go's, so ``+600``, ``T`` and ``1h0.5m`` have to mean here what they mean
there. A parser returns ``None`` for what Go would not take; it never raises.
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
    """``strconv.ParseBool``: twelve spellings and no other."""
    return _BOOLS.get(text)


def parse_int64(text: str) -> int | None:
    """``strconv.ParseInt(text, 10, 64)``: a sign is fine; spaces, units and underscores are not."""
    # Longer than any int64 needs: Python's own limit on digits must not become an exception.
    if len(text) > 4_000 or _INT.fullmatch(text) is None:
        return None
    value = int(text)
    return value if INT64_MIN <= value <= INT64_MAX else None


def parse_duration(text: str) -> float | None:
    """``time.ParseDuration``, in seconds: ``300ms``, ``-1.5h``, ``2h45m``, a bare ``0``."""
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
    """Return the first record as Go's ``csv.Reader`` reads it, or None where it reports an error or finds none.

    RFC 4180 with Go's strictness: no trimming, a quote only around a whole field, empty lines skipped.
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
    """Return the field whose opening quote precedes ``position``, and where it ends; None where it never does."""
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
