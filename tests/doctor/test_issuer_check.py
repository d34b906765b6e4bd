"""An issuer examined as STS would, over real TLS: each fault of its URL, server, documents and tokens has its code."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from podrole.base.certificates import Authority, server_context, thumbprint
from podrole.base.serving import bind, listening
from podrole.doctor.facts.issuer import ClusterIssuer
from podrole.doctor.issuer_check import IssuerCheck, check_issuer
from podrole.doctor.links.issuer.served import certificates
from podrole.doctor.report.findings import LinkState, Severity
from podrole.doctor.unknown import UnknownFact
from podrole.oidc.discovery import fetch_keys
from podrole.oidc.fetch import Fetcher
from podrole.oidc.issuer import discovery_document, mint
from podrole.oidc.keys import SigningKey
from support.issuer import HOST, ISSUER, FakeIssuer
from support.keys import rsa_key

NOW = 1_800_000_000
NO_CLUSTER = UnknownFact("No cluster was asked.")
JSON = [(b"content-type", b"application/json; charset=utf-8")]


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return SigningKey.generate("RS256")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create("test authority", now=time.time())


@pytest.fixture
async def issuer(key: SigningKey, authority: Authority) -> AsyncIterator[FakeIssuer]:
    fake = FakeIssuer(authority, [key], headers=JSON)
    sock = bind(0, name="the issuer", option="--port")
    fake.port = sock.getsockname()[1]
    tls = server_context(authority.issue([HOST], now=time.time()))
    tls.sni_callback = fake.choose_certificate
    async with listening(fake, sock, tls=tls, grace_seconds=0):
        yield fake
        if fake.delay is not None:
            fake.delay.set()


def trusting(issuer: FakeIssuer) -> Fetcher:
    """A fetcher of a system that trusts the issuer's authority."""
    context = ssl.create_default_context(cadata=issuer.authority.certificate_pem.decode())
    return issuer.fetcher(lambda: context)


async def checked(fetcher: Fetcher, url: str = ISSUER, **options: Any) -> IssuerCheck:
    keys = options.pop("own_keys", NO_CLUSTER)
    return await check_issuer(ClusterIssuer(url, keys), fetcher, lambda: NOW, **options)


def codes(check: IssuerCheck) -> list[tuple[str, Severity]]:
    return [(one.code, one.severity) for one in check.verdict.findings]


FAULT, RISK = Severity.FAULT, Severity.RISK


async def test_sound_issuer_holds_and_its_thumbprint_is_not_needed(issuer: FakeIssuer, key: SigningKey) -> None:
    check = await checked(trusting(issuer))
    assert (check.verdict.state, codes(check), check.denial) == (LinkState.HOLDS, [], None)
    assert list(check.keys) == [key.kid]
    assert (check.thumbprint, check.needs_thumbprint) == (issuer.thumbprints[0], False)


async def test_server_of_a_private_authority_needs_its_thumbprint_in_the_provider(issuer: FakeIssuer) -> None:
    check = await checked(issuer.fetcher())
    assert (check.verdict.state, codes(check)) == (LinkState.HOLDS, [])
    assert (check.thumbprint, check.needs_thumbprint) == (issuer.thumbprints[0], True)
    listed = await checked(issuer.fetcher(), thumbprints=("0" * 40, issuer.thumbprints[0]))
    assert (listed.verdict.state, codes(listed)) == (LinkState.HOLDS, [])


async def test_provider_with_another_thumbprint_is_a_fault_in_the_words_of_sts(issuer: FakeIssuer) -> None:
    check = await checked(issuer.fetcher(), thumbprints=("0" * 40,))
    assert codes(check) == [("PR503", FAULT)]
    assert issuer.thumbprints[0] in (check.verdict.findings[0].expected or "")
    assert check.denial is not None
    assert check.denial.message == "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint"


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("http://oidc.example.com", ("PR401", FAULT)),
        ("https://oidc.example.com:8443/x", ("PR401", FAULT)),
        ("https://kubernetes.default.svc.cluster.local", ("PR401", FAULT)),
        ("https://[a/b", ("PR401", FAULT)),
        ("https://oidc.example.com/x?a=b", ("PR409", FAULT)),
        ("https://oidc.example.com/x#a", ("PR409", FAULT)),
        ("https://user@oidc.example.com/x", ("PR409", FAULT)),
    ],
)
async def test_url_that_iam_does_not_take_is_not_fetched(
    issuer: FakeIssuer, url: str, found: tuple[str, Severity]
) -> None:
    assert codes(await checked(issuer.fetcher(), url)) == [found]
    assert issuer.asked == []


async def test_upper_case_letters_in_the_host_are_a_risk(issuer: FakeIssuer) -> None:
    url = ISSUER.replace(HOST, HOST.upper())
    issuer.document = discovery_document(url, f"{url}/keys", ["RS256"])
    check = await checked(trusting(issuer), url)
    assert (check.verdict.state, codes(check)) == (LinkState.HOLDS, [("PR409", RISK)])


NOT_JSON = [(b"content-type", b"text/html")]
PRIVATE = {"keys": [{"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB", "d": "AQAB"}]}
MANY = {"keys": [{"kty": "RSA", "kid": str(one)} for one in range(101)]}


@pytest.mark.parametrize(
    ("spoilt", "code"),
    [
        ({"status": 302, "headers": [(b"location", b"/elsewhere")]}, "PR402"),
        ({"status": 404}, "PR402"),
        ({"down": True}, "PR402"),
        ({"document": discovery_document(f"{ISSUER}/", f"{ISSUER}/keys", ["RS256"])}, "PR403"),
        ({"document": discovery_document(ISSUER, "http://oidc.example.com/keys", ["RS256"])}, "PR408"),
        ({"document": b"<html>"}, "PR408"),
        ({"document": b" " * 600_000}, "PR408"),
        ({"key_set": {"keys": []}}, "PR408"),
        ({"key_set": PRIVATE}, "PR408"),
        ({"key_set": MANY}, "PR408"),
    ],
)
async def test_fault_of_the_documents_is_found_with_the_answer_of_sts(
    issuer: FakeIssuer, spoilt: dict[str, Any], code: str
) -> None:
    for name, value in spoilt.items():
        setattr(issuer, name, value)
    check = await checked(trusting(issuer))
    assert (code, FAULT) in codes(check)
    assert check.verdict.state is LinkState.BROKEN
    assert check.denial is not None
    assert check.denial.message.startswith("Couldn't retrieve verification key from your identity provider,  please")


async def test_slow_issuer_is_a_fault(issuer: FakeIssuer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fetch_keys.__kwdefaults__, "limit_seconds", 0.2)
    issuer.delay = asyncio.Event()
    check = await checked(trusting(issuer))
    assert codes(check) == [("PR402", FAULT)]
    assert check.verdict.findings[0].evidence == {"fault": "timeout"}


async def test_issuer_that_this_machine_does_not_reach_is_unknown() -> None:
    def resolve(_host: str, _port: int) -> tuple[str, int]:
        raise socket.gaierror(-2, "Name or service not known")

    check = await checked(Fetcher(resolve=resolve))
    assert (check.verdict.state, codes(check), check.denial) == (LinkState.UNKNOWN, [], None)


async def test_expired_certificate_is_a_fault(issuer: FakeIssuer, authority: Authority) -> None:
    long_ago = time.time() - 100 * 86_400
    issuer.tls = server_context(authority.issue([HOST], now=long_ago, days=2))
    check = await checked(trusting(issuer))
    assert ("PR402", FAULT) in codes(check)


@pytest.mark.parametrize("found", ["text/html", None])
async def test_content_type_that_is_not_json_is_a_risk_of_each_document(issuer: FakeIssuer, found: str | None) -> None:
    issuer.headers = [] if found is None else NOT_JSON
    check = await checked(trusting(issuer))
    assert (check.verdict.state, codes(check)) == (LinkState.HOLDS, [("PR411", RISK), ("PR411", RISK)])
    assert check.verdict.findings[0].got == (found or "no Content-Type")


@pytest.mark.parametrize(
    ("order", "problem"),
    [
        ("leaf root", None),
        ("leaf", None),
        ("leaf leaf root", "CN=oidc.example.com is there 2 times"),
        ("leaf root root", "CN=test authority is there 2 times"),
        ("leaf root foreign", "CN=unrelated does not belong to the chain of CN=oidc.example.com"),
        ("leaf foreign root", "CN=unrelated does not belong to the chain of CN=oidc.example.com"),
    ],
)
async def test_certificates_that_are_not_a_chain_are_a_risk(
    issuer: FakeIssuer, authority: Authority, order: str, problem: str | None
) -> None:
    leaf = authority.issue([HOST], now=time.time())
    pems = {
        "leaf": leaf.certificate_pem,
        "root": authority.certificate_pem,
        "foreign": Authority.create("unrelated", now=time.time()).certificate_pem,
    }
    served = [pems[one] for one in order.split()]
    issuer.tls = server_context(dataclasses.replace(leaf, chain_pem=b"".join(served)))
    check = await checked(trusting(issuer))
    assert codes(check) == ([] if problem is None else [("PR410", RISK)])
    assert problem is None or problem in check.verdict.findings[0].what
    assert len(check.chain) == len(served)
    assert check.thumbprint == thumbprint(served[-1])


def signed(name: str, by: str, keys: dict[str, ec.EllipticCurvePrivateKey]) -> bytes:
    """Return a certificate, DER, of the key of ``name`` signed with the key of ``by``."""
    moment = datetime.datetime.fromtimestamp(NOW, datetime.UTC)
    subject, issued_by = (x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, one)]) for one in (name, by))
    builder = x509.CertificateBuilder(issued_by, subject, keys[name].public_key(), 1, moment, moment)
    certificate = builder.add_extension(x509.BasicConstraints(True, None), True).sign(keys[by], hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize(
    ("order", "problem"),
    [
        ("leaf intermediate root", None),
        ("leaf intermediate", None),
        ("leaf root intermediate", "wrong order"),
        ("leaf root", "CN=root does not belong"),
        ("leaf broken", "a certificate cannot be read"),
    ],
)
def test_each_certificate_is_signed_by_the_next_one(order: str, problem: str | None) -> None:
    keys = {one: ec.generate_private_key(ec.SECP256R1()) for one in ("leaf", "intermediate", "root")}
    chain = {
        "leaf": signed("leaf", "intermediate", keys),
        "intermediate": signed("intermediate", "root", keys),
        "root": signed("root", "root", keys),
        "broken": b"0",
    }
    found = certificates(ISSUER, [chain[one] for one in order.split()])
    assert [one.code for one in found] == ([] if problem is None else ["PR410"])
    assert problem is None or problem in found[0].what


async def test_keys_of_the_cluster_that_are_not_published_are_a_fault(issuer: FakeIssuer, key: SigningKey) -> None:
    assert codes(await checked(trusting(issuer), own_keys=frozenset({"other"}))) == [("PR404", FAULT)]
    assert codes(await checked(trusting(issuer), own_keys=frozenset({"other", key.kid}))) == [("PR404", RISK)]
    assert codes(await checked(trusting(issuer), own_keys=frozenset({key.kid}))) == []


CLAIMS = {"iss": ISSUER, "sub": "system:serviceaccount:a:b", "aud": ["sts.amazonaws.com"], "iat": NOW, "exp": NOW + 600}
OTHER_KEY = rsa_key(1)


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({}, None, None),
        ({"iss": f"{ISSUER}/"}, "PR412", "No OpenIDConnect provider found"),
        ({"sub": None}, "PR412", "Missing a required claim: sub"),
        ({"aud": ["https://kubernetes.default.svc"]}, "PR405", "Incorrect token audience"),
        ({"exp": NOW - 301}, "PR406", "Token expired"),
        ({"iat": NOW - 86_401}, "PR406", "Token too old"),
        ({"iat": NOW + 301}, "PR407", "Token issued in the future."),
    ],
)
async def test_token_is_judged_by_sts(
    issuer: FakeIssuer, key: SigningKey, changed: dict[str, Any], code: str | None, said: str | None
) -> None:
    check = await checked(trusting(issuer), token_text=mint({**CLAIMS, **changed}, key))
    assert codes(check) == ([] if code is None else [(code, FAULT)])
    assert (None if check.denial is None else said in check.denial.message) is (None if said is None else True)


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (lambda key: mint(CLAIMS, OTHER_KEY), "PR404"),
        (lambda key: mint(CLAIMS, dataclasses.replace(OTHER_KEY, kid=key.kid)), "PR412"),
        (lambda key: "not a token", "PR412"),
    ],
)
async def test_token_of_another_key_is_refused(
    issuer: FakeIssuer, key: SigningKey, token: Callable[[SigningKey], str], code: str
) -> None:
    check = await checked(trusting(issuer), token_text=token(key), own_keys=frozenset({"a", key.kid}))
    assert codes(check)[0] == (code, FAULT)
    assert [one for one, _ in codes(check)].count("PR404") == 1


@pytest.mark.parametrize(
    ("audience", "said", "found"),
    [
        ("sts.amazonaws.com", "Couldn't retrieve verification key", ["PR402"]),
        ("other", "Incorrect token audience", ["PR402", "PR405"]),
    ],
)
async def test_sts_reads_the_token_before_it_fetches_the_keys(
    issuer: FakeIssuer, key: SigningKey, audience: str, said: str, found: list[str]
) -> None:
    issuer.status = 404
    check = await checked(trusting(issuer), token_text=mint({**CLAIMS, "aud": [audience]}, key))
    assert [code for code, _ in codes(check)] == found
    assert check.denial is not None
    assert check.denial.message.startswith(said)


@pytest.mark.parametrize(
    ("audience", "said", "found"),
    [
        ("sts.amazonaws.com", "OpenIDConnect provider's HTTPS certificate", ["PR503"]),
        ("other", "Incorrect token audience", ["PR503", "PR405"]),
    ],
)
async def test_sts_reads_the_token_before_it_compares_thumbprints(
    issuer: FakeIssuer, key: SigningKey, audience: str, said: str, found: list[str]
) -> None:
    text = mint({**CLAIMS, "aud": [audience]}, key)
    check = await checked(issuer.fetcher(), thumbprints=("0" * 40,), token_text=text)
    assert [code for code, _ in codes(check)] == found
    assert check.denial is not None
    assert check.denial.message.startswith(said)


async def test_issuer_that_the_cluster_does_not_show_is_unknown() -> None:
    check = await check_issuer(ClusterIssuer(NO_CLUSTER, NO_CLUSTER), Fetcher(), lambda: NOW)
    assert check.verdict.state is LinkState.UNKNOWN
