"""One port for plain HTTP, for TLS and for a proxy."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import pytest
import uvloop

from podrole.base import front as fronts
from podrole.base.certificates import Authority
from podrole.base.front import Front
from podrole.base.named_certificates import MOST_CONTEXTS, NamedCertificates, ignore_malformed_names
from podrole.base.proxy import Rules, Upstream
from podrole.base.proxy_client import _HostSide, _most_tunnels
from podrole.base.serving import LOOPBACK, MAX_HEAD_BYTES, bind, listening
from support import garbage

AUTHORITY = Authority.create("test", now=time.time())
TRUST = ssl.create_default_context(cadata=AUTHORITY.certificate_pem.decode())


def is_ours(name: str) -> bool:
    return name.endswith(".ours.test")


async def answer(scope: Any, receive: Any, send: Any) -> None:
    headers = dict(scope["headers"])
    text = f"{scope['scheme']} {headers.get(b'host', b'').decode()} {scope['path']}"
    body = b""
    more = True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    sent = text.encode() + b" " + body
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(sent))]})
    await send({"type": "http.response.body", "body": sent})


@contextlib.asynccontextmanager
async def served(
    *, moved: Any = None, internet: bool = True, upstream: Upstream | None = None, loopback: bool = True, **limits: Any
) -> AsyncIterator[int]:
    sock = bind(0, name="the test", option="--port")
    names = NamedCertificates(AUTHORITY, [LOOPBACK, "localhost"], is_ours, time.time)
    front = Front(names.context, Rules(is_ours, moved or {}, internet, upstream, loopback))
    async with (
        asyncio.timeout(20),
        listening(answer, sock, grace_seconds=1, protocol=fronts.protocol(front), **limits),
    ):
        yield sock.getsockname()[1]


@contextlib.asynccontextmanager
async def host(handle: Any = None) -> AsyncIterator[int]:
    """A host that is not the listener's: it sends back what it gets, after ``host:``."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"host:")
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(handle or echo, LOOPBACK, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def whole_answer(port: int, sent: bytes) -> bytes:
    async with connected(port) as (reader, writer):
        writer.write(sent)
        return await reader.read()


def status_of(text: bytes) -> int:
    return int(text.split(b" ")[1])


async def test_one_port_serves_http_and_https() -> None:
    async with served() as port, httpx2.AsyncClient(verify=TRUST) as client:
        for scheme in ("http", "https"):
            for path in ("/a", "/b"):
                said = (await client.get(f"{scheme}://{LOOPBACK}:{port}{path}")).text
                assert said == f"{scheme} {LOOPBACK}:{port} {path} "


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_proxy_ends_connections_for_own_names_itself(scheme: str) -> None:
    async with served(internet=False) as port:
        proxy = httpx2.Proxy(f"http://{LOOPBACK}:{port}")
        async with httpx2.AsyncClient(verify=TRUST, proxy=proxy) as client:
            for name in ("a.ours.test", "b.ours.test", "bucket.a.ours.test"):
                said = (await client.post(f"{scheme}://{name}/x?y", content=b"z" * 100_000)).text
                assert said == f"{scheme} {name} /x " + "z" * 100_000


async def test_handshake_that_arrives_in_pieces_succeeds() -> None:
    async with served() as port, connected(port) as (reader, writer):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = TRUST.wrap_bio(incoming, outgoing, server_hostname=LOOPBACK)
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                for byte in outgoing.read():
                    writer.write(bytes([byte]))
                    await asyncio.sleep(0)
                incoming.write(await reader.read(65536))
        client.write(b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
        writer.write(outgoing.read())
        incoming.write(await reader.read(65536))
        assert b"https h /x" in client.read()


async def test_bytes_after_a_connect_request_are_not_lost() -> None:
    async with served() as port:
        said = await whole_answer(
            port,
            b"CONNECT a.ours.test:80 HTTP/1.1\r\n\r\nGET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
        )
        assert said.startswith(b"HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 200")
        assert said.endswith(b"http h /x ")
        async with host() as other, connected(port) as (reader, writer):
            writer.write(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n\r\nearly" % other)
            writer.write_eof()
            assert (await reader.read()).endswith(b"\r\n\r\nhost:early")


async def test_other_names_are_passed_through_unchanged() -> None:
    async with served() as port, host() as other, connected(port) as (reader, writer):
        writer.write(b"CONNECT localhost:%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % other)
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 200 Connection established\r\n\r\n"
        assert await reader.readexactly(5) == b"host:"
        sent = bytes(range(256)) * 40_000
        writer.write(sent)
        assert await reader.readexactly(len(sent)) == sent
        writer.write_eof()
        assert await reader.read() == b""


async def test_request_with_a_whole_url_is_sent_to_its_host_in_origin_form() -> None:
    async with served() as port, host() as other:
        async with connected(port) as (reader, writer):
            writer.write(
                b"POST http://localhost:%d/p?q=1 HTTP/1.1\r\nHost: elsewhere\r\nProxy-Authorization: Basic eA==\r\n"
                b"Connection: keep-alive\r\nX-A: 1\r\nContent-Length: 4\r\n\r\nbody" % other
            )
            writer.write_eof()
            said = await reader.read()
        head = b"POST /p?q=1 HTTP/1.1\r\nHost: localhost:%d\r\nX-A: 1\r\nContent-Length: 4\r\nConnection: close" % other
        assert said == b"host:" + head + b"\r\n\r\nbody"


async def test_next_request_of_a_connection_is_not_sent_to_the_host_of_the_first() -> None:
    received = bytearray()
    over = asyncio.Event()

    async def keeps_alive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                received.extend(data)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        writer.close()
        over.set()

    async with host(keeps_alive) as other, served() as port, connected(port) as (reader, writer):
        writer.write(b"PUT http://localhost:%d/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n" % other)
        await reader.readuntil(b"ok")
        writer.write(b"0\r\n\r\n")
        await reader.readuntil(b"ok")
        writer.write(b"GET http://a.ours.test/secret HTTP/1.1\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        await over.wait()
    assert b"\r\n1\r\nx\r\n0\r\n\r\n" in received
    assert b"secret" not in received


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param(b"\r\nGET http://a.ours.test/ HTTP/1.1\r\n\r\n", id="another request"),
        pytest.param(b"Content-Length: 1\r\n\r\nxy", id="longer than it says"),
        pytest.param(b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", id="two lengths"),
        pytest.param(b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", id="length and chunks"),
        pytest.param(b"Transfer-Encoding: gzip\r\n\r\nx", id="no end"),
    ],
)
async def test_request_whose_end_is_unclear_is_not_sent(rest: bytes) -> None:
    async with host() as other, served() as port:
        said = await whole_answer(port, b"PUT http://localhost:%d/ HTTP/1.1\r\n" % other + rest)
        assert status_of(said) == 400
        assert b"host:" not in said


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("example.com:443", 403),
        ("192.0.2.1:443", 403),
        ("ours.test.example.com:443", 403),
        ("a.ours.test:22", 403),
        ("A.OURS.TEST.:443", 200),
        ("a.ours.test:80", 200),
        ("a.ours.test", 400),
        ("a.ours.test:0", 400),
        ("a.ours.test:65536", 400),
        ("a.ours.test:99999999999999999999", 400),
        ("a.ours.test:٤٤٣", 400),
        (":443", 400),
        ("[::1:443", 400),
        ("[::g]:443", 400),
        ("a..ours.test:443", 400),
        ("user@a.ours.test:443", 400),
        ("a.ours.test/:443", 400),
        ("a" * 250 + ".ours.test:443", 400),
    ],
)
async def test_without_the_internet_only_own_names_lead_anywhere(target: str, status: int) -> None:
    async with served(internet=False) as port, connected(port) as (reader, writer):
        writer.write(f"CONNECT {target} HTTP/1.1\r\n\r\n".encode())
        assert status_of(await reader.readuntil(b"\r\n")) == status


async def test_name_with_a_server_of_its_own_leads_there() -> None:
    async with host() as other, served(moved={"issuer.ours.test": (LOOPBACK, other)}, internet=False) as port:
        async with connected(port) as (reader, writer):
            writer.write(b"CONNECT issuer.ours.test:443 HTTP/1.1\r\n\r\n")
            await reader.readuntil(b"\r\n\r\nhost:")
        assert status_of(await whole_answer(port, b"CONNECT issuer.ours.test:22 HTTP/1.1\r\n\r\n")) == 403


async def test_loopback_is_reached_without_the_internet() -> None:
    async with served(internet=False) as port, host() as other, connected(port) as (reader, writer):
        writer.write(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n\r\n" % other)
        assert status_of(await reader.readuntil(b"\r\n")) == 200


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"CONNECT a.ours.test:443 HTTP/2.0\r\n\r\n", id="version"),
        pytest.param(b"CONNECT a.ours.test:443 HTTP/1.1 x\r\n\r\n", id="four words"),
        pytest.param(b"CONNECT a.ours.test:443 HTTP/1.1\r\n bent: header\r\n\r\n", id="folded header"),
        pytest.param(b"CONNECT a.ours.test:443 HTTP/1.1\r\nA: b\nC: d\r\n\r\n", id="bare line feed"),
        pytest.param(b"CONNECT a.ours.test:443 HTTP/1.1\r\nno colon\r\n\r\n", id="no colon"),
        pytest.param(b"GET https://a.ours.test/ HTTP/1.1\r\n\r\n", id="https without CONNECT"),
        pytest.param(b"GET ftp://a.ours.test/ HTTP/1.1\r\n\r\n", id="another scheme"),
        pytest.param(b"GET http://user@a.ours.test/ HTTP/1.1\r\n\r\n", id="user in the URL"),
        pytest.param(b"GET http:///x HTTP/1.1\r\n\r\n", id="no host"),
    ],
)
async def test_malformed_request_to_the_proxy_is_refused(sent: bytes) -> None:
    async with served() as port:
        assert status_of(await whole_answer(port, sent)) == 400


async def test_head_that_is_too_long_is_refused() -> None:
    async with served() as port:
        long = b"CONNECT a.ours.test:443 HTTP/1.1\r\nA: " + b"b" * MAX_HEAD_BYTES
        for sent in (long, long + b"\r\n\r\n"):
            assert status_of(await whole_answer(port, sent)) == 431


@pytest.mark.parametrize("sent", [b"C", b"CONNECT a.ours.test:443 HT", b"\x16\x03"])
async def test_client_that_sends_its_first_bytes_too_slowly_is_disconnected(
    sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fronts, "HANDSHAKE_SECONDS", 0.2)
    async with served(exchange_seconds=0.2) as port, connected(port) as (reader, writer):
        writer.write(sent)
        assert await reader.read() == b""


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n\r\n", b"OPTIONS * HTTP/1.1\r\n\r\n"])
async def test_requests_for_a_path_are_no_business_of_the_proxy(first: bytes) -> None:
    async with served() as port, connected(port) as (reader, writer):
        for byte in first:
            writer.write(bytes([byte]))
            await asyncio.sleep(0)
        assert b"Connection established" not in await reader.readuntil(b"\r\n")


async def test_no_proxy_inside_a_tunnel() -> None:
    async with served() as port, connected(port) as (reader, writer):
        writer.write(b"CONNECT a.ours.test:80 HTTP/1.1\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"CONNECT b.ours.test:80 HTTP/1.1\r\n\r\n")
        assert b"Connection established" not in await reader.read(1000)


async def handshake(port: int, name: str | None, connect_to: str = "a.ours.test") -> ssl.SSLObject:
    """Go through the proxy to ``connect_to``, and ask for the certificate of ``name``."""
    reader, writer = await asyncio.open_connection(LOOPBACK, port)
    writer.write(f"CONNECT {connect_to}:443 HTTP/1.1\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    context = ssl.create_default_context(cadata=AUTHORITY.certificate_pem.decode())
    context.check_hostname = False
    await writer.start_tls(context, server_hostname=name)
    try:
        return writer.get_extra_info("ssl_object")
    finally:
        writer.transport.abort()


async def test_certificate_is_that_of_the_name_in_the_handshake() -> None:
    async with served() as port:
        for name, expected in (("x.y.ours.test", "y.ours.test"), ("localhost", LOOPBACK)):
            certificate = (await handshake(port, name)).getpeercert()
            assert certificate is not None
            assert expected in [value for _, value in certificate["subjectAltName"]]


async def test_certificate_is_for_no_name_that_is_not_ours() -> None:
    async with served() as port:
        for name, expected in (("a.ours.test", ["a.ours.test"]), ("b.a.ours.test", ["a.ours.test", "*.a.ours.test"])):
            certificate = (await handshake(port, name)).getpeercert()
            assert certificate is not None
            assert [value for _, value in certificate["subjectAltName"]] == expected


@pytest.mark.parametrize("name", ["example.com", "ours.test.example.com"])
async def test_handshake_for_another_name_is_refused(name: str) -> None:
    async with served() as port:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await handshake(port, name)


async def test_name_that_is_not_ascii_is_refused_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    ignore_malformed_names()
    hello = ssl.MemoryBIO()
    client = TRUST.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="zz.ours.test")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    sent = hello.read()
    async with served() as port:
        for name, byte in ((b"\xff\xfe", b""), (b"yy", b"\x16")):
            async with connected(port) as (reader, writer):
                writer.write(sent.replace(b"zz", name))
                assert (await reader.read(100))[:1] == byte
    assert not said
    hook = cast("Any", sys.unraisablehook)
    hook(SimpleNamespace(exc_value=UnicodeDecodeError("ascii", b"", 0, 1, ""), object=None))
    hook(SimpleNamespace(exc_value=ValueError(), object=b""))
    assert len(said) == 2


async def test_certificates_are_kept_and_their_number_is_limited() -> None:
    names = NamedCertificates(AUTHORITY, ["localhost"], is_ours, time.time)
    first = names._context_of("a.0.ours.test")
    assert names._context_of("b.0.ours.test") is first
    names._contexts.update({f"{number}.ours.test": first for number in range(1, MOST_CONTEXTS)})
    names._context_of("one.more.ours.test")
    assert len(names._contexts) == MOST_CONTEXTS
    assert names._context_of("a.0.ours.test") is not first


def upstream_proxy(log: list[bytes], reply: bytes = b"HTTP/1.1 200 OK\r\n\r\nfirst") -> Any:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        log.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(reply)
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    return handle


async def test_existing_proxy_is_used_for_other_names() -> None:
    log: list[bytes] = []
    async with host(upstream_proxy(log)) as port_of_upstream:
        upstream = Upstream.of(f"http://me:p%40ss@127.0.0.1:{port_of_upstream}", "direct.test")
        async with served(upstream=upstream) as port:
            async with connected(port) as (reader, writer):
                writer.write(b"CONNECT example.com:443 HTTP/1.1\r\n\r\n")
                writer.write_eof()
                assert await reader.read() == b"HTTP/1.1 200 Connection established\r\n\r\nfirst"
            asked = b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n"
            assert log == [asked + b"Proxy-Authorization: Basic bWU6cEBzcw==\r\n\r\n"]
            async with connected(port) as (reader, writer):
                writer.write(b"GET http://example.com/a?b HTTP/1.1\r\nHost: x\r\n\r\n")
                await reader.readuntil(b"first")
            assert log.pop() == (
                b"GET http://example.com:80/a?b HTTP/1.1\r\nProxy-Authorization: Basic bWU6cEBzcw==\r\n"
                b"Host: example.com\r\nConnection: close\r\n\r\n"
            )
            async with connected(port) as (reader, writer):
                writer.write(b"CONNECT a.ours.test:443 HTTP/1.1\r\n\r\n")
                await reader.readuntil(b"\r\n\r\n")
            async with host() as other, connected(port) as (reader, writer):
                writer.write(b"CONNECT localhost:%d HTTP/1.1\r\n\r\n" % other)
                await reader.readuntil(b"host:")
            assert len(log) == 1


@pytest.mark.parametrize("reply", [b"HTTP/1.1 407 No\r\n\r\n", b"", b"x" * 20_000, b"nonsense\r\n\r\n"])
async def test_refusal_of_the_existing_proxy_is_reported(reply: bytes) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        writer.close()

    async with host(handle) as at, served(upstream=Upstream.of(f"127.0.0.1:{at}")) as port:
        said = await whole_answer(port, b"CONNECT example.com:443 HTTP/1.1\r\n\r\n")
        assert status_of(said) == 502
        assert f"the upstream proxy 127.0.0.1:{at}".encode() in said


async def test_host_that_cannot_be_reached_is_reported() -> None:
    unused = bind(0, name="nothing", option="-")
    at = unused.getsockname()[1]
    unused.close()
    async with served() as port:
        said = await whole_answer(port, b"CONNECT localhost:%d HTTP/1.1\r\n\r\n" % at)
        assert status_of(said) == 502
        assert b"podrole cannot reach localhost" in said


@pytest.mark.parametrize("loopback", [True, False])
async def test_name_that_leads_to_loopback_is_not_reached_where_the_rules_say_so(loopback: bool) -> None:
    async def handle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with host(handle) as at, served(loopback=loopback) as port:
        said = await whole_answer(port, b"CONNECT 0.0.0.0:%d HTTP/1.1\r\n\r\n" % at)  # Linux leads it to loopback
        assert status_of(said) == (200 if loopback else 502)


async def look_ups_are_given_up() -> list[Any]:
    said: list[Any] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: said.append(context))
    async with served() as port:
        for number in range(8):
            assert status_of(await whole_answer(port, b"CONNECT n%d.invalid:443 HTTP/1.1\r\n\r\n" % number)) == 502
        for number in range(8):  # these wait for those
            with contextlib.suppress(OSError):
                await loop.getaddrinfo(f"m{number}.invalid", 443)
    garbage.collect()
    return said


def test_look_up_that_is_given_up_is_not_reported_as_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podrole.base.proxy_client.CONNECT_SECONDS", 0)
    assert uvloop.run(look_ups_are_given_up()) == []


async def test_number_of_tunnels_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podrole.base.proxy_client.MOST_TUNNELS", 1)
    async with served() as port, host() as other:
        asked = b"CONNECT localhost:%d HTTP/1.1\r\n\r\n" % other
        async with connected(port) as (reader, writer):
            writer.write(asked)
            await reader.readuntil(b"host:")
            assert status_of(await whole_answer(port, asked)) == 503
            writer.write_eof()
            await reader.read()
        async with connected(port) as (reader, writer):
            writer.write(asked)
            assert status_of(await reader.readuntil(b"\r\n")) == 200


async def test_idle_tunnel_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podrole.base.tunnel.IDLE_SECONDS", 0.2)
    async with served() as port, host() as other, connected(port) as (reader, writer):
        writer.write(b"CONNECT localhost:%d HTTP/1.1\r\n\r\n" % other)
        await reader.readuntil(b"host:")
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""


async def test_tunnel_of_which_one_side_has_ended_is_cut_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podrole.base.tunnel.HALF_CLOSED_SECONDS", 0.2)
    cut = asyncio.Event()

    async def waits(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await cut.wait()
        writer.transport.abort()

    async def ends(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write_eof()
        assert await reader.read() == b""
        cut.set()
        writer.transport.abort()

    async with host(waits) as other, served() as port, connected(port) as (reader, writer):
        writer.write(b"CONNECT localhost:%d HTTP/1.1\r\n\r\n" % other)
        writer.write_eof()  # the client ends
        assert (await reader.read()).endswith(b"\r\n\r\n")
        cut.set()
    cut = asyncio.Event()
    async with host(ends) as other, served() as port, connected(port) as (reader, writer):
        writer.write(b"CONNECT localhost:%d HTTP/1.1\r\n\r\n" % other)
        await cut.wait()


@pytest.mark.parametrize(("files", "most"), [(40, 10), (1024, 256), (20_000, 1024), (resource.RLIM_INFINITY, 1024)])
def test_tunnels_leave_files_to_others(files: int, most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, resource.RLIM_INFINITY))
    assert _most_tunnels() == most


@pytest.mark.parametrize("sent", [b"CONNECT localhost:%d HTTP/1.1\r\n\r\n", b"\x16\x03%d", b"CONNECT a.ours.test:443 "])
async def test_open_connections_do_not_delay_the_stop(sent: bytes) -> None:
    async with host() as other, contextlib.AsyncExitStack() as stack:
        async with served() as port:
            _, writer = await stack.enter_async_context(connected(port))
            writer.write(sent % other if b"%" in sent else sent)
            async with httpx2.AsyncClient() as client:
                await client.get(f"http://{LOOPBACK}:{port}/")
            began = time.monotonic()
        assert time.monotonic() - began < 3


async def test_slow_reader_of_a_tunnel_stops_its_sender() -> None:
    sent, stopped = 0, asyncio.Event()

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        with contextlib.suppress(ConnectionError, TimeoutError):
            while sent < 200_000_000:
                writer.write(b"x" * 1_000_000)
                await asyncio.wait_for(writer.drain(), 1)
                sent += 1_000_000
        stopped.set()
        writer.transport.abort()

    async with host(flood) as other, served() as port, connected(port) as (reader, writer):
        writer.write(b"CONNECT localhost:%d HTTP/1.1\r\n\r\n" % other)
        await reader.readuntil(b"\r\n\r\n")
        await stopped.wait()
        assert sent < 100_000_000


async def test_slow_host_stops_its_sender_also_after_bytes_that_came_with_the_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closing = asyncio.Event()
    connected_to_host = _HostSide.connection_made

    def with_small_buffer(self: _HostSide, transport: Any) -> None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        connected_to_host(self, transport)

    async def idle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await closing.wait()
        writer.transport.abort()

    monkeypatch.setattr(_HostSide, "connection_made", with_small_buffer)
    async with host(idle) as other, served() as port, connected(port) as (_, writer):
        writer.write(b"CONNECT localhost:%d HTTP/1.1\r\n\r\n" % other + b"x" * 1_000_000)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 100_000_000:
                await asyncio.wait_for(writer.drain(), 1)
                writer.write(b"x" * 1_000_000)
                sent += 1_000_000
        closing.set()
    assert sent < 50_000_000


ON_UVLOOP = (
    test_one_port_serves_http_and_https,
    test_handshake_that_arrives_in_pieces_succeeds,
    test_bytes_after_a_connect_request_are_not_lost,
    test_other_names_are_passed_through_unchanged,
    test_existing_proxy_is_used_for_other_names,
    test_certificate_is_that_of_the_name_in_the_handshake,
    test_slow_reader_of_a_tunnel_stops_its_sender,
)


@pytest.mark.parametrize("test", ON_UVLOOP, ids=lambda test: test.__name__)
def test_uvloop_behaves_alike(test: Any) -> None:
    uvloop.run(test())
