"""A ``Runtime`` whose containers are processes of this machine."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from signal import Signals
from typing import Any

from podrole import __version__
from podrole.base.files import make_private_directory
from podrole.cluster.core.client import Object
from podrole.cluster.core.node_api import Connected
from podrole.cluster.node.image_names import ImageReference
from podrole.cluster.node.runtime import ContainerConfig, InputStream, Output, PulledImage, RegistryLogin
from podrole.cluster.node.runtimes.connections import connect_locally, open_socket
from podrole.cluster.node.runtimes.process.images import Images
from podrole.cluster.node.runtimes.process.isolation import ISOLATED, NOT_ISOLATED, why_not_isolated
from podrole.cluster.node.runtimes.process.prepare import Machine, Prepared, prepare
from podrole.cluster.node.runtimes.process.process import MARK, Process
from podrole.cluster.node.runtimes.process.process_table import end_recorded
from podrole.cluster.node.runtimes.process.start import start
from podrole.cluster.node.runtimes.process.view import Hiding, Joined

LOOPBACK = "127.0.0.1"

_log = logging.getLogger(__name__)


class ProcessRuntime:
    """Runs each container as a process of this machine. No image is pulled; ``docs/node.md`` has the rules.

    ``directory`` is private to this runtime: the pids of its processes are noted there. ``environment`` has variables
    for every process (AWS_ENDPOINT_URL …), overridden by the container's own; paths in it are not rewritten.
    ``hiding`` is what isolated containers do not see, beside the directories of pods. ``isolated`` says whether
    containers are isolated: None where the system can.
    """

    name = "podrole"
    version = f"podrole-local-processes://{__version__}"

    def __init__(
        self,
        directory: Path,
        *,
        environment: Mapping[str, str] | None = None,
        images: Images | None = None,
        hiding: Hiding | None = None,
        isolated: bool | None = None,
    ) -> None:
        self._records = directory.absolute()
        self._hiding = hiding or Hiding()
        self._isolated = isolated
        self.summary = NOT_ISOLATED if isolated is False else ISOLATED
        self._environment = environment or {}
        self._images = images or Images()

    async def start(self) -> None:
        """End what an earlier podrole left running. Raises FileProblem if the directory is not writable."""
        make_private_directory(self._records)
        await self._clean_up()
        if self._isolated is None:
            why = await why_not_isolated(self._records)
            self._isolated = why is None
            self.summary = ISOLATED if why is None else f"{NOT_ISOLATED}: {why}"

    async def stop(self) -> None:
        """End what still runs."""
        await self._clean_up()

    async def pull(
        self,
        image: ImageReference,
        policy: str,  # noqa: ARG002 - a Runtime's
        logins: Sequence[RegistryLogin] = (),  # noqa: ARG002 - a Runtime's
    ) -> PulledImage:
        """Return what stands in for an image. Raises ImageProblem with a list of what can be run."""
        local = self._images.resolve(image)
        return PulledImage(f"local:{local.runs}", f'Image "{image.text}" stands for {local.runs}; nothing was pulled')

    async def create_sandbox(self, pod: Object, directory: Path) -> ProcessSandbox:
        """Return the pod's part of this machine."""
        metadata = pod["metadata"]
        hiding = self._hiding if self._isolated else None
        machine = Machine(metadata["name"], metadata["uid"], directory.parent, self._images, self._environment, hiding)
        return ProcessSandbox(machine, self._records)

    async def _clean_up(self) -> None:
        ended = await asyncio.to_thread(end_recorded, self._records, MARK)
        if ended.number:
            _log.info("ended %d processes that were left running", ended.number)
        if not ended.complete:
            _log.warning("some processes that pods have started could not be ended; the next start tries it again")


class ProcessSandbox:
    """A pod's part of this machine. Nothing is shared but the network, which is the machine's loopback."""

    address = LOOPBACK

    def __init__(self, machine: Machine, records: Path) -> None:
        self._machine = machine
        self._records = records

    def user_of(self, container: Mapping[str, Any], image: ImageReference) -> int | None:  # noqa: ARG002 - a Sandbox's
        """Return the user who runs podrole."""
        return os.geteuid()

    async def connect(self, port: int) -> Connected:
        """Connect to whatever listens on the machine's loopback: all pods have the same one."""
        return await connect_locally(port, open_socket)

    async def create(self, config: ContainerConfig) -> PreparedContainer:
        """Work out what is executed. Raises ConfigProblem, MountProblem, OSError."""
        return PreparedContainer(config, prepare(config, self._machine), self._records)

    async def remove(self) -> None:
        """Do nothing: each container has ended with its processes."""


class PreparedContainer:
    """A process that can be started."""

    def __init__(self, config: ContainerConfig, prepared: Prepared, records: Path) -> None:
        self._config = config
        self._prepared = prepared
        self._records = records

    async def start(self, output: Output) -> ProcessContainer:
        """Start the process. Raises StartProblem or OSError."""
        process = await start(
            self._prepared.command,
            environment=_with_terminal(self._prepared.environment, terminal=self._config.terminal),
            directory=self._prepared.directory,
            mark=self._config.identity,
            output=output,
            stdin=self._config.stdin,
            terminal=self._config.terminal,
            records=self._records,
            view=self._prepared.view,
        )
        return ProcessContainer(process, self._config, self._prepared, self._records)


class ProcessContainer:
    """A container whose program is a process of this machine, and what is started in it."""

    def __init__(self, process: Process, config: ContainerConfig, prepared: Prepared, records: Path) -> None:
        self._process = process
        self._config = config
        self._prepared = prepared
        self._records = records

    @property
    def running(self) -> bool:
        return self._process.running

    @property
    def stdin(self) -> InputStream | None:
        return self._process.stdin

    async def wait(self) -> int:
        return await self._process.wait()

    async def signal(self, number: Signals) -> None:
        await self._process.signal(number)

    async def kill(self) -> None:
        await self._process.kill()

    async def resize(self, columns: int, rows: int) -> None:
        await self._process.resize(columns, rows)

    def hold(self, held: bool) -> None:
        self._process.hold(held)

    async def exec(
        self, command: Sequence[str], output: Output, *, stdin: bool = False, terminal: bool = False
    ) -> Process:
        """Start a command with the container's environment and files. Raises ContainerProblem."""
        view = self._prepared.view
        return await start(
            self._prepared.translate(command),
            environment=_with_terminal(self._prepared.environment, terminal=terminal),
            directory=self._prepared.directory,
            mark=self._config.identity,
            output=output,
            stdin=stdin,
            terminal=terminal,
            records=self._records,
            guest=True,
            view=None if view is None else Joined(self._process.pidfd, view.directory),
        )


def _with_terminal(environment: Mapping[str, str], *, terminal: bool) -> Mapping[str, str]:
    return {**environment, "TERM": "xterm"} if terminal else environment
