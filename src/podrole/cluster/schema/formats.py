"""The formats of strings that kube-apiserver checks (k8s.io/kube-openapi ``pkg/validation/strfmt``).

Every check takes time linear in the text.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import date, datetime
from urllib.parse import urlsplit

from podrole.kube.names import is_label, is_subdomain

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:.[0-9]+)?(?:z|[+-][0-9]{2}:[0-9]{2})")
_NUMBER = r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)"
_GO_DURATION = re.compile(rf"[+-]?(?:0|(?:{_NUMBER}(?:ns|us|µs|μs|ms|s|m|h))+)")
_WORDS = re.compile(r"\s*(?:[0-9]+\s*[A-Za-zµ]+\s*)+", re.ASCII)
_COUNT = re.compile(r"([0-9]+)\s*([A-Za-zµ]+)", re.ASCII)
_UNIT = re.compile(r"ns|us|µs|ms|s|m|h|hr|d|w|wk|(?:nano|micro|milli|sec|min|hour|day|week)[a-zµ]*")
_HOSTNAME = re.compile(
    "[A-Za-z0-9]-?[A-Za-z0-9]{0,62}|"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9](?:-?[A-Za-z0-9]){1,62}"
)
_EMAIL = re.compile(r"[^\s@<>()\[\]\\,;:\"]+@[^\s@<>()\\,;:\"]+")
_HEX1, _HEX2, _HEX4 = "[0-9A-Fa-f]", "[0-9A-Fa-f]{2}", "[0-9A-Fa-f]{4}"
_MAC = re.compile(  # 6, 8 or 20 bytes
    rf"{_HEX2}([:-])(?:(?:{_HEX2}\1){{4}}|(?:{_HEX2}\1){{6}}|(?:{_HEX2}\1){{18}}){_HEX2}|"
    rf"(?:(?:{_HEX4}\.){{2,3}}|(?:{_HEX4}\.){{9}}){_HEX4}"
)
_HEX = re.compile(rf"#?(?:{_HEX1}{{3}}|{_HEX1}{{6}})")
_BYTE = r"(0|[1-9][0-9]?|1[0-9][0-9]|2[0-4][0-9]|25[0-5])"
_RGB = re.compile(rf"rgb\(\s*{_BYTE}\s*,\s*{_BYTE}\s*,\s*{_BYTE}\s*\)", re.ASCII)
_BASE64 = re.compile("(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})")
_UUID = f"{_HEX1}{{8}}-?{_HEX4}-?%s-?%s-?{_HEX1}{{12}}"
_VARIANT = f"[89ABab]{_HEX1}{{3}}"
_SSN = re.compile("[0-9]{3}[- ]?[0-9]{2}[- ]?[0-9]{4}")
_CARD = re.compile("[0-9]{13,16}")
_BEFORE_ISBN = re.compile(r"[\s-]", re.ASCII)


def _fits(expression: str | re.Pattern[str]) -> Callable[[str], bool]:
    compiled = re.compile(expression)
    return lambda text: compiled.fullmatch(text) is not None


def _converts(convert: Callable[[str], object]) -> Callable[[str], bool]:
    def check(text: str) -> bool:
        try:
            convert(text)
        except ValueError:
            return False
        return True

    return check


def _is_date(text: str) -> bool:
    return _DATE.fullmatch(text) is not None and _converts(date.fromisoformat)(text)


def _is_date_time(text: str) -> bool:
    day, _, time = text.lower().partition("t")
    return (
        _is_date(day) and _TIME.fullmatch(time) is not None and _converts(datetime.fromisoformat)(f"{day}T{time[:8]}")
    )


def _is_duration(text: str) -> bool:
    """As Go's ``time.ParseDuration``, or whole numbers with units in words, one of which is known."""
    if _GO_DURATION.fullmatch(text):
        return True
    if not _WORDS.fullmatch(text):
        return False
    counts = _COUNT.findall(text)
    return all(_is_int64(number) for number, _ in counts) and any(_UNIT.fullmatch(unit.lower()) for _, unit in counts)


def _is_int64(digits: str) -> bool:
    digits = digits.lstrip("0")
    return (len(digits), digits) < (19, str(2**63))


def _is_cidr(text: str) -> bool:
    """As Go's ``net.ParseCIDR``: an address without a zone, and a number of bits."""
    bits = text.partition("/")[2]
    return re.fullmatch("[0-9]+", bits) is not None and "%" not in text and _converts(ipaddress.ip_interface)(text)


def _is_uri(text: str) -> bool:
    """As ``url.ParseRequestURI``: an absolute URL, or an absolute path."""
    if any(ord(char) < 0x21 or ord(char) == 0x7F for char in text):
        return False
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - it raises for a port that is no number
    except ValueError:
        return False
    return text.startswith("/") or bool(parts.scheme)


def _is_hostname(text: str) -> bool:
    """Letters and symbols of all alphabets count as letters."""
    plain = "".join("a" if unicodedata.category(char)[0] in "LS" else char for char in text)
    if not _HOSTNAME.fullmatch(plain):
        return False
    return len(text.encode()) <= 255 and all(len(label.encode()) <= 63 for label in text.split("."))


def _isbn10(text: str) -> bool:
    digits = _BEFORE_ISBN.sub("", text)
    if not re.fullmatch("[0-9]{9}[0-9X]", digits):
        return False
    return sum((10 - index) * (10 if digit == "X" else int(digit)) for index, digit in enumerate(digits)) % 11 == 0


def _isbn13(text: str) -> bool:
    digits = _BEFORE_ISBN.sub("", text)
    if not re.fullmatch("[0-9]{13}", digits):
        return False
    return sum(int(digit) * (3 if index % 2 else 1) for index, digit in enumerate(digits)) % 10 == 0


def _is_card(text: str) -> bool:
    digits = re.sub("[^0-9]+", "", text)
    if not _CARD.fullmatch(digits):
        return False
    doubled = [int(digit) * (2 if index % 2 else 1) for index, digit in enumerate(reversed(digits))]
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0


FORMATS: Mapping[str, Callable[[str], bool]] = {
    "bsonobjectid": _fits(f"{_HEX1}{{24}}"),
    "byte": _fits(_BASE64),
    "cidr": _is_cidr,
    "creditcard": _is_card,
    "date": _is_date,
    "date-time": _is_date_time,
    "datetime": _is_date_time,
    "duration": _is_duration,
    "email": _fits(_EMAIL),
    "hexcolor": _fits(_HEX),
    "hostname": _is_hostname,
    "ipv4": _converts(ipaddress.IPv4Address),
    "ipv6": lambda text: "%" not in text and _converts(ipaddress.IPv6Address)(text),
    "isbn": lambda text: _isbn10(text) or _isbn13(text),
    "isbn10": _isbn10,
    "isbn13": _isbn13,
    "k8s-long-name": is_subdomain,
    "k8s-short-name": is_label,
    "mac": _fits(_MAC),
    "password": lambda _: True,
    "rgbcolor": _fits(_RGB),
    "ssn": _fits(_SSN),
    "uri": _is_uri,
    "uuid": _fits(_UUID % (_HEX4, _HEX4)),
    "uuid3": _fits(_UUID % (f"3{_HEX1}{{3}}", _HEX4)),
    "uuid4": _fits(_UUID % (f"4{_HEX1}{{3}}", _VARIANT)),
    "uuid5": _fits(_UUID % (f"5{_HEX1}{{3}}", _VARIANT)),
}
"""Says of each format whether a text has it. A format that is not here is not checked, as by kube-apiserver."""
