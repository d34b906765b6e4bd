"""One GET over HTTPS, and the certificates that a server sends.

httpcore takes the place to connect to from the caller, does TLS for the URL's own host, and gives access to the served
chain. It follows no redirect, reads no proxy settings and decodes no content.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any

import httpcore2

from podrole.oidc.errors import KeysFault, KeysUnavailable

Resolver = Callable[[str, int], tuple[str, int]]
"""Where to connect for a host and port."""

_HEADERS = (("Accept", "application/json"), ("Connection", "close"), ("User-Agent", "podrole"))


async def get(url: str, trust: ssl.SSLContext, resolve: Resolver, max_bytes: int) -> bytes:
    """Return the body of a 200 answer.

    Raises KeysUnavailable for any other answer, and for a body of more than ``max_bytes``; OSError where the connection
    fails, ``ssl.SSLCertVerificationError`` among them. Does not bound the time.
    """
    async with _connecting(resolve) as backend:
        pool = httpcore2.AsyncConnectionPool(ssl_context=trust, network_backend=backend)
        with _plain_errors(url):
            async with pool, pool.stream("GET", url, headers=_HEADERS) as answer:
                _require_ok(answer.status, url)
                body = bytearray()
                async for chunk in answer.aiter_stream():
                    body += chunk
                    if len(body) > max_bytes:
                        raise KeysUnavailable(
                            KeysFault.TOO_LARGE,
                            f"The document at {url} is too large.",
                            expected=f"at most {max_bytes} bytes",
                        )
                return bytes(body)


async def last_certificate(url: str, host: str, port: int, resolve: Resolver) -> bytes:
    """Return the last certificate that a server sends, DER, unverified. Raises OSError. Does not bound the time."""
    unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unverified.check_hostname = False
    # Nothing is sent over this connection: it only shows the chain that thumbprints are compared with.
    unverified.verify_mode = ssl.CERT_NONE
    async with _connecting(resolve) as backend:
        with _plain_errors(url):
            connection = await backend.connect_tcp(host, port)
            connection = await connection.start_tls(unverified, host)
            return _served_chain(connection.get_extra_info("ssl_object"))[-1]


@contextlib.asynccontextmanager
async def _connecting(resolve: Resolver) -> AsyncIterator[_Backend]:
    """Give a backend, and close what it connected: httpcore leaves a connection open if its handshake is cancelled."""
    backend = _Backend(resolve)
    try:
        yield backend
    finally:
        for connection in backend.connections:
            await connection.aclose()


class _Backend(httpcore2.AnyIOBackend):
    """Connects to where the resolver says."""

    def __init__(self, resolve: Resolver) -> None:
        self._resolve = resolve
        self.connections: list[httpcore2.AsyncNetworkStream] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        address, actual_port = self._resolve(host, port)
        connection = await super().connect_tcp(address, actual_port, timeout, local_address, socket_options)
        self.connections.append(connection)
        return connection


@contextlib.contextmanager
def _plain_errors(url: str) -> Iterator[None]:
    """Raise what the socket or TLS raised, in the place of httpcore's error for it."""
    try:
        yield
    except httpcore2.RemoteProtocolError:
        raise KeysUnavailable(KeysFault.MALFORMED, f"{url} does not answer in HTTP.") from None
    except (httpcore2.NetworkError, httpcore2.TimeoutException) as problem:
        raise _origin(problem) from None


def _origin(problem: Exception) -> OSError:
    """Return the OSError that httpcore's error was made of, and of a chain of causes the first."""
    origin: OSError = ConnectionError()
    cause: object = problem.args[0]
    while isinstance(cause, BaseException):
        if isinstance(cause, OSError):
            origin = cause
        cause = cause.__cause__
    return origin


def _served_chain(tls: Any) -> list[bytes]:
    """Return the chain as served, DER, leaf first."""
    if hasattr(tls, "get_unverified_chain"):  # public since Python 3.13
        return list(tls.get_unverified_chain())
    certificates = tls._sslobj.get_unverified_chain()
    return [certificate.public_bytes(ssl._ssl.ENCODING_DER) for certificate in certificates]  # type: ignore[attr-defined]


def _require_ok(status: int, url: str) -> None:
    if status == 200:
        return
    fault, what = KeysFault.STATUS, f"{url} does not answer with a document."
    if 300 <= status < 400:
        fault, what = KeysFault.REDIRECT, f"{url} redirects, and redirects are not followed."
    raise KeysUnavailable(fault, what, got=f"HTTP {status}", expected="HTTP 200")
