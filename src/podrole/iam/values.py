"""The typed values of conditions, read from text: numbers, times, addresses, booleans, bytes.

Each function returns ``None`` for a text that is not of its type; what that means for a condition is decided by the
operator.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from podrole.base.short_texts import cached_for_short_texts

# ASCII digits only, and a bounded exponent: Decimal itself also takes "NaN", "1_000" and digits of other scripts.
_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")

# W3C's profile of ISO 8601, each form with a time bearing its zone; four digits are a year, other numbers epoch
# seconds.
_DATE = re.compile(
    r"(?P<year>[0-9]{4})(?:-(?P<month>[0-9]{2})(?:-(?P<day>[0-9]{2})"
    r"(?:[Tt](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,9}))?)?"
    r"(?:[Zz]|(?P<sign>[+-])(?P<zone_hours>[0-9]{2}):(?P<zone_minutes>[0-9]{2})))?)?)?"
)
_EPOCH = re.compile(r"[+-]?[0-9]{1,19}(?:\.[0-9]{1,9})?")

_PREFIX = re.compile(r"[0-9]{1,3}")

Network = tuple[int, int, int]
"""IP version, network, mask. The mask is negative: it has ones in front of the address, too."""

_BITS = {4: 32, 6: 128}
_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)


def parse_number(text: str) -> Decimal | None:
    """Read an integer or a decimal."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def parse_boolean(text: str) -> bool | None:
    """Read ``true`` or ``false``, in any case."""
    return {"true": True, "false": False}.get(text.lower())


def parse_binary(text: str) -> bytes | None:
    """Read base64, with its padding."""
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None


@cached_for_short_texts(256)
def parse_time(text: str) -> Decimal | None:
    """Read a time, as seconds since 1970-01-01T00:00:00Z."""
    match = _DATE.fullmatch(text)
    if match is None:
        return Decimal(text) if _EPOCH.fullmatch(text) else None
    try:
        moment = datetime(
            int(match["year"]),
            int(match["month"] or 1),
            int(match["day"] or 1),
            int(match["hour"] or 0),
            int(match["minute"] or 0),
            int(match["second"] or 0),
            tzinfo=_zone(match),
        )
    except ValueError:
        return None
    return Decimal(int((moment - _EPOCH_START).total_seconds())) + Decimal(f"0.{match['fraction'] or 0}")


def _zone(match: re.Match[str]) -> timezone:
    minutes = int(match["zone_minutes"] or 0)
    if minutes > 59:
        raise ValueError(match.string)
    offset = timedelta(hours=int(match["zone_hours"] or 0), minutes=minutes)
    return timezone(-offset if match["sign"] == "-" else offset)


@cached_for_short_texts(256)
def parse_address(text: str) -> tuple[int, int] | None:
    """Read one IPv4 or IPv6 address, as its version and its number."""
    if "%" in text:  # a zone names an interface of some machine: nothing that a policy could mean
        return None
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return address.version, int(address)


def parse_network(text: str) -> Network | None:
    """Read an address or a CIDR block. Without a prefix it is the one host; host bits behind the prefix are ignored."""
    host, slash, prefix = text.partition("/")
    address = parse_address(host)
    if address is None:
        return None
    version, number = address
    bits = _BITS[version]
    if slash and not (_PREFIX.fullmatch(prefix) and int(prefix) <= bits):
        return None
    mask = -1 << (bits - int(prefix) if slash else 0)
    return version, number & mask, mask
