"""A listener serves one application on one loopback socket."""

from __future__ import annotations

import asyncio
import ssl
import time

import httpx2
import pytest

from podrole.base.certificates import Authority, server_context
from podrole.base.serving import EVERYWHERE, LOOPBACK, PortInUse, bind, listening


async def hello(scope, receive, send) -> None:  # type: ignore[no-untyped-def]
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": scope["scheme"].encode()})


async def test_it_answers_plain_http_as_soon_as_the_context_is_open() -> None:
    sock = bind(0, name="the test", option="--port")
    port = sock.getsockname()[1]
    async with listening(hello, sock), httpx2.AsyncClient() as client:
        assert (await client.get(f"http://{LOOPBACK}:{port}/")).text == "http"


async def test_it_answers_tls() -> None:
    authority = Authority.create("test", now=time.time())
    tls = server_context(authority.issue([LOOPBACK], now=time.time()))
    sock = bind(0, name="the test", option="--port")
    port = sock.getsockname()[1]
    trust = ssl.create_default_context(cadata=authority.certificate_pem.decode())
    async with listening(hello, sock, tls=tls), httpx2.AsyncClient(verify=trust) as client:
        assert (await client.get(f"https://{LOOPBACK}:{port}/")).text == "https"


async def test_the_port_is_free_again_afterwards() -> None:
    sock = bind(0, name="the test", option="--port")
    port = sock.getsockname()[1]
    async with listening(hello, sock):
        pass
    bind(port, name="the test", option="--port").close()


def test_a_port_in_use_is_one_clear_sentence() -> None:
    sock = bind(0, name="the first", option="--port")
    port = sock.getsockname()[1]
    with pytest.raises(PortInUse) as raised:
        bind(port, name="The local AWS", option="--aws-port")
    sock.close()
    assert str(port) in raised.value.what
    assert "--aws-port 0" in (raised.value.next_step or "")


async def test_every_interface_includes_loopback() -> None:
    sock = bind(0, name="the test", option="--port", address=EVERYWHERE)
    port = sock.getsockname()[1]
    async with listening(hello, sock), httpx2.AsyncClient() as client:
        assert (await client.get(f"http://{LOOPBACK}:{port}/")).text == "http"


def test_an_address_that_is_not_this_hosts_is_one_clear_sentence() -> None:
    with pytest.raises(PortInUse, match="The webhook cannot listen on port"):
        bind(0, name="The webhook", option="--port", address="192.0.2.1")


async def test_an_idle_client_does_not_hold_it_up() -> None:
    authority = Authority.create("test", now=time.time())
    tls = server_context(authority.issue([LOOPBACK], now=time.time()))
    sock = bind(0, name="the test", option="--port")
    trust = ssl.create_default_context(cadata=authority.certificate_pem.decode())
    async with (
        httpx2.AsyncClient(verify=trust) as client,
        asyncio.timeout(5),
        listening(hello, sock, tls=tls, grace_seconds=3600),
    ):
        await client.get(f"https://{LOOPBACK}:{sock.getsockname()[1]}/")  # it keeps the connection and reads nothing
