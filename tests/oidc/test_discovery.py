"""An issuer's keys are fetched over real TLS, and every way of cheating is refused."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import ssl
import time
from typing import Any

import pytest

from podrole.base.certificates import Authority, server_context, thumbprint
from podrole.oidc.discovery import TIMEOUT_SECONDS, discovery_url, fetch_keys
from podrole.oidc.errors import KeysFault, KeysUnavailable
from podrole.oidc.fetch import MAX_DOCUMENT_BYTES, Fetcher
from podrole.oidc.issuer import discovery_document
from podrole.oidc.keys import SigningKey, jwks
from support.issuer import HOST, ISSUER, FakeIssuer


async def fault_of(issuer: FakeIssuer, **changed: Any) -> KeysUnavailable:
    arguments: dict[str, Any] = {"thumbprints": issuer.thumbprints, "fetcher": issuer.fetcher(), **changed}
    with pytest.raises(KeysUnavailable) as raised:
        await fetch_keys(ISSUER, **arguments)
    return raised.value


async def test_keys_come_over_a_certificate_whose_thumbprint_the_provider_lists(issuer: FakeIssuer) -> None:
    keys = await fetch_keys(ISSUER, thumbprints=["0" * 40, *issuer.thumbprints], fetcher=issuer.fetcher())
    assert list(keys) == [issuer.keys[0].kid]
    assert issuer.asked == ["/id/ABC/.well-known/openid-configuration", "/id/ABC/keys"]


async def test_a_thumbprint_in_capitals_is_the_same_thumbprint(issuer: FakeIssuer) -> None:
    assert await fetch_keys(ISSUER, thumbprints=[issuer.thumbprints[0].upper()], fetcher=issuer.fetcher())


async def test_an_authority_of_the_system_makes_thumbprints_irrelevant(issuer: FakeIssuer) -> None:
    trusting = ssl.create_default_context(cadata=issuer.authority.certificate_pem.decode())
    assert await fetch_keys(ISSUER, thumbprints=["0" * 40], fetcher=issuer.fetcher(lambda: trusting))


async def test_the_thumbprint_that_a_server_would_be_stored_with_is_its_last_certificates(issuer: FakeIssuer) -> None:
    assert await issuer.fetcher().served_thumbprint(ISSUER) == issuer.thumbprints[0]
    with pytest.raises(KeysUnavailable):
        await Fetcher(resolve=lambda *_: ("127.0.0.1", 1)).served_thumbprint(ISSUER)


@pytest.mark.parametrize("length", [1, 2, 3])
async def test_the_last_certificate_of_a_chain_of_any_length_counts(
    issuer: FakeIssuer, authority: Authority, length: int
) -> None:
    leaf = authority.issue([HOST], now=time.time())
    unrelated = Authority.create("unrelated", now=time.time())
    chain = [leaf.certificate_pem, authority.certificate_pem, unrelated.certificate_pem][:length]
    issuer.tls = server_context(dataclasses.replace(leaf, chain_pem=b"".join(chain)))
    assert await issuer.fetcher().served_thumbprint(ISSUER) == thumbprint(chain[-1])
    if length < 3:
        assert await fetch_keys(ISSUER, thumbprints=[thumbprint(chain[-1])], fetcher=issuer.fetcher())
    else:
        assert (await fault_of(issuer, thumbprints=[thumbprint(chain[-1])])).fault is KeysFault.UNTRUSTED


async def test_another_thumbprint_is_refused_with_the_one_that_was_found(issuer: FakeIssuer) -> None:
    refused = await fault_of(issuer, thumbprints=["0" * 40])
    assert refused.fault is KeysFault.THUMBPRINT
    assert issuer.thumbprints[0] in (refused.got or "")
    assert issuer.asked == []


async def test_a_listed_thumbprint_does_not_excuse_a_certificate_for_another_name(
    issuer: FakeIssuer, authority: Authority
) -> None:
    other = "https://other.example.com"
    with pytest.raises(KeysUnavailable) as raised:
        await fetch_keys(other, thumbprints=issuer.thumbprints, fetcher=issuer.fetcher())
    assert raised.value.fault is KeysFault.UNTRUSTED
    assert issuer.asked == []


@pytest.mark.parametrize(
    ("name", "document", "fault"),
    [
        ("no JSON", b"<html>", KeysFault.MALFORMED),
        ("a list", b"[]", KeysFault.MALFORMED),
        ("deep nesting", b"[" * 100_000, KeysFault.MALFORMED),
        (
            "another issuer",
            {**discovery_document(ISSUER, f"{ISSUER}/keys", []), "issuer": "https://evil.example"},
            KeysFault.OTHER_ISSUER,
        ),
        ("a trailing slash", {**discovery_document(ISSUER + "/", f"{ISSUER}/keys", [])}, KeysFault.OTHER_ISSUER),
        ("a port", {**discovery_document(ISSUER.replace(HOST, f"{HOST}:443"), "x", [])}, KeysFault.OTHER_ISSUER),
        ("no issuer", {"jwks_uri": f"{ISSUER}/keys"}, KeysFault.OTHER_ISSUER),
        ("keys over plain http", discovery_document(ISSUER, f"http://{HOST}/keys", []), KeysFault.NOT_HTTPS),
        ("keys in a file", discovery_document(ISSUER, "file:///etc/passwd", []), KeysFault.NOT_HTTPS),
        ("no address of keys", {"issuer": ISSUER}, KeysFault.NOT_HTTPS),
        ("a user name in the address", discovery_document(ISSUER, f"https://x@{HOST}/keys", []), KeysFault.NOT_HTTPS),
        ("a blank in the address", discovery_document(ISSUER, f"https://{HOST}/a b", []), KeysFault.NOT_HTTPS),
        ("a line end in the address", discovery_document(ISSUER, f"https://{HOST}/\r\nX: y", []), KeysFault.NOT_HTTPS),
        ("a fragment in the address", discovery_document(ISSUER, f"https://{HOST}/keys#a", []), KeysFault.NOT_HTTPS),
        ("a port that is none", discovery_document(ISSUER, f"https://{HOST}:a/keys", []), KeysFault.NOT_HTTPS),
        ("half an IPv6 address", discovery_document(ISSUER, "https://[::1/keys", []), KeysFault.NOT_HTTPS),
        ("a host in another script", discovery_document(ISSUER, "https://exämple.com/keys", []), KeysFault.NOT_HTTPS),
        (
            "a label of 64 letters",
            discovery_document(ISSUER, f"https://{'a' * 64}.example.com/keys", []),
            KeysFault.NOT_HTTPS,
        ),
        ("keys without a host", discovery_document(ISSUER, "https://", []), KeysFault.NOT_HTTPS),
    ],
)
async def test_a_discovery_document_that_lies_is_refused(
    issuer: FakeIssuer, name: str, document: Any, fault: KeysFault
) -> None:
    issuer.document = document
    assert (await fault_of(issuer)).fault is fault
    assert not any(path.endswith("/keys") for path in issuer.asked)


async def test_a_discovery_document_without_an_https_address_is_named_as_the_cause(issuer: FakeIssuer) -> None:
    issuer.document = discovery_document(ISSUER, f"http://{HOST}/keys", [])
    what = (await fault_of(issuer)).what
    assert what == f"The discovery document at {discovery_url(ISSUER)} has no https address for the keys."


def test_both_documents_must_come_within_five_seconds() -> None:
    assert TIMEOUT_SECONDS == 5


@pytest.mark.parametrize(
    ("status", "fault"),
    [
        (300, KeysFault.REDIRECT),
        (301, KeysFault.REDIRECT),
        (302, KeysFault.REDIRECT),
        (307, KeysFault.REDIRECT),
        (399, KeysFault.REDIRECT),
        (400, KeysFault.STATUS),
        (404, KeysFault.STATUS),
    ],
)
async def test_a_redirect_or_an_error_is_not_followed(issuer: FakeIssuer, status: int, fault: KeysFault) -> None:
    issuer.status, issuer.headers = status, [(b"location", b"https://evil.example/")]
    refused = await fault_of(issuer)
    assert (refused.fault, refused.got) == (fault, f"HTTP {status}")
    assert len(issuer.asked) == 1


async def test_a_document_of_the_largest_size_is_read_and_a_larger_one_is_cut_off(issuer: FakeIssuer) -> None:
    document = json.dumps(discovery_document(ISSUER, f"{ISSUER}/keys", [])).encode()
    issuer.document = document.ljust(MAX_DOCUMENT_BYTES)
    assert await fetch_keys(ISSUER, thumbprints=issuer.thumbprints, fetcher=issuer.fetcher())
    issuer.document = b" " * (MAX_DOCUMENT_BYTES + 1)
    assert (await fault_of(issuer)).fault is KeysFault.TOO_LARGE


async def test_an_issuer_that_does_not_answer_is_given_up_in_time(issuer: FakeIssuer) -> None:
    issuer.delay = asyncio.Event()
    refused = await fault_of(issuer, limit_seconds=0.2)
    assert refused.fault is KeysFault.TIMEOUT


async def test_an_issuer_that_is_down_is_unreachable() -> None:
    nobody = Fetcher(resolve=lambda _host, _port: ("127.0.0.1", 1))
    with pytest.raises(KeysUnavailable) as raised:
        await fetch_keys(ISSUER, thumbprints=[], fetcher=nobody)
    assert raised.value.fault is KeysFault.UNREACHABLE
    assert "ConnectionRefusedError" in raised.value.what


@pytest.mark.parametrize("ask", ["keys", "thumbprint"])
async def test_a_server_that_is_silent_during_the_handshake_is_given_up_and_let_go(ask: str) -> None:
    left = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65_536):
            pass
        writer.close()
        left.set()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    fetcher = Fetcher(resolve=lambda _host, _port: ("127.0.0.1", port))
    async with server:
        if ask == "keys":
            with pytest.raises(KeysUnavailable) as raised:
                await fetch_keys(ISSUER, thumbprints=[], fetcher=fetcher, limit_seconds=0.2)
            assert raised.value.fault is KeysFault.TIMEOUT
        else:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await fetcher.served_thumbprint(ISSUER)
        await left.wait()


async def test_a_server_that_ends_the_handshake_is_unreachable() -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    server = await asyncio.start_server(rude, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    fetcher = Fetcher(resolve=lambda _host, _port: ("127.0.0.1", port))
    async with server:
        with pytest.raises(KeysUnavailable) as raised:
            await fetch_keys(ISSUER, thumbprints=[], fetcher=fetcher)
        assert raised.value.fault is KeysFault.UNREACHABLE
        with pytest.raises(KeysUnavailable) as raised:
            await fetcher.served_thumbprint(ISSUER)
        assert raised.value.fault is KeysFault.UNREACHABLE


async def test_private_keys_in_public_are_refused(issuer: FakeIssuer) -> None:
    published = jwks([issuer.keys[0].verification_key])["keys"][0]
    issuer.key_set = {"keys": [{**published, "d": "AQAB"}]}
    assert (await fault_of(issuer)).fault is KeysFault.PRIVATE_KEY


async def test_an_issuer_that_does_not_speak_http_is_refused(authority: Authority, signing_key: SigningKey) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"\x00\x01 not http\r\n\r\n")
        writer.close()

    tls = server_context(authority.issue([HOST], now=time.time()))
    server = await asyncio.start_server(babble, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    fetcher = Fetcher(
        resolve=lambda _host, _port: ("127.0.0.1", port), trust=lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    )
    async with server:
        with pytest.raises(KeysUnavailable) as raised:
            await fetch_keys(ISSUER, thumbprints=[thumbprint(authority.certificate_pem)], fetcher=fetcher)
    assert raised.value.fault is KeysFault.MALFORMED


def test_the_address_of_the_document_follows_from_the_issuer_alone() -> None:
    assert discovery_url("https://a.example") == "https://a.example/.well-known/openid-configuration"
    assert discovery_url("https://a.example/x/") == "https://a.example/x/.well-known/openid-configuration"
