"""Header blocks: the dictionary that every client has, and blocks that are none."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.cluster.spdy.errors import SpdyProblem
from podrole.cluster.spdy.headers import DICTIONARY, MAX_HEADER_BYTES, HeaderReader, HeaderWriter

NAMES = st.text("abcdefghijklmnopqrstuvwxyz-:", min_size=1, max_size=20)
VALUES = st.text(st.characters(max_codepoint=255), max_size=50)


def test_the_dictionary_is_that_of_spdy_3() -> None:
    # A stream names the checksum of its dictionary: this is how those of SPDY/3 begin.
    assert HeaderWriter().write({})[:6] == bytes.fromhex("78bbe3c6a7c2")
    assert len(DICTIONARY) == 1423


@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=8), max_size=5))
def test_blocks_of_a_connection_are_read_as_they_were_written(blocks: list[dict[str, str]]) -> None:
    writer, reader = HeaderWriter(), HeaderReader()
    for headers in blocks:
        assert reader.read(writer.write(headers)) == headers


def deflated(plain: bytes) -> bytes:
    deflater = zlib.compressobj(zdict=DICTIONARY)
    return deflater.compress(plain) + deflater.flush(zlib.Z_SYNC_FLUSH)


def block(*texts: str, count: int | None = None) -> bytes:
    plain = struct.pack(">I", len(texts) // 2 if count is None else count)
    return plain + b"".join(struct.pack(">I", len(text)) + text.encode() for text in texts)


BAD: list[tuple[str, bytes, str]] = [
    ("not compressed", b"port", "decompressed"),
    ("other dictionary", zlib.compressobj(zdict=b"x").compress(b"x" * 99) + b"x", "decompressed"),
    ("empty", deflated(b""), "too early"),
    ("count too large", deflated(block("a", "b", count=2)), "too early"),
    ("length beyond the end", deflated(block("a", "b")[:-1]), "too early"),
    ("more than its headers", deflated(block("a", "b", "c", "d", count=1)), "last header"),
    ("no name", deflated(block("", "b")), "no name"),
    ("upper case", deflated(block("Port", "80")), "upper-case"),
    ("twice", deflated(block("a", "b", "a", "c")), "already"),
    ("a bomb", deflated(block("a", "b" * 10_000_000)), f"{MAX_HEADER_BYTES} bytes"),
]


@pytest.mark.parametrize(("data", "message"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_is_no_block_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(SpdyProblem) as raised:
        HeaderReader().read(data)
    assert message in raised.value.what


@given(st.binary(max_size=200))
def test_any_bytes_are_headers_or_refused(data: bytes) -> None:
    answer: Any
    try:
        answer = HeaderReader().read(data)
    except SpdyProblem as problem:
        answer = problem
    assert isinstance(answer, dict | SpdyProblem)
