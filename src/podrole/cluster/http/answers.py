"""Writing answers: JSON or YAML bodies, warnings, errors as Status objects."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from podrole.base import asgi
from podrole.base.asgi import Header, send_response
from podrole.base.large_work import LARGE, off_loop
from podrole.cluster.core.errors import StatusError
from podrole.cluster.http.requests import Request
from podrole.cluster.publish.documents import Document
from podrole.cluster.wire.bodies import JSON, YAML

Object = dict[str, Any]

_MAX_WARNINGS, _MAX_WARNING = 4096, 256
_ITEMS = 500
"""Items of a list that are written at once."""
_NO_CACHE: Header = (b"cache-control", b"no-cache, private")
_BROWSERS = ("curl", "Wget", "Mozilla/5.0")
_encode = msgspec.json.Encoder().encode


async def send_bytes(request: Request, status: int, body: bytes, headers: Iterable[Header]) -> None:
    """Send a whole answer."""
    await send_response(request.scope, request.send, status, body, headers)


async def send_text(request: Request, status: int, text: str) -> None:
    """Send a plain text."""
    headers = [asgi.TEXT, _NO_CACHE, (b"x-content-type-options", b"nosniff")]
    await send_bytes(request, status, text.encode(), headers)


async def send_object(
    request: Request,
    status: int,
    value: Any,
    *,
    media_type: str = JSON,
    warnings: Sequence[str] = (),
    more: Iterable[Header] = (),
) -> None:
    """Send a value as JSON or YAML."""
    await _send_json(request, status, _encode(value), media_type, warnings, more)


async def send_list(
    request: Request,
    value: Object,
    items: Sequence[Object],
    shape: Callable[[Object], Object],
    *,
    media_type: str = JSON,
    warnings: Sequence[str] = (),
) -> None:
    """Send a list. ``value`` is the list without its items, whose key is the last one; ``shape`` turns each object into
    an item. A long list is written beside the event loop."""

    def write() -> bytes:
        parts = range(0, len(items), _ITEMS)
        written = [_encode([shape(item) for item in items[first : first + _ITEMS]])[1:-1] for first in parts]
        return _encode(value).removesuffix(b"]}") + b",".join(written) + b"]}"

    body = await off_loop(LARGE if len(items) > _ITEMS else 0, write)
    await _send_json(request, 200, body, media_type, warnings)


async def _send_json(
    request: Request,
    status: int,
    body: bytes,
    media_type: str,
    warnings: Sequence[str],
    more: Iterable[Header] = (),
) -> None:
    """Send JSON, indented for people, or as YAML."""
    headers = [_NO_CACHE, *more]
    headers.extend((b"warning", header) for header in warning_headers(warnings))
    if media_type == YAML:
        import yaml  # rarely asked for

        def write() -> bytes:
            value = msgspec.json.decode(body)
            return yaml.safe_dump(value, allow_unicode=True, width=float("inf")).encode()

        body = await off_loop(len(body), write)
        headers.append((b"content-type", b"application/yaml"))
    else:
        if _is_pretty(request):
            body = msgspec.json.format(body, indent=2)
        headers.append(asgi.JSON)
    await send_bytes(request, status, body, headers)


def _is_pretty(request: Request) -> bool:
    """People with curl or a browser get line breaks, as from kube-apiserver."""
    if b"pretty" in request.query_string:
        return request.flag("pretty") is True
    return (request.header(b"user-agent") or "").startswith(_BROWSERS)


async def send_status(
    request: Request, error: StatusError, *, media_type: str = JSON, warnings: Sequence[str] = ()
) -> None:
    """Send a refusal."""
    more: list[Header] = [(b"x-content-type-options", b"nosniff")]
    retry = (error.details or {}).get("retryAfterSeconds")
    if retry:
        more.append((b"retry-after", b"%d" % retry))
    await send_object(request, error.http_status, error.status(), media_type=media_type, warnings=warnings, more=more)


async def send_document(request: Request, document: Document, *, cache: bytes = b"public") -> None:
    """Send a document that does not change; a client that has it already hears only that (304)."""
    etag: Header = (b"etag", document.etag.encode())
    headers = [(b"cache-control", cache), etag, (b"vary", b"Accept")]
    if document.etag in (request.header(b"if-none-match") or ""):
        await send_response(request.scope, request.send, 304, headers=headers, length=False)
        return
    headers.append((b"content-type", document.content_type.encode()))
    await send_bytes(request, 200, document.body, headers)


def warning_headers(warnings: Sequence[str]) -> list[bytes]:
    """Return ``299 - "text"`` for each warning, shortened where together they would be too long for headers."""
    distinct = list(dict.fromkeys(warnings))
    if sum(map(len, distinct)) > _MAX_WARNINGS:
        distinct = [warning[:_MAX_WARNING] for warning in distinct[: _MAX_WARNINGS // _MAX_WARNING]]
    return [_warning(warning) for warning in distinct]


def _warning(text: str) -> bytes:
    clean = "".join(character if character.isprintable() else " " for character in text)
    escaped = clean.replace("\\", "\\\\").replace('"', '\\"')
    return b'299 - "' + escaped.encode("utf-8", "replace") + b'"'
