"""One port for plain HTTP, for TLS, and for a proxy: the first bytes of a connection say which.

A TLS handshake begins with the byte 0x16, a request to a proxy with CONNECT or a whole URL, and every other request
with a method and a path. A connection for a name that is this server's own goes on as if it had been opened to this
server; all others are carried to their hosts.

A plain connection costs one look at its first bytes. TLS is put onto the connection that is there, and so is what
follows a CONNECT for an own name: no bytes are copied from one connection to another.
"""

from __future__ import annotations

import asyncio
import functools
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from uvicorn.protocols.utils import is_ssl

from podrole.base.proxy import BadRequest, Rules, read_head
from podrole.base.proxy_client import ProxyClient, refuse
from podrole.base.serving import MAX_HEAD_BYTES, HTTPProtocol

HANDSHAKE_SECONDS = 15.0
_HANDSHAKE = 0x16  # RFC 8446 5.1: the content type of the record
_KIND_BYTES = 34  # a method of at most 32 characters, a blank, and the first character of the target
_END = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Front:
    """What a port serves beside plain HTTP: TLS, and a proxy by these rules."""

    tls: ssl.SSLContext
    rules: Rules


def protocol(front: Front) -> Callable[..., HTTPProtocol]:
    """Return what makes the protocol of each connection, for ``podrole.base.serving.listening``."""
    return functools.partial(_FrontProtocol, front)


class _FrontProtocol(HTTPProtocol):
    """A connection whose kind its first bytes decide. In a tunnel it is never one to the proxy: ``may_proxy``."""

    def __init__(self, front: Front, *, may_proxy: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self._front = front
        self._options = options
        self._may_proxy = may_proxy
        self._first: bytes | None = b""
        """The bytes of a connection whose kind is not known yet; None once it is HTTP."""
        self._is_proxy_request = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self._raw = transport

    def data_received(self, data: bytes) -> None:
        if self._first is None:
            super().data_received(data)
            return
        self._first += data
        if self._is_proxy_request:
            self._read_proxy_head()
        elif self._first[0] == _HANDSHAKE and not is_ssl(self._raw):
            self._leave(_Handshake(self._raw, self._front.tls, self._first, self._next, self.connections))
        elif self._may_proxy and (is_proxy := _is_for_proxy(self._first)) is not False:
            if is_proxy:
                self._is_proxy_request = True
                self._read_proxy_head()
        else:
            first, self._first = self._first, None
            super().data_received(first)

    def _next(self, *, may_proxy: bool) -> _FrontProtocol:
        """Return the protocol of what this connection becomes."""
        return _FrontProtocol(self._front, may_proxy=may_proxy, **self._options)

    def _leave(self, successor: _Handshake | ProxyClient) -> None:
        self.connections.discard(self)
        self._unset_keepalive_if_required()
        successor.start()

    def _read_proxy_head(self) -> None:
        first = self._first or b""
        end = first.find(_END)
        if (len(first) if end < 0 else end) > MAX_HEAD_BYTES:
            self._refuse_head()
        elif end >= 0:
            head, rest = first[: end + len(_END)], first[end + len(_END) :]
            try:
                asked = read_head(head)
            except BadRequest as problem:
                refuse(self._raw, "400 Bad Request", str(problem))
            else:
                self._leave(ProxyClient(self._raw, asked, rest, self._front.rules, self._next, self.connections))


def _is_for_proxy(first: bytes) -> bool | None:
    """Say whether a connection's first bytes are a request to a proxy; None if more are needed."""
    method, blank, target = first[:_KIND_BYTES].partition(b" ")
    if not blank or not target:
        return None if len(first) < _KIND_BYTES and b"\n" not in first else False
    return method == b"CONNECT" or target[:1] not in b"/*"


class _Handshake:
    """A connection during its TLS handshake, which goes on as HTTP afterwards."""

    def __init__(
        self,
        transport: asyncio.Transport,
        tls: ssl.SSLContext,
        first: bytes,
        following: Callable[..., _FrontProtocol],
        connections: set[Any],
    ) -> None:
        self.transport = transport
        self._tls = tls
        self._first = first
        self._following = following
        self._connections = connections

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._connections.add(self)
        self._task = loop.create_task(self._run())
        # start_tls takes only what arrives from now on. It runs up to its first wait in the step that was just
        # scheduled, and schedules the beginning of the handshake; what has arrived is passed on right after that.
        loop.call_soon(loop.call_soon, self._pass_on)

    def shutdown(self) -> None:
        self._task.cancel()
        self.transport.abort()

    def _pass_on(self) -> None:
        handshake = self.transport.get_protocol()
        if isinstance(handshake, asyncio.Protocol) or self.transport.is_closing():
            return
        layer = cast("asyncio.BufferedProtocol", handshake)
        first = self._first
        while first:
            buffer = layer.get_buffer(len(first))
            size = min(len(buffer), len(first))  # type: ignore[arg-type] # a memoryview
            buffer[:size] = first[:size]  # type: ignore[index] # a memoryview
            layer.buffer_updated(size)
            first = first[size:]

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        early = _Early()
        try:
            tls = await loop.start_tls(
                self.transport, early, self._tls, server_side=True, ssl_handshake_timeout=HANDSHAKE_SECONDS
            )
        except (OSError, TimeoutError):  # ssl.SSLError among them: a client that does not trust the certificate
            self.transport.abort()
            return
        finally:
            self._connections.discard(self)
        if tls is None or tls.is_closing():
            self.transport.abort()
            return
        following = self._following(may_proxy=False)
        tls.set_protocol(following)
        following.connection_made(tls)
        if early.received:
            following.data_received(early.received)


class _Early(asyncio.Protocol):
    """Keeps what arrives with the end of a handshake, before ``start_tls`` has returned."""

    received = b""

    def data_received(self, data: bytes) -> None:
        self.received += data
