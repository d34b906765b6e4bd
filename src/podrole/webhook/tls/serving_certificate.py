"""The serving certificate, loaded from files and loaded again when they change.

Certificate and key are read and checked together before they are used, so a half-written file does no harm. If they do
not match, the old pair stays in use. A new pair is used for new connections; open ones continue.
"""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from podrole.base.tls import load_pem_pair
from podrole.webhook.errors import BadSettings
from podrole.webhook.files import fingerprint
from podrole.webhook.settings import ServingSettings
from podrole.webhook.tls.cipher_suites import openssl_ciphers

_log = logging.getLogger(__name__)


def server_context(serving: ServingSettings) -> ssl.SSLContext:
    """Return a TLS context with the versions and suites of the settings, without a certificate. Raises BadSettings."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if serving.tls_min_version == "1.3" else ssl.TLSVersion.TLSv1_2
    if serving.tls_cipher_suites:
        try:
            context.set_ciphers(openssl_ciphers(serving.tls_cipher_suites))
        except ssl.SSLError as problem:
            raise BadSettings(
                "OpenSSL supports none of the cipher suites.",
                got=", ".join(serving.tls_cipher_suites),
                next_step="remove --tls-cipher-suites, or name a suite of TLS 1.2 with forward secrecy",
            ) from problem
    return context


class ServingCertificate:
    """A TLS context with the certificate and key of two files."""

    def __init__(self, context: ssl.SSLContext, certificate: Path, key: Path) -> None:
        """Load the pair. Raises BadSettings if it cannot be used."""
        self.context = context
        self._certificate = certificate
        self._key = key
        self._seen = self._fingerprint()
        self._refused: object = None
        try:
            self._load()
        except (OSError, ValueError) as problem:
            raise BadSettings(
                f"The serving certificate {certificate} and key {key} cannot be used: {problem}.",
                next_step="put a PEM certificate chain and its key there, or run with --self-signed",
            ) from problem

    def refresh(self) -> bool:
        """Load the pair again if a file changed. Return whether a new pair is in use. Never raises."""
        seen = self._fingerprint()
        if seen in (self._seen, self._refused):
            return False
        try:
            self._load()
        except (OSError, ValueError) as problem:
            # Perhaps only one of the two files is written yet. The next change is tried again.
            self._refused = seen
            _log.warning("the changed serving certificate cannot be used yet, the old one stays: %s", problem)
            return False
        self._seen = seen
        _log.info("the serving certificate was loaded again")
        return True

    def _load(self) -> None:
        certificate, key = self._certificate.read_bytes(), self._key.read_bytes()
        # A pair that does not match would leave the context without a key, so it is tried on another context first.
        load_pem_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), certificate, key)
        load_pem_pair(self.context, certificate, key)

    def _fingerprint(self) -> tuple[tuple[int, int, int] | None, ...]:
        return fingerprint(self._certificate), fingerprint(self._key)
