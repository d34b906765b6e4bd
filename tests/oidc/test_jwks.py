"""A JWK Set is read strictly."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from podrole.oidc.errors import KeysFault, KeysUnavailable
from podrole.oidc.jwks import parse_jwks
from podrole.oidc.keys import SigningKey, VerificationKey, base64url, jwks

KEY = SigningKey.generate("RS256").verification_key
ENTRY: dict[str, Any] = jwks([KEY])["keys"][0]
SMALL = VerificationKey("small", rsa.generate_private_key(65537, 1024).public_key(), "RS256")


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        (None, KeysFault.MALFORMED),
        ([], KeysFault.MALFORMED),
        ({}, KeysFault.MALFORMED),
        ({"keys": {}}, KeysFault.MALFORMED),
        ({"keys": []}, KeysFault.NO_KEYS),
        ({"keys": ["text", None, 3]}, KeysFault.NO_KEYS),
        ({"keys": [{**ENTRY, "d": "AQAB"}]}, KeysFault.PRIVATE_KEY),
        ({"keys": [ENTRY, {"kty": "oct", "k": "c2VjcmV0", "kid": KEY.kid}]}, KeysFault.PRIVATE_KEY),
        ({"keys": [{**ENTRY, "kid": str(number)} for number in range(101)]}, KeysFault.TOO_MANY_KEYS),
        ({"keys": [{**ENTRY, "use": "enc"}]}, KeysFault.NO_KEYS),
        ({"keys": [{**ENTRY, "key_ops": ["sign"]}]}, KeysFault.NO_KEYS),
        ({"keys": [{**ENTRY, "key_ops": 5}]}, KeysFault.NO_KEYS),
        ({"keys": [{**ENTRY, "kid": 7}]}, KeysFault.NO_KEYS),
        ({"keys": [{**ENTRY, "n": "!!!"}]}, KeysFault.NO_KEYS),
        ({"keys": [{**ENTRY, "n": 7}]}, KeysFault.NO_KEYS),
        ({"keys": [{**ENTRY, "e": base64url(b"\2")}]}, KeysFault.NO_KEYS),
        ({"keys": [{**ENTRY, "kty": "EC"}]}, KeysFault.NO_KEYS),
        ({"keys": [{"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ", "kid": "off the curve"}]}, KeysFault.NO_KEYS),
        (jwks([SMALL]), KeysFault.NO_KEYS),
    ],
)
def test_a_set_that_no_verifier_should_use_is_refused(document: object, fault: KeysFault) -> None:
    with pytest.raises(KeysUnavailable) as raised:
        parse_jwks(document, where="https://issuer.example/keys")
    assert raised.value.fault is fault
    assert "https://issuer.example/keys" in raised.value.what


def test_a_hundred_keys_of_a_kind_are_taken() -> None:
    found = parse_jwks({"keys": [{**ENTRY, "kid": str(number)} for number in range(100)]}, where="here")
    assert len(found) == 100


def test_an_unreadable_key_does_not_spoil_its_neighbours() -> None:
    found = parse_jwks({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA"}, {**ENTRY, "n": ""}, ENTRY]}, where="here")
    assert list(found) == [KEY.kid]


def test_keys_that_share_a_name_are_all_kept_and_a_nameless_key_goes_by_the_empty_name() -> None:
    other = jwks([SigningKey.generate("ES256").verification_key])["keys"][0]
    found = parse_jwks({"keys": [ENTRY, {**other, "kid": KEY.kid}, {**other, "kid": ""}]}, where="here")
    assert [len(found[name]) for name in (KEY.kid, "")] == [2, 1]
