"""A listener that answers only some addresses, over plain HTTP and over TLS."""

from __future__ import annotations

import ipaddress
import ssl

import httpx2
import pytest

from podrole.base.asgi import TEXT, Receive, Scope, Send, send_response
from podrole.base.certificates import Authority, server_context
from podrole.base.peers import only_from
from podrole.base.serving import HTTPProtocol, bind, listening


async def app(scope: Scope, _: Receive, send: Send) -> None:
    await send_response(scope, send, 200, b"hello", [TEXT])


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize(("network", "answered"), [("127.0.0.0/8", True), ("10.0.0.0/8", False)])
async def test_only_the_networks_are_answered(network: str, answered: bool, secure: bool) -> None:
    authority = Authority.create("test", now=1_800_000_000)
    tls = server_context(authority.issue(["127.0.0.1"], now=1_800_000_000)) if secure else None
    sock = bind(0, name="a listener", option="--port")
    url = f"{'https' if secure else 'http'}://127.0.0.1:{sock.getsockname()[1]}"
    gate = only_from([ipaddress.ip_network(network)], HTTPProtocol)
    client = httpx2.AsyncClient(verify=_trusting_anything(), trust_env=False)
    async with listening(app, sock, tls=tls, protocol=gate), client:
        if answered:
            assert (await client.get(url)).text == "hello"
            return
        with pytest.raises(httpx2.TransportError):
            await client.get(url)


def _trusting_anything() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
