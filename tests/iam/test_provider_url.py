"""Which URLs IAM takes for a provider, and which of them podrole publishes as an issuer: one table for both."""

from __future__ import annotations

import pytest

from podrole.iam.provider_url import provider_url_fault
from podrole.issuer.errors import InvalidIssuer
from podrole.issuer.publishing import check_issuer

HOST = "oidc.example.com"
TAKEN = [f"https://{HOST}", f"https://{HOST}/prod", f"https://{HOST}/a/b_c~d%20e", "https://localhost"]
"""IAM takes them, and podrole publishes them."""
NOT_PUBLISHED = {
    f"https://{HOST.upper()}": "its host has upper-case letters",
    f"https://{HOST}/": "it ends with a slash, which is easily lost",
    f"https://{HOST}/prod/": "it ends with a slash, which is easily lost",
    f"https://{HOST}/a/../prod": "its path has a segment of dots, which clients take out",
    f"https://{HOST}/%2e%2E/prod": "its path has a segment of dots, which clients take out",
    f"https://{HOST}/.": "its path has a segment of dots, which clients take out",
}
"""IAM takes them. podrole does not publish them, because tokens may name them in another way."""
REFUSED = {
    f"http://{HOST}": "it does not begin with https://",
    f"HTTPS://{HOST}": "it does not begin with https://",
    HOST: "it does not begin with https://",
    "": "it does not begin with https://",
    f"https://{HOST}:443": "it has a port, which IAM does not take",
    f"https://{HOST}:x": "it has a port, which IAM does not take",
    f"https://{HOST}:": "it has a port, which IAM does not take",
    f"https://me@{HOST}": "it has user information",
    f"https://{HOST}/?a=b": "it has a query or a fragment",
    f"https://{HOST}?": "it has a query or a fragment",
    f"https://{HOST}/#x": "it has a query or a fragment",
    "https://": "its host is not a name: ''",
    "https:///path": "its host is not a name: ''",
    "https://a..b": "its host is not a name: 'a..b'",
    "https://-a": "its host is not a name: '-a'",
    "https://[::1]": "it has a port, which IAM does not take",
    "https://[": "it is not a URL",
    f"https://{HOST}/a b": "its path has characters that a URL does not have",
    f"https://{HOST}/a\tb": "its path has characters that a URL does not have",
}


@pytest.mark.parametrize("url", [*TAKEN, *NOT_PUBLISHED])
def test_iam_takes_it(url: str) -> None:
    assert provider_url_fault(url) is None


@pytest.mark.parametrize("url", TAKEN)
def test_podrole_publishes_it(url: str) -> None:
    check_issuer(url)


@pytest.mark.parametrize(("url", "why"), [*NOT_PUBLISHED.items(), *REFUSED.items()])
def test_podrole_does_not_publish_it_and_says_why(url: str, why: str) -> None:
    with pytest.raises(InvalidIssuer) as refused:
        check_issuer(url)
    assert refused.value.what == f"The issuer cannot be {url!r}: {why}."


@pytest.mark.parametrize(("url", "why"), REFUSED.items())
def test_iam_does_not_take_it(url: str, why: str) -> None:
    assert provider_url_fault(url) == why
