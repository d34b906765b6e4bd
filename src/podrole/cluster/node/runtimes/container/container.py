"""A container that runs, and the programs that are started in it (exec)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from signal import Signals
from typing import Any

from podrole.cluster.node.errors import StartProblem
from podrole.cluster.node.runtime import Output
from podrole.cluster.node.runtimes.container.engine import Engine
from podrole.cluster.node.runtimes.container.errors import EngineRefusal, EngineUnusable
from podrole.cluster.node.runtimes.container.streams import Input, Streams

RETRY_SECONDS = 1.0
RETRIES = 30
"""How often an engine that does not answer is asked for a container's end."""
KILLED = 128 + signal.SIGKILL
KILL_SECONDS = 2.0
FIRST_POLL_SECONDS, LAST_POLL_SECONDS = 0.01, 0.5


class _Program:
    """What a container and an exec have in common."""

    def __init__(self, streams: Streams, *, stdin: bool) -> None:
        self._streams = streams
        self.stdin = Input(streams) if stdin else None
        self._end: asyncio.Task[int] = asyncio.create_task(self._until_ended())

    @property
    def running(self) -> bool:
        return not self._end.done()

    async def wait(self) -> int:
        return await asyncio.shield(self._end)

    def hold(self, held: bool) -> None:
        self._streams.hold(held)

    async def _until_ended(self) -> int:
        raise NotImplementedError


class EngineContainer(_Program):
    """A started container. ``ended`` is awaited once its program has ended, and frees what it held."""

    def __init__(
        self,
        engine: Engine,
        container: str,
        streams: Streams,
        *,
        stdin: bool,
        stop_signal: str,
        ended: Callable[[str], Awaitable[None]],
    ) -> None:
        self._engine = engine
        self._id = container
        self._stop_signal = stop_signal
        self._ended = ended
        super().__init__(streams, stdin=stdin)

    async def signal(self, number: Signals) -> None:
        """Signal the program. The image's STOPSIGNAL stands in for SIGTERM, as in the kubelet."""
        name = self._stop_signal if number == signal.SIGTERM and self._stop_signal else str(int(number))
        if self.running:
            with contextlib.suppress(EngineRefusal, EngineUnusable):  # it ended just now
                await self._engine.call("POST", f"/containers/{self._id}/kill", signal=name)

    async def kill(self) -> None:
        await self.signal(signal.SIGKILL)
        await self.wait()

    async def resize(self, columns: int, rows: int) -> None:
        with contextlib.suppress(EngineRefusal, EngineUnusable):  # it has no terminal, or ended just now
            await self._engine.call("POST", f"/containers/{self._id}/resize", w=columns, h=rows)

    async def exec(
        self, command: Sequence[str], output: Output, *, stdin: bool = False, terminal: bool = False
    ) -> EngineExec:
        """Start a program in the container. Raises StartProblem."""
        wanted = {
            "Cmd": list(command),
            "AttachStdin": stdin,
            "AttachStdout": True,
            "AttachStderr": True,
            "Tty": terminal,
            "Env": ["TERM=xterm"] if terminal else [],
        }
        try:
            created = await self._engine.call("POST", f"/containers/{self._id}/exec", wanted)
            start = {"Detach": False, "Tty": terminal}
            reader, writer = await self._engine.take_over(f"/exec/{created['Id']}/start", start)
        except (EngineRefusal, EngineUnusable) as problem:
            raise StartProblem(problem.what) from problem
        streams = Streams(reader, writer, output, terminal=terminal)
        return EngineExec(self._engine, self._id, created["Id"], streams, stdin=stdin)

    async def _until_ended(self) -> int:
        await self._streams.ended()  # comes with the program's end, and at once; the engine's own answer may be polled
        for attempt in range(RETRIES + 1):
            try:
                answer = await self._engine.call(
                    "POST", f"/containers/{self._id}/wait", timeout=None, condition="not-running", interval="50ms"
                )
            except EngineRefusal as refusal:
                if refusal.status != 404:
                    raise
                return KILLED  # someone else has removed it
            except EngineUnusable:
                if attempt == RETRIES:
                    raise
                await asyncio.sleep(RETRY_SECONDS)
            else:
                await self._ended(self._id)
                return int(answer["StatusCode"])
        raise AssertionError("the last attempt returns or raises")


class EngineExec(_Program):
    """A program that was started in a container."""

    def __init__(self, engine: Engine, container: str, identity: str, streams: Streams, *, stdin: bool) -> None:
        self._engine = engine
        self._container = container
        self._id = identity
        super().__init__(streams, stdin=stdin)

    async def signal(self, number: Signals) -> None:
        """Signal the program, where podrole may: the engines have no call for it."""
        await self._signal(number)

    async def kill(self) -> None:
        """End the program, where podrole may; otherwise let it go, and no one hears of it any more."""
        if not self.running:
            return
        if await self._signal(signal.SIGKILL):
            await asyncio.wait({self._end}, timeout=KILL_SECONDS)
        await self._streams.close()
        self._end.cancel()
        await asyncio.wait({self._end})

    async def wait(self) -> int:
        try:
            return await asyncio.shield(self._end)
        except asyncio.CancelledError:
            if self._end.cancelled():
                return KILLED
            raise

    async def resize(self, columns: int, rows: int) -> None:
        with contextlib.suppress(EngineRefusal, EngineUnusable):
            await self._engine.call("POST", f"/exec/{self._id}/resize", w=columns, h=rows)

    async def _until_ended(self) -> int:
        await self._streams.ended()
        pause = FIRST_POLL_SECONDS
        while True:
            try:
                state = await self._engine.call("GET", f"/exec/{self._id}/json")
            except (EngineRefusal, EngineUnusable):
                return KILLED  # the container has ended, and the exec with it
            if not state["Running"]:
                return int(state["ExitCode"] or 0)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LAST_POLL_SECONDS)

    async def _signal(self, number: Signals) -> bool:
        try:
            own: dict[str, Any] = await self._engine.call("GET", f"/exec/{self._id}/json")
            container: dict[str, Any] = await self._engine.call("GET", f"/containers/{self._container}/json")
        except (EngineRefusal, EngineUnusable):
            return False
        return bool(own["Running"]) and _signal_inside(int(own["Pid"]), int(container["State"]["Pid"]), number)


def _signal_inside(pid: int, container: int, number: Signals) -> bool:
    """Signal a process if it is in the container whose first process is ``container``; say whether it was done."""
    if pid <= 0 or container <= 0:
        return False
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if Path(f"/proc/{pid}/ns/pid").readlink() != Path(f"/proc/{container}/ns/pid").readlink():
            return False
        signal.pidfd_send_signal(descriptor, number)
    except OSError:  # it ended, or it is not podrole's to signal
        return False
    finally:
        os.close(descriptor)
    return True
