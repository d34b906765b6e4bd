"""A real TLS client accepts the authority's certificates, for their names only."""

from __future__ import annotations

import ssl
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from podrole.base.certificates import Authority, server_context, thumbprint

NOW = time.time()


def handshake(server: ssl.SSLContext, authority: Authority, name: str) -> ssl.MemoryBIO:
    """Run a TLS handshake in memory; return what the client has not read yet. Raises what the client raises."""
    client_context = ssl.create_default_context(cadata=authority.certificate_pem.decode())
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    peer = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(10):
        done = 0
        for side in (client, peer):
            try:
                side.do_handshake()
                done += 1
            except ssl.SSLWantReadError:
                continue
        if done == 2:
            return to_client
    raise AssertionError("the handshake did not end")


@pytest.mark.parametrize("name", ["127.0.0.1", "oidc.eks.us-east-1.amazonaws.com"])
def test_client_that_trusts_the_authority_accepts_each_name(name: str) -> None:
    authority = Authority.create("podrole test", now=NOW)
    leaf = authority.issue(["oidc.eks.us-east-1.amazonaws.com", "127.0.0.1"], now=NOW)
    handshake(server_context(leaf), authority, name)


def test_no_session_ticket_follows_the_handshake() -> None:
    """A session ticket would: it meets what the client writes first, in another thread perhaps."""
    authority = Authority.create("podrole test", now=NOW)
    context = server_context(authority.issue(["127.0.0.1"], now=NOW))
    assert handshake(context, authority, "127.0.0.1").pending == 0
    context.num_tickets = 2
    assert handshake(context, authority, "127.0.0.1").pending > 0


def test_name_that_is_not_in_the_certificate_is_refused() -> None:
    authority = Authority.create("podrole test", now=NOW)
    leaf = authority.issue(["127.0.0.1"], now=NOW)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server_context(leaf), authority, "localhost")


def test_certificate_of_another_authority_is_refused() -> None:
    leaf = Authority.create("podrole test", now=NOW).issue(["localhost"], now=NOW)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(server_context(leaf), Authority.create("other", now=NOW), "localhost")


def test_thumbprint_is_the_sha1_of_the_der() -> None:
    authority = Authority.create("podrole test", now=NOW)
    certificate = x509.load_pem_x509_certificate(authority.certificate_pem)
    assert thumbprint(authority.certificate_pem) == certificate.fingerprint(hashes.SHA1()).hex()
    assert len(thumbprint(authority.certificate_pem)) == 40
