"""A container engine's HTTP API: https://docs.docker.com/reference/api/engine/, over its Unix socket.

Calls go through the HTTP client that podrole has anyway; attach and exec take over their connection, which is plain
asyncio. That is all of the API that containers need: a client library would bring a thread for each stream (docker) or
a second HTTP stack (aiodocker).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx2

from podrole.base.http_client import AsyncTransport, no_tls
from podrole.cluster.node.runtimes.container.errors import EngineRefusal, EngineUnusable
from podrole.cluster.node.runtimes.container.sockets import NEXT_STEP, find_sockets

NEWEST_VERSION = (1, 44)
"""The newest version of the API whose words are used here; Docker 29 answers none before it, Podman 4 ends at 1.41."""
CONNECT_SECONDS = 5.0
CALL_SECONDS = 120.0
MAX_HEAD_BYTES = 32 * 1024


class Engine:
    """A container engine that answers. ``open_engine`` makes it; ``aclose`` ends its connections."""

    def __init__(self, socket: str) -> None:
        self.socket = socket
        self.name = ""
        self.version = ""
        self.is_podman = False
        self._prefix = ""
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=20)
        self._client = httpx2.AsyncClient(
            transport=AsyncTransport(verify=no_tls(), uds=socket, limits=limits),
            base_url="http://engine",
            timeout=httpx2.Timeout(CALL_SECONDS, connect=CONNECT_SECONDS),
            trust_env=False,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def identify(self) -> None:
        """Find out what the engine is. Raises EngineUnusable where containers could not reach this machine."""
        version = await self.call("GET", "/version")
        offered = tuple(int(part) for part in str(version["ApiVersion"]).split("."))
        self._prefix = "/v" + ".".join(map(str, min(offered, NEWEST_VERSION)))
        components = {component.get("Name", "") for component in version.get("Components") or ()}
        self.is_podman = "Podman Engine" in components
        self.name, self.version = "podman" if self.is_podman else "docker", str(version["Version"])
        info = await self.call("GET", "/info")
        by_docker = any("rootless" in option for option in info.get("SecurityOptions") or ())
        if by_docker or info.get("Rootless"):  # Podman's own field
            raise EngineUnusable(
                f"The engine at {self.socket} is rootless: its network cannot reach podrole's listeners.",
                next_step="use an engine that runs as root, named in DOCKER_HOST, or --runtime process",
            )
        if "Docker Desktop" in str(info.get("OperatingSystem")):
            raise EngineUnusable(
                "Docker Desktop runs containers in a virtual machine, which cannot reach podrole's listeners.",
                next_step="use Docker Engine or Podman on Linux, or --runtime process",
            )

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        content: bytes | None = None,
        timeout: float | None = CALL_SECONDS,  # noqa: ASYNC109 - the client's own; None waits for as long as it takes
        **query: Any,
    ) -> Any:
        """Call the API and return the answer, parsed if it is JSON. Raises EngineRefusal or EngineUnusable."""
        headers = {"content-type": "application/x-tar"} if content is not None else {}
        payload: dict[str, Any] = {"json": body} if body is not None else {"content": content}
        try:
            response = await self._client.request(
                method, self._prefix + path, params=_texts(query), headers=headers, timeout=timeout, **payload
            )
        except httpx2.HTTPError as problem:
            raise self._unusable(problem) from problem
        if response.status_code >= 400:
            raise EngineRefusal(response.status_code, _message(response.content))
        return _parsed(response.content)

    async def lines(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: AsyncIterator[bytes] | None = None,
        **query: Any,
    ) -> AsyncIterator[dict[str, Any]]:
        """Call the API and yield its answer's lines, each a JSON object. Raises as ``call`` does."""
        try:
            async with self._client.stream(
                method,
                self._prefix + path,
                params=_texts(query),
                headers=headers,
                content=content,
                timeout=httpx2.Timeout(None, connect=CONNECT_SECONDS),
            ) as response:
                if response.status_code >= 400:
                    raise EngineRefusal(response.status_code, _message(await response.aread()))
                async for line in response.aiter_lines():
                    if line.strip():
                        yield json.loads(line)
        except httpx2.HTTPError as problem:
            raise self._unusable(problem) from problem

    async def take_over(
        self, path: str, body: Any = None, **query: Any
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """POST, and return the connection, which is the program's streams from now on. Raises as ``call`` does."""
        payload = b"" if body is None else json.dumps(body).encode()
        target = str(httpx2.URL(self._prefix + path, params=_texts(query)))
        head = (
            f"POST {target} HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(payload)}\r\n\r\n"
        )
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self.socket)
        except (OSError, TimeoutError) as problem:
            raise self._unusable(problem) from problem
        try:
            writer.write(head.encode() + payload)
            async with asyncio.timeout(CALL_SECONDS):
                await _expect_streams(reader)
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as problem:
            writer.close()
            raise self._unusable(problem) from problem
        except BaseException:
            writer.close()
            raise
        return reader, writer

    def _unusable(self, problem: Exception) -> EngineUnusable:
        cause = problem.__cause__ or problem
        while cause.__cause__ is not None:
            cause = cause.__cause__
        if isinstance(cause, PermissionError) or "Permission denied" in str(problem):
            return EngineUnusable(
                f"You may not use the container engine's socket {self.socket}.",
                next_step="add yourself to its group (docker), run podrole as a user who may, or use --runtime process",
            )
        return EngineUnusable(
            f"The container engine at {self.socket} does not answer.",
            got=str(problem) or type(problem).__name__,
            next_step=NEXT_STEP,
        )


async def open_engine(environment: Mapping[str, str]) -> Engine:
    """Return the first engine of this machine that can be used. Raises EngineUnusable with the first's reason."""
    problems: list[EngineUnusable] = []
    for socket in find_sockets(environment):
        engine = Engine(socket)
        try:
            await engine.identify()
        except EngineUnusable as problem:
            await engine.aclose()
            problems.append(problem)
        except BaseException:
            await engine.aclose()
            raise
        else:
            return engine
    raise problems[0]


def _texts(query: Mapping[str, Any]) -> dict[str, Any]:
    """Return a query as the API takes it: structures as JSON, a list as a repeated parameter."""
    return {name: json.dumps(value) if isinstance(value, dict) else value for name, value in query.items()}


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content


def _message(content: bytes) -> str:
    answer = _parsed(content)
    if isinstance(answer, dict) and answer.get("message"):
        return str(answer["message"]).strip()
    return content.decode(errors="replace").strip() or "the engine gave no reason"


async def _expect_streams(reader: asyncio.StreamReader) -> None:
    """Read the head of an answer. Raises EngineRefusal if it does not give the connection away."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    status = int(head.split(" ", 2)[1])
    if status not in (101, 200):
        raise EngineRefusal(status, _message(await _body(reader, head)))


async def _body(reader: asyncio.StreamReader, head: str) -> bytes:
    for line in head.lower().split("\r\n"):
        name, _, value = line.partition(":")
        if name == "content-length":
            return await reader.readexactly(int(value))
    return b""
