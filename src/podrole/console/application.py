"""The console's ASGI application: which handler answers, who may ask, and the live stream."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from importlib.resources import files
from urllib.parse import parse_qsl

from podrole.base.asgi import (
    TEXT,
    BodyTooLarge,
    ClientDisconnected,
    Header,
    Receive,
    Scope,
    Send,
    read_body,
    send_response,
)
from podrole.base.errors import PodroleError
from podrole.console.access import SECURITY_HEADERS, AccessRefusal, BrowserAccess
from podrole.console.calls import NewCalls
from podrole.console.pages import render
from podrole.console.routes import HTML, Console, Fields, PageAnswer, calls_filter
from podrole.doctor.errors import BadTarget, SourceError
from podrole.iam.errors import InvalidARN
from podrole.oidc.errors import TokenRefused

MOST_BODY = 64 * 1024
MOST_STREAMS = 16
"""How many pages may be live at once."""
ROWS_AT_ONCE = 50
GATHER_SECONDS = 0.25
"""The pause between two messages of a stream: what comes meanwhile is sent together, the newest rows in full."""
KEEP_ALIVE_SECONDS = 15.0
_MOST_FIELDS = 20
_STATIC: Mapping[str, bytes] = {
    "console.css": b"text/css; charset=utf-8",
    "console.js": b"text/javascript; charset=utf-8",
    "icon.svg": b"image/svg+xml",
}

_log = logging.getLogger(__name__)

Handler = Callable[[Fields], Awaitable[PageAnswer]]


class Application:
    """Answers a browser's requests. Every response has the headers of ``podrole.console.access``."""

    def __init__(self, console: Console, access: BrowserAccess) -> None:
        self._console = console
        self._access = access
        self._streams = 0
        self._routes: Mapping[tuple[str, str], Handler] = {
            ("GET", "/"): console.chains,
            ("GET", "/chains"): console.chains_table,
            ("GET", "/chain"): console.chain,
            ("GET", "/calls"): console.calls_page,
            ("GET", "/call"): console.call,
            ("GET", "/role"): console.role,
            ("GET", "/token"): console.token,
            ("POST", "/token"): console.check_token,
            ("GET", "/map"): console.map,
            ("POST", "/repair"): console.repair,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        method: str = scope["method"]
        fields = _fields(scope["query_string"])
        token = fields.get("token", "") if (method, scope["path"]) == ("GET", "/") else ""
        path = self._access.inside(scope["path"])
        refusal = self._access.refusal(method, scope["headers"], token=token)
        if refusal is None and path is None and not self._access.is_token(token):
            refusal = AccessRefusal.TOKEN
        if refusal is not None:
            await _send(scope, send, PageAnswer(f"{refusal}\n".encode(), 403, (TEXT,)))
        elif path is None:
            await _send(scope, send, self._let_in(scope["headers"]))
        elif (method, path) == ("GET", "/live"):
            await self._live(fields, scope["headers"], receive, send)
        else:
            await _send(scope, send, await self._answer(method, path, fields, receive))

    def _let_in(self, headers: Sequence[Header]) -> PageAnswer:
        """Give the cookie and lead on, so that the token is out of the address: not shown, kept or passed on."""
        home = self._access.home
        if all(value in (b"none", b"same-origin") for name, value in headers if name.lower() == b"sec-fetch-site"):
            return PageAnswer(b"", 303, ((b"location", home.encode()), self._access.cookie))
        # Another page, such as a terminal in the browser, had the link. A redirect would count as its request, too.
        page = f'<!doctype html><meta http-equiv="refresh" content="0; url={home}"><a href="{home}">The console</a>\n'
        return PageAnswer(page.encode(), headers=(HTML, self._access.cookie))

    async def _answer(self, method: str, path: str, fields: Fields, receive: Receive) -> PageAnswer:
        static = path.removeprefix("/static/")
        if method in ("GET", "HEAD") and static in _STATIC and static != path:
            return PageAnswer(_static(static), headers=((b"content-type", _STATIC[static]),))
        handler = self._routes.get(("GET" if method == "HEAD" else method, path))
        if handler is None:
            known = any(path == route for _, route in self._routes)
            return PageAnswer(b"The method is not allowed here.\n" if known else b"There is no such page.\n",
                          405 if known else 404, (TEXT,))  # fmt: skip
        try:
            if method == "POST":
                fields = _fields(await read_body(receive, MOST_BODY, discard_up_to=16 * MOST_BODY))
            return await handler(fields)
        except PodroleError as fault:
            return await self._console.problem(fault, _status_of(fault))
        except BodyTooLarge:
            return PageAnswer(b"The form is too large.\n", 413, (TEXT,))
        except ClientDisconnected:
            return PageAnswer(b"", 400)
        except Exception:  # noqa: BLE001 - it is logged, and the browser told
            _log.exception("the console could not answer %s %s", method, path)
            return PageAnswer(b"podrole failed. The output of podrole console has the details.\n", 500, (TEXT,))

    async def _live(self, fields: Fields, headers: Sequence[Header], receive: Receive, send: Send) -> None:
        """Send what is new until the browser goes away: server-sent events.

        https://html.spec.whatwg.org/multipage/server-sent-events.html
        """
        if self._streams >= MOST_STREAMS:
            answer = PageAnswer(b"Too many pages are open.\n", 503, (TEXT,))
            await _send({"method": "GET"}, send, answer)
            return
        self._streams += 1
        self._console.observer.watching += 1
        # A browser that connects again says the last id that it has seen.
        seen = [value.decode("latin-1") for name, value in headers if name.lower() == b"last-event-id"]
        after = seen[0] if seen else fields.get("after", "")
        messages = self._new_calls(fields, after) if fields.get("view") == "calls" else self._new_looks()
        sending = asyncio.create_task(_stream(messages, send))
        leaving = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            leaving.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
            self._streams -= 1
            self._console.observer.watching -= 1

    async def _new_looks(self) -> AsyncIterator[bytes]:
        observer = self._console.observer
        observer.ask_if_old()
        number = -1 if observer.latest is None else observer.latest.number
        while True:
            await asyncio.sleep(GATHER_SECONDS)
            seen = observer.latest
            if seen is not None and seen.number != number:
                number = seen.number
                yield _message("look", {"number": number}, number)
            else:
                yield b""

    async def _new_calls(self, fields: Fields, after: str) -> AsyncIterator[bytes]:
        calls, wanted = self._console.calls, calls_filter(fields)
        number = int(after) if after.isascii() and after.isdigit() and len(after) < 16 else calls.number
        while True:
            if number >= calls.number:
                number = calls.number
                try:
                    await asyncio.wait_for(calls.more(), KEEP_ALIVE_SECONDS)
                except TimeoutError:
                    yield b": nothing new\n\n"
                continue
            fresh = calls.since(number, wanted, ROWS_AT_ONCE)
            number = calls.number
            if fresh.calls or fresh.lost:
                rows = render("call_rows.html", self._console.observer, title="Calls", calls=fresh.calls)
                yield _message("calls", {"rows": rows.decode(), "missed": missed(fresh)}, number)
            await asyncio.sleep(GATHER_SECONDS)


def missed(fresh: NewCalls) -> str:
    """Say what of the new calls the page does not show; empty if it shows all."""
    parts = []
    if fresh.left_out:
        refused = f", {fresh.left_out_refused} of them refused" if fresh.left_out_refused else ""
        parts.append(f"{fresh.left_out:,} more calls came at the same time{refused}.")
    if fresh.lost:
        parts.append(f"{fresh.lost:,} calls came too fast to be read here; podrole events shows them.")
    return " ".join(parts)


def _message(name: str, data: object, number: int) -> bytes:
    return f"event: {name}\nid: {number}\ndata: {json.dumps(data)}\n\n".encode()


async def _stream(messages: AsyncIterator[bytes], send: Send) -> None:
    headers = [(b"content-type", b"text/event-stream"), *SECURITY_HEADERS]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"retry: 2000\n\n", "more_body": True})
    async for message in messages:
        if message:
            await send({"type": "http.response.body", "body": message, "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(scope: Scope, send: Send, answer: PageAnswer) -> None:
    headers: list[Header] = [*answer.headers, *SECURITY_HEADERS]
    await send_response(scope, send, answer.status, answer.body, headers)


def _status_of(fault: PodroleError) -> int:
    if isinstance(fault, (BadTarget, InvalidARN, TokenRefused)):
        return 400
    return 502 if isinstance(fault, SourceError) else 503


def _fields(text: bytes) -> dict[str, str]:
    """Read an address's query or a form: of a name that is given twice, the first counts; too many fields are none."""
    try:
        pairs = parse_qsl(text.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return {}
    return dict(reversed(pairs))


@functools.cache
def _static(name: str) -> bytes:
    return (files("podrole.console") / "static" / name).read_bytes()
