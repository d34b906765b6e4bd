"""Fixtures of the identity-token tests."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest

from podrole.base.certificates import Authority, server_context
from podrole.base.serving import bind, listening
from podrole.oidc.keys import SigningKey
from support.issuer import HOST, FakeIssuer


@pytest.fixture(scope="session")
def signing_key() -> SigningKey:
    return SigningKey.generate("RS256")


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority.create("test authority", now=time.time())


@pytest.fixture
async def issuer(authority: Authority, signing_key: SigningKey) -> AsyncIterator[FakeIssuer]:
    fake = FakeIssuer(authority, [signing_key])
    sock = bind(0, name="the issuer", option="--port")
    fake.port = sock.getsockname()[1]
    tls = server_context(authority.issue([HOST], now=time.time()))
    tls.sni_callback = fake.choose_certificate
    async with listening(fake, sock, tls=tls, grace_seconds=0):
        yield fake
        if fake.delay is not None:
            fake.delay.set()
