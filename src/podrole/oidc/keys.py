"""Keys that sign service-account tokens, and keys that verify them.

The algorithms are those that AWS STS takes: RS256/384/512 and ES256/384/512 (RFC 7518 3.1). Everything else, ``none``
and HMAC first of all, has no verifier here, so no token can name its way to one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from podrole.oidc.base64url import encode_base64url

Algorithm = Literal["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"]
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

MIN_RSA_BITS = 2048
"""RFC 7518 3.3: a key of size 2048 bits or larger MUST be used."""

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "RS256": hashes.SHA256(),
    "RS384": hashes.SHA384(),
    "RS512": hashes.SHA512(),
    "ES256": hashes.SHA256(),
    "ES384": hashes.SHA384(),
    "ES512": hashes.SHA512(),
}
# RFC 7518 3.4: each ES algorithm has its own curve, and a signature of two integers of the curve's size.
_CURVES: dict[str, tuple[str, int]] = {
    "ES256": ("secp256r1", 32),
    "ES384": ("secp384r1", 48),
    "ES512": ("secp521r1", 66),
}
JWK_CURVES: dict[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
"""The curves by their names in a JWK (RFC 7518, 6.2.1.1)."""
_JWK_CURVE_NAMES = {curve.name: name for name, curve in JWK_CURVES.items()}
_CURVE_ALGORITHM: dict[str, Algorithm] = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
ALGORITHMS: frozenset[str] = frozenset(_HASHES)


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key as an issuer publishes it. ``algorithm`` is the JWK's ``alg``, None where it names none."""

    kid: str
    public_key: PublicKey
    algorithm: str | None = None
    _fitting: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Work out the algorithms once: isinstance() is slow for cryptography's abstract classes."""
        fitting = _algorithms_of(self.public_key)
        object.__setattr__(self, "_fitting", fitting if self.algorithm is None else fitting & {self.algorithm})

    def fits(self, algorithm: str) -> bool:
        """Say whether a token signed with ``algorithm`` may be checked with this key (RFC 7517 4.4, RFC 8725 3.1)."""
        return algorithm in self._fitting

    def verifies(self, algorithm: str, signature: bytes, signed: bytes) -> bool:
        """Say whether ``signature`` over ``signed`` is this key's. The caller has made sure that the key ``fits``."""
        try:
            if algorithm in _CURVES:
                size = _CURVES[algorithm][1]
                if len(signature) != 2 * size:
                    return False
                r, s = int.from_bytes(signature[:size]), int.from_bytes(signature[size:])
                curve_key = cast("ec.EllipticCurvePublicKey", self.public_key)
                curve_key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(_HASHES[algorithm]))
            else:
                rsa_key = cast("rsa.RSAPublicKey", self.public_key)
                rsa_key.verify(signature, signed, PKCS1v15(), _HASHES[algorithm])
        except InvalidSignature:
            return False
        return True


def _algorithms_of(key: PublicKey) -> frozenset[str]:
    if isinstance(key, rsa.RSAPublicKey):
        return ALGORITHMS - _CURVES.keys()
    return frozenset(name for name, (curve, _) in _CURVES.items() if curve == key.curve.name)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An issuer's private key. ``kid`` and ``algorithm`` go into every token's header."""

    private_key: PrivateKey = field(repr=False)
    kid: str
    algorithm: Algorithm

    @classmethod
    def generate(cls, algorithm: Algorithm = "RS256") -> SigningKey:
        """Make a new key: RSA of 2048 bits, or the algorithm's curve."""
        if algorithm.startswith("RS"):
            return cls.of(rsa.generate_private_key(public_exponent=65537, key_size=MIN_RSA_BITS), algorithm)
        curves = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
        return cls.of(ec.generate_private_key(curves[algorithm]), algorithm)

    @classmethod
    def of(cls, private_key: PrivateKey, algorithm: Algorithm | None = None) -> SigningKey:
        """Wrap a private key; without ``algorithm`` RSA signs RS256 and a curve its own.

        Raises ValueError for a curve that no accepted algorithm uses.
        """
        if algorithm is None:
            algorithm = "RS256" if isinstance(private_key, rsa.RSAPrivateKey) else _curve_algorithm(private_key)
        return cls(private_key, key_id(private_key.public_key()), algorithm)

    @classmethod
    def from_pem(cls, pem: bytes) -> SigningKey:
        """Read what ``to_pem`` wrote, or another private key in PEM. Raises ValueError if it is not RSA or EC."""
        key = serialization.load_pem_private_key(pem, password=None)
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            raise ValueError("the key is neither RSA nor EC")  # noqa: TRY004 - the value is wrong, not its type
        return cls.of(key)

    def to_pem(self) -> bytes:
        """Write the private key, unencrypted PKCS #8: the caller keeps the file private."""
        return self.private_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def verification_key(self) -> VerificationKey:
        """The public half."""
        return VerificationKey(self.kid, self.private_key.public_key(), self.algorithm)

    def sign(self, signed: bytes) -> bytes:
        """Return the JWS signature over ``signed`` (RFC 7515 5.1)."""
        digest = _HASHES[self.algorithm]
        if isinstance(self.private_key, rsa.RSAPrivateKey):
            return self.private_key.sign(signed, PKCS1v15(), digest)
        r, s = decode_dss_signature(self.private_key.sign(signed, ec.ECDSA(digest)))
        size = _CURVES[self.algorithm][1]
        return r.to_bytes(size) + s.to_bytes(size)


def _curve_algorithm(key: ec.EllipticCurvePrivateKey) -> Algorithm:
    algorithm = _CURVE_ALGORITHM.get(key.curve.name)
    if algorithm is None:
        raise ValueError(f"the key's curve {key.curve.name} is not P-256, P-384 or P-521")
    return algorithm


def key_id(public_key: PublicKey) -> str:
    """Return the ``kid`` that Kubernetes gives a key: SHA-256 over its DER SubjectPublicKeyInfo, base64url."""
    der = public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return encode_base64url(hashlib.sha256(der).digest())


def jwks(keys: Iterable[VerificationKey]) -> dict[str, list[dict[str, Any]]]:
    """Return the JWK Set (RFC 7517 5) that an issuer publishes for ``keys``."""
    return {"keys": [_jwk(key) for key in keys]}


def _jwk(key: VerificationKey) -> dict[str, Any]:
    head: dict[str, Any] = {"use": "sig", "kid": key.kid}
    if key.algorithm is not None:
        head["alg"] = key.algorithm
    if isinstance(key.public_key, rsa.RSAPublicKey):
        rsa_numbers = key.public_key.public_numbers()
        return {**head, "kty": "RSA", "n": _integer(rsa_numbers.n), "e": _integer(rsa_numbers.e)}
    numbers = key.public_key.public_numbers()
    size = (key.public_key.curve.key_size + 7) // 8
    return {
        **head,
        "kty": "EC",
        "crv": _JWK_CURVE_NAMES[key.public_key.curve.name],
        "x": encode_base64url(numbers.x.to_bytes(size)),
        "y": encode_base64url(numbers.y.to_bytes(size)),
    }


def _integer(value: int) -> str:
    return encode_base64url(value.to_bytes((value.bit_length() + 7) // 8))
