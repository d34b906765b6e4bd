"""Requests to the Kubernetes API: a small client over one pool of kept-alive connections."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2
import msgspec

from podrole.base.clock import http_date
from podrole.base.http_client import AsyncTransport, no_tls
from podrole.kube.connection import Connection
from podrole.kube.errors import APIRefusal, APIUnavailable, KubeconfigProblem

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
METADATA_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"
"""Ask for metadata only: nothing else of a service account is used."""

REQUEST_SECONDS = 30.0
CONNECT_SECONDS = 5.0
POOL_SIZE = 32

# A peer that disappears is noticed within half a minute, also while a watch has no events.
_KEEPALIVE = [
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
]

Parameters = Mapping[str, str | int]
T = TypeVar("T")


def path_of(*segments: str) -> str:
    """Join the segments of a request path; each is escaped, so that it stays one segment."""
    return "/" + "/".join([quote(segment, safe="") for segment in segments])


class KubernetesClient:
    """A client of one API server. Close it when done.

    If no connection can be made, certificates are read from their files again, so that a rotated CA or client
    certificate needs no restart.
    """

    def __init__(self, connection: Connection, *, user_agent: str) -> None:
        """Raises KubeconfigProblem if the connection's certificates cannot be used."""
        self.connection = connection
        self._tls = None if connection.server.startswith("http://") else connection.tls_context()
        self._extensions = {"sni_hostname": connection.server_name} if connection.server_name else {}
        self._http = httpx2.AsyncClient(
            base_url=connection.server,
            auth=connection.auth,
            timeout=httpx2.Timeout(REQUEST_SECONDS, connect=CONNECT_SECONDS),
            headers={"User-Agent": user_agent, "Accept-Encoding": "identity"},
            transport=AsyncTransport(
                verify=self._tls or no_tls(),
                limits=httpx2.Limits(max_connections=POOL_SIZE, keepalive_expiry=60),
                proxy=httpx2.Proxy(connection.proxy) if connection.proxy else None,
                socket_options=_KEEPALIVE,
            ),
        )

    async def get(self, path: str, type_: type[T], parameters: Parameters | None = None, *, accept: str = JSON) -> T:
        """GET ``path`` and decode the answer. Raises APIUnavailable, APIRefusal or KubeconfigProblem."""
        response = await self._send("GET", path, parameters, {"Accept": accept})
        try:
            return msgspec.json.decode(response.content, type=type_)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as problem:
            raise self._unavailable(problem) from problem

    async def send(self, method: str, path: str, body: Any, *, content_type: str = JSON) -> bytes:
        """Send ``body`` as JSON and return the answer's bytes. Raises as ``get``."""
        headers = {"Accept": JSON, "Content-Type": content_type}
        response = await self._send(method, path, None, headers, msgspec.json.encode(body))
        return response.content

    async def time(self) -> float | None:
        """Return the server's time by the date of an answer, in epoch seconds; None if it dates none.

        No credentials are sent: a refusal is dated, too. Raises APIUnavailable.
        """
        try:
            response = await self._http.request(
                "GET", "/version", auth=None, timeout=CONNECT_SECONDS, extensions=self._extensions
            )
        except httpx2.HTTPError as problem:
            raise self._unavailable(problem) from problem
        return http_date(response.headers.get("date"))

    @contextlib.asynccontextmanager
    async def lines(
        self, path: str, parameters: Parameters, *, accept: str, silence: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """GET ``path`` and yield its lines as they come. Raises as ``get``, also while the lines are read.

        ``silence`` is how many seconds the server may send nothing.
        """
        timeout = httpx2.Timeout(REQUEST_SECONDS, connect=CONNECT_SECONDS, read=silence)
        headers = {"Accept": accept}
        try:
            async with self._http.stream(
                "GET", path, params=parameters, headers=headers, timeout=timeout, extensions=self._extensions
            ) as response:
                if response.status_code != 200:
                    await response.aread()
                    raise _refusal("GET", path, response)
                yield _lines(response)
        except httpx2.HTTPError as problem:
            raise self._unavailable(problem) from problem

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def _send(
        self,
        method: str,
        path: str,
        parameters: Parameters | None,
        headers: Mapping[str, str],
        content: bytes | None = None,
    ) -> httpx2.Response:
        try:
            response = await self._http.request(
                method, path, params=parameters, headers=headers, content=content, extensions=self._extensions
            )
        except httpx2.HTTPError as problem:
            raise self._unavailable(problem) from problem
        if not 200 <= response.status_code < 300:
            raise _refusal(method, path, response)
        return response

    def _unavailable(self, problem: Exception) -> APIUnavailable:
        if isinstance(problem, httpx2.ConnectError) and self._tls is not None:
            # If the files are the cause, the next attempt fails too; they may be half written at this moment.
            with contextlib.suppress(KubeconfigProblem):
                self.connection.load_into(self._tls)
        return APIUnavailable(
            f"The Kubernetes API at {self.connection.server} did not answer in a usable way.",
            got=f"{type(problem).__name__}: {problem}".rstrip(": "),
            next_step="check that it is running and that this machine can reach it",
        )


class _Status(msgspec.Struct):
    message: str | None = None
    reason: str | None = None


def _refusal(method: str, path: str, response: httpx2.Response) -> APIRefusal:
    try:
        status = msgspec.json.decode(response.content, type=_Status)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        status = _Status()
    return APIRefusal(
        f"The Kubernetes API refused {method} {path}: {status.message or response.reason_phrase}",
        status=response.status_code,
        reason=status.reason or "",
    )


async def _lines(response: httpx2.Response) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in response.aiter_bytes():
        *complete, rest = (rest + chunk).split(b"\n")
        for line in complete:
            if line:
                yield line
