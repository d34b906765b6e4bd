"""A small Kubernetes API server for tests: lists in pages, watches, single objects, events; outages on request.

It knows just the verbs that the webhook uses, and answers them as a real one does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from typing import Any, Self
from urllib.parse import parse_qs

from podrole.base.certificates import Authority, server_context
from podrole.base.serving import LOOPBACK, bind, listening
from podrole.kube.connection import Connection
from podrole.kube.credentials import StaticToken

Object = dict[str, Any]
Key = tuple[str, str, str]

AUTHORITY = Authority.create("test API server", now=time.time())
TLS = server_context(AUTHORITY.issue([LOOPBACK], now=time.time()))
TOKEN = "the-webhooks-own-token"


class APIServer:
    """``objects`` is what it holds, by plural, namespace and name; ``requests`` every request that came."""

    def __init__(self) -> None:
        self.objects: dict[Key, Object] = {}
        self.requests: list[tuple[str, str]] = []
        self.user_agents: set[str] = set()
        self.created: list[Object] = []
        self.refuse_with: int | None = None
        self.silent = False
        """Takes requests and never answers, but for watches that are open already."""
        self.port = 0
        self._version = 1
        self._oldest = 0
        self._history: list[tuple[int, str, str, Object]] = []
        self._watches: set[asyncio.Queue[tuple[int, str, str, Object] | None]] = set()
        self._stack: contextlib.AsyncExitStack | None = None

    @property
    def connection(self) -> Connection:
        return Connection(f"https://{LOOPBACK}:{self.port}", AUTHORITY.certificate_pem, auth=StaticToken(TOKEN))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen; on the same port as before, if it has listened before."""
        sock = bind(self.port, name="the API server", option="--port")
        self.port = sock.getsockname()[1]
        self._stack = contextlib.AsyncExitStack()
        await self._stack.enter_async_context(listening(self, sock, tls=TLS, grace_seconds=1))

    async def stop(self) -> None:
        """Go away, ending every watch."""
        self.end_watches()
        if self._stack is not None:
            await self._stack.aclose()
            self._stack = None

    def put(self, plural: str, namespace: str, name: str, **fields: Any) -> Object:
        """Make or change an object; ``annotations`` go into its metadata."""
        self._version += 1
        metadata = {"name": name, "namespace": namespace, "resourceVersion": str(self._version), "uid": "u-" + name}
        if "annotations" in fields:
            metadata["annotations"] = fields.pop("annotations")
        item = {"metadata": metadata, **fields}
        kind = "MODIFIED" if (plural, namespace, name) in self.objects else "ADDED"
        self.objects[plural, namespace, name] = item
        self._happen(kind, plural, item)
        return item

    def service_account(self, namespace: str, name: str, **annotations: str) -> Object:
        """Make or change a service account; ``role_arn`` becomes the annotation ``eks.amazonaws.com/role-arn``."""
        said = {f"eks.amazonaws.com/{key.replace('_', '-')}": value for key, value in annotations.items()}
        return self.put("serviceaccounts", namespace, name, annotations=said, secrets=[{"name": "not-looked-at"}])

    def config_map(self, namespace: str, name: str, config: Any) -> Object:
        text = config if isinstance(config, str) else json.dumps(config)
        return self.put("configmaps", namespace, name, data={"config": text})

    def remove(self, plural: str, namespace: str, name: str) -> None:
        item = self.objects.pop((plural, namespace, name))
        self._version += 1
        item = {**item, "metadata": {**item["metadata"], "resourceVersion": str(self._version)}}
        self._happen("DELETED", plural, item)

    def forget_history(self) -> None:
        """From now on no watch can start from a version that was before now."""
        self._version += 1
        self._oldest = self._version

    def end_watches(self) -> None:
        for queue in self._watches:
            queue.put_nowait(None)

    def watches(self) -> int:
        return len(self._watches)

    def asked(self, part: str) -> int:
        """How many requests had ``part`` in their path and query."""
        return sum(part in path for _, path in self.requests)

    def _happen(self, kind: str, plural: str, item: Object) -> None:
        event = (self._version, kind, plural, item)
        self._history.append(event)
        for queue in self._watches:
            queue.put_nowait(event)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path, query = scope["path"], scope["query_string"].decode()
        self.requests.append((scope["method"], f"{scope['raw_path'].decode()}?{query}"))
        headers = dict(scope["headers"])
        self.user_agents.add(headers[b"user-agent"].decode())
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        if self.silent:
            await asyncio.Event().wait()
        if headers.get(b"authorization") != f"Bearer {TOKEN}".encode():
            await answer(send, 401, status(401, "Unauthorized", "Unauthorized"))
        elif self.refuse_with is not None:
            await answer(send, self.refuse_with, status(self.refuse_with, "Refused", "as the test asked"))
        else:
            parameters = {key: values[0] for key, values in parse_qs(query).items()}
            await self._serve(scope["method"], path.strip("/").split("/"), parameters, body, send)

    async def _serve(self, method: str, parts: list[str], parameters: dict[str, str], body: bytes, send: Any) -> None:
        rest = parts[2:] if parts[0] == "api" else parts[3:]
        namespace, rest = (rest[1], rest[2:]) if rest[0] == "namespaces" else ("", rest)
        plural, name = rest[0], rest[1] if len(rest) > 1 else ""
        if method == "POST":
            created = json.loads(body)
            self.created.append(created)
            await answer(send, 201, created)
        elif name and method == "GET":
            item = self.objects.get((plural, namespace, name))
            if item is None:
                await answer(send, 404, status(404, "NotFound", f'{plural} "{name}" not found'))
            else:
                await answer(send, 200, item)
        elif "watch" in parameters:
            await self._watch(plural, namespace, int(parameters["resourceVersion"]), send)
        else:
            await self._list(plural, namespace, parameters, send)

    async def _list(self, plural: str, namespace: str, parameters: dict[str, str], send: Any) -> None:
        found = [self.objects[key] for key in sorted(self.objects) if key[0] == plural and namespace in ("", key[1])]
        start, limit = int(parameters.get("continue", 0)), int(parameters.get("limit", len(found) + 1))
        metadata = {"resourceVersion": str(self._version)}
        if start + limit < len(found):
            metadata["continue"] = str(start + limit)
        await answer(send, 200, {"kind": "List", "metadata": metadata, "items": found[start : start + limit]})

    async def _watch(self, plural: str, namespace: str, version: int, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})

        async def tell(kind: str, item: Object) -> None:
            line = json.dumps({"type": kind, "object": item}).encode() + b"\n"
            await send({"type": "http.response.body", "body": line, "more_body": True})

        if version < self._oldest:
            await tell("ERROR", status(410, "Expired", f"too old resource version: {version} ({self._oldest})"))
        else:
            queue: asyncio.Queue[tuple[int, str, str, Object] | None] = asyncio.Queue()
            for event in self._history:
                if event[0] > version:
                    queue.put_nowait(event)
            self._watches.add(queue)
            try:
                await tell("BOOKMARK", {"metadata": {"resourceVersion": str(version)}})
                while (event := await queue.get()) is not None:
                    _, kind, of, item = event
                    if of == plural and namespace in ("", item["metadata"]["namespace"]):
                        await tell(kind, item)
            finally:
                self._watches.discard(queue)
        await send({"type": "http.response.body", "body": b""})


def status(code: int, reason: str, message: str) -> Object:
    return {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": code,
        "reason": reason,
        "message": message,
    }


async def answer(send: Any, code: int, body: Object) -> None:
    await send({"type": "http.response.start", "status": code, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


async def until(condition: Any, *, seconds: float = 5) -> None:
    """Wait until ``condition()`` holds; fail after ``seconds``."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - it is any condition, and nobody sets an event for it
            await asyncio.sleep(0.002)


@contextlib.asynccontextmanager
async def running(coroutine: Any) -> AsyncIterator[asyncio.Task[Any]]:
    """Run a coroutine beside the test and cancel it at the end; what it raises, the test raises."""
    task = asyncio.create_task(coroutine)
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
