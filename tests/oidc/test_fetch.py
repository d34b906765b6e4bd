"""Which addresses a document is fetched from, and what is connected to for them."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from podrole.oidc.errors import KeysFault, KeysUnavailable
from podrole.oidc.fetch import MAX_DOCUMENT_BYTES, Fetcher
from support.issuer import ISSUER, FakeIssuer

LABEL = "a" * 63
LONGEST = ".".join([LABEL, LABEL, LABEL, "a" * 61])
assert len(LONGEST) == 253


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://issuer.example.com/keys", ("issuer.example.com", 443)),
        ("https://issuer.example.com", ("issuer.example.com", 443)),
        ("https://ISSUER.example.com:8443/keys?a=b", ("issuer.example.com", 8443)),
        ("https://a.b/keys", ("a.b", 443)),
        (f"https://{LABEL}.example.com/keys", (f"{LABEL}.example.com", 443)),
        (f"https://{LONGEST}/keys", (LONGEST, 443)),
        ("https://127.0.0.1:1/keys", ("127.0.0.1", 1)),
        (f"https://{LABEL}a.example.com/keys", None),
        (f"https://{LONGEST}a/keys", None),
        ("https://a..example.com/keys", None),
        ("https://.example.com/keys", None),
        ("https://example.com./keys", None),
        ("https://:443/keys", None),
        ("https:///keys", None),
        ("https://issuer.example.com:65536/keys", None),
        ("http://issuer.example.com/keys", None),
    ],
)
@pytest.mark.parametrize("ask", ["document", "thumbprint"])
async def test_an_https_address_with_a_valid_host_name_is_connected_to(
    ask: str, url: str, place: tuple[str, int] | None
) -> None:
    connected = []

    def resolve(host: str, port: int) -> tuple[str, int]:
        connected.append((host, port))
        raise ConnectionRefusedError

    fetcher = Fetcher(resolve=resolve)
    with pytest.raises(KeysUnavailable) as raised:
        await (fetcher.get(url, []) if ask == "document" else fetcher.served_thumbprint(url))
    assert connected == ([] if place is None else [place])
    assert raised.value.fault is (KeysFault.NOT_HTTPS if place is None else KeysFault.UNREACHABLE)


def test_a_document_has_at_most_512_kibibytes() -> None:
    assert MAX_DOCUMENT_BYTES == 524_288


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([(b"x-content-type-options", b"nosniff"), (b"Content-Type", b"text/plain")], "text/plain"),
        ([], None),
    ],
)
async def test_an_answer_has_the_content_type_that_the_server_names(
    issuer: FakeIssuer, headers: list[tuple[bytes, bytes]], found: str | None
) -> None:
    issuer.headers = headers
    answer = await issuer.fetcher().answer(f"{ISSUER}/keys", issuer.thumbprints)
    assert answer.content_type == found
    assert await issuer.fetcher().get(f"{ISSUER}/keys", issuer.thumbprints) == answer.body


async def test_thumbprints_are_computed_on_a_system_that_forbids_sha1_for_security(
    issuer: FakeIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha1 = hashlib.sha1

    def sha1_of_fips(data: bytes, *, usedforsecurity: bool = True) -> Any:
        if usedforsecurity:
            raise ValueError("disabled for FIPS")
        return sha1(data, usedforsecurity=False)

    monkeypatch.setattr(hashlib, "sha1", sha1_of_fips)
    assert await issuer.fetcher().served_thumbprint(ISSUER) == issuer.thumbprints[0]
