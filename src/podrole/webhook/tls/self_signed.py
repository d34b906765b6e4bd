"""The webhook's own certificate authority: the content of its Secret, and when it has to change.

All replicas serve the certificate in the Secret. Any replica may write it: from the same content each computes the same
next step, and the API server accepts only one writer.

An authority stays trusted as long as a certificate depends on it. The serving certificate is renewed by the same
authority. Before an authority expires, it is replaced in three steps: first both are trusted; when API servers and
replicas have had time to learn the new one, it signs the serving certificate; the old one is removed after it expired.
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
"""A serving certificate is renewed when it expires in less than this."""

REPLACE_AUTHORITY_DAYS = 365
"""An authority is replaced when it expires in less than this."""

SPREAD_SECONDS = 600.0
"""A new authority signs nothing for this time, in which API servers and replicas learn to trust it."""

_DAY = 86_400.0
_KEYS = ("ca.crt", "ca.key", "tls.crt", "tls.key")
_SINCE = "podrole-authority-since"
"""The key of the Secret with the time at which the newest authority was created, in epoch seconds."""


@dataclass(frozen=True, slots=True)
class Material:
    """The content of the Secret, PEM. ``bundle`` has all trusted authorities; the first one signs."""

    bundle: bytes
    authority_key: bytes
    certificate: bytes
    key: bytes
    since: int
    """When the first authority of the bundle was created, in epoch seconds."""

    def data(self) -> dict[str, str]:
        """Return the Secret's ``data``."""
        values = (self.bundle, self.authority_key, self.certificate, self.key)
        encoded = {name: base64.b64encode(value).decode() for name, value in zip(_KEYS, values, strict=True)}
        return {**encoded, _SINCE: base64.b64encode(b"%d" % self.since).decode()}


def read_material(data: Mapping[str, Any] | None) -> Material | None:
    """Read a Secret's ``data``. Returns None if it is incomplete or cannot be used."""
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
    """Create an authority and a serving certificate for ``names``. ``now`` is in epoch seconds."""
    authority = Authority.create("podrole webhook", now=now, days=AUTHORITY_DAYS)
    certificate = authority.issue(names, now=now, days=SERVING_DAYS)
    return Material(
        authority.certificate_pem, authority.key_pem, certificate.certificate_pem, certificate.key_pem, int(now)
    )


def next_material(material: Material, names: Sequence[str], now: float) -> Material | None:
    """Return the new content of the Secret, None if nothing has to change now."""
    authorities = x509.load_pem_x509_certificates(material.bundle)
    signing, *others = authorities
    if _days_left(signing, now) <= 0:
        return first_material(names, now)  # it was not renewed for a year, and nothing is trusted any more
    if _days_left(signing, now) < REPLACE_AUTHORITY_DAYS and material.since + SPREAD_SECONDS <= now:
        successor = Authority.create("podrole webhook", now=now, days=AUTHORITY_DAYS)
        return _with(
            material, bundle=successor.certificate_pem + material.bundle, key=successor.key_pem, since=int(now)
        )
    unexpired = [other for other in others if _days_left(other, now) > 0]
    bundle = _pem([signing, *unexpired])
    leaf = x509.load_pem_x509_certificates(material.certificate)[0]
    signed_by_others = any(_signed(leaf, other) for other in unexpired)
    if signed_by_others and material.since + SPREAD_SECONDS > now:
        usable = True  # the new authority is not known everywhere yet
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
    """Return the DNS names of a Service. The first one is used by the API server."""
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
