"""A wrong, slow or unreachable issuer gives no credentials; one that rotates its keys interrupts no exchange."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from podrole.base.certificates import Authority, server_context, thumbprint
from podrole.oidc.issuer import discovery_document
from podrole.oidc.keycache import FRESH_SECONDS, STALE_SECONDS
from podrole.oidc.keys import SigningKey, jwks
from support.aws import FETCH_SECONDS, PROVIDER_ARN, LocalAWS, refusal
from support.forgery import forge
from support.issuer import HOST, ISSUER

NO_KEY = (
    "Couldn't retrieve verification key from your identity provider,  "
    "please reference AssumeRoleWithWebIdentity documentation for requirements"
)
OTHER_THUMBPRINT = "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint"
EXTRA_KEYS = [SigningKey.generate("ES256") for _ in range(2)]


def _key_set(aws: LocalAWS, **changed: Any) -> dict[str, Any]:
    entry = jwks([aws.issuer.keys[0].verification_key])["keys"][0]
    return {"keys": [{**entry, **changed}]}


def _answers(**attributes: Any) -> Callable[[LocalAWS], None]:
    def spoil(aws: LocalAWS) -> None:
        for name, value in attributes.items():
            setattr(aws.issuer, name, value(aws) if callable(value) else value)

    return spoil


def _slow(aws: LocalAWS) -> None:
    async def make() -> asyncio.Event:
        return asyncio.Event()

    aws.issuer.delay = aws.run(make)
    assert aws.keys is not None
    aws.keys.fetch_limit = 0.3


def _document(**changed: Any) -> Callable[[LocalAWS], None]:
    return _answers(document={**discovery_document(ISSUER, f"{ISSUER}/keys", ["RS256"]), **changed})


SPOILT: dict[str, tuple[Callable[[LocalAWS], None], str]] = {
    "that is down": (_answers(down=True), "unreachable"),
    "that does not answer in time": (_slow, "timeout"),
    "that answers 500": (_answers(status=500), "http-status"),
    "that answers 404": (_answers(status=404), "http-status"),
    "that throttles": (_answers(status=429), "http-status"),
    "that answers 204": (_answers(status=204, document=b"", key_set=b""), "http-status"),
    "that moved for good": (_answers(status=301, headers=[(b"location", f"{ISSUER}/k".encode())]), "redirect"),
    "that redirects elsewhere": (_answers(status=302, headers=[(b"location", b"https://evil.example")]), "redirect"),
    "that redirects with 307": (_answers(status=307, headers=[(b"location", b"http://127.0.0.1/")]), "redirect"),
    "that answers nothing": (_answers(document=b" "), "malformed"),
    "that answers in HTML": (_answers(document=b"<html></html>"), "malformed"),
    "whose document is a list": (_answers(document=b"[]"), "malformed"),
    "whose document is nested without end": (_answers(document=b"[" * 100_000), "malformed"),
    "whose document is compressed": (
        _answers(headers=[(b"content-encoding", b"gzip")], document=b"\x1f\x8b"),
        "malformed",
    ),
    "whose document has no end": (_answers(document=b" " * (600 * 1024)), "too-large"),
    "that says it is another": (_document(issuer="https://other.example.com"), "other-issuer"),
    "that writes its name with a slash": (_document(issuer=ISSUER + "/"), "other-issuer"),
    "that does not say who it is": (_document(issuer=None), "other-issuer"),
    "that says where its keys are as a number": (_document(jwks_uri=1), "not-https"),
    "whose keys come over plain http": (_document(jwks_uri=f"http://{HOST}/keys"), "not-https"),
    "whose keys are a file": (_document(jwks_uri="file:///etc/passwd"), "not-https"),
    "whose keys are data": (_document(jwks_uri="data:application/json,{}"), "not-https"),
    "whose keys are at an address with a line end": (_document(jwks_uri=f"https://{HOST}/\r\nX: y"), "not-https"),
    "whose keys are at an address with a password": (_document(jwks_uri=f"https://a:b@{HOST}/keys"), "not-https"),
    "whose keys are no JSON": (_answers(key_set=b"keys"), "malformed"),
    "whose keys are a list": (_answers(key_set=b"[]"), "malformed"),
    "whose keys are text": (_answers(key_set={"keys": "none"}), "malformed"),
    "without keys": (_answers(key_set={"keys": []}), "no-keys"),
    "with keys for encryption": (_answers(key_set=lambda aws: _key_set(aws, use="enc")), "no-keys"),
    "with keys for signing only": (_answers(key_set=lambda aws: _key_set(aws, key_ops=["sign"])), "no-keys"),
    "with keys without numbers": (_answers(key_set=lambda aws: _key_set(aws, n="", e="")), "no-keys"),
    "with keys of numbers": (_answers(key_set=lambda aws: _key_set(aws, n=1, e=1)), "no-keys"),
    "with a key of exponent one": (_answers(key_set=lambda aws: _key_set(aws, e="AQ")), "no-keys"),
    "with symmetric keys": (
        _answers(key_set={"keys": [{"kty": "oct", "kid": "a", "k": "c2VjcmV0"}]}),
        "private-key-published",
    ),
    "that publishes a private key": (
        _answers(key_set=lambda aws: _key_set(aws, d="AQAB")),
        "private-key-published",
    ),
    "with 101 keys": (
        _answers(key_set=lambda aws: {"keys": _key_set(aws)["keys"] * 101}),
        "too-many-keys",
    ),
    "that has withdrawn the key": (
        _answers(key_set=jwks([EXTRA_KEYS[0].verification_key])),
        "unknown-kid",
    ),
}


@pytest.mark.parametrize(("spoil", "fault"), SPOILT.values(), ids=SPOILT.keys())
def test_an_invalid_issuer_gives_no_credentials(aws: LocalAWS, spoil: Callable[[LocalAWS], None], fault: str) -> None:
    aws.set_up_role()
    token = aws.token()
    spoil(aws)
    assert refusal(aws.exchange(token)) == (400, "InvalidIdentityToken", NO_KEY)
    explanation = aws.last_event().explanation or {}
    assert explanation["fault"] == fault
    assert explanation["step"] == "issuer's keys"
    aws.issuer.behave()
    assert aws.keys is not None
    aws.keys.fetch_limit = FETCH_SECONDS
    assert aws.exchange(token).status_code == 200, "once the issuer behaves, the same token is good"


def _certificates(authority: Authority) -> dict[str, Any]:
    other = Authority.create("another authority", now=time.time())
    now, long_ago = time.time(), time.time() - 86_400 * 400
    return {
        "of another authority": (server_context(other.issue([HOST], now=now)), OTHER_THUMBPRINT),
        "for another name": (server_context(authority.issue(["other.example.com"], now=now)), NO_KEY),
        "that has expired": (server_context(authority.issue([HOST], now=long_ago)), NO_KEY),
        "that is not valid yet": (server_context(authority.issue([HOST], now=now + 86_400)), NO_KEY),
    }


@pytest.mark.parametrize(
    "which", ["of another authority", "for another name", "that has expired", "that is not valid yet"]
)
def test_an_untrusted_certificate_gives_no_credentials(aws: LocalAWS, authority: Authority, which: str) -> None:
    aws.set_up_role()
    aws.issuer.tls, message = _certificates(authority)[which]
    assert refusal(aws.exchange()) == (400, "InvalidIdentityToken", message)
    assert aws.issuer.asked == [], "nothing was sent to that server"


def test_a_server_without_a_chain_is_trusted_by_its_own_thumbprint(aws: LocalAWS) -> None:
    aws.set_up_role()
    alone = Authority.create("alone", now=time.time())
    certificate = alone.issue([HOST], now=time.time())
    leaf = type(certificate)(certificate.certificate_pem, certificate.key_pem, certificate.certificate_pem)
    aws.issuer.tls = server_context(leaf)
    assert refusal(aws.exchange())[2] == OTHER_THUMBPRINT
    aws.client("iam").update_open_id_connect_provider_thumbprint(
        OpenIDConnectProviderArn=PROVIDER_ARN, ThumbprintList=[thumbprint(leaf.certificate_pem)]
    )
    assert aws.exchange().status_code == 200


def test_a_removed_thumbprint_counts_at_the_next_exchange_despite_cached_keys(aws: LocalAWS) -> None:
    aws.set_up_role()
    assert aws.exchange().status_code == 200
    iam = aws.client("iam")
    iam.update_open_id_connect_provider_thumbprint(OpenIDConnectProviderArn=PROVIDER_ARN, ThumbprintList=["0" * 40])
    assert refusal(aws.exchange())[2] == OTHER_THUMBPRINT
    iam.update_open_id_connect_provider_thumbprint(
        OpenIDConnectProviderArn=PROVIDER_ARN, ThumbprintList=["0" * 40, *aws.issuer.thumbprints]
    )
    assert aws.exchange().status_code == 200


def test_keys_are_fetched_once_for_many_exchanges(aws: LocalAWS) -> None:
    aws.set_up_role()
    assert [aws.exchange().status_code for _ in range(5)] == [200] * 5
    assert len(aws.issuer.asked) == 2


def test_a_rotation_of_keys_fails_no_exchange(aws: LocalAWS) -> None:
    aws.set_up_role()
    before = aws.token()
    assert aws.exchange(before).status_code == 200
    for key in EXTRA_KEYS:
        aws.issuer.keys.append(key)
        assert aws.exchange().status_code == 200, "the new key is found at once"
        assert aws.exchange(before).status_code == 200, "the old key serves on while it is published"


def test_a_rotation_in_the_middle_of_many_exchanges_fails_none(aws: LocalAWS) -> None:
    aws.set_up_role()
    assert aws.exchange().status_code == 200
    old = [aws.token(jti=str(number)) for number in range(20)]
    aws.issuer.keys.append(EXTRA_KEYS[0])
    new = [aws.token(jti=str(number)) for number in range(20)]
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(aws.exchange, [token for pair in zip(old, new, strict=True) for token in pair]))
    assert {answer.status_code for answer in answers} == {200}


def test_a_flood_of_invented_key_ids_reaches_neither_the_issuer_nor_other_callers(aws: LocalAWS) -> None:
    aws.set_up_role()
    good = aws.token()
    assert aws.exchange(good).status_code == 200
    forged = [forge(aws, kid=f"made up {number}") for number in range(60)]
    started = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(30) as threads:
        refused = threads.map(aws.exchange, forged)
        during = [aws.exchange(good).status_code for _ in range(20)]
        assert {answer.status_code for answer in refused} == {400}
    seconds = time.monotonic() - started
    assert during == [200] * 20
    assert len(aws.issuer.asked) / 2 <= 2 + seconds / 0.2, "no oftener than the cool-down allows"


def test_cached_keys_of_an_unreachable_issuer_serve_for_an_hour(aws: LocalAWS) -> None:
    aws.set_up_role()
    assert aws.exchange().status_code == 200
    aws.issuer.down = True
    assert aws.exchange().status_code == 200
    aws.offset = FRESH_SECONDS + 10
    assert aws.exchange().status_code == 200
    aws.offset = STALE_SECONDS + 10
    assert refusal(aws.exchange())[2] == NO_KEY


def test_a_key_that_the_issuer_withdrew_is_refused_within_minutes(aws: LocalAWS) -> None:
    aws.set_up_role()
    token = aws.token()
    assert aws.exchange(token).status_code == 200
    aws.issuer.keys = [EXTRA_KEYS[0]]
    assert aws.exchange(token).status_code == 200, "until the keys are read again"
    aws.offset = FRESH_SECONDS + 10
    assert refusal(aws.exchange(token))[2] == NO_KEY


def test_a_token_of_one_provider_is_not_accepted_for_another(aws: LocalAWS) -> None:
    """Its own issuer's keys verify a token, never those of the provider that the role trusts."""
    aws.set_up_role()
    other = f"https://{HOST}/id/OTHER"
    aws.client("iam").create_open_id_connect_provider(
        Url=other, ClientIDList=["sts.amazonaws.com"], ThumbprintList=aws.issuer.thumbprints
    )
    aws.issuer.document = discovery_document(other, f"{other}/keys", ["RS256"])
    status, code, _ = refusal(aws.exchange(aws.token(iss=other)))
    assert (status, code) == (403, "AccessDenied"), "verified, and then not trusted: the role names the first provider"
    told = json.dumps(aws.last_event().explanation)
    assert "oidc-provider" in told


def test_a_provider_of_another_account_is_not_used(aws: LocalAWS) -> None:
    aws.set_up_role()
    arn = "arn:aws:iam::444455556666:role/reader"
    status, code, message = refusal(aws.exchange(RoleArn=arn))
    assert (status, code) == (400, "InvalidIdentityToken")
    assert message == f"No OpenIDConnect provider found in your account for {ISSUER}"


def test_a_provider_of_another_partition_is_not_used(aws: LocalAWS) -> None:
    aws.set_up_role()
    assert refusal(aws.exchange(RoleArn="arn:aws-cn:iam::111122223333:role/reader"))[1] == "InvalidIdentityToken"
