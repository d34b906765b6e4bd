"""One HTTPS GET to an issuer, as distrustful as STS: no redirect, no plain HTTP, bounded in size.

Trust, as IAM does it
(https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc_verify-thumbprint.html): the system's
authorities first; only where they do not vouch for the server is the chain that it serves compared with the provider's
thumbprints, and then everything else (names, dates, signatures) is verified against that very certificate.
"""

from __future__ import annotations

import asyncio
import functools
import hashlib
import re
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import h11

from podrole.oidc.errors import KeysFault, KeysUnavailable

MAX_DOCUMENT_BYTES = 512 * 1024
"""Room for 200 keys of 4096 bits with a certificate each, and no more."""

# RFC 3986: no user information, no fragment, nothing outside its characters.
_URL = re.compile(r"https://[A-Za-z0-9.\-_:\[\]]+(?:[/?][A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]*)?", re.ASCII)

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
        host, port = _place(url)
        try:
            try:
                return await self._exchange(url, host, port, self.trust())
            except ssl.SSLCertVerificationError as untrusted:
                anchor = await self._matching_thumbprint(host, port, thumbprints, untrusted)
                return await self._exchange(url, host, port, _only_trusting(anchor))
        except ssl.SSLCertVerificationError as problem:
            raise KeysUnavailable(
                KeysFault.UNTRUSTED, f"The certificate of {host} is not valid: {problem.verify_message}."
            ) from None
        except (OSError, asyncio.IncompleteReadError) as problem:
            raise KeysUnavailable(
                KeysFault.UNREACHABLE,
                f"{host} cannot be reached: {problem.__class__.__name__}.",
                got=repr(url),
                next_step="check that the issuer's address answers from outside the cluster",
            ) from None

    async def served_thumbprint(self, url: str) -> str:
        """Return the SHA-1 of the last certificate that the server of ``url`` sends, lower-case hex, unverified.

        It is what IAM stores for a provider that is created without thumbprints. The caller bounds the time. Raises
        KeysUnavailable.
        """
        host, port = _place(url)
        try:
            return hashlib.sha1(await self._last_certificate(host, port), usedforsecurity=False).hexdigest()
        except OSError as problem:
            raise KeysUnavailable(
                KeysFault.UNREACHABLE, f"{host} cannot be reached: {problem.__class__.__name__}.", got=repr(url)
            ) from None

    async def _matching_thumbprint(
        self, host: str, port: int, thumbprints: Sequence[str], untrusted: ssl.SSLCertVerificationError
    ) -> bytes:
        """Return the last certificate of the chain that ``host`` serves, DER, if the provider lists its thumbprint."""
        last = await self._last_certificate(host, port)
        found = hashlib.sha1(last, usedforsecurity=False).hexdigest()
        if found not in {thumbprint.lower() for thumbprint in thumbprints}:
            raise KeysUnavailable(
                KeysFault.THUMBPRINT,
                f"No authority of the system vouches for {host} ({untrusted.verify_message}), "
                "and the last certificate that it serves is not one that the provider lists.",
                got=f"thumbprint {found}",
                expected="one of " + (", ".join(thumbprints) or "none: the provider lists no thumbprint"),
                next_step=f"aws iam update-open-id-connect-provider-thumbprint … --thumbprint-list {found}",
                thumbprint=found,
            ) from None
        return last

    async def _last_certificate(self, host: str, port: int) -> bytes:
        """Return the last certificate that a server sends, DER."""
        unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        unverified.check_hostname = False
        # Nothing is sent over this connection: it only shows the chain that thumbprints are compared with.
        unverified.verify_mode = ssl.CERT_NONE
        _, writer = await self._connect(host, port, unverified)
        try:
            return _served_chain(writer.get_extra_info("ssl_object"))[-1]
        finally:
            writer.transport.abort()

    async def _exchange(self, url: str, host: str, port: int, trust: ssl.SSLContext) -> bytes:
        reader, writer = await self._connect(host, port, trust)
        try:
            return await _request(reader, writer, url)
        finally:
            writer.transport.abort()

    async def _connect(
        self, host: str, port: int, trust: ssl.SSLContext
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        address, actual_port = self.resolve(host, port)
        return await asyncio.open_connection(address, actual_port, ssl=trust, server_hostname=host)


def _place(url: str) -> tuple[str, int]:
    """Return host and port of an https URL. An address that could be read in two ways is refused, whoever wrote it."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:  # a port that is no number, brackets that do not match
        host = port = None
    # A label of another length cannot be encoded for the server's certificate (RFC 1035 2.3.4).
    named = host is not None and len(host) <= 253 and all(0 < len(label) <= 63 for label in host.split("."))
    if host is None or not named or not _URL.fullmatch(url):
        raise KeysUnavailable(
            KeysFault.NOT_HTTPS,
            "An issuer's documents are read over https only, at an address without user name or fragment.",
            got=repr(url[:256]),
            expected="https://…",
        )
    return host, port or 443


def _only_trusting(anchor_der: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=anchor_der)
    # The anchor is whatever the server serves last: an intermediate, or the server's own certificate.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _served_chain(tls: Any) -> list[bytes]:
    """Return the chain as served, DER, leaf first."""
    if hasattr(tls, "get_unverified_chain"):  # public since Python 3.13
        return list(tls.get_unverified_chain())
    certificates = tls._sslobj.get_unverified_chain()
    return [certificate.public_bytes(ssl._ssl.ENCODING_DER) for certificate in certificates]  # type: ignore[attr-defined]


async def _request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, url: str) -> bytes:
    """Send one GET on a new connection and return the body of its answer."""
    parts = urlsplit(url)
    connection = h11.Connection(h11.CLIENT)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = [
        ("Host", parts.netloc),
        ("Accept", "application/json"),
        ("Connection", "close"),
        ("User-Agent", "podrole"),
    ]
    for event in (h11.Request(method="GET", target=target, headers=headers), h11.EndOfMessage()):
        writer.write(connection.send(event) or b"")
    body = bytearray()
    while True:
        try:
            received = connection.next_event()
        except h11.RemoteProtocolError:
            raise KeysUnavailable(KeysFault.MALFORMED, f"{url} does not answer in HTTP.") from None
        if received is h11.NEED_DATA:
            connection.receive_data(await reader.read(65_536))
        elif isinstance(received, h11.Response):
            _require_ok(received, url)
        elif isinstance(received, h11.Data):
            body += received.data
            if len(body) > MAX_DOCUMENT_BYTES:
                raise KeysUnavailable(
                    KeysFault.TOO_LARGE,
                    f"The document at {url} is too large.",
                    expected=f"at most {MAX_DOCUMENT_BYTES} bytes",
                )
        elif isinstance(received, h11.EndOfMessage):
            return bytes(body)


def _require_ok(response: h11.Response, url: str) -> None:
    if response.status_code == 200:
        return
    fault, what = KeysFault.STATUS, f"{url} does not answer with a document."
    if 300 <= response.status_code < 400:
        fault, what = KeysFault.REDIRECT, f"{url} redirects, and redirects are not followed."
    raise KeysUnavailable(fault, what, got=f"HTTP {response.status_code}", expected="HTTP 200")
