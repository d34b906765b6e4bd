"""Logs, exec and attach: the API's half, up to the node.

exec and attach speak WebSocket with the channel protocol of Kubernetes, ``v5.channel.k8s.io`` or v4: each message's
first byte names a stream (k8s.io/apimachinery ``util/remotecommand``).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import msgspec

from podrole.base.asgi import send_response
from podrole.cluster.core.calls import Call
from podrole.cluster.core.errors import (
    FieldError,
    StatusError,
    bad_request,
    forbidden,
    invalid,
    invalid_object,
    required,
    unavailable,
)
from podrole.cluster.core.node_api import LogOptions, NodeApi, StreamOptions, StreamSession
from podrole.cluster.core.pods import is_finished
from podrole.cluster.http.requests import Request

Object = dict[str, Any]

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_STDIN, _STDOUT, _STDERR, _ERROR, _RESIZE, _CLOSE = 0, 1, 2, 3, 4, 255
_CHANNELS = {"stdout": bytes([_STDOUT]), "stderr": bytes([_STDERR])}
_LOG_HEADERS = [(b"content-type", b"text/plain"), (b"cache-control", b"no-cache, private")]


NO_SPDY = bad_request("unable to upgrade: this server streams over WebSocket only, not over SPDY")
_REMEMBERED_REFUSALS, _REMEMBERED_SECONDS = 64, 10.0


class RecentRefusals:
    """Keeps why sessions were refused, until their client asks again over SPDY."""

    def __init__(self) -> None:
        self._refused: dict[tuple[str, ...], tuple[float, StatusError]] = {}

    def remember(self, request: Request, refused: StatusError) -> None:
        """Keep the refusal of a request. If there are too many, the oldest is dropped."""
        if len(self._refused) >= _REMEMBERED_REFUSALS:
            self._refused.pop(next(iter(self._refused)))
        self._refused[_identity(request)] = (time.monotonic(), refused)

    def recall(self, request: Request) -> StatusError | None:
        """Return the refusal of the same request by the same client, once."""
        when, refused = self._refused.pop(_identity(request), (0.0, None))
        return refused if time.monotonic() - when < _REMEMBERED_SECONDS else None


def _identity(request: Request) -> tuple[str, ...]:
    authorization = request.header(b"authorization") or ""
    return request.path, request.query_string.decode("latin-1"), authorization


def container_of(pod: Object, wanted: str) -> str:
    """Return the container that a request means. Raises StatusError (400), as kube-apiserver words it."""
    spec, name = pod["spec"], pod["metadata"]["name"]
    main = [container["name"] for container in spec.get("containers", ())]
    init = [container["name"] for container in spec.get("initContainers", ())]
    ephemeral = [container["name"] for container in spec.get("ephemeralContainers", ())]
    if wanted:
        if wanted not in (*main, *init, *ephemeral):
            raise bad_request(f"container {wanted} is not valid for pod {name}")
        return wanted
    if len(main) == 1:
        return str(main[0])
    text = f"a container name must be specified for pod {name}, choose one of: [{' '.join(main)}]"
    if init:
        text += f" or one of the init containers: [{' '.join(init)}]"
    raise bad_request(text)


def log_options(request: Request) -> LogOptions:
    """Read PodLogOptions from the query. Raises StatusError (400, 422)."""
    tail, limit, seconds = (request.number(name) for name in ("tailLines", "limitBytes", "sinceSeconds"))
    since = request.parameter("sinceTime")
    errors: list[FieldError] = []
    if tail is not None and tail < 0:
        errors.append(invalid("tailLines", tail, "must be greater than or equal to 0"))
    if limit is not None and limit < 1:
        errors.append(invalid("limitBytes", limit, "must be greater than 0"))
    if seconds is not None and since:
        errors.append(forbidden("", "at most one of `sinceTime` or `sinceSeconds` may be specified"))
    elif seconds is not None and seconds < 1:
        errors.append(invalid("sinceSeconds", seconds, "must be greater than 0"))
    if errors:
        raise invalid_object("", "PodLogOptions", request.path.rstrip("/").split("/")[-2], errors)
    return LogOptions(
        follow=request.flag("follow") or False,
        previous=request.flag("previous") or False,
        timestamps=request.flag("timestamps") or False,
        tail_lines=tail,
        limit_bytes=limit,
        since_seconds=seconds,
        since_time=_epoch(since) if since else None,
    )


def _epoch(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise bad_request(f'sinceTime: parsing time "{text}" as "2006-01-02T15:04:05Z07:00": cannot parse') from None


def _node(node: NodeApi | None) -> NodeApi:
    if node is None:
        raise unavailable("this cluster has no node running: there is nothing to stream from")
    return node


async def serve_log(request: Request, node: NodeApi | None, pod: Object) -> None:
    """Send a container's log. Raises StatusError before the first byte, never after."""
    options = log_options(request)
    container = container_of(pod, request.parameter("container"))
    if not pod["spec"].get("nodeName"):
        # Nowhere yet, so nothing was written: kube-apiserver answers with no content, too.
        await send_response(request.scope, request.send, 204, headers=_LOG_HEADERS[1:], length=False)
        return
    lines = await _node(node).logs(pod, container, options)
    await request.send({"type": "http.response.start", "status": 200, "headers": _LOG_HEADERS})
    gone = asyncio.create_task(_disconnect(request))
    sending = asyncio.create_task(_send_lines(request, lines))
    try:
        await asyncio.wait({gone, sending}, return_when=asyncio.FIRST_COMPLETED)
        if sending.done():
            sending.result()
    finally:
        for task in (gone, sending):
            task.cancel()
        await asyncio.gather(gone, sending, return_exceptions=True)


async def _send_lines(request: Request, lines: AsyncIterator[bytes]) -> None:
    async for chunk in lines:
        await request.send({"type": "http.response.body", "body": chunk, "more_body": True})
    await request.send({"type": "http.response.body", "body": b""})


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def connect_options(request: Request, kind: str) -> Object:
    """Return the PodExecOptions or PodAttachOptions of the query. Raises StatusError (400, 422)."""
    flags: Object = {name: request.flag(name) or False for name in ("stdin", "stdout", "stderr", "tty")}
    errors: list[FieldError] = []
    if not (flags["stdin"] or flags["stdout"] or flags["stderr"]):
        errors.append(required("", "at least one of `stdin`, `stdout` or `stderr` must be specified"))
    if flags["tty"] and flags["stderr"]:
        errors.append(invalid("tty", True, "tty and stderr cannot both be true"))
    if kind == "PodExecOptions" and not any(request.query.get("command", ())):
        errors.append(required("command"))
    if errors:
        raise invalid_object("", kind, "", errors)
    options: Object = {"kind": kind, "apiVersion": "v1", **{name: flag for name, flag in flags.items() if flag}}
    if container := request.parameter("container"):
        options["container"] = container
    if kind == "PodExecOptions":
        options["command"] = request.query.get("command", [])
    return options


def stream_options(options: Object) -> StreamOptions:
    """Return the streams that the client wants."""
    return StreamOptions(**{name: options.get(name, False) for name in ("stdin", "stdout", "stderr", "tty")})


async def open_session(call: Call, node: NodeApi | None, pod: Object, requested: Object) -> StreamSession:
    """Begin an exec or attach. Raises StatusError: the WebSocket is not accepted yet, so it is an ordinary answer."""
    container, options = container_of(pod, requested.get("container", "")), stream_options(requested)
    if is_finished(pod):
        raise bad_request(
            f"cannot exec or attach to a container in a completed pod; current phase is {pod['status']['phase']}"
        )
    if not pod["spec"].get("nodeName"):
        raise bad_request(f"pod {call.name} does not have a host assigned")
    if call.subresource == "exec":
        return await _node(node).exec(pod, container, requested["command"], options)
    return await _node(node).attach(pod, container, options)


def choose_protocol(request: Request) -> str:
    """Return the newest protocol that both sides speak. Raises StatusError (400)."""
    offered = request.scope.get("subprotocols", ())
    chosen = next((protocol for protocol in PROTOCOLS if protocol in offered), None)
    if chosen is None:
        raise bad_request(f"unable to upgrade: the client must offer one of the subprotocols {', '.join(PROTOCOLS)}")
    return chosen


async def serve_session(request: Request, session: StreamSession, options: StreamOptions, protocol: str) -> None:
    """Carry the streams of a session until it ends, then send its exit status and close."""
    tasks: list[asyncio.Task[None]] = []
    try:
        await request.send({"type": "websocket.accept", "subprotocol": protocol})
        reading = asyncio.create_task(_read(request, session, half_close=protocol == PROTOCOLS[0]))
        writing = asyncio.create_task(_write(request, session, options))
        tasks = [reading, writing]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if writing.done():
            await writing
            await request.send({"type": "websocket.close", "code": 1000})
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await session.close()


async def _read(request: Request, session: StreamSession, *, half_close: bool) -> None:
    """Pass on what the client sends; returns when it hangs up."""
    while True:
        message = await request.receive()
        if message["type"] == "websocket.disconnect":
            return
        data = message.get("bytes") or (message.get("text") or "").encode()
        if not data:
            continue
        channel, payload = data[0], data[1:]
        if channel == _STDIN:
            await session.write(payload)
        elif channel == _RESIZE:
            await _resize(session, payload)
        elif channel == _CLOSE and half_close and payload[:1] == bytes([_STDIN]):
            await session.close_input()


async def _resize(session: StreamSession, payload: bytes) -> None:
    try:
        size = msgspec.json.decode(payload, type=dict[str, int])
    except msgspec.MsgspecError:
        return  # as the kubelet: a size that cannot be read leaves the terminal as it is
    width, height = size.get("Width", 0), size.get("Height", 0)
    if 0 < width < 65536 and 0 < height < 65536:
        await session.resize(width, height)


async def _write(request: Request, session: StreamSession, options: StreamOptions) -> None:
    first = _STDOUT if options.stdout else _STDERR if options.stderr else _ERROR
    # An empty message says that the streams are open, as kube-apiserver's does.
    await request.send({"type": "websocket.send", "bytes": bytes([first])})
    async for output in session.output():
        await request.send({"type": "websocket.send", "bytes": _CHANNELS[output.stream] + output.data})
    outcome = msgspec.json.encode(exit_status(await session.wait()))
    await request.send({"type": "websocket.send", "bytes": bytes([_ERROR]) + outcome})


def exit_status(code: int) -> Object:
    """Return the Status that tells a client the exit code."""
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with exit code {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


async def refuse_session(request: Request, error: StatusError) -> None:
    """Answer the opening of a WebSocket with an ordinary HTTP error."""
    body = msgspec.json.encode(error.status())
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await request.send({"type": "websocket.http.response.start", "status": error.http_status, "headers": headers})
    await request.send({"type": "websocket.http.response.body", "body": body})
