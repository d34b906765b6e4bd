"""The connection of a proxy's client, from its request to the tunnel that carries its bytes.

What the client asks for is served on the same connection, carried to its host, directly or through another proxy, or
refused (podrole.base.proxy).

A request with a whole URL is carried alone. A host or another proxy may keep its connection open although the request
says close, and the client then sends it the next request, which may be for a name of ours: the connection is cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import re
import socket
import ssl
from collections.abc import Callable
from typing import Any, TypeVar, cast

import httptools

from podrole.base import open_files
from podrole.base.errors import outline
from podrole.base.proxy import ProxyRequest, Rules, Upstream, Way
from podrole.base.tunnel import TunnelSide

CONNECT_SECONDS = 30.0
"""How long a host, or the upstream proxy, may take to accept a connection."""
MOST_TUNNELS = 1024
"""Tunnels at a time; a further request to the proxy is refused with 503. Their files, two for each, are at most half of
those that the process may have open: the other listeners need some too."""
_END = b"\r\n\r\n"
_MOST_ANSWER_BYTES = 16 * 1024
_MOST_NAME = 300
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"

_log = logging.getLogger(__name__)
_Side = TypeVar("_Side", bound=TunnelSide)


def refuse(transport: asyncio.Transport, status: str, text: str) -> None:
    """Answer with an error and a sentence, and close the connection."""
    body = f"{text}\n".encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {len(body)}\r\n"
    transport.write(f"{head}connection: close\r\n\r\n".encode() + body)
    transport.close()


class ProxyClient(TunnelSide):
    """The client's side of a request to the proxy. Until its host is reached, its bytes wait."""

    def __init__(
        self,
        transport: asyncio.Transport,
        asked: ProxyRequest,
        rest: bytes,
        rules: Rules,
        following: Callable[..., Any],
        connections: set[Any],
    ) -> None:
        super().__init__(connections.discard)
        self.transport = self._client = transport
        self._asked = asked
        self._rest = rest
        self._rules = rules
        self._following = following
        self._connections = connections
        self._task: asyncio.Task[None] | None = None
        self._request = _SingleRequest() if asked.head else None
        self._inside: str | None = None
        """The address in a cluster that the request leads to."""

    def start(self) -> None:
        """Do what the client asks for."""
        way, why = self._rules.route(self._asked)
        peer = self._client.get_extra_info("peername")
        self._inside = None if peer is None else self._rules.cluster_address(self._asked, peer[0])
        if self._inside is not None:
            way = Way.DIRECT
        if way is Way.REFUSED:
            # Many clients show nothing but this line.
            name = re.sub(r"[^!-~]", "?", self._asked.authority)[:_MOST_NAME]
            refuse(self._client, f"403 Forbidden: podrole does not lead to {name}", why)
        elif way is Way.HERE:
            self._serve_here()
        elif sum(isinstance(connection, ProxyClient) for connection in self._connections) >= (most := _most_tunnels()):
            refuse(self._client, "503 Service Unavailable", f"podrole carries {most} connections already.")
        elif self._request is not None and not self._request.takes(self._asked.head + self._rest):
            refuse(self._client, "400 Bad Request", "The request is malformed, or another one follows it.")
        else:
            self._connections.add(self)
            self._client.set_protocol(self)
            self._client.pause_reading()
            self._task = asyncio.create_task(self._connect(self._rules.upstream if way is Way.UPSTREAM else None))

    def data_received(self, data: bytes) -> None:  # noqa: D102 - see asyncio.Protocol
        if self._request is None or self._request.takes(data):
            super().data_received(data)
        else:
            self.shutdown()

    def shutdown(self) -> None:  # noqa: D102 - see TunnelSide
        if self._task is not None:
            self._task.cancel()
        super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: D102 - see asyncio.Protocol
        if self._task is not None:
            self._task.cancel()
        super().connection_lost(exc)

    def _serve_here(self) -> None:
        following = self._following(may_proxy=False)
        self._client.set_protocol(following)
        following.connection_made(self._client)
        if not self._asked.head:
            self._client.write(_ESTABLISHED)
        first = self._asked.head + self._rest
        if first:
            following.data_received(first)

    async def _connect(self, upstream: Upstream | None) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                side, first = await self._reach(upstream)
        except (OSError, TimeoutError, _UpstreamRefused) as problem:
            where = self._asked.authority if upstream is None else f"the upstream proxy {upstream.host}:{upstream.port}"
            reason = str(problem) if isinstance(problem, _UpstreamRefused) else _reason(problem)
            refuse(self._client, "502 Bad Gateway", f"podrole cannot reach {where}: {reason}.")
            return
        except Exception as problem:  # noqa: BLE001 - the last resort: an answer instead of a connection that hangs
            _log.error("a request to the proxy failed: %s", outline(problem))
            refuse(self._client, "502 Bad Gateway", "podrole failed.")
            return
        if self._client.is_closing() or side.transport is None:
            side.shutdown()
            return
        self.join(side)
        # Before the first bytes are written: writing may pause the reading of the other side.
        self._client.resume_reading()
        if not self._asked.head:
            self._client.write(_ESTABLISHED)
        if first:
            self._client.write(first)
        head = self._asked.head
        if head and upstream is not None:
            head = self._asked.head_for_proxy(upstream.authorization)
        side.transport.write(head + self._rest)
        side.release()

    async def _reach(self, upstream: Upstream | None) -> tuple[TunnelSide, bytes]:
        """Return the host's side, which does not read yet, and what it has sent already."""
        if upstream is None:
            place = self._rules.address(self._asked) if self._inside is None else (self._inside, self._asked.port)
            side = await _connected(_HostSide, *place)
            peer = None if side.transport is None else side.transport.get_extra_info("peername")
            if peer is not None and not self._rules.may_reach(self._asked, peer[0]):
                side.shutdown()
                raise _UpstreamRefused("its name leads to loopback, which is not reached from a container")
            return side, b""
        tls = _upstream_tls() if upstream.tls else None
        if self._asked.head:  # proxies carry http as it is, and refuse CONNECT for it
            return await _connected(_HostSide, upstream.host, upstream.port, tls), b""
        answer = await _connected(
            lambda: _UpstreamSide(self._asked, upstream.authorization), upstream.host, upstream.port, tls
        )
        try:
            return answer, await answer.established()
        except BaseException:
            answer.shutdown()
            raise


async def _connected(make: Callable[[], _Side], host: str, port: int, tls: ssl.SSLContext | None = None) -> _Side:
    """Return a connection to the first address of a host that accepts one.

    The name is looked up here: uvloop reports the failure of a look-up that it began itself and that was cancelled.
    """
    loop = asyncio.get_running_loop()
    *others, last = [
        address_info[4][:2] for address_info in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    ]
    name = None if tls is None else host
    for address in others:
        with contextlib.suppress(OSError):
            return (await loop.create_connection(make, *address, ssl=tls, server_hostname=name))[1]
    return (await loop.create_connection(make, *last, ssl=tls, server_hostname=name))[1]


class _SingleRequest:
    """Follows the bytes of a request to its end. Its head says ``Connection: close``, so llhttp takes nothing after
    it."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)

    def takes(self, data: bytes) -> bool:
        """Say whether all of ``data`` belongs to the request."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            return False
        return True


class _HostSide(TunnelSide):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        cast("asyncio.Transport", transport).pause_reading()


class _UpstreamRefused(Exception):
    """Another proxy does not connect to the host."""


class _UpstreamSide(TunnelSide):
    """A connection to a host through another proxy."""

    def __init__(self, asked: ProxyRequest, authorization: str) -> None:
        super().__init__()
        self._request = f"CONNECT {asked.authority} HTTP/1.1\r\nHost: {asked.authority}\r\n"
        if authorization:
            self._request += f"Proxy-Authorization: {authorization}\r\n"
        self._received = b""
        self._answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def established(self) -> bytes:
        """Wait until the proxy has connected; return what has followed its answer. Raises _UpstreamRefused."""
        return await self._answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        cast("asyncio.Transport", transport).write(f"{self._request}\r\n".encode())

    def data_received(self, data: bytes) -> None:
        if self._answer.done():
            super().data_received(data)
            return
        self._received += data
        head, end, rest = self._received.partition(_END)
        if end and self.transport is not None:
            self.transport.pause_reading()
            words = head.split(b"\r\n")[0].split(b" ", 2)
            if len(words) > 1 and words[0].startswith(b"HTTP/1.") and words[1][:1] == b"2":
                self._answer.set_result(rest)
            else:
                status = b" ".join(words[1:]).decode("latin-1")[:100]
                self._answer.set_exception(_UpstreamRefused(f"it answers {status!r}"))
        elif len(self._received) > _MOST_ANSWER_BYTES:
            self._answer.set_exception(_UpstreamRefused("its answer is too long"))

    def eof_received(self) -> bool:
        return self._answer.done() and super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._answer.done():
            self._answer.set_exception(_UpstreamRefused("it closed the connection"))
        super().connection_lost(exc)


@functools.cache
def _upstream_tls() -> ssl.SSLContext:
    return ssl.create_default_context()  # takes 50 ms: the system's authorities are read


def _most_tunnels() -> int:
    return min(MOST_TUNNELS, open_files.most() // 4)


def _reason(problem: OSError | TimeoutError) -> str:
    with contextlib.suppress(AttributeError):
        if problem.strerror:
            return str(problem.strerror)
    if isinstance(problem, TimeoutError):
        return f"no connection within {CONNECT_SECONDS:g} s"
    return type(problem).__name__
