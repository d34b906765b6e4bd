"""ASGI without a framework: the types, one reader of request bodies, one way to send an answer.

https://asgi.readthedocs.io/en/latest/specs/www.html#http
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, TypeAlias

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Header: TypeAlias = tuple[bytes, bytes]

TEXT: Header = (b"content-type", b"text/plain; charset=utf-8")
JSON: Header = (b"content-type", b"application/json")


class ClientDisconnected(Exception):
    """The client closed its connection before the end of the request's body: nothing of the body may be used."""


class BodyTooLarge(Exception):
    """The request's body is longer than ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"the request's body is longer than {limit} bytes")
        self.limit = limit


class TooManyBytesHeld(Exception):
    """The bodies that a server is reading hold too much memory together."""


class BodyMemory:
    """Limits how many bytes a server holds of all the bodies whose end has not arrived yet."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = 0

    def hold(self, size: int) -> None:
        """Count ``size`` more bytes. Raises TooManyBytesHeld; the bytes count until they are released all the same."""
        self._held += size
        if self._held > self._limit:
            raise TooManyBytesHeld

    def release(self, size: int) -> None:
        """Stop counting ``size`` bytes."""
        self._held -= size


async def read_body(receive: Receive, limit: int, *, discard_up_to: int = 0, memory: BodyMemory | None = None) -> bytes:
    """Read the whole body of a request, at most ``limit`` bytes. Only the bytes that arrive count, not the headers.

    Of a longer body nothing is kept. Its rest is read and thrown away as long as the whole is not over
    ``discard_up_to`` bytes: a client that is still sending would see a broken connection instead of the answer.

    Raises ClientDisconnected, BodyTooLarge and, with ``memory``, TooManyBytesHeld.
    """
    chunks: list[bytes] = []
    size = held = 0
    try:
        while (message := await receive())["type"] == "http.request":
            chunk: bytes = message.get("body", b"")
            more: bool = message.get("more_body", False)
            size += len(chunk)
            if size > limit:
                chunks.clear()
                if not more or size > discard_up_to:
                    raise BodyTooLarge(limit)
                continue
            chunks.append(chunk)
            if not more:
                return b"".join(chunks)
            if memory is not None:
                held += len(chunk)
                memory.hold(len(chunk))
    finally:
        if memory is not None:
            memory.release(held)
    raise ClientDisconnected


async def send_response(
    scope: Scope, send: Send, status: int, body: bytes = b"", headers: Iterable[Header] = (), *, length: bool = True
) -> None:
    """Send a whole response with its Content-Length; a HEAD request gets the headers alone.

    The headers of an answer to HEAD may state a Content-Length: that of the body which GET would get. Without
    ``length`` the response has no Content-Length: what RFC 9110 8.6 asks of 204, and allows for 304.
    """
    sent, is_head = [*headers], scope.get("method") == "HEAD"
    if length and not (is_head and any(name == b"content-length" for name, _ in sent)):
        sent.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": status, "headers": sent})
    await send({"type": "http.response.body", "body": b"" if is_head else body})
