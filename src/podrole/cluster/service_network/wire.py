"""DNS messages: queries read, answers written. Pure.

https://www.rfc-editor.org/rfc/rfc1035 (4.1); RFC 2782 (SRV), RFC 6891 (the size that a client takes over UDP)
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address

A, CNAME, SOA, PTR, SRV = 1, 5, 6, 12, 33
NO_ERROR, FORMAT_ERROR, SERVER_FAILURE, NO_SUCH_NAME, NOT_IMPLEMENTED, REFUSED = range(6)
MAX_UDP_BYTES = 1232
"""The most that is sent in a datagram, as DNS servers do: larger ones are cut into pieces that get lost."""
MAX_TCP_BYTES = 65535
_MIN_UDP_BYTES = 512
_OPT, _INTERNET = 41, 1
_HEADER = struct.Struct(">HHHHHH")
_FIXED = struct.Struct(">HHIH")
_RESPONSE, _AUTHORITATIVE, _TRUNCATED, _RECURSION_DESIRED, _RECURSION = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080
_OPCODE = 0x7800
_TO_QUESTION = b"\xc0\x0c"  # a pointer to the name after the header


class BadQuery(Exception):
    """A message that is not a query, or one that cannot be answered.

    ``code`` is the response code; None for a message to be dropped."""

    def __init__(self, why: str, code: int | None = FORMAT_ERROR) -> None:
        super().__init__(why)
        self.code = code


@dataclass(frozen=True, slots=True)
class Query:
    """One question. ``name`` are its labels in lower case. ``question`` is its part of the message as it was sent."""

    number: int
    name: tuple[str, ...]
    kind: int
    question: bytes
    recursion_desired: bool = True
    udp_bytes: int = _MIN_UDP_BYTES


@dataclass(frozen=True, slots=True)
class DNSRecord:
    """A record of an answer. ``data`` is its data in wire form."""

    name: tuple[str, ...]
    kind: int
    data: bytes
    seconds: int


@dataclass(frozen=True, slots=True)
class DNSAnswer:
    """The answer to a query. ``authority`` says how long a missing name or kind may be taken for missing."""

    code: int
    records: Sequence[DNSRecord] = ()
    authority: Sequence[DNSRecord] = ()


def read_query(message: bytes) -> Query:
    """Read a query. Raises BadQuery."""
    if len(message) < _HEADER.size:
        raise BadQuery("the message is shorter than a header", None)
    number, flags, questions, _, _, additional = _HEADER.unpack_from(message)
    if flags & _RESPONSE:
        raise BadQuery("the message is a response", None)
    if flags & _OPCODE:
        raise BadQuery("only queries are answered", NOT_IMPLEMENTED)
    if questions != 1:
        raise BadQuery("a query has one question")
    labels, end = _name(message, _HEADER.size)
    if end + 4 > len(message):
        raise BadQuery("the question ends too early")
    kind, place = struct.unpack_from(">HH", message, end)
    if place != _INTERNET:
        raise BadQuery("only names of the Internet class are answered", NOT_IMPLEMENTED)
    end += 4
    size = _offered_size(message, end) if additional else _MIN_UDP_BYTES
    return Query(number, labels, kind, message[_HEADER.size : end], bool(flags & _RECURSION_DESIRED), size)


def _offered_size(message: bytes, position: int) -> int:
    """Return the size of a datagram that a client takes, from the record after the question."""
    if len(message) >= position + 11 and message[position] == 0:
        kind, size = struct.unpack_from(">HH", message, position + 1)
        if kind == _OPT:
            return min(max(int(size), _MIN_UDP_BYTES), MAX_UDP_BYTES)
    return _MIN_UDP_BYTES


def _name(message: bytes, position: int) -> tuple[tuple[str, ...], int]:
    labels: list[str] = []
    total = 0
    while True:
        if position >= len(message):
            raise BadQuery("the name ends too early")
        length = message[position]
        position += 1
        if not length:
            return tuple(labels), position
        total += length + 1
        if length > 63 or total > 254:
            raise BadQuery("the name is too long, or compressed")
        if position + length > len(message):
            raise BadQuery("the name ends too early")
        labels.append(message[position : position + length].decode("latin-1").lower())
        position += length


def write_answer(query: Query, answer: DNSAnswer, *, limit: int = MAX_TCP_BYTES) -> bytes:
    """Return an answer in at most ``limit`` bytes; one that is too long says so, and the client asks over TCP."""
    flags = _RESPONSE | _AUTHORITATIVE | _RECURSION | answer.code
    if query.recursion_desired:
        flags |= _RECURSION_DESIRED
    records = [_record(query, each) for each in answer.records]
    authority = [_record(query, each) for each in answer.authority]
    body = b"".join((*records, *authority))
    if _HEADER.size + len(query.question) + len(body) > limit:
        flags, records, authority, body = flags | _TRUNCATED, [], [], b""
    return _HEADER.pack(query.number, flags, 1, len(records), len(authority), 0) + query.question + body


def write_refusal(message: bytes, code: int) -> bytes:
    """Return the answer to a message that could not be read as a query."""
    number, flags = struct.unpack_from(">HH", message)
    flags = _RESPONSE | _RECURSION | (flags & (_OPCODE | _RECURSION_DESIRED)) | code
    return _HEADER.pack(number, flags, 0, 0, 0, 0)


def _record(query: Query, record: DNSRecord) -> bytes:
    name = _TO_QUESTION if record.name == query.name else name_bytes(record.name)
    return name + _FIXED.pack(record.kind, _INTERNET, record.seconds, len(record.data)) + record.data


def name_bytes(labels: Sequence[str]) -> bytes:
    """Return a name in wire form."""
    return b"".join(bytes([len(label)]) + label.encode("latin-1") for label in labels) + b"\0"


def address_data(address: str) -> bytes:
    """Return the data of an A record."""
    return IPv4Address(address).packed


def service_data(port: int, target: Sequence[str]) -> bytes:
    """Return the data of an SRV record."""
    return struct.pack(">HHH", 0, 100, port) + name_bytes(target)


def authority_data(zone: Sequence[str], seconds: int) -> bytes:
    """Return the data of a zone's SOA record. ``seconds`` is how long what is missing may be taken for missing."""
    names = name_bytes(("ns", "dns", *zone)) + name_bytes(("hostmaster", *zone))
    return names + struct.pack(">IIIII", 1, 7200, 1800, 86400, seconds)


def labels_of(data: bytes) -> tuple[str, ...]:
    """Return the labels of a name that ``name_bytes`` wrote."""
    labels, position = [], 0
    while length := data[position]:
        labels.append(data[position + 1 : position + 1 + length].decode("latin-1"))
        position += 1 + length
    return tuple(labels)
