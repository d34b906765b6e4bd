"""The two HTTP servers: reviews and probes over TLS, metrics in plain HTTP. Plain ASGI callables, because they are
fast."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Protocol

from podrole.base.asgi import (
    BodyMemory,
    BodyTooLarge,
    ClientDisconnected,
    Receive,
    Scope,
    Send,
    TooManyBytesHeld,
    read_body,
    send_response,
)
from podrole.webhook.admission.handler import JSON, TEXT, HTTPAnswer
from podrole.webhook.metrics import CONTENT_TYPE, Metrics, MetricsSnapshot, render

NOT_FOUND = HTTPAnswer(404, b"404 page not found\n", TEXT)
OK = HTTPAnswer(200, b"ok", TEXT)
UNHEALTHY = HTTPAnswer(500, b"a background task of the webhook failed", TEXT)

_KNOWN_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})|;")


class ReviewHandler(Protocol):
    """Answers reviews."""

    async def review(self, body: bytes, *, required: bool = False) -> HTTPAnswer:
        """Return the answer to a review. With ``required`` a pod without an identity is refused."""
        ...


class WebhookState(Protocol):
    """The state that probes show."""

    @property
    def healthy(self) -> bool:
        """Whether no background task has failed. An unhealthy process should be replaced."""
        ...

    @property
    def ready(self) -> bool:
        """Whether this replica should get reviews."""
        ...

    @property
    def stopping(self) -> bool:
        """Whether clients should use another replica."""
        ...


class WebhookApp:
    """``/mutate``, the probes, and ``/require`` for pods that must have an identity.

    ``strict`` accepts and refuses requests as the EKS webhook does, and its ``/healthz`` always returns 200.
    """

    def __init__(
        self,
        handler: ReviewHandler,
        metrics: Metrics,
        state: WebhookState,
        *,
        max_body_bytes: int,
        max_held_bytes: int,
        strict: bool = False,
        debugging: bool = False,
    ) -> None:
        self._handler = handler
        self._metrics = metrics
        self._state = state
        self._max_body_bytes = max_body_bytes
        self._memory = BodyMemory(max_held_bytes)
        self._strict = strict
        self._debugging = debugging

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope["path"]
        if path == "/mutate" or path == "/require":
            started = time.perf_counter()
            answer = await self._review(scope, receive, required=path == "/require")
            self._measure(scope["method"], path, answer, time.perf_counter() - started)
        elif path == "/healthz":
            answer = OK if self._strict or self._state.healthy else UNHEALTHY
        elif path == "/readyz":
            answer = OK if self._state.ready else HTTPAnswer(503, b"not ready: sources are not synced", TEXT)
        elif self._debugging and path.startswith("/debug/alpha/"):
            answer = _DEBUG.get(path, NOT_FOUND)
            self._measure(scope["method"], path, answer, 0.0)
        else:
            answer = NOT_FOUND
        await send_answer(scope, send, answer, close=self._state.stopping)

    async def _review(self, scope: Scope, receive: Receive, *, required: bool) -> HTTPAnswer:
        refusal = self._refusal_strict(scope) if self._strict else self._refusal(scope)
        if refusal is not None:
            return refusal
        try:
            body = await read_body(receive, self._max_body_bytes, memory=self._memory)
        except ClientDisconnected:
            return HTTPAnswer(400, b"the body ended early\n", TEXT)  # not received, but counted
        except BodyTooLarge:
            return self._too_large()
        except TooManyBytesHeld:
            return HTTPAnswer(503, b"too many large reviews at once\n", TEXT)
        return await self._handler.review(body, required=required)

    def _refusal(self, scope: Scope) -> HTTPAnswer | None:
        """Return the answer to a request that is refused before its body is read, or None."""
        if scope["method"] != "POST":
            return HTTPAnswer(405, b"expected POST\n", TEXT)
        content_type = b""
        for name, value in scope["headers"]:
            if name == b"content-type":
                content_type = value
            elif name == b"content-length" and value.isdigit() and int(value[:20]) > self._max_body_bytes:
                return self._too_large()
        if content_type != JSON and content_type.partition(b";")[0].strip().lower() != JSON:
            return HTTPAnswer(415, b"expected Content-Type application/json\n", TEXT)
        return None

    def _refusal_strict(self, scope: Scope) -> HTTPAnswer | None:
        if _BAD_ESCAPE.search(scope["query_string"]):
            return HTTPAnswer(400, b'{"error": "error parsing form"}\n', TEXT)
        if next((value for name, value in scope["headers"] if name == b"content-type"), b"") != JSON:
            return HTTPAnswer(415, b"Invalid Content-Type, expected `application/json`\n", TEXT)
        return None

    def _too_large(self) -> HTTPAnswer:
        return HTTPAnswer(413, f"expected at most {self._max_body_bytes} bytes\n".encode(), TEXT)

    def _measure(self, method: str, path: str, answer: HTTPAnswer, seconds: float) -> None:
        # A client can send any text as method, and every new label takes memory.
        verb = method if method in _KNOWN_METHODS else "OTHER"
        self._metrics.count("http_request_count", verb, path, str(answer.status))
        self._metrics.observe(f"{verb} {path}", seconds)


_DEBUG: Mapping[str, HTTPAnswer] = {
    "/debug/alpha/deny": HTTPAnswer(
        200, b'{"response":{"uid":"","allowed":false,"status":{"metadata":{},"message":"Test deny message"}}}', TEXT
    ),
    "/debug/alpha/500": HTTPAnswer(500, b"test error\n", TEXT),
}


class WebhookStatistics(Protocol):
    """What the metrics server shows, for one process or for all workers together."""

    async def snapshot(self) -> MetricsSnapshot:
        """Return all counts so far."""
        ...

    async def cache(self) -> bytes:
        """Return the cached service accounts as JSON."""
        ...

    async def clear(self) -> None:
        """Empty the cache and read all service accounts again."""
        ...


class MetricsApp:
    """``/metrics``, and with ``debugging`` the cache."""

    def __init__(self, statistics: WebhookStatistics, *, debugging: bool = False) -> None:
        self._statistics = statistics
        self._debugging = debugging

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's
        """Serve one request."""
        path = scope["path"]
        answer = NOT_FOUND
        if path == "/metrics":
            answer = HTTPAnswer(200, render(await self._statistics.snapshot()), CONTENT_TYPE.encode())
        elif self._debugging and path == "/debug/alpha/cache":
            answer = HTTPAnswer(200, await self._statistics.cache(), JSON)
        elif self._debugging and path == "/debug/alpha/cache/clear":
            await self._statistics.clear()
            answer = HTTPAnswer(200, b"", TEXT)
        await send_answer(scope, send, answer)


async def send_answer(scope: Scope, send: Send, answer: HTTPAnswer, *, close: bool = False) -> None:
    """Send an answer; ``close`` asks the client to open another connection for its next request."""
    headers = [(b"content-type", answer.content_type)]
    if close:
        headers.append((b"connection", b"close"))
    await send_response(scope, send, answer.status, answer.body, headers)
