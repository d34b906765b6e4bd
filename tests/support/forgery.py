"""Tokens as somebody makes them who has no business to: every part can be anything."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from podrole.oidc.keys import SigningKey
from support.aws import SUBJECT, LocalAWS
from support.issuer import ISSUER

Signer = Callable[[bytes], bytes]


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def part(value: Any) -> str:
    """Encode a segment: bytes as they are, anything else as JSON."""
    return b64(value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode())


def claims(aws: LocalAWS, **changed: Any) -> dict[str, Any]:
    """Return the claims of a good token; a claim of None is left out."""
    now = int(aws.now())
    good = {"iss": ISSUER, "sub": SUBJECT, "aud": ["sts.amazonaws.com"], "iat": now, "nbf": now, "exp": now + 3_600}
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def forge(
    aws: LocalAWS, header: Any = None, payload: Any = None, *, sign: Signer | None = None, **header_members: Any
) -> str:
    """Return a token, by default a good one; ``header_members`` are added to its header."""
    key = aws.issuer.keys[0]
    if header is None:
        header = {"alg": key.algorithm, "kid": key.kid, **header_members}
    signed = f"{part(header)}.{part(claims(aws) if payload is None else payload)}"
    return f"{signed}.{b64((sign or key.sign)(signed.encode()))}"


def public_pem(key: SigningKey) -> bytes:
    """Return the public key as an HMAC attacker would use it."""
    return key.private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def hmac_with(secret: bytes, digest: str = "sha256") -> Signer:
    return lambda signed: hmac.digest(secret, signed, digest)


def pss(key: SigningKey) -> Signer:
    private = key.private_key
    assert isinstance(private, rsa.RSAPrivateKey)
    scheme = padding.PSS(padding.MGF1(hashes.SHA256()), hashlib.sha256().digest_size)
    return lambda signed: private.sign(signed, scheme, hashes.SHA256())


def ecdsa_der(key: SigningKey) -> Signer:
    private = key.private_key
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    return lambda signed: private.sign(signed, ec.ECDSA(hashes.SHA256()))


def altered(token: str, segment: int, change: Callable[[str], str]) -> str:
    """Return ``token`` with one of its segments changed."""
    segments = token.split(".")
    segments[segment] = change(segments[segment])
    return ".".join(segments)
