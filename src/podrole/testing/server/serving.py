"""A test's world in its process, and the conversation with the test process."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from podrole.base import open_files
from podrole.base.clock import AdjustableClock, system_clock
from podrole.base.errors import PodroleError, outline
from podrole.base.event_loop import run_loop
from podrole.base.named_certificates import ignore_malformed_names
from podrole.testing.server.errors import RequestRefused
from podrole.testing.server.requests import Handler
from podrole.world.proxy import Surroundings, credential_files
from podrole.world.settings import BY_NAME, WorldSettings
from podrole.world.state import WorldDirectory
from podrole.world.world import World

MAX_LINE_BYTES = 16 * 1024 * 1024
PARENT_SECONDS = 1.0
"""How often the process looks whether its parent still lives: a child of the parent may hold its end of the pipe."""

PODS_SECONDS = 5.0
"""How long pods may take to end before the world is left as podrole down leaves it."""
_FREE_PORTS = {"aws_port": 0, "cluster_port": 0}
_log = logging.getLogger(__name__)


def serve(answers: BinaryIO) -> None:
    """Serve until standard input ends."""
    open_files.allow_many()
    ignore_malformed_names()
    with tempfile.TemporaryDirectory(prefix="podrole-test-", ignore_cleanup_errors=True) as directory:
        run_loop(_serve(Path(directory), answers))


async def _serve(directory: Path, answers: BinaryIO) -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=MAX_LINE_BYTES)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    over = asyncio.create_task(_orphaned(os.getppid()))
    serving = asyncio.create_task(_answer_all(directory, reader, answers))
    await asyncio.wait({over, serving}, return_when=asyncio.FIRST_COMPLETED)
    for task in (over, serving):
        task.cancel()
    await asyncio.gather(over, serving, return_exceptions=True)


async def _orphaned(parent: int) -> None:
    while os.getppid() == parent:  # noqa: ASYNC110 - the kernel gives no event for it that a loop could wait for
        await asyncio.sleep(PARENT_SECONDS)


async def _answer_all(directory: Path, reader: asyncio.StreamReader, answers: BinaryIO) -> None:
    clock = AdjustableClock()
    try:
        settings = msgspec.json.decode(await reader.readline(), type=dict[str, Any])
        world = World(
            WorldDirectory(directory / "world"),
            _settings(settings),
            clock=clock,
            signature_clock=system_clock,
            surroundings=Surroundings(credentials=credential_files(os.environ)),
            pods_python=sys.executable,  # the tests' own: with the code under test
        )
        async with world:
            await world.opened()
            await world.keep_beginning()
            handler = Handler(world, directory, clock)
            gc.freeze()
            gc.enable()
            _write(answers, {"result": handler.description()})
            try:
                await _answer_each(handler, reader, answers)
            finally:
                await _end(world, directory)
    except Exception as problem:  # noqa: BLE001 - whatever happens is an answer: the test process waits for one
        _write(answers, {"error": _error(problem)})


async def _end(world: World, directory: Path) -> None:
    """End the process without leaving the world, which waits for clients that are still connected: nothing is kept."""
    async with asyncio.timeout(PODS_SECONDS):
        await world.reset()  # ends the pods' processes
    shutil.rmtree(directory, ignore_errors=True)
    sys.stderr.flush()
    os._exit(0)


async def _answer_each(handler: Handler, reader: asyncio.StreamReader, answers: BinaryIO) -> None:
    while line := await reader.readline():
        try:
            answer = {"result": await handler.answer(msgspec.json.decode(line, type=dict[str, Any]))}
        except Exception as problem:  # noqa: BLE001 - see above
            answer = {"error": _error(problem)}
        _write(answers, answer)


def _settings(values: dict[str, Any]) -> WorldSettings:
    unknown = values.keys() - BY_NAME.keys()
    if unknown:
        raise RequestRefused(
            "There is no such setting.", got=", ".join(sorted(unknown)), expected=", ".join(sorted(BY_NAME))
        )
    return WorldSettings(**{**_FREE_PORTS, **values, "ephemeral": True, "no_internet": True})


def _write(answers: BinaryIO, answer: dict[str, Any]) -> None:
    with contextlib.suppress(BrokenPipeError):
        answers.write(msgspec.json.encode(answer) + b"\n")


def _error(problem: Exception) -> dict[str, Any]:
    if not isinstance(problem, PodroleError):
        _log.error("a request of the test process failed: %s", outline(problem))
        return {"code": "internal", "what": f"{type(problem).__name__}: {problem}"}
    fields = ("code", "what", "got", "expected", "next_step")
    return {name: value for name in fields if (value := getattr(problem, name)) is not None}
