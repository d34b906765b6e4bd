"""The frames of SPDY/3.1 that a server of port-forward reads and writes.

Windows are not kept: neither Kubernetes' client nor its server does. A slow reader holds up the whole connection.
https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/ (2.2, 2.6)
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from podrole.cluster.spdy.errors import SpdyProblem
from podrole.cluster.spdy.headers import HeaderReader, HeaderWriter

MAX_CONTROL_BYTES = 16 * 1024
"""The length of a control frame. A port-forward's have less than a hundred bytes."""

PROTOCOL_ERROR, REFUSED_STREAM, CANCEL = 1, 3, 5
"""Statuses of a reset."""
GOAWAY_PROTOCOL_ERROR = 1

_VERSION = 3
_SYN_STREAM, _SYN_REPLY, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _HEADERS, _WINDOW_UPDATE = 1, 2, 3, 4, 6, 7, 8, 9
_FIN = 0x01
_CONTROL = 0x8000_0000
_STREAM_BITS = 0x7FFF_FFFF
_HEAD = struct.Struct(">II")
_NUMBER = struct.Struct(">I")
_TWO = struct.Struct(">II")
_SIZES = {_RST_STREAM: 8, _PING: 4, _GOAWAY: 8, _WINDOW_UPDATE: 8}
"""The lengths of the control frames that have a fixed one."""


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """The client opens a stream (SYN_STREAM); with ``fin`` it will send nothing on it."""

    stream: int
    headers: Mapping[str, str]
    fin: bool


@dataclass(frozen=True, slots=True)
class StreamData:
    """Bytes of a stream; a frame of the wire may be several of these. ``fin``: they are the last ones."""

    stream: int
    data: bytes
    fin: bool


@dataclass(frozen=True, slots=True)
class StreamReset:
    """The client is done with a stream, in both directions (RST_STREAM)."""

    stream: int


@dataclass(frozen=True, slots=True)
class PingReceived:
    """The client wants this answered with the same number."""

    number: int


@dataclass(frozen=True, slots=True)
class ClientLeaves:
    """The client opens no more streams (GOAWAY)."""


Frame = StreamOpened | StreamData | StreamReset | PingReceived | ClientLeaves


class FrameReader:
    """Makes frames of what a client sends, however it is cut into pieces. It keeps one control frame at most."""

    def __init__(self) -> None:
        self._headers = HeaderReader()
        self._kept = b""
        self._data: tuple[int, int, bool] | None = None
        """The data frame that has begun: its stream, the bytes to come, whether it is the stream's last one."""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that ``data`` completes. Raises SpdyProblem, after which nothing can be read any more."""
        rest = memoryview(self._kept + data)
        self._kept = b""
        while rest:
            if self._data is not None:
                frame, rest = self._part_of_data(rest)
                yield frame
                continue
            if len(rest) < _HEAD.size:
                break
            first, second = _HEAD.unpack_from(rest)
            flags, length = second >> 24, second & 0xFF_FFFF
            if not first & _CONTROL:
                rest = rest[_HEAD.size :]
                if length:
                    self._data = first, length, bool(flags & _FIN)
                else:
                    yield StreamData(first, b"", bool(flags & _FIN))
                continue
            if length > MAX_CONTROL_BYTES:
                raise SpdyProblem(f"a control frame has {length} bytes, and {MAX_CONTROL_BYTES} are taken")
            if len(rest) < _HEAD.size + length:
                break
            body = bytes(rest[_HEAD.size : _HEAD.size + length])
            rest = rest[_HEAD.size + length :]
            if (version := (first >> 16) & 0x7FFF) != _VERSION:
                raise SpdyProblem(f"a frame is of SPDY/{version}, not of SPDY/{_VERSION}")
            control = self._control(first & 0xFFFF, flags, body)
            if control is not None:
                yield control
        self._kept = bytes(rest)

    def _part_of_data(self, rest: memoryview) -> tuple[StreamData, memoryview]:
        assert self._data is not None  # noqa: S101 - it is what led here
        stream, missing, fin = self._data
        part = bytes(rest[:missing])
        missing -= len(part)
        self._data = (stream, missing, fin) if missing else None
        return StreamData(stream, part, fin and not missing), rest[len(part) :]

    def _control(self, kind: int, flags: int, body: bytes) -> Frame | None:
        if kind in _SIZES and len(body) != _SIZES[kind]:
            raise SpdyProblem(f"a control frame of type {kind} has {len(body)} bytes, not {_SIZES[kind]}")
        if kind == _SYN_STREAM:
            if len(body) < 10:
                raise SpdyProblem("a SYN_STREAM frame is too short")
            stream = _NUMBER.unpack_from(body)[0] & _STREAM_BITS
            return StreamOpened(stream, self._headers.read(body[10:]), bool(flags & _FIN))
        if kind in (_SYN_REPLY, _HEADERS):
            # A server that opens no stream has no use for them, but they are part of the compressed stream.
            self._headers.read(body[4:])
            return None
        if kind == _RST_STREAM:
            return StreamReset(_NUMBER.unpack_from(body)[0] & _STREAM_BITS)
        if kind == _PING:
            return PingReceived(_NUMBER.unpack_from(body)[0])
        return ClientLeaves() if kind == _GOAWAY else None


class FrameWriter:
    """Makes the frames of a server. They must be sent in the order in which they are made."""

    def __init__(self) -> None:
        self._headers = HeaderWriter()

    def reply(self, stream: int) -> bytes:
        """Return the frame that accepts a stream."""
        return _control_frame(_SYN_REPLY, _NUMBER.pack(stream) + self._headers.write({}))

    @staticmethod
    def data(stream: int, data: bytes, *, fin: bool = False) -> bytes:
        """Return a frame of bytes, fewer than 16 MiB."""
        return _HEAD.pack(stream, (_FIN << 24 if fin else 0) | len(data)) + data

    @staticmethod
    def reset(stream: int, status: int) -> bytes:
        """Return the frame that ends a stream in both directions."""
        return _control_frame(_RST_STREAM, _TWO.pack(stream, status))

    @staticmethod
    def pong(number: int) -> bytes:
        """Return the answer to a ping."""
        return _control_frame(_PING, _NUMBER.pack(number))

    @staticmethod
    def go_away(last_stream: int, status: int) -> bytes:
        """Return the frame that ends the connection."""
        return _control_frame(_GOAWAY, _TWO.pack(last_stream, status))


def _control_frame(kind: int, body: bytes) -> bytes:
    return _HEAD.pack(_CONTROL | _VERSION << 16 | kind, len(body)) + body
