"""Reading an issuer's JWK Set: strictly, and never trusting more of it than a public key.

Limits are AWS's: at most 100 RSA and 100 EC keys
(https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from podrole.oidc.base64url import decode_base64url
from podrole.oidc.errors import KeysFault, KeysUnavailable
from podrole.oidc.keys import JWK_CURVES, MIN_RSA_BITS, PublicKey, VerificationKey

MAX_KEYS_OF_A_KIND = 100
# RFC 7518 6.2.2, 6.3.2, 6.4: the members that hold a private or symmetric key.
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})

Keys = Mapping[str, tuple[VerificationKey, ...]]
"""Verification keys by ``kid``. An issuer may publish several under one name; a key without one goes by ``""``."""


def parse_jwks(document: object, *, where: str) -> Keys:
    """Return the usable keys of a decoded JWK Set; ``where`` is the address for messages. Raises KeysUnavailable.

    Keys of another type, for another use, of a size too small or of a shape that cannot be read are passed over, as
    RFC 7517 5 asks. A set that publishes private material is refused whole: its issuer is compromised.
    """
    if not isinstance(document, dict) or not isinstance(document.get("keys"), list):
        raise KeysUnavailable(
            KeysFault.MALFORMED, f"The keys at {where} are not a JWK Set.", expected='an object with a list "keys"'
        )
    entries = [entry for entry in document["keys"] if isinstance(entry, dict)]
    if any(_PRIVATE_MEMBERS & entry.keys() for entry in entries):
        raise KeysUnavailable(
            KeysFault.PRIVATE_KEY,
            f"The keys at {where} contain private key material.",
            next_step="publish the public halves only, and replace these keys: they are not secret any more",
        )
    for kind in ("RSA", "EC"):
        count = sum(entry.get("kty") == kind for entry in entries)
        if count > MAX_KEYS_OF_A_KIND:
            raise KeysUnavailable(
                KeysFault.TOO_MANY_KEYS,
                f"There are too many keys at {where}.",
                got=f"{count} {kind} keys",
                expected=f"at most {MAX_KEYS_OF_A_KIND}",
            )
    keys: dict[str, tuple[VerificationKey, ...]] = {}
    for entry in entries:
        key = _read(entry)
        if key is not None:
            keys[key.kid] = (*keys.get(key.kid, ()), key)
    if not keys:
        raise KeysUnavailable(KeysFault.NO_KEYS, f"No key at {where} can verify a token.", expected="an RSA or EC key")
    return keys


def _read(entry: dict[str, Any]) -> VerificationKey | None:
    kid, algorithm = entry.get("kid", ""), entry.get("alg")
    if not isinstance(kid, str) or not (algorithm is None or isinstance(algorithm, str)):
        return None
    operations = entry.get("key_ops", ["verify"])
    if entry.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return None
    try:
        public = _public_key(entry)
    except (ValueError, TypeError, KeyError):
        return None  # a key that cannot be read verifies nothing
    return None if public is None else VerificationKey(kid, public, algorithm)


def _public_key(entry: dict[str, Any]) -> PublicKey | None:
    """Return the key of a JWK; None for one of another type or too small. Raises ValueError, TypeError, KeyError."""
    if entry.get("kty") == "RSA":
        modulus = int.from_bytes(_octets(entry, "n"))
        if modulus.bit_length() < MIN_RSA_BITS:  # of the number: leading zero octets make no key larger
            return None
        return rsa.RSAPublicNumbers(int.from_bytes(_octets(entry, "e")), modulus).public_key()
    if entry.get("kty") == "EC":
        curve = JWK_CURVES[entry["crv"]]
        x, y = _octets(entry, "x"), _octets(entry, "y")
        if not len(x) == len(y) == (curve.key_size + 7) // 8:  # RFC 7518, 6.2.1.2: the full size of a coordinate
            return None
        # Refuses a point that is not on the curve.
        return ec.EllipticCurvePublicNumbers(int.from_bytes(x), int.from_bytes(y), curve).public_key()
    return None


def _octets(entry: dict[str, Any], name: str) -> bytes:
    text = entry[name]
    if not isinstance(text, str):
        raise TypeError(f"the member {name} is not text")
    return decode_base64url(text)
