"""Fetches a document from an issuer as STS does: over HTTPS only, without redirects, bounded in size.

Trust, as IAM does it
(https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html): the system's
authorities first. If they do not vouch for the server, the last certificate that it sends is compared with the
provider's thumbprints, and then everything else (names, dates, signatures) is verified against that certificate.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from podrole.oidc.errors import KeysFault, KeysUnavailable

if TYPE_CHECKING:  # it takes long to import
    from podrole.oidc.https import Answer

MAX_DOCUMENT_BYTES = 512 * 1024
"""Room for 200 keys of 4096 bits with a certificate each, and no more."""

# RFC 3986: no user information, no fragment, nothing outside its characters.
_URL = re.compile(r"https://[A-Za-z0-9.\-_:\[\]]+(?:[/?][A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]*)?", re.ASCII)

_NO_ROUTE = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN})

Resolver = Callable[[str, int], tuple[str, int]]
"""Where to connect for a host and port: a world's own names lead to its listeners. TLS is for the name all the same."""


def no_resolver(host: str, port: int) -> tuple[str, int]:
    """Leave names to the system."""
    return host, port


@functools.cache
def system_trust() -> ssl.SSLContext:
    """Return the system's authorities; they are read once, and only when an issuer is asked."""
    return ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class Fetcher:
    """How documents are fetched. ``trust`` stands for the system's authorities; tests pass their own."""

    resolve: Resolver = no_resolver
    trust: Callable[[], ssl.SSLContext] = field(default=system_trust)

    async def get(self, url: str, thumbprints: Sequence[str]) -> bytes:
        """Return the body of a 200 answer. The caller bounds the time. Raises KeysUnavailable."""
        return (await self.answer(url, thumbprints)).body

    async def answer(self, url: str, thumbprints: Sequence[str]) -> Answer:
        """Return a 200 answer. The caller bounds the time. Raises KeysUnavailable."""
        from podrole.oidc.https import get  # only where an issuer is asked: it takes long to import

        host, port = _place(url)
        try:
            try:
                return await get(url, self.trust(), self.resolve, MAX_DOCUMENT_BYTES)
            except ssl.SSLCertVerificationError as untrusted:
                anchor = await self._matching_thumbprint(url, host, port, thumbprints, untrusted)
                return await get(url, _only_trusting(anchor), self.resolve, MAX_DOCUMENT_BYTES)
        except ssl.SSLCertVerificationError as problem:
            raise KeysUnavailable(
                KeysFault.UNTRUSTED, f"The certificate of {host} is not valid: {problem.verify_message}."
            ) from None
        except OSError as problem:
            if isinstance(problem, socket.gaierror) or problem.errno in _NO_ROUTE:
                raise KeysUnavailable(
                    KeysFault.NOT_FROM_HERE,
                    f"This machine does not reach {host}: {problem.strerror}.",
                    got=repr(url),
                    next_step="use a machine that reaches the issuer; a world's issuer needs its world: podrole up",
                ) from None
            raise KeysUnavailable(
                KeysFault.UNREACHABLE,
                f"{host} cannot be reached: {problem.__class__.__name__}.",
                got=repr(url),
                next_step="check that the issuer's address can be reached from outside the cluster",
            ) from None

    async def served_thumbprint(self, url: str) -> str:
        """Return the SHA-1 of the last certificate that the server of ``url`` sends, lower-case hex, unverified.

        It is what IAM stores for a provider that is created without thumbprints. The caller bounds the time. Raises
        KeysUnavailable.
        """
        return thumbprint_of((await self.served_chain(url))[-1])

    async def served_chain(self, url: str) -> list[bytes]:
        """Return the certificates that the server of ``url`` sends, DER, in its order, unverified.

        The caller bounds the time. Raises KeysUnavailable.
        """
        from podrole.oidc.https import served_chain

        host, port = _place(url)
        try:
            return await served_chain(url, host, port, self.resolve)
        except OSError as problem:
            raise KeysUnavailable(
                KeysFault.UNREACHABLE, f"{host} cannot be reached: {problem.__class__.__name__}.", got=repr(url)
            ) from None

    async def _matching_thumbprint(
        self, url: str, host: str, port: int, thumbprints: Sequence[str], untrusted: ssl.SSLCertVerificationError
    ) -> bytes:
        """Return the last certificate of the chain that ``host`` serves, DER, if the provider lists its thumbprint."""
        from podrole.oidc.https import served_chain

        last = (await served_chain(url, host, port, self.resolve))[-1]
        presented = thumbprint_of(last)
        if presented not in {thumbprint.lower() for thumbprint in thumbprints}:
            raise KeysUnavailable(
                KeysFault.THUMBPRINT,
                f"This system does not trust the certificate of {host} ({untrusted.verify_message}), "
                "and the provider does not list the thumbprint of the last certificate that it sends.",
                got=f"thumbprint {presented}",
                expected="one of " + (", ".join(thumbprints) or "nothing: the provider lists no thumbprint"),
                next_step=f"aws iam update-open-id-connect-provider-thumbprint … --thumbprint-list {presented}",
                thumbprint=presented,
            ) from None
        return last


def _place(url: str) -> tuple[str, int]:
    """Return host and port of an https URL. Refuses an address that could be read in two ways."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:  # a port that is not a number, brackets that do not match
        host, port = "", None
    # A label of another length cannot be encoded for the server's certificate (RFC 1035 2.3.4).
    named = len(host) <= 253 and all(0 < len(label) <= 63 for label in host.split("."))
    if not named or not _URL.fullmatch(url):
        raise KeysUnavailable(
            KeysFault.NOT_HTTPS,
            "An issuer's documents are read over https only, at an address without user name or fragment.",
            got=repr(url[:256]),
            expected="https://…",
        )
    return host, port or 443


def thumbprint_of(certificate_der: bytes) -> str:
    """Return a certificate's SHA-1, lower-case hex: what IAM calls a thumbprint."""
    return hashlib.sha1(certificate_der, usedforsecurity=False).hexdigest()  # FIPS forbids SHA-1 for security only


def _only_trusting(anchor_der: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=anchor_der)
    # The anchor is whatever the server serves last: an intermediate, or the server's own certificate.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context
