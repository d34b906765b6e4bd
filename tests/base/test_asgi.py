"""Reading a request's body, and sending an answer, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from podrole.base.asgi import (
    TEXT,
    BodyMemory,
    BodyTooLarge,
    ClientDisconnected,
    Message,
    TooManyBytesHeld,
    read_body,
    send_response,
)
from podrole.base.serving import LOOPBACK, bind, listening

LIMIT = 1_000_000


class Server:
    """Reads each body with ``read_body`` and keeps what came of it."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.results: asyncio.Queue[bytes | Exception] = asyncio.Queue()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        try:
            body = await read_body(receive, LIMIT, **self.options)
        except (BodyTooLarge, ClientDisconnected, TooManyBytesHeld) as problem:
            self.results.put_nowait(problem)
            await send_response(scope, send, 400, type(problem).__name__.encode(), [TEXT])
        else:
            self.results.put_nowait(body)
            await send_response(scope, send, 200, b"read", [TEXT])


@contextlib.asynccontextmanager
async def connected(server: Server) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    sock = bind(0, name="the test", option="--port")
    port = sock.getsockname()[1]
    async with asyncio.timeout(30), listening(server, sock, grace_seconds=1):
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
        try:
            yield reader, writer
        finally:
            writer.close()


def request(length: int) -> bytes:
    return f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode()


@pytest.mark.parametrize("size", [0, 1, LIMIT], ids=["empty", "short", "at the limit"])
async def test_body_is_read_whole(size: int) -> None:
    server = Server()
    async with connected(server) as (reader, writer):
        writer.write(request(size) + b"x" * size)
        assert await server.results.get() == b"x" * size
        assert (await reader.readline()) == b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize("sent", [0, 1, 500_000], ids=["nothing", "one byte", "half"])
async def test_body_that_breaks_off_is_never_returned(sent: int) -> None:
    server = Server()
    async with connected(server) as (_, writer):
        writer.write(request(LIMIT) + b"x" * sent)
        await writer.drain()
        writer.close()
        assert isinstance(await server.results.get(), ClientDisconnected)


async def test_chunked_body_that_breaks_off_is_never_returned() -> None:
    server = Server()
    async with connected(server) as (_, writer):
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n")
        await writer.drain()
        writer.close()
        assert isinstance(await server.results.get(), ClientDisconnected)


@pytest.mark.parametrize("head", [request(LIMIT + 1), b""], ids=["announced", "chunked"])
async def test_body_over_the_limit_is_refused(head: bytes) -> None:
    server = Server()
    async with connected(server) as (reader, writer):
        body = b"x" * (LIMIT + 1)
        if not head:
            head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        writer.write(head + body)
        problem = await server.results.get()
        assert isinstance(problem, BodyTooLarge)
        assert problem.limit == LIMIT
        assert (await reader.readline()) == b"HTTP/1.1 400 Bad Request\r\n"


async def test_rest_of_a_long_body_is_discarded_before_the_answer() -> None:
    server = Server(discard_up_to=LIMIT * 3)
    async with connected(server) as (reader, writer):
        writer.write(request(LIMIT * 2) + b"x" * (LIMIT * 2 - 1))
        await writer.drain()
        await asyncio.sleep(0.05)  # long enough for the server to see that the body is too long
        assert server.results.empty()
        writer.write(b"x")
        assert isinstance(await server.results.get(), BodyTooLarge)
        assert (await reader.readline()) == b"HTTP/1.1 400 Bad Request\r\n"


def received(*messages: Message) -> Callable[[], Any]:
    waiting = list(messages)

    async def receive() -> Message:
        return waiting.pop(0)

    return receive


def part(size: int, *, more: bool = True) -> Message:
    return {"type": "http.request", "body": b"x" * size, "more_body": more}


async def test_discarding_ends_at_its_own_limit() -> None:
    receive = received(part(2), part(2), part(2))
    with pytest.raises(BodyTooLarge):
        await read_body(receive, 1, discard_up_to=5)


async def test_incomplete_bodies_share_one_memory_limit() -> None:
    memory = BodyMemory(10)
    memory.hold(6)
    with pytest.raises(TooManyBytesHeld):
        await read_body(received(part(5), part(1, more=False)), 100, memory=memory)
    assert await read_body(received(part(4), part(9, more=False)), 100, memory=memory) == b"x" * 13
    memory.hold(4)  # the two bodies above no longer count


async def test_bytes_of_a_body_that_breaks_off_no_longer_count() -> None:
    memory = BodyMemory(10)
    with pytest.raises(ClientDisconnected):
        await read_body(received(part(9), {"type": "http.disconnect"}), 100, memory=memory)
    memory.hold(10)


async def test_answer_to_head_has_the_length_and_no_body() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await send_response({"method": "HEAD"}, send, 200, b"body", [TEXT])
    assert sent[0]["headers"] == [TEXT, (b"content-length", b"4")]
    assert sent[1]["body"] == b""


@pytest.mark.parametrize(("method", "lengths"), [("HEAD", [b"6"]), ("GET", [b"6", b"0"])])
async def test_only_the_answer_to_head_states_a_length_of_its_own(method: str, lengths: list[bytes]) -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await send_response({"method": method}, send, 200, headers=[(b"content-length", b"6")])
    assert [value for name, value in sent[0]["headers"] if name == b"content-length"] == lengths


async def test_answer_without_a_length_has_no_such_header() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    await send_response({"method": "GET"}, send, 304, headers=[TEXT], length=False)
    assert sent[0]["headers"] == [TEXT]
