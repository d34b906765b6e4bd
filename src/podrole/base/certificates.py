"""Certificates for loopback: a certificate authority and the certificates that it signs.

Guarantees P-256 keys, a SAN for every name, and the extensions that OpenSSL, Go and ``cryptography`` insist on (RFC
5280 4.2: SKI, AKI, key usage, basic constraints critical for a CA). Does not revoke certificates, and is not a public
CA.
"""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from podrole.base.tls import load_pem_pair

BACKDATE = datetime.timedelta(hours=1)
"""How far before now a certificate becomes valid: covers a client whose clock is behind."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate with its private key, both PEM. ``chain_pem`` is the certificate and its issuer's, leaf first."""

    certificate_pem: bytes
    key_pem: bytes
    chain_pem: bytes


class Authority:
    """A certificate authority: its own certificate, and the serving certificates that it issues."""

    def __init__(self, certificate_pem: bytes, key_pem: bytes) -> None:
        self.certificate_pem = certificate_pem
        self.key_pem = key_pem
        self._certificate = x509.load_pem_x509_certificate(certificate_pem)
        key = serialization.load_pem_private_key(key_pem, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("an authority's key is an EC key")
        self._key = key

    @classmethod
    def create(cls, common_name: str, *, now: float, days: int = 3650) -> Authority:
        """Make a new authority, valid ``days`` days from ``now`` (epoch seconds)."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        certificate = (
            _builder(name, name, key.public_key(), now, days)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(key_cert_sign=True, crl_sign=True, digital_signature=True), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        return cls(certificate.public_bytes(serialization.Encoding.PEM), _key_pem(key))

    def issue(self, names: Sequence[str], *, now: float, days: int = 365) -> Certificate:
        """Sign a serving certificate for ``names``: DNS names or IP addresses, the first becoming the common name."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0][:64])])
        certificate = (
            _builder(subject, self._certificate.subject, key.public_key(), now, days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
            .add_extension(_key_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        return Certificate(certificate_pem=pem, key_pem=_key_pem(key), chain_pem=pem + self.certificate_pem)


def thumbprint(certificate_pem: bytes) -> str:
    """Return the SHA-1 over the certificate's DER, lower-case hex: what IAM calls a thumbprint."""
    return x509.load_pem_x509_certificate(certificate_pem).fingerprint(hashes.SHA1()).hex()  # noqa: S303 - IAM's format


def server_context(certificate: Certificate) -> ssl.SSLContext:
    """Return a TLS 1.2+ server context. The key is never written to the disk."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Session tickets are of no use on loopback. And a client that writes in one thread while another reads, as Python's
    # WebSocket clients do, may lose its first bytes if tickets follow the handshake: OpenSSL does not support that.
    context.num_tickets = 0
    load_pem_pair(context, certificate.chain_pem, certificate.key_pem)
    return context


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, now: float, days: int
) -> x509.CertificateBuilder:
    start = datetime.datetime.fromtimestamp(int(now), datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - BACKDATE)
        .not_valid_after(start + datetime.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _key_usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
