"""HTTP as the stations see it: a whole request, and a response ready to send."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from urllib.parse import unquote

import msgspec

from podrole.base.asgi import Receive, Scope, read_body

MAX_BODY_BYTES = 256 * 1024 * 1024
"""The largest request body. S3 takes 5 GiB in one request; podrole keeps the body in memory."""


class HTTPRequest(msgspec.Struct, frozen=True, dict=True):
    """A request as it came. ``path`` and ``query`` are percent-encoded, as sent; header names are lower-case."""

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    client: str
    scheme: str = "http"

    @functools.cached_property
    def header(self) -> dict[str, str]:
        """The headers by name; the values of a repeated header are joined with commas (RFC 9110 5.3)."""
        by_name: dict[str, str] = {}
        for name, value in self.headers:
            by_name[name] = f"{by_name[name]},{value}" if name in by_name else value
        return by_name

    @functools.cached_property
    def query_pairs(self) -> list[tuple[str, str]]:
        """The query's parameters, decoded, in order. A ``+`` is a plus sign: for AWS only ``%20`` is a blank."""
        pairs = (part.partition("=") for part in self.query.split("&") if part)
        return [(unquote(name), unquote(value)) for name, _, value in pairs]


class HTTPResponse(msgspec.Struct, frozen=True):
    """A response. Header names are lower-case."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


async def read_request(scope: Scope, receive: Receive) -> HTTPRequest:
    """Read an ASGI request whole. Raises BodyTooLarge, and ClientDisconnected for a body that breaks off."""
    return HTTPRequest(
        method=scope["method"],
        path=scope["raw_path"].decode("latin-1") or "/",
        query=scope["query_string"].decode("latin-1"),
        headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
        body=await read_body(receive, MAX_BODY_BYTES),
        client=scope["client"][0] if scope.get("client") else "",
        scheme=scope["scheme"],
    )
