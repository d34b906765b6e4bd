"""Keys sign, verify, and name themselves as Kubernetes names them."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from joserfc import jws
from joserfc.jwk import KeySet

from podrole.oidc.base64url import decode_base64url
from podrole.oidc.issuer import mint
from podrole.oidc.jwks import parse_jwks
from podrole.oidc.keys import ALGORITHMS, SigningKey, VerificationKey, jwks
from support.keys import rsa_key

RSA_KEY = rsa_key().private_key


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_a_token_of_each_algorithm_satisfies_an_independent_implementation(algorithm: str) -> None:
    key = SigningKey.generate(algorithm)  # type: ignore[arg-type]
    published = KeySet.import_key_set(jwks([key.verification_key]))
    token = mint({"sub": "x"}, key)
    assert jws.deserialize_compact(token, published, algorithms=[algorithm]).payload == b'{"sub":"x"}'


@pytest.mark.parametrize("algorithm", sorted(ALGORITHMS))
def test_a_key_survives_its_pem_and_its_publication(algorithm: str) -> None:
    key = SigningKey.generate(algorithm)  # type: ignore[arg-type]
    again = SigningKey.from_pem(key.to_pem())
    (published,) = parse_jwks(jwks([again.verification_key]), where="here")[key.kid]
    assert published.verifies(algorithm, key.sign(b"data"), b"data")
    assert not published.verifies(algorithm, key.sign(b"data"), b"Data")


def test_a_key_is_only_for_algorithms_of_its_type_and_curve() -> None:
    rsa_key = SigningKey.generate("RS256").verification_key
    curve_key = SigningKey.generate("ES256").verification_key
    unnamed = VerificationKey(rsa_key.kid, rsa_key.public_key)
    assert [name for name in sorted(ALGORITHMS) if rsa_key.fits(name)] == ["RS256"]
    assert [name for name in sorted(ALGORITHMS) if unnamed.fits(name)] == ["RS256", "RS384", "RS512"]
    assert [name for name in sorted(ALGORITHMS) if VerificationKey("k", curve_key.public_key).fits(name)] == ["ES256"]
    assert not unnamed.fits("HS256")
    assert not unnamed.fits("none")
    assert not unnamed.fits("PS256")
    assert not unnamed.fits("RS1")


def test_an_elliptic_signature_in_der_or_of_a_wrong_length_is_refused() -> None:
    key = SigningKey.generate("ES256")
    signature = key.sign(b"data")
    assert key.verification_key.verifies("ES256", signature, b"data")
    assert not key.verification_key.verifies("ES256", signature + b"\0", b"data")
    assert not key.verification_key.verifies("ES256", b"\0" * 64, b"data")
    same_numbers = signature[:32] + b"\0" + signature[32:]
    assert not key.verification_key.verifies("ES256", same_numbers, b"data")


def test_the_key_id_is_the_hash_of_the_public_key_info() -> None:
    # A 2048-bit key and the id that kube-apiserver gives it: SHA-256 over the SubjectPublicKeyInfo, base64url.
    key = SigningKey.generate("RS256")
    assert len(key.kid) == 43
    assert "=" not in key.kid
    assert SigningKey.of(key.private_key).kid == key.kid


@pytest.mark.parametrize(
    ("curve", "algorithm"), [(ec.SECP256R1(), "ES256"), (ec.SECP384R1(), "ES384"), (ec.SECP521R1(), "ES512")]
)
def test_a_key_in_pem_signs_with_its_own_algorithm(curve: ec.EllipticCurve, algorithm: str) -> None:
    for private_key, expected in ((ec.generate_private_key(curve), algorithm), (RSA_KEY, "RS256")):
        pem = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        assert SigningKey.from_pem(pem).algorithm == expected
    assert SigningKey.of(RSA_KEY, "RS512").algorithm == "RS512"


@pytest.mark.parametrize(
    "private_key",
    [ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256K1())],
    ids=["Ed25519", "secp256k1"],
)
def test_a_key_that_no_accepted_algorithm_uses_is_refused(private_key: Any) -> None:
    pem = private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ValueError, match="key"):
        SigningKey.from_pem(pem)


def test_a_published_key_holds_its_numbers_in_the_fewest_octets_and_its_algorithm_if_it_has_one() -> None:
    key = SigningKey.of(RSA_KEY).verification_key
    (entry,) = jwks([key])["keys"]
    assert (entry["kty"], entry["alg"], entry["use"], entry["kid"]) == ("RSA", "RS256", "sig", key.kid)
    numbers = RSA_KEY.public_key().public_numbers()
    assert decode_base64url(entry["n"]) == numbers.n.to_bytes(256)
    assert decode_base64url(entry["e"]) == b"\1\0\1"
    (unnamed,) = jwks([VerificationKey("k", key.public_key)])["keys"]
    assert "alg" not in unnamed


def test_a_private_key_does_not_show_itself() -> None:
    key = SigningKey.of(rsa.generate_private_key(65537, 2048))
    assert "private_key" not in repr(key)
