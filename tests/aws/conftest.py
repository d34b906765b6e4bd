"""Fixtures of the endpoint's tests."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from podrole.base.certificates import Authority
from podrole.oidc.keys import SigningKey
from support.aws import LocalAWS, local_aws
from support.keys import rsa_key


@pytest.fixture(scope="session")
def signing_key() -> SigningKey:
    return rsa_key()


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority.create("test authority", now=time.time())


@pytest.fixture(scope="session")
def running_aws(signing_key: SigningKey, authority: Authority) -> Iterator[LocalAWS]:
    with local_aws(signing_key, authority) as running:
        yield running


@pytest.fixture
def aws(running_aws: LocalAWS) -> LocalAWS:
    """An empty account, its endpoint and an issuer."""
    running_aws.reset()
    return running_aws
