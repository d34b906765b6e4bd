"""A cluster's keys from files and from its JWK Set: public halves, as they are published."""

from __future__ import annotations

import re
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from podrole.base.files import write_private
from podrole.issuer.errors import InvalidIssuer
from podrole.oidc.errors import KeysUnavailable
from podrole.oidc.jwks import parse_jwks
from podrole.oidc.keys import MIN_RSA_BITS, SigningKey, VerificationKey, jwks, key_id

PublicJWK = Mapping[str, str]


def public_key_file(path: Path) -> dict[str, PublicJWK]:
    """Return the JWKs of the public keys in a PEM file, such as kubeadm's ``sa.pub``, by their ids.

    A file may hold several, as for kube-apiserver's ``--service-account-key-file``. Raises InvalidIssuer; a private key
    is refused: it has no business where documents are published.
    """
    try:
        pem = path.read_bytes()
    except OSError as problem:
        raise InvalidIssuer(f"{path} cannot be read.", got=problem.strerror) from problem
    shown = shlex.quote(str(path)), shlex.quote(f"{path}.public")
    if b"PRIVATE KEY" in pem:
        raise InvalidIssuer(
            f"{path} holds a private key; only the public key is published.",
            next_step=f"openssl pkey -in {shown[0]} -pubout -out {shown[1]}",
        )
    if b"CERTIFICATE" in pem:
        raise InvalidIssuer(
            f"{path} holds a certificate; the public key itself is published.",
            next_step=f"openssl x509 -in {shown[0]} -pubkey -noout > {shown[1]}",
        )
    keys = [_public_jwk(block, path) for block in _BLOCK.findall(pem)]
    if not keys:
        raise _not_a_public_key(path)
    return dict(keys)


def _public_jwk(pem: bytes, path: Path) -> tuple[str, PublicJWK]:
    try:
        key: object = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        algorithm = "RS256" if isinstance(key, rsa.RSAPublicKey) else _ALGORITHMS.get(key.curve.name)
        if algorithm is not None and key.key_size >= MIN_RSA_BITS * isinstance(key, rsa.RSAPublicKey):
            return _usable(jwks([VerificationKey(key_id(key), key, algorithm)])["keys"][0], str(path))
    raise _not_a_public_key(path)


def _not_a_public_key(path: Path) -> InvalidIssuer:
    return InvalidIssuer(
        f"{path} is not a public key that AWS takes.",
        expected="RSA of 2048 bits or more, or EC P-256, P-384 or P-521, in PEM",
    )


_ALGORITHMS = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_BLOCK = re.compile(rb"-----BEGIN [^-]+-----.*?-----END [^-]+-----", re.DOTALL)


def public_file_of(path: Path) -> Path:
    """Return where the public key of a private key's file is written: ``sa.key`` has ``sa.pub``, ``sa.2027`` has
    ``sa.2027.pub``."""
    return path.with_suffix(".pub") if path.suffix in (".key", ".pem") else path.with_name(f"{path.name}.pub")


def new_key_file(path: Path) -> tuple[str, PublicJWK]:
    """Return the id and the JWK of the private key in a file, which is made, readable by its owner only, if missing.

    The public key is written beside it (``public_file_of``), where no other file is. Raises InvalidIssuer.
    """
    if path.suffix == ".pub" or not path.name:
        raise InvalidIssuer(
            f"{path} is not the name of a private key's file: names in .pub are public keys'.",
            next_step=f"--key {path.with_suffix('.key') if path.name else 'sa-new.key'}",
        )
    public_file = public_file_of(path)
    try:
        there = path.read_bytes() if path.exists() else None
        before = public_file.read_bytes() if public_file.exists() else b""
        if there is None and before:
            raise _taken(public_file, path)
        key = SigningKey.generate("RS256") if there is None else SigningKey.from_pem(there)
        public = key.private_key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        jwk = _usable(jwks([key.verification_key])["keys"][0], str(path))
        if before and [jwk[0]] != [*public_key_file(public_file)]:
            raise _taken(public_file, path)
        if there is None:
            write_private(path, key.to_pem())
        if not before:
            public_file.write_bytes(public)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as problem:
        raise InvalidIssuer(
            f"{path} is not a private key, or cannot be written.",
            got=str(problem),
            expected="an RSA key of 2048 bits or more or an EC key in PEM, without a password; it is made if missing",
        ) from problem
    return jwk


def loose_permissions(path: Path) -> str | None:
    """Return the mode of a private key's file if others than its owner may read or write it, such as ``0644``."""
    mode = stat.S_IMODE(path.stat().st_mode)
    return f"{mode:04o}" if mode & 0o066 else None


def _taken(public_file: Path, path: Path) -> InvalidIssuer:
    return InvalidIssuer(
        f"{public_file} is there already, and is not the public key of {path}: it stays as it is.",
        next_step=f"--key with another name, such as {path.with_name(f'{path.stem}-new.key')}",
    )


def keys_of_cluster(document: object, where: str) -> dict[str, PublicJWK]:
    """Return the keys in a cluster's JWK Set by their ids. Raises InvalidIssuer if AWS would not read it."""
    try:
        parse_jwks(document, where=where)
    except KeysUnavailable as problem:
        raise InvalidIssuer(problem.what, got=problem.got, expected=problem.expected) from problem
    entries: list[dict[str, Any]] = document["keys"] if isinstance(document, dict) else []
    return dict(_usable(entry, where) for entry in entries)


def _usable(entry: Mapping[str, Any], where: str) -> tuple[str, PublicJWK]:
    """Return one JWK with its id, if a token could be verified with it."""
    kid = entry.get("kid")
    if not isinstance(kid, str) or not kid or not kid.isprintable():
        raise InvalidIssuer(f"A key at {where} has no id, by which AWS finds it.", expected='a line of text in "kid"')
    try:
        parse_jwks({"keys": [dict(entry)]}, where=where)
    except KeysUnavailable as problem:
        raise InvalidIssuer(problem.what, got=problem.got, expected=problem.expected) from problem
    return kid, {str(name): value for name, value in entry.items() if isinstance(value, str)}
