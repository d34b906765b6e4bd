"""A call of a webhook over TLS: whom it reaches, which answers it accepts, and the words of every failure."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import errno
import socket
import ssl
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from podrole.base.certificates import Authority, server_context
from podrole.base.serving import LOOPBACK
from podrole.cluster.admission import caller as caller_module
from podrole.cluster.admission.caller import MAX_ANSWER_BYTES, CallError, NoEndpoints, WebhookCaller

AUTHORITY = Authority.create("webhook", now=time.time())
CERTIFICATE = AUTHORITY.issue(["hook.infra.svc", LOOPBACK], now=time.time())
POST = 'failed to call webhook: Post "https://hook.infra.svc:443/?timeout=9s": '


def bundle(authority: Authority = AUTHORITY, comment: str = "") -> str:
    """The certificate of an authority as a caBundle; a comment makes another bundle of it."""
    return base64.b64encode(authority.certificate_pem + f"# {comment}\n".encode()).decode()


def answer(body: bytes = b"{}", status: str = "200 OK", length: int | None = None, more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body) if length is None else length}\r\n{more}\r\n"
    return head.encode() + body


class Server:
    """A webhook at the level of bytes. ``answers`` are sent in order; after None or ``b""`` the connection is closed.

    Without any left, it answers ``{}``. ``holds`` delays the answers to some bodies.
    """

    def __init__(self) -> None:
        self.answers: list[bytes | None] = []
        self.close_after_answer = False
        self.connections = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.holds: dict[bytes, asyncio.Event] = {}
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while await self._answer(reader, writer):
                pass
        await self._close(writer)

    async def _close(self, writer: asyncio.StreamWriter) -> None:
        self._writers.discard(writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    @property
    def open(self) -> int:
        """How many connections are open."""
        return len(self._writers)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        line, *fields = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
        headers = {name.lower(): value for name, value in (field.split(": ") for field in fields)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.requests.append((line, headers, body))
        if body in self.holds:
            await self.holds[body].wait()
        data = self.answers.pop(0) if self.answers else answer()
        if data is None:
            return False
        writer.write(data)
        await writer.drain()
        return not self.close_after_answer

    @contextlib.asynccontextmanager
    async def running(self, tls: ssl.SSLContext) -> AsyncIterator[None]:
        server = await asyncio.start_server(self.serve, LOOPBACK, 0, ssl=tls)
        self.port = server.sockets[0].getsockname()[1]
        yield
        server.close()
        for writer in list(self._writers):
            await self._close(writer)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    async with made.running(server_context(CERTIFICATE)):
        yield made


@pytest.fixture
async def caller(server: Server) -> AsyncIterator[WebhookCaller]:
    made = WebhookCaller(lambda *_: (LOOPBACK, server.port))
    yield made
    await made.close()


def service(ca: str | None = None, **more: Any) -> dict[str, Any]:
    return {"service": {"name": "hook", "namespace": "infra", **more}, "caBundle": bundle() if ca is None else ca}


async def failure(caller: WebhookCaller, config: dict[str, Any] | None = None, seconds: Any = 9) -> str:
    with pytest.raises(CallError) as failed:
        await caller.call(config or service(), b"review", seconds)
    return str(failed.value)


async def settled(server: Server, connections: int) -> None:
    """Wait until the server has only so many connections open."""
    async with asyncio.timeout(30):
        while server.open != connections:  # noqa: ASYNC110 - the end of a connection has no event
            await asyncio.sleep(0.002)


@pytest.mark.parametrize(
    ("config", "path", "host", "asked"),
    [
        (service(), "/?timeout=9s", "hook.infra.svc:443", ("infra", "hook", 443)),
        (service(path="/m", port=8443), "/m?timeout=9s", "hook.infra.svc:8443", ("infra", "hook", 8443)),
        ({"url": "https://{}/here", "caBundle": bundle()}, "/here?timeout=9s", "{}", None),
    ],
)
async def test_a_review_is_posted_to_where_the_webhook_listens(
    server: Server, config: dict[str, Any], path: str, host: str, asked: Any
) -> None:
    questions: list[tuple[str, str, int]] = []

    def resolve(*question: Any) -> tuple[str, int]:
        questions.append(question)
        return LOOPBACK, server.port

    address = f"{LOOPBACK}:{server.port}"
    if "url" in config:
        config = {**config, "url": config["url"].format(address)}
    caller = WebhookCaller(resolve)
    assert await caller.call(config, b"review", 9) == b"{}"
    await caller.close()
    ((line, headers, body),) = server.requests
    assert (line, body) == (f"POST {path} HTTP/1.1", b"review")
    assert (headers["host"], headers["user-agent"]) == (host.format(address), "kube-apiserver-admission")
    assert (headers["content-type"], headers["accept"]) == ("application/json", "application/json, */*")
    assert questions == ([asked] if asked else [])


@pytest.mark.parametrize(
    ("found", "why"),
    [(None, 'service "hook" not found'), (NoEndpoints("no endpoints available"), "no endpoints available")],
)
async def test_a_service_that_cannot_be_reached_is_named(found: Exception | None, why: str) -> None:
    def resolve(*_: Any) -> None:
        if found is not None:
            raise found

    assert await failure(WebhookCaller(resolve)) == POST + why


@pytest.mark.parametrize("ca", ["no base64", base64.b64encode(b"no PEM").decode(), base64.b64encode(b"\xff").decode()])
async def test_a_bundle_that_cannot_be_read_is_named(caller: WebhookCaller, server: Server, ca: str) -> None:
    assert (await failure(caller, service(ca))).startswith("could not get REST client: the caBundle cannot be read: ")
    assert server.connections == 0


X509 = "tls: failed to verify certificate: x509: "
UNKNOWN = f"{X509}certificate signed by unknown authority"
EXPIRED = f"{X509}certificate has expired or is not yet valid"


@pytest.mark.parametrize("ca", ["", bundle(Authority.create("other", now=time.time()))])
async def test_a_certificate_of_another_authority_is_refused(caller: WebhookCaller, server: Server, ca: str) -> None:
    assert await failure(caller, service(ca)) == POST + UNKNOWN
    assert server.requests == []


@pytest.mark.parametrize(
    ("names", "issued", "words"),
    [
        (["other.infra.svc"], 0, "x509: certificate is not valid for hook.infra.svc"),
        ([LOOPBACK], 0, "x509: certificate is not valid for hook.infra.svc"),
        (["hook.infra.svc"], -800, "x509: certificate has expired or is not yet valid"),
        (["hook.infra.svc"], 800, "x509: certificate has expired or is not yet valid"),
    ],
)
async def test_a_certificate_is_valid_for_the_service_and_now(names: list[str], issued: int, words: str) -> None:
    server = Server()
    certificate = AUTHORITY.issue(names, now=time.time() + issued * 86_400)
    async with server.running(server_context(certificate)):
        caller = WebhookCaller(lambda *_: (LOOPBACK, server.port))
        assert await failure(caller) == f"{POST}tls: failed to verify certificate: {words}"
        await caller.close()
    assert server.requests == []


async def test_a_server_without_tls_is_refused() -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, LOOPBACK, 0) as server:
        port = server.sockets[0].getsockname()[1]
        caller = WebhookCaller(lambda *_: (LOOPBACK, port))
        assert await failure(caller) == f"{POST}tls: WRONG_VERSION_NUMBER"
        await caller.close()


async def test_where_nothing_listens_the_connection_is_refused() -> None:
    with socket.socket() as free:
        free.bind((LOOPBACK, 0))
        port = free.getsockname()[1]
    caller = WebhookCaller(lambda *_: (LOOPBACK, port))
    assert await failure(caller) == f"{POST}dial tcp {LOOPBACK}:{port}: connect: connection refused"
    await caller.close()


class Wrapped(Exception):
    """An error of the HTTP client, with the one that caused it."""


def certificate_error(message: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_message = message
    return error


def tls_error(reason: str | None) -> ssl.SSLError:
    error = ssl.SSLError(1, "x")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        (OSError(errno.EHOSTUNREACH, "x"), "dial tcp 10.0.0.1:8443: no route to host"),
        (socket.gaierror(-2, "x"), "dial tcp 10.0.0.1:8443: no such host"),
        (OSError("without a number"), "what it says"),
        (ConnectionRefusedError(), "dial tcp 10.0.0.1:8443: connect: connection refused"),
        (certificate_error("certificate has expired"), EXPIRED),
        (certificate_error("certificate is not yet valid"), EXPIRED),
        (
            certificate_error("Hostname mismatch, certificate is not valid for 'x'."),
            f"{X509}certificate is not valid for hook.infra.svc",
        ),
        (certificate_error("self-signed certificate"), UNKNOWN),
        (certificate_error("authority and subject key identifier mismatch"), UNKNOWN),
        (tls_error("WRONG_VERSION_NUMBER"), "tls: WRONG_VERSION_NUMBER"),
        (tls_error(None), "tls: handshake failure"),
        (None, "what it says"),
    ],
)
@pytest.mark.parametrize("explicitly", [False, True])
def test_a_transport_error_is_told_by_its_cause(cause: Exception | None, words: str, explicitly: bool) -> None:
    target = caller_module._Target("https://hook.infra.svc:443/", "https://10.0.0.1:8443/m", "", "hook.infra.svc")
    problem = Wrapped("what it says")
    if explicitly:
        problem.__cause__ = cause
    else:
        problem.__context__ = cause
    assert caller_module._transport_words(problem, target) == words
    assert caller_module._transport_words(Wrapped(), target) == "EOF"


async def test_a_kept_connection_is_used_again_and_replaced_if_it_was_closed(
    caller: WebhookCaller, server: Server
) -> None:
    for _ in range(2):
        assert await caller.call(service(), b"review", 9) == b"{}"
    assert server.connections == 1
    server.answers = [None]
    assert await caller.call(service(), b"review", 9) == b"{}"
    assert (server.connections, len(server.requests)) == (2, 4)


async def test_a_connection_that_is_closed_twice_is_given_up(caller: WebhookCaller, server: Server) -> None:
    server.answers = [None, None, answer()]
    assert await failure(caller) == f"{POST}EOF"
    assert len(server.requests) == 2


async def test_an_answer_that_is_cut_off_is_refused(caller: WebhookCaller, server: Server) -> None:
    server.answers, server.close_after_answer = [answer(b"{}", length=3)], True
    assert await failure(caller) == f"{POST}unexpected EOF"


@pytest.mark.parametrize(("length", "accepted"), [(MAX_ANSWER_BYTES, True), (MAX_ANSWER_BYTES + 1, False)])
async def test_the_longest_answer(caller: WebhookCaller, server: Server, length: int, accepted: bool) -> None:
    assert MAX_ANSWER_BYTES == 3_145_728
    server.answers = [answer(b" " * length)]
    if accepted:
        assert len(await caller.call(service(), b"review", 9)) == length
    else:
        assert await failure(caller) == f"{POST}the answer is longer than {MAX_ANSWER_BYTES} bytes"
        await settled(server, 0)


async def test_a_webhook_that_does_not_answer_in_time_is_given_up(caller: WebhookCaller, server: Server) -> None:
    server.holds[b"review"] = asyncio.Event()
    message = await failure(caller, seconds=0.2)
    assert message.endswith('?timeout=0.2s": context deadline exceeded')
    server.holds[b"review"].set()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        ("400 X", b"", "the server rejected our request for an unknown reason"),
        ("401 X", b"", "the server has asked for the client to provide credentials"),
        ("403 X", b"", "forbidden"),
        ("404 X", b"", "the server could not find the requested resource"),
        ("405 X", b"", "the server does not allow this method on the requested resource"),
        ("413 X", b"", "request entity too large"),
        ("503 X", b"", "the server is currently unable to handle the request"),
        (
            "504 X",
            b"",
            (
                "the server was unable to return a response in the time allotted, but may still be processing the "
                "request"
            ),
        ),
        ("201 X", b"{}", 'an error on the server ("{}") has prevented the request from succeeding'),
        ("500 X", b" \xff ", 'an error on the server ("\ufffd") has prevented the request from succeeding'),
        ("500 X", b"", 'an error on the server ("unknown") has prevented the request from succeeding'),
        ("500 X", b"x" * 257, f'an error on the server ("{"x" * 256}") has prevented the request from succeeding'),
    ],
)
async def test_only_the_status_200_is_an_answer(
    caller: WebhookCaller, server: Server, status: str, body: bytes, words: str
) -> None:
    server.answers = [answer(body, status)]
    assert await failure(caller) == f"failed to call webhook: {words}"


async def test_a_redirection_is_not_followed(caller: WebhookCaller, server: Server) -> None:
    server.answers = [answer(b"moved", "307 X", more="Location: /elsewhere\r\n")]
    assert 'an error on the server ("moved")' in await failure(caller)
    assert len(server.requests) == 1


async def test_proxies_of_the_environment_are_not_used(
    caller: WebhookCaller, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://{LOOPBACK}:1")
    assert await caller.call(service(), b"review", 9) == b"{}"


# --- which connections are kept


A, B, C = (service(bundle(comment=one)) for one in "abc")


async def test_the_connections_of_the_bundles_used_last_are_kept(
    caller: WebhookCaller, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caller_module, "MAX_CLIENTS", 2)
    for config in (A, B, A, C, A):
        await caller.call(config, b"review", 9)
    assert server.connections == 3
    await settled(server, 2)
    await caller.call(B, b"review", 9)
    assert server.connections == 4
    await settled(server, 2)


async def test_a_connection_in_use_is_closed_after_its_calls(
    caller: WebhookCaller, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caller_module, "MAX_CLIENTS", 1)
    server.holds = {b"slow": asyncio.Event(), b"slower": asyncio.Event()}
    slow, slower = (asyncio.create_task(caller.call(A, body, 9)) for body in server.holds)
    async with asyncio.timeout(30):
        while len(server.requests) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
    assert await caller.call(B, b"quick", 9) == b"{}"
    server.holds[b"slow"].set()
    assert await slow == b"{}"
    assert server.open == 3
    server.holds[b"slower"].set()
    assert await slower == b"{}"
    await settled(server, 1)
    assert await caller.call(B, b"quick", 9) == b"{}"
    assert server.connections == 3


async def test_every_connection_is_closed_at_the_end(caller: WebhookCaller, server: Server) -> None:
    for config in (A, B):
        await caller.call(config, b"review", 9)
    await settled(server, 2)
    await caller.close()
    await settled(server, 0)
    assert await caller.call(A, b"review", 9) == b"{}"
