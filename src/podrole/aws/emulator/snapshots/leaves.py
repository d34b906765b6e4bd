"""Values that are written as one piece of data: kind, name in the data, how it is written, how it is read."""

from __future__ import annotations

import base64
import datetime
import decimal
import functools
import io
import ipaddress
import re
import tempfile
import threading
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

_LOCK, _RLOCK = type(threading.Lock()), type(threading.RLock())


def _file_bytes(file: Any) -> str:
    position = file.tell()
    file.seek(0)
    content = file.read()
    file.seek(position)
    return base64.b64encode(content if isinstance(content, bytes) else content.encode()).decode()


def _spooled(text: str) -> Any:
    file = tempfile.SpooledTemporaryFile(max_size=512 * 1024)  # noqa: SIM115 - moto's object owns and closes it
    file.write(base64.b64decode(text))
    file.seek(0)
    return file


def _encoded(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _private_key(key: Any) -> str:
    return _encoded(
        key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _certificate(certificate: x509.Certificate) -> str:
    return _encoded(certificate.public_bytes(serialization.Encoding.DER))


def _read_certificate(text: str) -> x509.Certificate:
    return x509.load_der_x509_certificate(base64.b64decode(text))


def _read_private_key(text: str) -> Any:
    return serialization.load_der_private_key(base64.b64decode(text), None)


class Leaf(NamedTuple):
    """A kind of value that is written as one piece of data."""

    kind: type | tuple[type, ...]
    name: str
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


LEAVES = (
    Leaf(bytes, "bytes", _encoded, base64.b64decode),
    Leaf(bytearray, "bytearray", _encoded, lambda text: bytearray(base64.b64decode(text))),
    Leaf(datetime.datetime, "datetime", datetime.datetime.isoformat, datetime.datetime.fromisoformat),
    Leaf(datetime.date, "date", datetime.date.isoformat, datetime.date.fromisoformat),
    Leaf(datetime.timedelta, "seconds", datetime.timedelta.total_seconds, lambda n: datetime.timedelta(seconds=n)),
    Leaf(decimal.Decimal, "decimal", str, decimal.Decimal),
    Leaf(_LOCK, "lock", lambda _: 0, lambda _: threading.Lock()),
    Leaf(_RLOCK, "rlock", lambda _: 0, lambda _: threading.RLock()),
    Leaf(threading.Condition, "condition", lambda _: 0, lambda _: threading.Condition()),
    Leaf(threading.Event, "event", lambda _: 0, lambda _: threading.Event()),
    Leaf(tempfile.SpooledTemporaryFile, "file", _file_bytes, _spooled),
    Leaf(io.BytesIO, "bytes-io", lambda value: _encoded(value.getvalue()), lambda t: io.BytesIO(base64.b64decode(t))),
    Leaf(re.Pattern, "pattern", lambda value: [value.pattern, value.flags], lambda pair: re.compile(*pair)),
    Leaf(range, "range", lambda value: [value.start, value.stop, value.step], lambda parts: range(*parts)),
    Leaf(uuid.UUID, "uuid", str, uuid.UUID),
    Leaf(ipaddress.IPv4Address, "ipv4", str, ipaddress.IPv4Address),
    Leaf(ipaddress.IPv4Network, "ipv4-network", str, ipaddress.IPv4Network),
    Leaf(ipaddress.IPv6Address, "ipv6", str, ipaddress.IPv6Address),
    Leaf(ipaddress.IPv6Network, "ipv6-network", str, ipaddress.IPv6Network),
    Leaf(x509.Certificate, "certificate", _certificate, _read_certificate),
    Leaf((rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey), "private-key", _private_key, _read_private_key),
)


@functools.cache
def leaf_of(kind: type) -> Leaf | None:
    """Return how values of a class are written, None if they are no single piece of data."""
    for leaf in LEAVES:
        kinds = leaf.kind if isinstance(leaf.kind, tuple) else (leaf.kind,)
        # The classes of keys are interfaces; of the others only the class itself is meant.
        if kind in kinds or (leaf.name == "private-key" and issubclass(kind, kinds)):
            return leaf
    return None
