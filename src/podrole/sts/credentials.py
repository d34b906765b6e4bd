"""Session credentials: a session sealed into its own token.

Nothing about a session is stored. The token is the session under authenticated encryption (AES-256-GCM,
NIST SP 800-38D) with the world's key, bound to its access key id as associated data: any process that has the key can
open it, a restart does not void it, and a token that was changed, or is sent with another access key, does not
open. The secret access key is derived from the world's key and the access key id (HMAC-SHA256), so the token need
not hold it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from podrole.sts.session import Session

KEY_BYTES = 32
# Regional session tokens begin with these bytes, "IQoJb3JpZ2luX2Vj" in base64. Clients must not depend on it; people do
# recognize it.
_MAGIC = b"!\n\torigin_ec"
_NONCE_BYTES, _TAG_BYTES = 12, 16
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_PAIRS = [first + second for first in _BASE32 for second in _BASE32]
"""What each 10 bits are in base32."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client gets. ``expires_at`` is epoch seconds."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_at: int


class Vault:
    """Seals sessions into credentials and opens them again. ``key`` is the world's: 32 secret bytes."""

    def __init__(self, key: bytes, *, random_bytes: Callable[[int], bytes] = secrets.token_bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a vault's key has {KEY_BYTES} bytes, not {len(key)}")
        # Two uses, two keys (NIST SP 800-108): what leaks of one says nothing of the other.
        self._cipher = AESGCM(hmac.digest(key, b"podrole session token", hashlib.sha256))
        secret_key = hmac.digest(key, b"podrole secret access key", hashlib.sha256)
        self._secrets = HMAC(secret_key, SHA256())  # copied for each secret: the key is prepared once
        self._random_bytes = random_bytes
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Session).decode

    def issue(self, session: Session, *, minimum_size: int = 0) -> Credentials:
        """Make credentials for ``session``, valid until its ``expires_at``.

        ``minimum_size``: how many characters the token must have at least (``MinimumSessionTokenSize``).
        """
        random = self._random_bytes(_NONCE_BYTES + 5)
        key_id = access_key_id("ASIA", session.account, random[_NONCE_BYTES:])
        nonce = random[:_NONCE_BYTES]
        plain = self._encode(session)
        missing = -(-minimum_size * 3 // 4) - len(_MAGIC) - _NONCE_BYTES - len(plain) - _TAG_BYTES
        if missing > 0:
            plain = self._encode(msgspec.structs.replace(session, padding="0" * missing))
        sealed = self._cipher.encrypt(nonce, plain, key_id.encode())
        token = base64.b64encode(_MAGIC + nonce + sealed).decode()
        return Credentials(key_id, self.secret_of(key_id), token, session.expires_at)

    def open(self, key_id: str, session_token: str) -> Session | None:
        """Return the session, or None where the token is not one of this world's for that access key.

        Does not look at the time: an expired session opens, so that the caller can say that it has expired.
        """
        try:
            data = base64.b64decode(session_token, validate=True)
            if not data.startswith(_MAGIC):
                return None
            start = len(_MAGIC)
            nonce, sealed = data[start : start + _NONCE_BYTES], data[start + _NONCE_BYTES :]
            return self._decode(self._cipher.decrypt(nonce, sealed, key_id.encode()))
        except (binascii.Error, InvalidTag, ValueError, msgspec.DecodeError):
            return None

    def secret_of(self, key_id: str) -> str:
        """Return the secret access key of temporary credentials: 40 characters."""
        derived = self._secrets.copy()
        derived.update(key_id.encode())
        return base64.b64encode(derived.finalize()[:30]).decode()


def access_key_id(prefix: str, account: str, random: bytes) -> str:
    """Return an access key id (``ASIA…``, ``AKIA…``) that holds the account id, as AWS's do; ``random`` is 5 bytes."""
    value = (1 << 79) | (int(account) << 39) | (int.from_bytes(random) & ((1 << 39) - 1))
    return prefix + "".join([_PAIRS[value >> shift & 1023] for shift in range(70, -1, -10)])


def account_of_key_id(key_id: str) -> str | None:
    """Return the account id that an access key id contains; None if the id does not have that form."""
    body = key_id[4:]
    if len(body) != 16 or set(body) - set(_BASE32):
        return None
    value = 0
    for character in body:
        value = value << 5 | _BASE32.index(character)
    return f"{(value >> 39) & ((1 << 40) - 1):012d}"
