"""What is written during one turn of the event loop is sent in one piece, in order, and a slow reader is noticed."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import AsyncIterator

import pytest

from podrole.base.buffered_transport import MAX_BUFFERED_BYTES, BufferedTransport


class _Counted(asyncio.Protocol):
    """A protocol at one end of a socket pair, which knows whether it should stop writing."""

    paused = False

    def pause_writing(self) -> None:
        self.paused = True


class _Sent:
    """Counts what reaches the transport below, and passes it on."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.pieces.append(data)
        self._transport.write(data)

    def writelines(self, parts: list[bytes]) -> None:
        self.pieces.append(b"".join(parts))
        self._transport.writelines(parts)

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)


class Pair:
    """A buffered transport and the socket at its other end."""

    def __init__(self, protocol: _Counted, sent: _Sent, reader: socket.socket) -> None:
        self.protocol, self.sent, self.reader = protocol, sent, reader
        self.transport = BufferedTransport(sent, asyncio.get_running_loop())  # type: ignore[arg-type]

    async def received(self) -> bytes:
        """Return everything up to the end of the connection."""
        parts = []
        while part := await asyncio.get_running_loop().sock_recv(self.reader, 1 << 20):
            parts.append(part)
        return b"".join(parts)


@pytest.fixture
async def pair() -> AsyncIterator[Pair]:
    """Connect a buffered transport with a socket."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    transport, protocol = await asyncio.get_running_loop().connect_accepted_socket(_Counted, ours)
    found = Pair(protocol, _Sent(transport), theirs)
    try:
        yield found
    finally:
        transport.abort()
        theirs.close()
        await asyncio.sleep(0)


async def test_two_writes_are_sent_in_one_piece(pair: Pair) -> None:
    pair.transport.write(b"head ")
    pair.transport.write(b"body")
    assert pair.sent.pieces == []
    await asyncio.sleep(0)
    assert pair.sent.pieces == [b"head body"]


async def test_each_turn_of_the_loop_sends_what_it_wrote(pair: Pair) -> None:
    for word in (b"one ", b"two ", b"three"):
        pair.transport.write(word)
        await asyncio.sleep(0)
    assert pair.sent.pieces == [b"one ", b"two ", b"three"]
    pair.transport.close()
    assert await pair.received() == b"one two three"


async def test_close_sends_what_was_written_before(pair: Pair) -> None:
    pair.transport.write(b"last words")
    pair.transport.close()
    assert await pair.received() == b"last words"


async def test_abort_sends_nothing(pair: Pair) -> None:
    pair.transport.write(b"never seen")
    pair.transport.abort()
    assert await pair.received() == b""
    assert pair.sent.pieces == []


async def test_nothing_is_written_to_a_closed_connection(pair: Pair) -> None:
    pair.transport.write(b"too late")
    pair.sent._transport.close()
    await asyncio.sleep(0)
    assert pair.sent.pieces == []


@pytest.mark.parametrize("sizes", [(MAX_BUFFERED_BYTES + 1,), (100, MAX_BUFFERED_BYTES)])
async def test_more_than_the_buffer_holds_is_sent_at_once(pair: Pair, sizes: tuple[int, ...]) -> None:
    for size in sizes:
        pair.transport.write(b"x" * size)
    sent = [len(piece) for piece in pair.sent.pieces]
    assert sent == ([sum(sizes)] if sys.version_info < (3, 12) else list(sizes))
    await asyncio.sleep(0)
    assert len(pair.sent.pieces) == len(sent)


async def test_writer_learns_in_the_same_turn_that_the_reader_is_slow(pair: Pair) -> None:
    for _ in range(100):
        pair.transport.write(b"x" * MAX_BUFFERED_BYTES)
    assert pair.protocol.paused
