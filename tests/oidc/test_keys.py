"""Keys sign, verify, and name themselves as Kubernetes names them."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jws
from joserfc.jwk import KeySet

from podrole.oidc.issuer import mint
from podrole.oidc.jwks import parse_jwks
from podrole.oidc.keys import ALGORITHMS, SigningKey, VerificationKey, jwks


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


def test_the_key_id_is_the_hash_of_the_public_key_info() -> None:
    # A 2048-bit key and the id that kube-apiserver gives it: SHA-256 over the SubjectPublicKeyInfo, base64url.
    key = SigningKey.generate("RS256")
    assert len(key.kid) == 43
    assert "=" not in key.kid
    assert SigningKey.of(key.private_key).kid == key.kid


def test_a_private_key_does_not_show_itself() -> None:
    key = SigningKey.of(rsa.generate_private_key(65537, 2048))
    assert "private_key" not in repr(key)
