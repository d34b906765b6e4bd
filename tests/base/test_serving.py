"""A listener serves one application on one loopback socket."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from podrole.base.certificates import Authority, server_context
from podrole.base.serving import EVERYWHERE, LOOPBACK, MAX_HEAD_BYTES, PortInUse, bind, listening


async def hello(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": scope["scheme"].encode()})


async def test_listener_serves_plain_http_once_the_context_is_open() -> None:
    sock = bind(0, name="the test", option="--port")
    port = sock.getsockname()[1]
    async with listening(hello, sock), httpx2.AsyncClient() as client:
        assert (await client.get(f"http://{LOOPBACK}:{port}/")).text == "http"


async def test_listener_serves_tls() -> None:
    authority = Authority.create("test", now=time.time())
    tls = server_context(authority.issue([LOOPBACK], now=time.time()))
    sock = bind(0, name="the test", option="--port")
    port = sock.getsockname()[1]
    trust = ssl.create_default_context(cadata=authority.certificate_pem.decode())
    async with listening(hello, sock, tls=tls), httpx2.AsyncClient(verify=trust) as client:
        assert (await client.get(f"https://{LOOPBACK}:{port}/")).text == "https"


async def test_port_is_free_after_the_listener_ends() -> None:
    sock = bind(0, name="the test", option="--port")
    port = sock.getsockname()[1]
    async with listening(hello, sock):
        pass
    bind(port, name="the test", option="--port").close()


def test_port_in_use_is_reported_with_its_option() -> None:
    sock = bind(0, name="the first", option="--port")
    port = sock.getsockname()[1]
    with pytest.raises(PortInUse) as raised:
        bind(port, name="The local AWS", option="--aws-port")
    sock.close()
    assert str(port) in raised.value.what
    assert "--aws-port 0" in (raised.value.next_step or "")


async def test_listener_on_every_interface_serves_loopback() -> None:
    sock = bind(0, name="the test", option="--port", address=EVERYWHERE)
    port = sock.getsockname()[1]
    async with listening(hello, sock), httpx2.AsyncClient() as client:
        assert (await client.get(f"http://{LOOPBACK}:{port}/")).text == "http"


def test_address_of_another_host_is_refused() -> None:
    with pytest.raises(PortInUse, match="The webhook cannot listen on port"):
        bind(0, name="The webhook", option="--port", address="192.0.2.1")


async def test_idle_client_does_not_delay_the_stop() -> None:
    authority = Authority.create("test", now=time.time())
    tls = server_context(authority.issue([LOOPBACK], now=time.time()))
    sock = bind(0, name="the test", option="--port")
    trust = ssl.create_default_context(cadata=authority.certificate_pem.decode())
    async with (
        httpx2.AsyncClient(verify=trust) as client,
        asyncio.timeout(30),
        listening(hello, sock, tls=tls, grace_seconds=3600),
    ):
        await client.get(f"https://{LOOPBACK}:{sock.getsockname()[1]}/")  # it keeps the connection and reads nothing


@contextlib.asynccontextmanager
async def served(app: Any, **limits: Any) -> AsyncIterator[int]:
    sock = bind(0, name="the test", option="--port")
    port = sock.getsockname()[1]
    async with asyncio.timeout(30), listening(app, sock, grace_seconds=1, **limits):
        yield port


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def echo(scope: Any, receive: Any, send: Any) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


REQUEST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"


async def answer_to(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    return head.partition(b"\r\n")[0] + b" " + await reader.readexactly(4)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"POST / HT", id="half a line"),
        pytest.param(REQUEST[:-2], id="half a body"),
        pytest.param(REQUEST + REQUEST[:30], id="half of a second request"),
    ],
)
async def test_client_that_sends_too_slowly_is_disconnected(sent: bytes) -> None:
    async with served(echo, exchange_seconds=0.2) as port, connected(port) as (reader, writer):
        writer.write(sent)
        assert (await reader.read(1 << 20)).count(b"200 OK") == sent.count(b"body")
        assert await reader.read(1) == b""


async def test_client_that_does_not_read_the_response_is_disconnected() -> None:
    over = asyncio.Event()

    async def large(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(2):  # the second waits until the first is taken
            await send({"type": "http.response.body", "body": b"x" * 20_000_000, "more_body": True})
        over.set()

    async with served(large, exchange_seconds=0.2) as port, connected(port) as (_, writer):
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await over.wait()


async def endless(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(8):
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        await asyncio.sleep(0.1)
    await send({"type": "http.response.body", "body": b"end"})


@pytest.mark.parametrize("path", ["/watch", "/other"])
async def test_response_that_is_long_running_has_no_limit(path: str) -> None:
    def is_long_running(scope: Any) -> bool:
        return bool(scope["path"] == "/watch")

    async with (
        served(endless, exchange_seconds=0.2, is_long_running=is_long_running) as port,
        connected(port) as (reader, writer),
    ):
        writer.write(b"GET " + path.encode() + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (b"end" in await reader.read()) == (path == "/watch")


@pytest.mark.parametrize("sent", [b"GET /watch HTTP/1.1\r\nHost: x\r\n", REQUEST[:-2]], ids=["head", "body"])
async def test_request_that_is_long_running_is_sent_in_time(sent: bytes) -> None:
    async with (
        served(echo, exchange_seconds=0.2, is_long_running=lambda _: True) as port,
        connected(port) as (reader, writer),
    ):
        writer.write(sent)
        assert await reader.read() == b""


async def test_connection_between_two_requests_may_be_idle_longer_than_an_exchange() -> None:
    async with served(echo, exchange_seconds=0.2, keep_alive_seconds=60) as port, connected(port) as (reader, writer):
        for _ in range(2):
            writer.write(REQUEST)
            assert await answer_to(reader) == b"HTTP/1.1 200 OK body"
            await asyncio.sleep(0.5)  # longer than an exchange may take: nothing happens, which is the point


async def test_idle_connection_is_closed_after_the_keep_alive_time() -> None:
    async with served(echo, keep_alive_seconds=0.05) as port, connected(port) as (reader, writer):
        writer.write(REQUEST)
        assert await answer_to(reader) == b"HTTP/1.1 200 OK body"
        assert await reader.read() == b""


async def test_connection_is_closed_if_the_response_comes_before_the_end_of_the_request() -> None:
    """uvicorn waits for the next request without a limit then."""
    async with served(hello, keep_alive_seconds=0.05) as port, connected(port) as (reader, writer):
        writer.write(REQUEST[:-2])
        assert (await reader.readuntil(b"http")).startswith(b"HTTP/1.1 200 OK")
        writer.write(REQUEST[-2:])
        assert (await reader.read())[-7:] in (b"", b"0\r\n\r\n", b"\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    "endless",
    [
        pytest.param((b"GET /" + b"x" * 1_000, b"x" * 10_000), id="path"),
        pytest.param((b"GET / HTTP/1.1\r\nX: ", b"x" * 10_000), id="one header"),
        pytest.param((b"GET / HTTP/1.1\r\n", b"X: y\r\n" * 1_000), id="headers"),
        pytest.param(
            (
                b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n",
                b"X: y\r\n" * 1_000,
            ),
            id="trailers",
        ),
    ],
)
async def test_head_without_an_end_is_refused(endless: tuple[bytes, bytes]) -> None:
    first, again = endless
    async with served(echo) as port, connected(port) as (reader, writer):
        writer.write(first)
        sent = 0
        with contextlib.suppress(OSError):
            while not reader.at_eof() and sent < 100 * MAX_HEAD_BYTES:
                writer.write(again)
                sent += len(again)
                await writer.drain()
                await asyncio.sleep(0)
        assert sent < 100 * MAX_HEAD_BYTES


async def test_large_body_does_not_count_as_head() -> None:
    body = b"x" * 1_000_000
    async with served(echo) as port, httpx2.AsyncClient() as client:
        headers = {"X-Large": "y" * 30_000}
        assert (await client.post(f"http://{LOOPBACK}:{port}/", content=body, headers=headers)).content == body


async def test_head_and_body_of_a_response_are_sent_in_one_piece() -> None:
    pieces: asyncio.Queue[bytes] = asyncio.Queue()

    class Client(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            pieces.put_nowait(data)

    async with served(hello) as port:
        transport, _ = await asyncio.get_running_loop().create_connection(Client, LOOPBACK, port)
        for _ in range(20):
            transport.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            piece = await pieces.get()
            assert piece.startswith(b"HTTP/1.1 200")
            assert piece.endswith(b"\r\n\r\n4\r\nhttp\r\n0\r\n\r\n")
        transport.close()


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n",  # kubectl port-forward
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"this is no request\r\n\r\n",
    ],
)
async def test_what_a_client_sends_is_answered_and_not_logged(sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with served(hello) as port, connected(port) as (reader, writer):
        writer.write(sent)
        assert (await reader.read(12)).startswith(b"HTTP/1.1 ")
    assert caplog.messages == []
