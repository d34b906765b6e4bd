"""A world's keys and credentials, and the form in which they are stored."""

from __future__ import annotations

import base64
import os
import secrets
from dataclasses import dataclass, field

import msgspec

from podrole.base.certificates import Authority
from podrole.issuer.errors import InvalidIssuer
from podrole.issuer.record import IssuerKey, IssuerRecord, KeyState, from_json, to_json
from podrole.oidc.keys import SigningKey, jwks
from podrole.sts.credentials import KEY_BYTES
from podrole.world.settings import CLUSTER_NAME


@dataclass(frozen=True, slots=True)
class Secrets:
    """What must survive a restart. ``cluster_id`` is the end of the issuer's URL; as in EKS it never changes."""

    cluster_id: str
    vault_key: bytes = field(repr=False)
    admin_key_id: str
    admin_secret: str = field(repr=False)
    cluster_token: str = field(repr=False)
    signing_keys: tuple[SigningKey, ...]
    authority: Authority
    key_record: IssuerRecord | None = None
    """What has happened to each signing key; None if an earlier podrole wrote the secrets."""


class StoredSecrets(msgspec.Struct, frozen=True):
    """The content of secrets.json."""

    cluster_id: str
    vault_key: bytes
    admin_key_id: str
    admin_secret: str
    cluster_token: str
    signing_keys: list[str]
    authority_certificate: str
    authority_key: str
    key_record: str | None = None


def check_secrets(content: bytes) -> None:
    """Raise ValueError unless ``content`` are stored secrets that can be used."""
    loaded(msgspec.json.decode(content, type=StoredSecrets))  # msgspec's errors are ValueErrors


EMPTY_RECORD = IssuerRecord("", cache_seconds=0, longest_token_seconds=1 << 32)
"""Without keys. Of keys whose tokens are not recorded, the longest life that a token can have is assumed. No cache is
between the world's issuer and the local AWS but AWS's own, which the rotation waits for."""


def recorded(key: SigningKey, state: KeyState, now: float, expires: float | None = None) -> IssuerKey:
    """Return a key of the world's cluster as it is recorded."""
    return IssuerKey(key.kid, jwks([key.verification_key])["keys"][0], CLUSTER_NAME, state, now, expires)


def make_secrets(now: float, key_id: str) -> StoredSecrets:
    """Create the secrets of a new world. ``key_id`` is the administrator's access key id."""
    authority = Authority.create("podrole world authority", now=now)
    key = SigningKey.generate("RS256")
    record = EMPTY_RECORD.with_key(recorded(key, KeyState.SIGNING, now, expires=now))
    return StoredSecrets(
        cluster_id=secrets.token_hex(16).upper(),
        vault_key=os.urandom(KEY_BYTES),
        admin_key_id=key_id,
        admin_secret=base64.b64encode(os.urandom(30)).decode(),
        cluster_token=secrets.token_urlsafe(32),
        signing_keys=[key.to_pem().decode()],
        authority_certificate=authority.certificate_pem.decode(),
        authority_key=authority.key_pem.decode(),
        key_record=to_json(record).decode(),
    )


def loaded(stored: StoredSecrets) -> Secrets:
    """Return stored secrets for use. Raises ValueError if one of them is not what it should be."""
    return Secrets(
        cluster_id=stored.cluster_id,
        vault_key=stored.vault_key,
        admin_key_id=stored.admin_key_id,
        admin_secret=stored.admin_secret,
        cluster_token=stored.cluster_token,
        signing_keys=tuple(SigningKey.from_pem(pem.encode()) for pem in stored.signing_keys),
        authority=Authority(stored.authority_certificate.encode(), stored.authority_key.encode()),
        key_record=None if stored.key_record is None else _record(stored.key_record),
    )


def _record(text: str) -> IssuerRecord:
    try:
        return from_json(text.encode())
    except InvalidIssuer as problem:
        raise ValueError(problem.what) from problem
