"""A client's side of SPDY/3.1, written apart from the server's: what a test sends, and what it gets."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from podrole.cluster.spdy.headers import DICTIONARY

KINDS = {1: "open", 2: "reply", 3: "reset", 6: "ping", 7: "goaway"}


@dataclass(frozen=True)
class Got:
    """A frame of the server. ``number`` is the stream, or that of a ping."""

    kind: str
    number: int
    data: bytes = b""
    fin: bool = False


class SpdyClient:
    """Makes a client's frames, and reads a server's."""

    def __init__(self) -> None:
        self._deflater = zlib.compressobj(zdict=DICTIONARY)
        self._kept = b""

    def open(self, stream: int, *, fin: bool = False, **headers: str) -> bytes:
        body = struct.pack(">IIBB", stream, 0, 0, 0) + self.headers(headers)
        return control(1, body, flags=int(fin))

    def headers(self, headers: dict[str, str]) -> bytes:
        plain = struct.pack(">I", len(headers))
        for pair in headers.items():
            for text in pair:
                plain += struct.pack(">I", len(text)) + text.encode()
        return self._deflater.compress(plain) + self._deflater.flush(zlib.Z_SYNC_FLUSH)

    def connect(self, port: str, request: str, error: int, data: int) -> bytes:
        """Return the frames by which kubectl begins a connection."""
        return (
            self.open(error, streamtype="error", port=port, requestid=request)
            + self.data(error, fin=True)
            + self.open(data, streamtype="data", port=port, requestid=request)
        )

    @staticmethod
    def data(stream: int, data: bytes = b"", *, fin: bool = False) -> bytes:
        return struct.pack(">II", stream, int(fin) << 24 | len(data)) + data

    @staticmethod
    def reset(stream: int) -> bytes:
        return control(3, struct.pack(">II", stream, 5))

    @staticmethod
    def ping(number: int) -> bytes:
        return control(6, struct.pack(">I", number))

    def read(self, data: bytes) -> Iterator[Got]:
        """Yield the frames that a server has sent."""
        self._kept += data
        while len(self._kept) >= 8:
            first, second = struct.unpack_from(">II", self._kept)
            flags, length = second >> 24, second & 0xFFFFFF
            if len(self._kept) < 8 + length:
                return
            body, self._kept = self._kept[8 : 8 + length], self._kept[8 + length :]
            if first & 0x80000000:
                (number,) = struct.unpack_from(">I", body)
                yield Got(KINDS[first & 0xFFFF], number, body[4:], bool(flags & 1))
            else:
                yield Got("data", first, body, bool(flags & 1))


def control(kind: int, body: bytes, *, flags: int = 0, version: int = 3) -> bytes:
    """Return any control frame."""
    return struct.pack(">HHI", 0x8000 | version, kind, flags << 24 | len(body)) + body
