"""A JWK Set is read strictly."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from podrole.oidc.base64url import decode_base64url, encode_base64url
from podrole.oidc.errors import KeysFault, KeysUnavailable
from podrole.oidc.jwks import parse_jwks
from podrole.oidc.keys import SigningKey, VerificationKey, jwks
from support.keys import rsa_key

KEY = rsa_key().verification_key
ENTRY: dict[str, Any] = jwks([KEY])["keys"][0]
SMALL = VerificationKey("small", rsa.generate_private_key(65537, 1024).public_key(), "RS256")
PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "oth", "k")  # RFC 7518, 6.2.2, 6.3.2 and 6.4
CURVE: dict[str, Any] = jwks([SigningKey.generate("ES256").verification_key])["keys"][0]


def padded(key: VerificationKey) -> str:
    """Return an RSA key's modulus behind as many zero octets as a key of 2048 bits would fill."""
    modulus = decode_base64url(jwks([key])["keys"][0]["n"])
    return encode_base64url(modulus.rjust(256, b"\0"))


def zero_prefixed(number: str) -> str:
    return encode_base64url(b"\0" + decode_base64url(number))


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        (None, KeysFault.MALFORMED),
        ([], KeysFault.MALFORMED),
        ({}, KeysFault.MALFORMED),
        ({"keys": {}}, KeysFault.MALFORMED),
        ({"keys": []}, KeysFault.NO_KEYS),
        ({"keys": ["text", None, 3]}, KeysFault.NO_KEYS),
        *(({"keys": [{**ENTRY, member: "AQAB"}]}, KeysFault.PRIVATE_KEY) for member in PRIVATE),
        ({"keys": [ENTRY, {"kty": "oct", "k": "c2VjcmV0", "kid": KEY.kid}]}, KeysFault.PRIVATE_KEY),
        ({"keys": [{**ENTRY, "kid": str(number)} for number in range(101)]}, KeysFault.TOO_MANY_KEYS),
        ({"keys": [{**CURVE, "kid": str(number)} for number in range(101)]}, KeysFault.TOO_MANY_KEYS),
        ({"keys": [{**ENTRY, "use": "enc"}]}, KeysFault.NO_KEYS),
        ({"keys": [{**ENTRY, "key_ops": ["sign"]}]}, KeysFault.NO_KEYS),
        ({"keys": [{**ENTRY, "key_ops": 5}]}, KeysFault.NO_KEYS),
        ({"keys": [{**ENTRY, "kid": 7}]}, KeysFault.NO_KEYS),
        ({"keys": [{**ENTRY, "n": "!!!"}]}, KeysFault.NO_KEYS),
        *(({"keys": [{**ENTRY, "n": value}]}, KeysFault.NO_KEYS) for value in (7, None, True, [], ["A", "A"], {})),
        ({"keys": [{**ENTRY, "e": encode_base64url(b"\2")}]}, KeysFault.NO_KEYS),
        ({"keys": [{**ENTRY, "kty": "EC"}]}, KeysFault.NO_KEYS),
        ({"keys": [{"kty": "EC", "crv": "P-256", "x": "AQ", "y": "AQ", "kid": "off the curve"}]}, KeysFault.NO_KEYS),
        (jwks([SMALL]), KeysFault.NO_KEYS),
        ({"keys": [{**jwks([SMALL])["keys"][0], "n": padded(SMALL)}]}, KeysFault.NO_KEYS),
        ({"keys": [{**ENTRY, "n": ENTRY["n"] + "="}]}, KeysFault.NO_KEYS),
        ({"keys": [{**ENTRY, "n": ENTRY["n"][:-1] + "\N{LATIN SMALL LETTER E WITH ACUTE}"}]}, KeysFault.NO_KEYS),
        ({"keys": [{**ENTRY, "alg": 7}]}, KeysFault.NO_KEYS),
        ({"keys": [{name: value for name, value in ENTRY.items() if name != "e"}]}, KeysFault.NO_KEYS),
        ({"keys": [{**CURVE, "crv": "P-384"}]}, KeysFault.NO_KEYS),
        ({"keys": [{**CURVE, "crv": "secp256k1"}]}, KeysFault.NO_KEYS),
        ({"keys": [{**CURVE, "crv": []}]}, KeysFault.NO_KEYS),
        ({"keys": [{**CURVE, "x": CURVE["y"]}]}, KeysFault.NO_KEYS),
        ({"keys": [{**CURVE, "x": zero_prefixed(CURVE["x"])}]}, KeysFault.NO_KEYS),
        ({"keys": [{**CURVE, "y": zero_prefixed(CURVE["y"])}]}, KeysFault.NO_KEYS),
        ({"keys": [{**CURVE, "kty": "EC2"}]}, KeysFault.NO_KEYS),
    ],
)
def test_a_set_that_no_verifier_should_use_is_refused(document: object, fault: KeysFault) -> None:
    with pytest.raises(KeysUnavailable) as raised:
        parse_jwks(document, where="https://issuer.example/keys")
    assert raised.value.fault is fault
    assert "https://issuer.example/keys" in raised.value.what


def test_a_hundred_keys_of_each_kind_are_taken_and_keys_of_another_kind_do_not_count() -> None:
    entries = [{**entry, "kid": f"{entry['kty']} {number}"} for entry in (ENTRY, CURVE) for number in range(100)]
    other = {"kty": "OKP", "crv": "Ed25519", "x": "AA"}
    assert len(parse_jwks({"keys": [*entries, other]}, where="here")) == 200


def test_an_unreadable_key_does_not_spoil_its_neighbours() -> None:
    found = parse_jwks({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AA"}, {**ENTRY, "n": ""}, ENTRY]}, where="here")
    assert list(found) == [KEY.kid]


def test_keys_that_share_a_name_are_all_kept_and_a_nameless_key_goes_by_the_empty_name() -> None:
    other = jwks([SigningKey.generate("ES256").verification_key])["keys"][0]
    found = parse_jwks({"keys": [ENTRY, {**other, "kid": KEY.kid}, {**other, "kid": ""}]}, where="here")
    assert [len(found[name]) for name in (KEY.kid, "")] == [2, 1]


@pytest.mark.parametrize("members", [{}, {"use": "sig"}, {"key_ops": ["verify"]}, {"key_ops": ["verify", "other"]}])
@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "ES384", "ES512"])
def test_a_public_key_with_any_form_of_its_use_is_taken(members: dict[str, Any], algorithm: Any) -> None:
    published = SigningKey.generate(algorithm).verification_key
    entry = {name: value for name, value in jwks([published])["keys"][0].items() if name != "use"}
    (key,) = parse_jwks({"keys": [{**entry, **members}]}, where="here")[published.kid]
    assert key.public_key.public_numbers() == published.public_key.public_numbers()
    assert key.algorithm == algorithm


def test_a_modulus_with_a_leading_zero_octet_is_read_as_the_same_number() -> None:
    (key,) = parse_jwks({"keys": [{**ENTRY, "n": zero_prefixed(ENTRY["n"])}]}, where="here")[KEY.kid]
    assert key.public_key.public_numbers() == KEY.public_key.public_numbers()


def test_a_key_may_name_no_algorithm() -> None:
    entry = {name: value for name, value in ENTRY.items() if name != "alg"}
    (key,) = parse_jwks({"keys": [entry]}, where="here")[KEY.kid]
    assert key.algorithm is None
