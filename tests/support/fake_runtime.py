"""A runtime in memory: the node's tests show with it that the node works with any runtime."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from podrole.cluster.core.client import Object
from podrole.cluster.node.errors import ConfigProblem, ImageProblem, SandboxProblem, StartProblem
from podrole.cluster.node.image_names import ImageReference
from podrole.cluster.node.runtime import ContainerConfig, Output, PulledImage, RegistryLogin


class FakeInput:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.data = b""
        self.closed = asyncio.Event()

    async def write(self, data: bytes) -> None:
        self.data += data

    def close(self) -> None:
        self.closed.set()


class FakeProcess:
    """A program that runs until a test or a signal ends it."""

    def __init__(self, output: Output, *, stdin: bool, terminal: bool) -> None:
        self.stdin = FakeInput() if stdin else None
        self.signals: list[signal.Signals] = []
        self.size: tuple[int, int] | None = None
        self.ignores_signals = False
        self._output = output
        self._streams: tuple[Any, ...] = ("stdout",) if terminal else ("stdout", "stderr")
        self._code: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @property
    def running(self) -> bool:
        return not self._code.done()

    def write(self, text: str) -> None:
        self._output("stdout", text.encode())

    def exit(self, code: int = 0) -> None:
        if self.running:
            for stream in self._streams:
                self._output(stream, b"")
            self._code.set_result(code)

    async def wait(self) -> int:
        return await asyncio.shield(self._code)

    async def signal(self, number: signal.Signals) -> None:
        self.signals.append(number)
        if not self.ignores_signals:
            self.exit(128 + number)

    async def kill(self) -> None:
        self.signals.append(signal.SIGKILL)
        self.exit(137)

    async def resize(self, columns: int, rows: int) -> None:
        self.size = (columns, rows)

    def hold(self, held: bool) -> None:
        pass


class FakeContainer(FakeProcess):
    """A container. ``commands`` says what ``exec`` of a program does."""

    def __init__(self, runtime: FakeRuntime, config: ContainerConfig, output: Output) -> None:
        super().__init__(output, stdin=config.stdin, terminal=config.terminal)
        self.config = config
        self._runtime = runtime

    async def exec(
        self, command: Sequence[str], output: Output, *, stdin: bool = False, terminal: bool = False
    ) -> FakeProcess:
        program = self._runtime.commands.get(command[0])
        if program is None:
            raise StartProblem(f'exec: "{command[0]}": executable file not found in $PATH')
        process = FakeProcess(output, stdin=stdin, terminal=terminal)
        program(process)
        return process


class FakeCreated:
    def __init__(self, runtime: FakeRuntime, config: ContainerConfig) -> None:
        self._runtime = runtime
        self._config = config

    async def start(self, output: Output) -> FakeContainer:
        if list(self._config.command) == ["broken"]:
            raise StartProblem('exec: "broken": permission denied')
        container = FakeContainer(self._runtime, self._config, output)
        self._runtime.containers.append(container)
        return container


class FakeSandbox:
    address = "10.0.0.7"

    def __init__(self, runtime: FakeRuntime, uid: str) -> None:
        self._runtime = runtime
        self._uid = uid

    async def connect(self, port: int) -> Any:
        if port not in self._runtime.listening:
            raise ConnectionRefusedError(f"nothing listens on {port}")
        return await asyncio.open_connection("127.0.0.1", self._runtime.listening[port])

    def user_of(self, container: Mapping[str, Any], image: ImageReference) -> int | None:
        return self._runtime.user

    async def create(self, config: ContainerConfig) -> FakeCreated:
        if config.working_directory == "/nowhere":
            raise ConfigProblem("there is no /nowhere")
        return FakeCreated(self._runtime, config)

    async def remove(self) -> None:
        self._runtime.sandboxes.remove(self._uid)


class FakeRuntime:
    """Keeps all containers that were started in ``containers``, the newest last."""

    name = "fake"
    version = "fake://1.0"
    summary = "the tests run pods in memory"

    def __init__(self) -> None:
        self.containers: list[FakeContainer] = []
        self.sandboxes: list[str] = []
        self.commands: dict[str, Callable[[FakeProcess], None]] = {}
        self.listening: dict[int, int] = {}
        """The ports of pods, and those of this machine that stand for them."""
        self.broken_sandboxes = 0
        self.user: int | None = os.geteuid()
        self.started = self.stopped = False

    async def start(self) -> None:
        self.started = True

    async def stop(self) -> None:
        self.stopped = True

    async def pull(self, image: ImageReference, policy: str, logins: Sequence[RegistryLogin] = ()) -> PulledImage:
        if image.name == "missing":
            raise ImageProblem("there is no such image")
        return PulledImage(f"sha256:{image.name}", f'Successfully pulled image "{image.text}"')

    async def create_sandbox(self, pod: Object, directory: Path) -> FakeSandbox:
        if self.broken_sandboxes:
            self.broken_sandboxes -= 1
            raise SandboxProblem("no network")
        self.sandboxes.append(pod["metadata"]["uid"])
        return FakeSandbox(self, pod["metadata"]["uid"])
