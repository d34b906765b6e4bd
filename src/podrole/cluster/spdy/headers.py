"""The header blocks of SPDY/3: names and values, compressed with a dictionary that both sides know.

https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/ (2.6.10)
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

from podrole.cluster.spdy.errors import SpdyProblem

MAX_HEADER_BYTES = 16 * 1024
"""The length of a header block once it is decompressed. Port-forward's have less than a hundred bytes."""

_WORDS = """
options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow
authorization cache-control connection content-base content-encoding content-language content-length content-location
content-md5 content-range content-type date etag expect expires from host if-match if-modified-since if-none-match
if-range if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range
referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get
status 200_OK version HTTP/1.1 url public set-cookie keep-alive origin
"""
_REST = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden"
    "404 Not Found500 Internal Server Error501 Not Implemented503 Service Unavailable"
    "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT"
    "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,"
    "publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
_LENGTH = struct.Struct(">I")


def _dictionary() -> bytes:
    words = [word.replace("_", " ").encode() for word in _WORDS.split()]
    return b"".join(_LENGTH.pack(len(word)) + word for word in words) + _REST.encode()


DICTIONARY = _dictionary()


class HeaderReader:
    """Reads the header blocks of one direction of a connection, which are one compressed stream."""

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(zdict=DICTIONARY)

    def read(self, block: bytes) -> dict[str, str]:
        """Return the headers of a block. Raises SpdyProblem."""
        try:
            plain = self._inflater.decompress(block, MAX_HEADER_BYTES)
        except zlib.error:
            raise SpdyProblem("a header block cannot be decompressed") from None
        if self._inflater.unconsumed_tail:
            raise SpdyProblem(f"a header block has more than {MAX_HEADER_BYTES} bytes")
        return _parse(plain)


class HeaderWriter:
    """Writes the header blocks of one direction of a connection."""

    def __init__(self) -> None:
        self._deflater = zlib.compressobj(zdict=DICTIONARY)

    def write(self, headers: Mapping[str, str]) -> bytes:
        """Return the block of some headers, whose names are lower case."""
        texts = [text.encode("latin-1") for pair in headers.items() for text in pair]
        plain = _LENGTH.pack(len(headers)) + b"".join(_LENGTH.pack(len(text)) + text for text in texts)
        return self._deflater.compress(plain) + self._deflater.flush(zlib.Z_SYNC_FLUSH)


def _parse(plain: bytes) -> dict[str, str]:
    """Return the headers of a decompressed block. Raises SpdyProblem."""
    headers: dict[str, str] = {}
    try:
        (count,) = _LENGTH.unpack_from(plain)
        position = _LENGTH.size
        for _ in range(count):
            name, position = _text(plain, position)
            value, position = _text(plain, position)
            if not name or name != name.lower() or name in headers:
                raise SpdyProblem("a header has no name, an upper-case one, or one that is there already")
            headers[name] = value
    except struct.error:
        raise SpdyProblem("a header block ends too early") from None
    if position != len(plain):
        raise SpdyProblem("a header block does not end with its last header")
    return headers


def _text(plain: bytes, position: int) -> tuple[str, int]:
    (length,) = _LENGTH.unpack_from(plain, position)
    begin = position + _LENGTH.size
    end = begin + length
    if end > len(plain):
        raise SpdyProblem("a header block ends too early")
    return plain[begin:end].decode("latin-1"), end
