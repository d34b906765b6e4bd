"""Connections are closed in every case, and what podrole relies on in httpx below its documented interface."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import re
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpcore2
import httpx2
import pytest

import podrole
from podrole.base import closing_backend, http_client
from podrole.base.certificates import Authority, server_context

SOURCE = Path(podrole.__file__).parent


class Silent:
    """A server that takes what clients send, and answers a CONNECT only."""

    def __init__(self) -> None:
        self.handshake = asyncio.Event()
        self.left = asyncio.Event()
        self.port = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if data.startswith(b"CONNECT "):
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                self.handshake.set()
        writer.close()
        self.left.set()


@contextlib.asynccontextmanager
async def silent() -> AsyncIterator[Silent]:
    it = Silent()
    server = await asyncio.start_server(it, "127.0.0.1", 0)
    it.port = server.sockets[0].getsockname()[1]
    async with server:
        yield it


@pytest.mark.parametrize("proxied", [False, True], ids=["directly", "through a proxy"])
async def test_a_request_that_is_cancelled_in_the_handshake_leaves_no_connection_open(proxied: bool) -> None:
    async with silent() as server:
        address = f"http://127.0.0.1:{server.port}"
        proxy = httpx2.Proxy(address) if proxied else None
        async with httpx2.AsyncClient(transport=http_client.AsyncTransport(proxy=proxy)) as client:
            request = asyncio.create_task(client.get(address.replace("http:", "https:")))
            await server.handshake.wait()
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
            await asyncio.wait_for(server.left.wait(), 20)


async def test_a_handshake_that_takes_too_long_is_a_timeout_and_leaves_no_connection_open() -> None:
    async with silent() as server, http_client.async_client(timeout=0.1) as client:
        with pytest.raises(httpx2.ConnectTimeout):
            await client.get(f"https://127.0.0.1:{server.port}")
        await asyncio.wait_for(server.left.wait(), 20)


async def test_a_request_over_tls_gets_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 5\r\n\r\nhello")
        writer.close()

    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    authority = Authority.create("test", now=time.time())
    trust = ssl.create_default_context(cadata=authority.certificate_pem.decode())
    tls = server_context(authority.issue(["127.0.0.1"], now=time.time()))
    server = await asyncio.start_server(hello, "127.0.0.1", 0, ssl=tls)
    address = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, http_client.async_client(trust, timeout=20, base_url=address) as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.text) == (302, "hello")


def test_the_context_for_plain_http_trusts_no_certificate() -> None:
    context = http_client.no_tls()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.get_ca_certs() == []


@pytest.mark.parametrize("proxy", [None, httpx2.Proxy("http://127.0.0.1:1")], ids=["no proxy", "a proxy"])
def test_httpx_takes_connections_from_the_backend_of_its_pool(proxy: httpx2.Proxy | None) -> None:
    pool = httpx2.AsyncHTTPTransport(proxy=proxy)._pool
    assert isinstance(pool, httpcore2.AsyncConnectionPool)
    assert isinstance(pool._network_backend, httpcore2.AsyncNetworkBackend)
    assert "network_backend=self._network_backend" in inspect.getsource(type(pool).create_connection)


def test_the_streams_of_httpcore_have_the_methods_that_are_passed_on() -> None:
    names = {name for name in vars(httpcore2.AsyncNetworkStream) if not name.startswith("_")}
    assert names == {name for name in vars(closing_backend._Stream) if not name.startswith("_")}


def test_every_asynchronous_client_closes_its_connections() -> None:
    made = re.compile(r"\b(AsyncClient|AsyncHTTPTransport|AsyncConnectionPool|AnyIOBackend)\(")
    texts = {path.relative_to(SOURCE).as_posix(): path.read_text() for path in SOURCE.rglob("*.py")}
    assert {name: found for name, text in texts.items() if (found := made.findall(text))} == {
        "base/http_client.py": ["AsyncClient"],
        "cluster/node/runtimes/container/engine.py": ["AsyncClient"],
        "kube/client.py": ["AsyncClient"],
        "oidc/https.py": ["AsyncConnectionPool"],
    }
    assert "transport=AsyncTransport(" in texts["base/http_client.py"]
    assert "transport=AsyncTransport(" in texts["kube/client.py"]
    assert "transport=AsyncTransport(" in texts["cluster/node/runtimes/container/engine.py"]
    assert "network_backend=_Backend(" in texts["oidc/https.py"]
    assert "class _Backend(ClosingBackend):" in texts["oidc/https.py"]
