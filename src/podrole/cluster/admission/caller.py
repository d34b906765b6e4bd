"""Calls of webhooks: HTTPS to a URL or a service, verified with the caBundle, within the timeout.

Errors have the words of Go's HTTP client, which people search for.
"""

from __future__ import annotations

import asyncio
import base64
import collections
import os
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2

ServiceResolver = Callable[[str, str, int], tuple[str, int] | None]
"""Returns where a service's port listens: (namespace, name, port) -> (host, port), None if there is no such service.
Raises NoEndpoints if no pod is ready to answer."""

MAX_CLIENTS = 32
"""Clients that are kept, each for one caBundle. A cluster has one bundle for each webhook, and a new one when its
certificate authority changes; beyond this number, a call to the least used one has to connect again."""

MAX_ANSWER_BYTES = 3 * 1024 * 1024
_HEADERS = {
    "User-Agent": "kube-apiserver-admission",
    "Accept": "application/json, */*",
    "Content-Type": "application/json",
}


class CallError(Exception):
    """The call failed; the text follows ``failed calling webhook "name": `` in the refusal."""


class NoEndpoints(Exception):
    """A service has no pod that is ready, or does not have the port; the text says which."""


@dataclass(frozen=True, slots=True)
class _Target:
    """``url`` is for messages, ``address`` is the URL that is called; the certificate must be valid for ``name``."""

    url: str
    address: str
    host: str
    name: str


@dataclass(slots=True)
class _Client:
    """An HTTP client and how many calls are using it; ``retired``: it is closed after the last of them."""

    http: httpx2.AsyncClient
    calls: int = 0
    retired: bool = False


class WebhookCaller:
    """Keeps one client, and so its connections, for each caBundle: at most MAX_CLIENTS, the last used."""

    def __init__(self, resolve: ServiceResolver) -> None:
        self._resolve = resolve
        self._clients: collections.OrderedDict[str, _Client] = collections.OrderedDict()

    async def call(self, config: Mapping[str, Any], body: bytes, seconds: int) -> bytes:
        """Post ``body`` and return the answer's. ``config`` is a WebhookClientConfig. Raises CallError."""
        target = self._target(config, seconds)
        try:
            client = self._client(config.get("caBundle", ""))
        except (ssl.SSLError, ValueError) as problem:
            raise CallError(f"could not get REST client: the caBundle cannot be read: {problem}") from None
        client.calls += 1
        try:
            await self._close_surplus()
            async with asyncio.timeout(seconds):
                return await _post(client.http, target, body)
        except TimeoutError:
            raise _call_failed(target, "context deadline exceeded") from None
        finally:
            client.calls -= 1
            if client.retired and not client.calls:
                await client.http.aclose()

    def _target(self, config: Mapping[str, Any], seconds: int) -> _Target:
        service = config.get("service")
        if service is None:
            import httpx2  # imported at the first call, not at the start of the server

            url = httpx2.URL(config["url"]).copy_merge_params({"timeout": f"{seconds}s"})
            return _Target(str(url), str(url), url.netloc.decode(), url.host)
        name = f"{service['name']}.{service['namespace']}.svc"
        port = service.get("port", 443)
        path = f"{service.get('path') or '/'}?timeout={seconds}s"
        url_text = f"https://{name}:{port}{path}"
        try:
            address = self._resolve(service["namespace"], service["name"], port)
        except NoEndpoints as problem:
            raise CallError(f'failed to call webhook: Post "{url_text}": {problem}') from None
        if address is None:
            raise CallError(f'failed to call webhook: Post "{url_text}": service "{service["name"]}" not found')
        return _Target(url_text, f"https://{address[0]}:{address[1]}{path}", f"{name}:{port}", name)

    def _client(self, bundle: str) -> _Client:
        client = self._clients.get(bundle)
        if client is None:
            from podrole.base.http_client import async_client

            # Without a bundle, the system's authorities count.
            context = ssl.create_default_context(cadata=base64.b64decode(bundle).decode())
            client = self._clients[bundle] = _Client(async_client(context, timeout=None))
        self._clients.move_to_end(bundle)
        return client

    async def _close_surplus(self) -> None:
        while len(self._clients) > MAX_CLIENTS:
            _, client = self._clients.popitem(last=False)
            client.retired = True
            if not client.calls:
                await client.http.aclose()

    async def close(self) -> None:
        """Close every connection."""
        clients = list(self._clients.values())
        self._clients.clear()
        for client in clients:
            await client.http.aclose()


async def _post(client: httpx2.AsyncClient, target: _Target, body: bytes) -> bytes:
    import httpx2

    request = client.build_request(
        "POST",
        target.address,
        content=body,
        headers={**_HEADERS, "Host": target.host},
        extensions={"sni_hostname": target.name},
    )
    for attempt in (1, 2):
        try:
            response = await client.send(request, stream=True)
            break
        except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError) as problem:
            # A kept connection may have been closed meanwhile; the second attempt opens a new one.
            if attempt == 2:
                raise _call_failed(target, "EOF") from problem
        except httpx2.TransportError as problem:
            raise _call_failed(target, _transport_words(problem, target)) from problem
    try:
        data = bytearray()
        async for chunk in response.aiter_bytes():
            data += chunk
            if len(data) > MAX_ANSWER_BYTES:
                raise _call_failed(target, f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
    except httpx2.HTTPError as problem:
        raise _call_failed(target, "unexpected EOF") from problem
    finally:
        await response.aclose()
    if response.status_code != 200:
        raise CallError(f"failed to call webhook: {_status_words(response.status_code, bytes(data))}")
    return bytes(data)


def _call_failed(target: _Target, why: str) -> CallError:
    return CallError(f'failed to call webhook: Post "{target.url}": {why}')


def _causes(problem: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = problem
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _transport_words(problem: BaseException, target: _Target) -> str:
    for cause in _causes(problem):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"tls: failed to verify certificate: x509: {_certificate_words(cause, target)}"
        if isinstance(cause, ssl.SSLError):
            return f"tls: {cause.reason or 'handshake failure'}"
        if isinstance(cause, ConnectionRefusedError):
            return f"dial tcp {_where(target)}: connect: connection refused"
        if isinstance(cause, OSError) and cause.errno:
            return (
                f"dial tcp {_where(target)}: {os.strerror(cause.errno).lower() if cause.errno > 0 else 'no such host'}"
            )
    return str(problem) or "EOF"


def _where(target: _Target) -> str:
    return target.address.removeprefix("https://").partition("/")[0]


def _certificate_words(problem: ssl.SSLCertVerificationError, target: _Target) -> str:
    text = problem.verify_message
    if "expired" in text or "not yet valid" in text:
        return "certificate has expired or is not yet valid"
    if "not valid for" in text:
        return f"certificate is not valid for {target.name}"
    return "certificate signed by unknown authority"


def _status_words(code: int, body: bytes) -> str:
    """Name an HTTP status as client-go does where the answer is no Status object."""
    words = {
        400: "the server rejected our request for an unknown reason",
        401: "the server has asked for the client to provide credentials",
        403: "forbidden",
        404: "the server could not find the requested resource",
        405: "the server does not allow this method on the requested resource",
        413: "request entity too large",
        503: "the server is currently unable to handle the request",
        504: "the server was unable to return a response in the time allotted, but may still be processing the request",
    }.get(code)
    if words is None:
        text = body[:256].decode(errors="replace").strip() or "unknown"
        words = f'an error on the server ("{text}") has prevented the request from succeeding'
    return words
