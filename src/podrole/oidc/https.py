"""One GET over HTTPS, and the certificates that a server sends.

httpcore takes the place to connect to from the caller, does TLS for the URL's own host, and gives access to the served
chain. It follows no redirect, reads no proxy settings and decodes no content.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpcore2

from podrole.base.closing_backend import ClosingBackend
from podrole.base.user_agents import PODROLE
from podrole.oidc.errors import KeysFault, KeysUnavailable

Resolver = Callable[[str, int], tuple[str, int]]
"""Where to connect for a host and port."""

_HEADERS = (("Accept", "application/json"), ("Connection", "close"), ("User-Agent", PODROLE))


@dataclass(frozen=True, slots=True)
class Answer:
    """A 200 answer. ``content_type`` is None if the server names none."""

    body: bytes
    content_type: str | None


async def get(url: str, trust: ssl.SSLContext, resolve: Resolver, max_bytes: int) -> Answer:
    """Return the server's answer.

    Raises KeysUnavailable for any other answer, and for a body of more than ``max_bytes``; OSError where the connection
    fails, ``ssl.SSLCertVerificationError`` among them. Does not bound the time.
    """
    pool = httpcore2.AsyncConnectionPool(ssl_context=trust, network_backend=_Backend(resolve))
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
            types = [value for name, value in answer.headers if name.lower() == b"content-type"]
            return Answer(bytes(body), types[0].decode("latin-1") if types else None)


async def served_chain(url: str, host: str, port: int, resolve: Resolver) -> list[bytes]:
    """Return the certificates that a server sends, DER, in its order, unverified. Raises OSError. Does not bound the
    time."""
    unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unverified.check_hostname = False
    # Nothing is sent over this connection: it only shows the chain that thumbprints are compared with.
    unverified.verify_mode = ssl.CERT_NONE
    with _plain_errors(url):
        connection = await _Backend(resolve).connect_tcp(host, port)
        async with contextlib.aclosing(await connection.start_tls(unverified, host)) as connection:
            return _served_chain(connection.get_extra_info("ssl_object"))


class _Backend(ClosingBackend):
    """Connects to where the resolver says."""

    def __init__(self, resolve: Resolver) -> None:
        self._resolve = resolve

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        address, actual_port = self._resolve(host, port)
        return await super().connect_tcp(address, actual_port, timeout, local_address, socket_options)


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
