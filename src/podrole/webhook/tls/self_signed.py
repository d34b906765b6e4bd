"""The webhook's own certificate authority: what is in its Secret, and what has to change in it as time passes.

All replicas serve what the Secret holds. Which of them writes does not matter: each works out the same next step from
the same content, and the API server takes only one writer's.

Nothing that is trusted is dropped before nothing rests on it. A serving certificate is renewed under the same
authority. An authority that nears its end is succeeded in three steps: both are trusted; once API servers and replicas
have had time to learn that, the successor signs the serving certificate; the old one goes when it has expired.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from podrole.base.certificates import Authority

AUTHORITY_DAYS = 3_650
SERVING_DAYS = 90
RENEW_SERVING_DAYS = 30
"""A serving certificate is renewed when less than this is left of it."""

SUCCEED_AUTHORITY_DAYS = 365
"""An authority is succeeded when less than this is left of it."""

SPREAD_SECONDS = 600.0
"""How long API servers and replicas are given to learn of a new authority before anything is signed by it."""

_DAY = 86_400.0
_KEYS = ("ca.crt", "ca.key", "tls.crt", "tls.key")
_SINCE = "podrole-authority-since"
"""The key of the Secret that says when the newest authority came, in epoch seconds."""


@dataclass(frozen=True, slots=True)
class Material:
    """What the Secret holds, all PEM. ``bundle`` is every authority that is trusted, the one that signs first."""

    bundle: bytes
    authority_key: bytes
    certificate: bytes
    key: bytes
    since: int
    """When the first authority of the bundle came, in whole epoch seconds."""

    def data(self) -> dict[str, str]:
        """Return the Secret's ``data``."""
        values = (self.bundle, self.authority_key, self.certificate, self.key)
        encoded = {name: base64.b64encode(value).decode() for name, value in zip(_KEYS, values, strict=True)}
        return {**encoded, _SINCE: base64.b64encode(b"%d" % self.since).decode()}


def read_material(data: Mapping[str, Any] | None) -> Material | None:
    """Read a Secret's ``data``; None where it is not all there, or cannot be used."""
    try:
        values = [base64.b64decode((data or {})[name], validate=True) for name in _KEYS]
        since = int(base64.b64decode((data or {}).get(_SINCE) or "MA=="))
        material = Material(values[0], values[1], values[2], values[3], since)
        authorities = x509.load_pem_x509_certificates(material.bundle)
        if not _fits(authorities[0], material.authority_key):
            return None
        leaf = x509.load_pem_x509_certificates(material.certificate)[0]
        return material if _fits(leaf, material.key) else None
    except (KeyError, TypeError, ValueError, binascii.Error):
        return None


def first_material(names: Sequence[str], now: float) -> Material:
    """Make an authority and a serving certificate for ``names``. ``now`` is epoch seconds."""
    authority = Authority.create("podrole webhook", now=now, days=AUTHORITY_DAYS)
    certificate = authority.issue(names, now=now, days=SERVING_DAYS)
    return Material(
        authority.certificate_pem, authority.key_pem, certificate.certificate_pem, certificate.key_pem, int(now)
    )


def next_material(material: Material, names: Sequence[str], now: float) -> Material | None:
    """Return what the Secret should hold instead, or None where all is well for now."""
    authorities = x509.load_pem_x509_certificates(material.bundle)
    signing, *others = authorities
    if _days_left(signing, now) <= 0:
        return first_material(names, now)  # nobody renewed it for a year: nothing here is trusted by anyone
    if _days_left(signing, now) < SUCCEED_AUTHORITY_DAYS and material.since + SPREAD_SECONDS <= now:
        successor = Authority.create("podrole webhook", now=now, days=AUTHORITY_DAYS)
        return _with(
            material, bundle=successor.certificate_pem + material.bundle, key=successor.key_pem, since=int(now)
        )
    unexpired = [other for other in others if _days_left(other, now) > 0]
    bundle = _pem([signing, *unexpired])
    leaf = x509.load_pem_x509_certificates(material.certificate)[0]
    signed_by_others = any(_signed(leaf, other) for other in unexpired)
    if signed_by_others and material.since + SPREAD_SECONDS > now:
        usable = True  # the successor is not known everywhere yet
    else:
        usable = _signed(leaf, signing) and _days_left(leaf, now) >= RENEW_SERVING_DAYS and _names(leaf) == set(names)
    if usable:
        return None if len(unexpired) == len(others) else _with(material, bundle=bundle)
    certificate = Authority(_pem([signing]), material.authority_key).issue(names, now=now, days=SERVING_DAYS)
    return Material(bundle, material.authority_key, certificate.certificate_pem, certificate.key_pem, material.since)


def _with(material: Material, *, bundle: bytes, key: bytes | None = None, since: int | None = None) -> Material:
    return Material(
        bundle,
        material.authority_key if key is None else key,
        material.certificate,
        material.key,
        material.since if since is None else since,
    )


def service_names(service: str, namespace: str) -> list[str]:
    """Return the names by which a Service is called, the one that the API server uses first."""
    base = f"{service}.{namespace}"
    return [f"{base}.svc", base, service, f"{base}.svc.cluster.local"]


def _fits(certificate: x509.Certificate, key_pem: bytes) -> bool:
    key = serialization.load_pem_private_key(key_pem, None)
    form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(*form) == certificate.public_key().public_bytes(*form)


def _signed(leaf: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(authority)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _names(leaf: x509.Certificate) -> set[str]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return set()
    return set(names.get_values_for_type(x509.DNSName))


def _days_left(certificate: x509.Certificate, now: float) -> float:
    return (certificate.not_valid_after_utc.timestamp() - now) / _DAY


def _pem(certificates: Sequence[x509.Certificate]) -> bytes:
    return b"".join([certificate.public_bytes(Encoding.PEM) for certificate in certificates])
