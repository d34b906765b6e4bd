"""kubectl port-forward: the API's half. Connections to a pod's ports, as pairs of streams of one SPDY connection.

Since 1.31 kubectl sends SPDY's frames in the messages of a WebSocket. For each connection the client opens two streams:
one for its bytes, and one on which an error is told. The error is plain text, and kubectl ends at the first one.

A program that does not read what a client sends holds up the client's other connections too, once a quarter of a
megabyte waits: SPDY is used without windows here, as by Kubernetes.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from podrole.cluster.core.calls import Call
from podrole.cluster.core.errors import bad_request, unavailable
from podrole.cluster.core.node_api import Dial, NodeApi, Object
from podrole.cluster.core.pods import is_finished
from podrole.cluster.http.requests import Request
from podrole.cluster.spdy.errors import SpdyProblem
from podrole.cluster.spdy.frames import (
    CANCEL,
    GOAWAY_PROTOCOL_ERROR,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    FrameReader,
    FrameWriter,
    PingReceived,
    StreamData,
    StreamOpened,
    StreamReset,
)

TUNNEL = "SPDY/3.1+portforward.k8s.io"
MAX_STREAMS = 512
"""Streams that one client may have open: two for each connection."""
MAX_WAITING_BYTES = 256 * 1024
"""What may wait for a program to read it; then the client waits."""
_CHUNK = 32 * 1024

SendBytes = Callable[[bytes], Awaitable[None]]


def choose_tunnel(request: Request) -> str:
    """Return the subprotocol of port-forward. Raises StatusError (400) for a client that does not offer it."""
    if TUNNEL not in request.scope.get("subprotocols", ()):
        raise bad_request(
            f"unable to upgrade: the client must offer the subprotocol {TUNNEL}, as kubectl does since 1.31 "
            "(1.30 with KUBECTL_PORT_FORWARD_WEBSOCKETS=true)"
        )
    return TUNNEL


async def open_dial(call: Call, node: NodeApi | None, pod: Object) -> Dial:
    """Return what connects to the pod's ports. Raises StatusError before the WebSocket is accepted."""
    if is_finished(pod):
        raise bad_request(f"cannot forward ports of a completed pod; current phase is {pod['status']['phase']}")
    if not pod["spec"].get("nodeName"):
        raise bad_request(f"pod {call.name} does not have a host assigned")
    if node is None:
        raise unavailable("this cluster has no node running: there is nothing to connect to")
    return await node.port_forward(pod)


async def serve_forwarding(request: Request, dial: Dial, pod: Object, protocol: str) -> None:
    """Carry connections to the pod until the client leaves."""
    metadata = pod["metadata"]
    subject = f"{metadata['name']}_{metadata['namespace']}, uid {metadata['uid']}"
    await request.send({"type": "websocket.accept", "subprotocol": protocol})
    forwarding = PortForwarding(functools.partial(_send, request), dial, subject)
    try:
        while (message := await request.receive())["type"] != "websocket.disconnect":
            await forwarding.receive(message.get("bytes") or b"")
    except SpdyProblem as problem:
        await forwarding.refuse()
        await request.send({"type": "websocket.close", "code": 1002, "reason": problem.what})
    finally:
        await forwarding.close()


async def _send(request: Request, data: bytes) -> None:
    await request.send({"type": "websocket.send", "bytes": data})


@dataclass(slots=True, eq=False)
class _Connection:
    """One connection to the pod: the two streams that it has with the client."""

    request: str
    port: int
    error: int = 0
    data: int = 0
    opened: asyncio.Future[asyncio.StreamWriter | None] = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )
    """What writes to the pod, once it is connected; None if that failed."""
    task: asyncio.Task[None] | None = None
    """What connects to the pod and passes on what it sends; None until both streams are open."""
    client_done: bool = False
    pod_done: bool = False


class PortForwarding:
    """The server's side of one client's SPDY connection. ``subject`` names the pod in errors."""

    def __init__(self, send: SendBytes, dial: Dial, subject: str) -> None:
        self._send_bytes = send
        self._dial = dial
        self._subject = subject
        self._reader = FrameReader()
        self._writer = FrameWriter()
        self._sending = asyncio.Lock()
        self._last = 0
        self._leaving = False
        self._connections: dict[str, _Connection] = {}
        """Those that lack a stream yet, by the client's request id."""
        self._streams: dict[int, _Connection] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def receive(self, data: bytes) -> None:
        """Take what the client has sent. Raises SpdyProblem if the connection cannot go on."""
        for frame in self._reader.feed(data):
            match frame:
                case StreamData(stream, content, fin):
                    await self._take(stream, content, fin=fin)
                case StreamOpened():
                    await self._open(frame)
                case StreamReset(stream):
                    self._reset(stream)
                case PingReceived(number):
                    if number % 2:  # an even number would answer a ping of ours
                        await self._send(lambda: self._writer.pong(number))
                case _:
                    self._leaving = True

    async def refuse(self) -> None:
        """Tell the client that it does not speak SPDY."""
        await self._send(lambda: self._writer.go_away(self._last, GOAWAY_PROTOCOL_ERROR))

    async def close(self) -> None:
        """Cut off every connection to the pod."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in {id(each): each for each in self._streams.values()}.values():
            _close(connection, abort=True)

    async def _send(self, frame: Callable[[], bytes]) -> None:
        async with self._sending:
            await self._send_bytes(frame())

    async def _open(self, frame: StreamOpened) -> None:
        stream = frame.stream
        if stream % 2 == 0 or stream <= self._last:
            await self._send(lambda: self._writer.reset(stream, PROTOCOL_ERROR))
            return
        self._last = stream
        if self._leaving or len(self._streams) >= MAX_STREAMS:
            await self._send(lambda: self._writer.reset(stream, REFUSED_STREAM))
            return
        connection = self._joined(frame)
        if connection is None:
            await self._send(lambda: self._writer.reset(stream, CANCEL))
            return
        self._streams[stream] = connection
        await self._send(lambda: self._writer.reply(stream))
        if connection.error and connection.data:
            task = connection.task = asyncio.create_task(self._forward(connection))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if frame.fin and stream == connection.data:
            await self._take(stream, b"", fin=True)

    def _joined(self, frame: StreamOpened) -> _Connection | None:
        """Return the connection that a new stream belongs to; None if its headers do not say."""
        kind, port = frame.headers.get("streamtype"), port_of(frame.headers.get("port", ""))
        if port is None or kind not in ("error", "data"):
            return None
        # Older clients send no id; theirs open the error stream first and the data stream next.
        request = frame.headers.get("requestid") or str(frame.stream if kind == "error" else frame.stream - 2)
        connection = self._connections.setdefault(request, _Connection(request, port))
        if getattr(connection, kind) or connection.port != port:
            return None
        setattr(connection, kind, frame.stream)
        if connection.error and connection.data:
            del self._connections[request]
        return connection

    async def _take(self, stream: int, data: bytes, *, fin: bool) -> None:
        """Pass on the client's bytes. What is for no open stream is dropped, as by Kubernetes."""
        connection = self._streams.get(stream)
        if connection is None or stream != connection.data or connection.client_done:
            return
        connection.client_done = fin
        if not connection.error:
            raise SpdyProblem("a stream has bytes before its connection has both streams")
        writer = await asyncio.shield(connection.opened)
        if writer is not None and not writer.is_closing():
            if data:
                writer.write(data)
                with contextlib.suppress(OSError):
                    await writer.drain()
            if fin and writer.can_write_eof():
                with contextlib.suppress(OSError):
                    writer.write_eof()
        self._forget_if_done(connection)

    def _reset(self, stream: int) -> None:
        connection = self._streams.pop(stream, None)
        if connection is None:
            return
        if not (connection.error and connection.data):
            self._connections.pop(connection.request, None)
        if stream != connection.data:
            return
        self._streams.pop(connection.error, None)
        if connection.task is not None and not connection.opened.done():
            connection.task.cancel()  # or else a client could have any number of connections begun
        # kubectl resets every connection, also the one that the pod has ended; what is under way still arrives then.
        _close(connection, abort=not connection.pod_done)
        connection.client_done = True

    async def _forward(self, connection: _Connection) -> None:
        """Connect to the pod, and pass on what it sends until its end."""
        error = ""
        try:
            try:
                reader, writer = await self._dial(connection.port)
            except OSError as problem:
                error = f"error forwarding port {connection.port} to pod {self._subject}: {problem}"
            else:
                writer.transport.set_write_buffer_limits(high=MAX_WAITING_BYTES)
                connection.opened.set_result(writer)
                if connection.data not in self._streams:  # reset meanwhile
                    _close(connection, abort=True)
                with contextlib.suppress(OSError):  # a pod that breaks a connection off ends it
                    while data := await reader.read(_CHUNK):
                        await self._send(functools.partial(self._writer.data, connection.data, data))
        finally:
            if not connection.opened.done():
                connection.opened.set_result(None)
        connection.pod_done = True
        await self._end(connection, error)

    async def _end(self, connection: _Connection, error: str) -> None:
        """Tell the client the end of both streams; the error first, which kubectl reads once the data has ended."""
        if connection.error in self._streams:
            await self._send(
                functools.partial(self._writer.data, connection.error, error.encode(errors="replace"), fin=True)
            )
        if connection.data in self._streams:
            await self._send(functools.partial(self._writer.data, connection.data, b"", fin=True))
        self._streams.pop(connection.error, None)
        self._forget_if_done(connection)

    def _forget_if_done(self, connection: _Connection) -> None:
        if connection.client_done and connection.pod_done:
            self._streams.pop(connection.data, None)
            _close(connection, abort=False)


def port_of(text: str) -> int | None:
    """Return the port that a header names; None for what is no port."""
    if not text.isascii() or not text.isdigit() or len(text) > 5:
        return None
    return int(text) if 0 < int(text) < 65536 else None


def _close(connection: _Connection, *, abort: bool) -> None:
    writer = connection.opened.result() if connection.opened.done() else None
    if writer is None:
        return
    if abort:
        writer.transport.abort()
    else:
        writer.close()
