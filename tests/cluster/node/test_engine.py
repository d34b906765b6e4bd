"""What is said of an engine that cannot be used, and how its refusals are read, from answers that a test writes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from podrole.cluster.node.errors import ImageProblem
from podrole.cluster.node.image_names import parse_image
from podrole.cluster.node.runtimes.container.engine import Engine, open_engine
from podrole.cluster.node.runtimes.container.errors import EngineRefusal, EngineUnusable
from podrole.cluster.node.runtimes.container.images import pull

DOCKER = {"Version": "29.0.0", "ApiVersion": "1.52", "Components": [{"Name": "Engine"}]}
PODMAN = {"Version": "4.3.1", "ApiVersion": "1.41", "Components": [{"Name": "Podman Engine"}]}


@asynccontextmanager
async def answering(path: Path, answers: dict[str, tuple[int, Any]]) -> AsyncIterator[dict[str, str]]:
    """An engine with an answer for each path; yields the variables that name it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                target = head.split(" ")[1].partition("?")[0]
                status, answer = answers.get(target, (404, {"message": f"no {target}"}))
                body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_unix_server(serve, path)
    try:
        yield {"DOCKER_HOST": f"unix://{path}"}
    finally:
        server.close()


@pytest.mark.parametrize(
    ("version", "name", "prefix"),
    [(DOCKER, "docker", "/v1.44"), (PODMAN, "podman", "/v1.41")],
    ids=["docker", "podman"],
)
async def test_version_of_the_api_is_the_newest_that_both_know(
    tmp_path: Path, version: Any, name: str, prefix: str
) -> None:
    answers = {"/version": (200, version), f"{prefix}/info": (200, {}), f"{prefix}/x": (200, {"found": True})}
    async with answering(tmp_path / "s", answers) as variables:
        engine = await open_engine(variables)
        assert (engine.name, engine.is_podman) == (name, name == "podman")
        assert await engine.call("GET", "/x") == {"found": True}
        await engine.aclose()


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ({"SecurityOptions": ["name=seccomp,profile=default", "name=rootless"]}, "is rootless"),
        ({"SecurityOptions": ["name=seccomp,profile=default"], "Rootless": True}, "is rootless"),
        ({"OperatingSystem": "Docker Desktop"}, "Docker Desktop runs containers in a virtual machine"),
    ],
    ids=["rootless docker", "rootless podman", "desktop"],
)
async def test_engine_whose_containers_cannot_reach_podrole_is_refused(tmp_path: Path, info: Any, said: str) -> None:
    async with answering(tmp_path / "s", {"/version": (200, PODMAN), "/v1.41/info": (200, info)}) as variables:
        with pytest.raises(EngineUnusable) as raised:
            await open_engine(variables)
    assert said in raised.value.what
    assert "--runtime process" in str(raised.value.next_step)


async def test_refusal_has_the_engines_reason_also_where_a_connection_is_taken_over(tmp_path: Path) -> None:
    async with answering(
        tmp_path / "s", {"/x": (409, {"message": "it is paused"}), "/y": (500, b"plain")}
    ) as variables:
        engine = Engine(variables["DOCKER_HOST"].removeprefix("unix://"))
        with pytest.raises(EngineRefusal, match="it is paused") as raised:
            await engine.call("POST", "/x")
        assert raised.value.status == 409
        with pytest.raises(EngineRefusal, match="it is paused"):
            await engine.take_over("/x")
        with pytest.raises(EngineRefusal, match="plain"):
            await engine.call("GET", "/y")
        await engine.aclose()


async def test_error_in_the_progress_of_a_pull_is_the_reason(tmp_path: Path) -> None:
    lines = b'{"status":"Pulling"}\r\n{"error":"toomanyrequests: slow down"}\r\n'
    async with answering(tmp_path / "s", {"/images/create": (200, lines)}) as variables:
        engine = Engine(variables["DOCKER_HOST"].removeprefix("unix://"))
        with pytest.raises(ImageProblem, match="toomanyrequests") as raised:
            await pull(engine, parse_image("shop/api:1"), "IfNotPresent")
        assert raised.value.reason == "ErrImagePull"
        await engine.aclose()
