"""The formats of strings that kube-apiserver checks (k8s.io/kube-openapi ``pkg/validation/strfmt``).

Every check takes time linear in the text.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from urllib.parse import urlsplit

from podrole.kube.names import is_label, is_subdomain

_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:[Zz]|[+-]\d\d:?\d\d)?")
_UNIT = r"(?:ns|us|µs|μs|ms|s|m|h|sec|secs?|min|mins?|hours?|days?|weeks?|minutes?|seconds?|d|w|hr|hrs)"
_DURATION = re.compile(rf"[+-]?(?:0|(?:\d+(?:\.\d*)?|\.\d+)\s*{_UNIT}(?:(?:\d+(?:\.\d*)?|\.\d+)\s*{_UNIT})*)")
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_EMAIL = re.compile(r"[^\s@<>()\[\]\\,;:\"]+@[^\s@<>()\\,;:\"]+")
_MAC = re.compile(
    r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}(?:(?:[:-][0-9A-Fa-f]{2}){2})?|(?:[0-9A-Fa-f]{4}\.){2,3}[0-9A-Fa-f]{4}"
)
_HEX = re.compile(r"#?(?:[0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})")
_RGB = re.compile(r"rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)")
_UUID = "[0-9A-Fa-f]{8}-?[0-9A-Fa-f]{4}-?%s-?%s-?[0-9A-Fa-f]{12}"
_ANY4, _VARIANT = "[0-9A-Fa-f]{4}", "[89ABab][0-9A-Fa-f]{3}"
_SSN = re.compile(r"\d{3}[- ]?\d{2}[- ]?\d{4}")
_CARD = re.compile(r"\d{13,16}")
_MAX_BYTES = 4_000
"""Characters that one of the short formats may have: longer texts have none of them."""


def _fits(expression: str | re.Pattern[str]) -> Callable[[str], bool]:
    compiled = re.compile(expression)
    return lambda text: len(text) <= _MAX_BYTES and compiled.fullmatch(text) is not None


def _converts(convert: Callable[[str], object]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            convert(text)
        except ValueError:
            return False
        return True

    return check


def _is_date_time(text: str) -> bool:
    if not _DATE_TIME.fullmatch(text):
        return False
    return _converts(datetime.fromisoformat)(f"{text[:10]}T{text[11:19]}")


def _is_date(text: str) -> bool:
    return re.fullmatch(r"\d{4}-\d\d-\d\d", text) is not None and _converts(date.fromisoformat)(text)


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text.replace("\r", "").replace("\n", ""), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _is_uri(text: str) -> bool:
    """As ``url.ParseRequestURI``: an absolute URL, or an absolute path."""
    if not text or any(ord(one) < 0x21 or ord(one) == 0x7F for one in text):
        return False
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - it raises for a port that is no number
    except ValueError:
        return False
    return text.startswith("/") or bool(parts.scheme)


def _is_hostname(text: str) -> bool:
    labels = text.removesuffix(".").split(".")
    return 0 < len(text) <= 253 and all(_LABEL.fullmatch(one) for one in labels)


def _is_rgb(text: str) -> bool:
    match = _RGB.fullmatch(text) if len(text) <= _MAX_BYTES else None
    return match is not None and all(int(one) < 256 for one in match.groups())


def _isbn10(text: str) -> bool:
    digits = re.sub(r"[\s-]", "", text[:_MAX_BYTES])
    if not re.fullmatch(r"\d{9}[\dXx]", digits):
        return False
    return sum((10 - index) * (10 if one in "Xx" else int(one)) for index, one in enumerate(digits)) % 11 == 0


def _isbn13(text: str) -> bool:
    digits = re.sub(r"[\s-]", "", text[:_MAX_BYTES])
    if not re.fullmatch(r"\d{13}", digits):
        return False
    return sum(int(one) * (3 if index % 2 else 1) for index, one in enumerate(digits)) % 10 == 0


def _is_card(text: str) -> bool:
    digits = re.sub(r"[^0-9]+", "", text[:_MAX_BYTES])
    if not _CARD.fullmatch(digits):
        return False
    doubled = [int(one) * (2 if index % 2 else 1) for index, one in enumerate(reversed(digits))]
    return sum(one - 9 if one > 9 else one for one in doubled) % 10 == 0


FORMATS: Mapping[str, Callable[[str], bool]] = {
    "bsonobjectid": _fits(r"[0-9A-Fa-f]{24}"),
    "byte": _is_base64,
    "cidr": _converts(lambda text: ipaddress.ip_interface(text) if "/" in text else int("no prefix")),
    "creditcard": _is_card,
    "date": _is_date,
    "date-time": _is_date_time,
    "datetime": _is_date_time,
    "duration": _fits(_DURATION),
    "email": _fits(_EMAIL),
    "hexcolor": _fits(_HEX),
    "hostname": _is_hostname,
    "ipv4": _converts(ipaddress.IPv4Address),
    "ipv6": _converts(ipaddress.IPv6Address),
    "isbn": lambda text: _isbn10(text) or _isbn13(text),
    "isbn10": _isbn10,
    "isbn13": _isbn13,
    "k8s-long-name": is_subdomain,
    "k8s-short-name": is_label,
    "mac": _fits(_MAC),
    "password": lambda _: True,
    "rgbcolor": _is_rgb,
    "ssn": _fits(_SSN),
    "uri": _is_uri,
    "uuid": _fits(_UUID % (_ANY4, _ANY4)),
    "uuid3": _fits(_UUID % ("3[0-9A-Fa-f]{3}", _ANY4)),
    "uuid4": _fits(_UUID % ("4[0-9A-Fa-f]{3}", _VARIANT)),
    "uuid5": _fits(_UUID % ("5[0-9A-Fa-f]{3}", _VARIANT)),
}
"""Says of each format whether a text has it. A format that is not here is not checked, as by kube-apiserver."""
