"""exec and attach: a command in a container, or the container itself, whose streams lead to a client."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from podrole.cluster.core.errors import internal
from podrole.cluster.core.node_api import Output, StreamOptions
from podrole.cluster.node.containers.run import ContainerRun
from podrole.cluster.node.errors import ContainerProblem
from podrole.cluster.node.runtime import ContainerProcess, RunningContainer, Stream

HOLD_AT_BYTES = 1024 * 1024
"""At this backlog a command that a client started is held up; it goes on at half of it."""
DROP_AT_BYTES = 8 * 1024 * 1024
"""At this backlog an attached client is disconnected: it must not hold up the container."""


class _Backlog:
    """Output on its way to a client that reads at its own pace."""

    def __init__(self, options: StreamOptions) -> None:
        self._options = options
        self._items: deque[Output] = deque()
        self._changed = asyncio.Event()
        self.size = 0
        self.ended = False

    def add(self, stream: Stream, data: bytes) -> None:
        if self.ended or not getattr(self._options, stream):
            return
        self._items.append(Output(stream, data))
        self.size += len(data)
        self._changed.set()

    def end(self) -> None:
        self.ended = True
        self._changed.set()

    async def take(self) -> Output | None:
        """Return the next output; None at the end."""
        while not self._items:
            if self.ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        item = self._items.popleft()
        self.size -= len(item.data)
        return item


class ExecSession:
    """A command that a client runs inside a container (``node_api.Session``)."""

    def __init__(self, options: StreamOptions) -> None:
        self._backlog = _Backlog(options)
        self._streams = 1 if options.tty else 2
        self._process: ContainerProcess | None = None
        self._ending: asyncio.Task[int] | None = None

    @classmethod
    async def start(
        cls,
        container: RunningContainer,
        command: Sequence[str],
        options: StreamOptions,
        ended: Callable[[ExecSession], None],
    ) -> ExecSession:
        """Start ``command``. Raises StatusError, worded as the kubelet does, if it cannot be executed."""
        session = cls(options)
        try:
            session._process = await container.exec(command, session._take, stdin=options.stdin, terminal=options.tty)
        except ContainerProblem as problem:
            raise internal(f"error executing command in container: {problem.what}") from problem
        session._ending = asyncio.create_task(session._process.wait())
        session._ending.add_done_callback(lambda _: ended(session))
        return session

    async def output(self) -> AsyncIterator[Output]:
        while (item := await self._backlog.take()) is not None:
            if self._process is not None and self._backlog.size < HOLD_AT_BYTES // 2:
                self._process.hold(False)
            yield item

    async def write(self, data: bytes) -> None:
        if self._process is not None and self._process.stdin is not None:
            await self._process.stdin.write(data)

    async def close_input(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    async def resize(self, width: int, height: int) -> None:
        if self._process is not None:
            with contextlib.suppress(OSError):  # it ended just now
                await self._process.resize(width, height)

    async def wait(self) -> int:
        assert self._process is not None  # noqa: S101 - `start` made it
        return await self._process.wait()

    async def close(self) -> None:
        self._backlog.end()
        if self._process is not None:
            self._process.hold(False)
            await self._process.kill()
        if self._ending is not None:
            await self._ending

    def _take(self, stream: Stream, data: bytes) -> None:
        if data:
            self._backlog.add(stream, data)
            if self._process is not None and self._backlog.size > HOLD_AT_BYTES:
                self._process.hold(True)
            return
        self._streams -= 1
        if self._streams == 0:
            self._backlog.end()


class AttachSession:
    """A client at the streams of a running container (``node_api.Session``). Without it the container runs on."""

    def __init__(
        self, run: ContainerRun, container: RunningContainer, spec: Mapping[str, Any], options: StreamOptions
    ) -> None:
        self._backlog = _Backlog(options)
        self._run = run
        self._container = container
        self._stdin = container.stdin if options.stdin else None
        self._once = bool(spec.get("stdinOnce"))
        run.listeners.add(self._take)

    async def output(self) -> AsyncIterator[Output]:
        while (item := await self._backlog.take()) is not None:
            yield item

    async def write(self, data: bytes) -> None:
        if self._stdin is not None:
            await self._stdin.write(data)

    async def close_input(self) -> None:
        if self._stdin is not None and self._once:
            self._stdin.close()

    async def resize(self, width: int, height: int) -> None:
        with contextlib.suppress(OSError):  # it ended just now
            await self._container.resize(width, height)

    async def wait(self) -> int:
        if not self._backlog.ended:
            await self._container.wait()
        return 0

    async def close(self) -> None:
        self._run.listeners.discard(self._take)
        self._backlog.end()
        await self.close_input()

    def _take(self, stream: Stream, data: bytes) -> None:
        if data:
            self._backlog.add(stream, data)
        if not data or self._backlog.size > DROP_AT_BYTES:
            self._backlog.end()
            self._run.listeners.discard(self._take)
