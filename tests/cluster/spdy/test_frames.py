"""Frames: read however they are cut, refused where they are none, and written as a client reads them."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.cluster.spdy.errors import SpdyProblem
from podrole.cluster.spdy.frames import (
    MAX_CONTROL_BYTES,
    ClientLeaves,
    Frame,
    FrameReader,
    FrameWriter,
    PingReceived,
    StreamData,
    StreamOpened,
    StreamReset,
)
from support.spdy import Got, SpdyClient, control


def read(*pieces: bytes) -> list[Frame]:
    reader = FrameReader()
    return [frame for piece in pieces for frame in reader.feed(piece)]


def merged(frames: list[Frame]) -> list[Frame]:
    """Join the parts of data frames."""
    result: list[Frame] = []
    for frame in frames:
        match result[-1:], frame:
            case [StreamData(before, data, False)], StreamData(stream, more, fin) if before == stream:
                result[-1] = StreamData(stream, data + more, fin)
            case _:
                result.append(frame)
    return result


def everything(client: SpdyClient) -> tuple[bytes, list[Frame]]:
    sent = (
        client.open(1, streamtype="error", port="80")
        + control(9, struct.pack(">II", 1, 65536))  # a window
        + control(4, struct.pack(">I", 0))  # settings
        + control(8, struct.pack(">I", 1) + client.headers({"more": "x"}))
        + client.open(3, fin=True, streamtype="data", port="80")
        + client.data(1, b"hello")
        + client.ping(7)
        + client.data(3, fin=True)
        + client.reset(1)
        + control(99, b"a kind of frame that nobody knows")
        + control(7, struct.pack(">II", 0, 0))
    )
    return sent, [
        StreamOpened(1, {"streamtype": "error", "port": "80"}, False),
        StreamOpened(3, {"streamtype": "data", "port": "80"}, True),
        StreamData(1, b"hello", False),
        PingReceived(7),
        StreamData(3, b"", True),
        StreamReset(1),
        ClientLeaves(),
    ]


@given(st.lists(st.integers(1, 40), max_size=60))
def test_frames_are_the_same_however_the_bytes_are_cut(sizes: list[int]) -> None:
    sent, frames = everything(SpdyClient())
    pieces, position = [], 0
    for size in sizes:
        pieces.append(sent[position : position + size])
        position += size
    assert merged(read(*pieces, sent[position:])) == frames


def test_a_large_data_frame_is_passed_on_as_it_arrives() -> None:
    reader = FrameReader()
    sent = SpdyClient().data(1, bytes(1_000_000), fin=True)
    first = list(reader.feed(sent[:500_000]))
    assert [(len(part.data), part.fin) for part in first if isinstance(part, StreamData)] == [(499_992, False)]
    rest = list(reader.feed(sent[500_000:]))
    assert [(len(part.data), part.fin) for part in rest if isinstance(part, StreamData)] == [(500_008, True)]


BAD: list[tuple[str, bytes, str]] = [
    ("another version", control(6, b"\0\0\0\1", version=2), "SPDY/2"),
    ("too large", struct.pack(">HHI", 0x8003, 1, MAX_CONTROL_BYTES + 1), f"{MAX_CONTROL_BYTES + 1} bytes"),
    ("a short SYN_STREAM", control(1, bytes(9)), "too short"),
    ("a short reset", control(3, bytes(4)), "has 4 bytes, not 8"),
    ("a long ping", control(6, bytes(8)), "has 8 bytes, not 4"),
    ("a short GOAWAY", control(7, bytes(4)), "has 4 bytes, not 8"),
    ("a long window", control(9, bytes(9)), "has 9 bytes, not 8"),
    ("headers that are none", control(1, bytes(10) + b"port"), "decompressed"),
]


@pytest.mark.parametrize(("data", "message"), [case[1:] for case in BAD], ids=[case[0] for case in BAD])
def test_what_is_no_frame_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(SpdyProblem) as raised:
        read(data)
    assert message in raised.value.what


def test_a_client_reads_what_the_server_writes() -> None:
    writer = FrameWriter()
    sent = (
        writer.reply(1)
        + writer.data(1, b"hello")
        + writer.data(1, b"", fin=True)
        + writer.reset(3, 3)
        + writer.pong(5)
        + writer.go_away(3, 1)
    )
    got = list(SpdyClient().read(sent))
    assert got[0].kind == "reply"
    assert got[1:] == [
        Got("data", 1, b"hello"),
        Got("data", 1, b"", True),
        Got("reset", 3, b"\0\0\0\3"),
        Got("ping", 5),
        Got("goaway", 3, b"\0\0\0\1"),
    ]
