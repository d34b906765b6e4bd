"""A listener: an ASGI application on one socket, plain or TLS, inside the caller's event loop.

uvicorn serves it, with httptools, on the running loop. Unlike ``uvicorn.run`` a listener handles no signals: a program
that starts several listeners stops them in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from podrole.base.asgi import Scope
from podrole.base.buffered_transport import BufferedTransport
from podrole.base.errors import PodroleError

IsLongRunning = Callable[[Scope], bool]

LOOPBACK = "127.0.0.1"
EVERYWHERE = ""
"""As an address: every interface, IPv4 and IPv6 alike."""

BACKLOG = 2048
_IP_FREEBIND = 15  # of linux/in.h; Python has no name for it
GRACE_SECONDS = 5
"""How many seconds requests in progress may take to finish once a listener stops; then they are cancelled."""

CLOSE_SECONDS = 0.3
"""How many seconds a client without a request in progress may take to close its connection once a listener stops."""

KEEP_ALIVE_SECONDS = 120.0
"""How many seconds a connection without a request in progress is kept. Go's clients, an API server among them, let go
after 90 s, podrole's own after 60 s. If the server closed first, a request could get lost on its way."""

EXCHANGE_SECONDS = 60.0
"""How many seconds a client may take for one request and its response: kube-apiserver's --request-timeout."""

MAX_HEAD_BYTES = 32 * 1024
"""How large a request may be without its body. No client here needs a tenth of it."""

MAX_HEADERS = 1000
"""How many headers a request may have. The most that a client needs are 2 kB of an S3 object's own metadata."""


_log = logging.getLogger(__name__)


class PortInUse(PodroleError):
    """podrole cannot listen on the port it should use: mostly because another program does."""

    code = "port-in-use"


def bind(port: int, *, name: str, option: str, address: str = LOOPBACK, absent: bool = False) -> socket.socket:
    """Bind a socket to ``port``, 0 for any free one. ``name`` and ``option`` make the error readable.

    ``address`` is an IP address of this host; only a server that is called from elsewhere needs more than loopback.
    One that is ``absent`` may become this host's later.
    Raises PortInUse if another program has the port, this user may not use it, or the address is not this host's.
    """
    if address == EVERYWHERE:
        address = "::" if socket.has_dualstack_ipv6() else "0.0.0.0"  # noqa: S104 - it is what was asked for
    # With the protocol named, asyncio turns Nagle's algorithm off for what is accepted here; otherwise every answer in
    # two parts waits 40 ms for the client's delayed acknowledgement (uvloop always does, asyncio looks at this).
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        if address == "::":
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if absent:
            sock.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
        sock.bind((address, port))
        # Listening now, not when the server starts, is what makes a second program fail here and not later.
        sock.listen(BACKLOG)
    except OSError as problem:
        sock.close()
        if problem.errno == errno.EADDRINUSE:
            what = f"Port {port} is already in use, so {name} cannot listen there."
        else:
            what = f"{name[0].upper()}{name[1:]} cannot listen on port {port}: {problem.strerror}."
        raise PortInUse(
            what, next_step=f"stop the program that uses it, or choose another port: {option} 0 takes any free one"
        ) from None
    sock.setblocking(False)
    return sock


class _Dropped(logging.Filter):
    """Drops some of uvicorn's messages: those about what a client sent, which get an answer, and the following.

    One is about a WebSocket that the application refused with an HTTP response: its ``websockets-sansio`` protocol does
    not count such a response as the end of the handshake. The others are about requests that are cut off, which a
    listener says itself.
    """

    _BEGINNINGS = (
        "ASGI callable returned without completing handshake.",
        "Cancel %s running task(s), timeout graceful shutdown exceeded",
        "Invalid HTTP request received.",
        "No supported WebSocket library detected.",
        "Unsupported upgrade request.",
    )

    def filter(self, record: logging.LogRecord) -> bool:
        is_cut_off = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
        return not str(record.msg).startswith(self._BEGINNINGS) and not is_cut_off


_DROPPED = _Dropped()


class _Protocol(HttpToolsProtocol):
    """Limits what uvicorn and httptools do not: the size of a request's head, and the time of a request and its
    response.

    ``began`` is when the current request began, by the loop's clock; None between two requests.
    """

    began: float | None = None
    _receiving = False
    _refused = False
    _unseen = 0
    """Bytes since the parser last passed on a part of the body: those of a head, or of the trailers of a chunked
    body."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        self.began = self.loop.time()
        super().connection_made(transport)
        self.transport = cast("asyncio.Transport", BufferedTransport(transport, self.loop))

    def is_late(self, latest: float, is_long_running: IsLongRunning) -> bool:
        """Return whether the current request began before ``latest`` and may not take longer."""
        if self.began is None or self.began >= latest:
            return False
        cycle = cast("RequestResponseCycle | None", self.cycle)  # None before the first request
        return (
            self._receiving
            or cycle is None
            or cycle.response_complete
            or not is_long_running(cast("Scope", cycle.scope))
        )

    def data_received(self, data: bytes) -> None:
        self._unseen += len(data)
        super().data_received(data)
        if self._unseen > MAX_HEAD_BYTES:
            self._refuse_head()

    def _refuse_head(self) -> None:
        self._refused = True
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\n\r\n")
            self.transport.close()

    def on_headers_complete(self) -> None:
        if len(self.headers) > MAX_HEADERS:
            self._refuse_head()
        else:
            super().on_headers_complete()

    def on_message_begin(self) -> None:
        self.began = self.loop.time()
        self._receiving = True
        super().on_message_begin()

    def on_body(self, body: bytes) -> None:
        self._unseen = 0
        if not self._refused:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._receiving = False
        self._unseen = 0
        if self._refused:
            return
        super().on_message_complete()
        cycle = cast("RequestResponseCycle | None", self.cycle)  # None before the first request
        if cycle is not None and cycle.response_complete:
            # The response was sent before the request ended; uvicorn then does not limit the wait for the next request.
            self.began = None
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.cycle.response_complete:
            self.began = self.loop.time()  # another request has arrived already
        elif not self._receiving:
            self.began = None


HTTPProtocol = _Protocol
"""The protocol of each connection, for others to build upon (podrole.base.front)."""


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers; ``ready`` is set once it serves."""

    def __init__(self, config: uvicorn.Config, exchange_seconds: float, is_long_running: IsLongRunning) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self._exchange_seconds = exchange_seconds
        self._is_long_running = is_long_running
        self._cutting_slow: asyncio.Task[None] | None = None
        self.unfinished = 0
        """Requests that had not ended when their time was over."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        cutting = asyncio.create_task(self._cut_off_idle())
        try:
            await super().shutdown(sockets)
        finally:
            cutting.cancel()
            if self._cutting_slow is not None:
                self._cutting_slow.cancel()
            for connection in list(self.server_state.connections):
                connection.transport.abort()

    async def _wait_tasks_to_complete(self) -> None:
        try:
            await super()._wait_tasks_to_complete()
        except asyncio.CancelledError:  # the grace is over
            self.unfinished = len(self.server_state.tasks)
            raise

    async def _cut_off_idle(self) -> None:
        # Over TLS a connection closes only when the peer answers close_notify, and an idle client may never read it.
        while True:
            await asyncio.sleep(CLOSE_SECONDS)
            for connection in list(self.server_state.connections):
                # A WebSocket is not an idle connection: uvicorn closes it with a close frame.
                if isinstance(connection, HttpToolsProtocol):
                    cycle = cast("RequestResponseCycle | None", connection.cycle)  # None before the first request
                    if cycle is None or cycle.response_complete:
                        connection.transport.abort()

    async def _cut_off_slow(self, seconds: float) -> None:
        while True:
            await asyncio.sleep(seconds / 4)
            latest = asyncio.get_running_loop().time() - seconds
            for connection in list(self.server_state.connections):
                if isinstance(connection, _Protocol) and connection.is_late(latest, self._is_long_running):
                    connection.transport.abort()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._cutting_slow = asyncio.create_task(self._cut_off_slow(self._exchange_seconds))
        self.ready.set()


def _websocket_protocol() -> type[asyncio.Protocol]:
    from podrole.base.websocket_protocol import WebSocketProtocol  # most listeners have none, and it takes a while

    return WebSocketProtocol


@contextlib.asynccontextmanager
async def listening(
    app: Any,  # an ASGI application: uvicorn's own type for it is a union that no caller spells out
    sock: socket.socket,
    *,
    tls: ssl.SSLContext | None = None,
    websockets: bool = False,
    grace_seconds: float = GRACE_SECONDS,
    keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
    exchange_seconds: float = EXCHANGE_SECONDS,
    is_long_running: IsLongRunning = lambda _: False,
    name: str = "a listener",
    protocol: Callable[..., HTTPProtocol] = HTTPProtocol,
) -> AsyncIterator[None]:
    """Serve ``app`` on ``sock`` while the context is open; the socket is closed at the end.

    Requests that take longer than ``grace_seconds`` to finish then are cut off, and a warning with ``name`` says so.

    ``keep_alive_seconds`` should be longer than clients keep an idle connection: if the server closes it just when a
    request arrives, that request fails. ``exchange_seconds`` limits how long a client may take to begin a request, to
    send it and to receive its response (at most a quarter more). ``is_long_running`` says, from the scope of a request,
    whether its response may take as long as it likes: a watch. WebSockets have no limit once they are open.
    ``protocol`` makes the protocol of each connection (podrole.base.front).
    """
    logging.getLogger("uvicorn.error").addFilter(_DROPPED)
    config = uvicorn.Config(
        app,
        interface="asgi3",
        http=cast("type[HTTPProtocol]", protocol),
        ws=_websocket_protocol() if websockets else "none",
        # A pod that reads slowly holds up its client, whose answers to pings wait as well: no reason to hang up.
        ws_ping_timeout=None,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=cast("int", keep_alive_seconds),  # uvicorn only hands it to the event loop
        timeout_graceful_shutdown=max(1, round(grace_seconds)),
        backlog=BACKLOG,
        ssl_context_factory=None if tls is None else lambda _config, _default: tls,
    )
    server = _Server(config, exchange_seconds, is_long_running)
    task = asyncio.create_task(server.serve(sockets=[sock]))
    ready = asyncio.create_task(server.ready.wait())
    try:
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()  # raises the error that kept it from starting
            raise RuntimeError("the listener ended before it was ready")
        yield
    finally:
        ready.cancel()
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)
        sock.close()
        if server.unfinished:
            _log.warning("%s stopped: %d requests had not ended and were cut off", name, server.unfinished)
