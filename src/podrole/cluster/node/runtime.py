"""What the node needs from whatever runs its containers: processes of this machine, or a container engine.

The node decides what runs and when, makes the files of volumes, keeps logs and writes statuses. A runtime runs it:

=====================  ================================================================================================
a pod's sandbox        ``Runtime.create_sandbox``, ``Sandbox.remove``
start, signal, end     ``Sandbox.create``, ``CreatedContainer.start``, ``ContainerProcess.signal``, ``.kill``
status and exit code   ``ContainerProcess.running``, ``.wait``
logs and attach        the ``Output`` that ``start`` gets, ``ContainerProcess.stdin``, ``.resize``
exec                   ``RunningContainer.exec``
kubectl cp             ``RunningContainer.exec`` of tar, whose archive names files as the container does
probes                 connections to ``Sandbox.address``
port-forward           ``Sandbox.connect``
after a crash          what an earlier runtime left running is ended before ``Runtime.start`` returns
=====================  ================================================================================================
"""

from __future__ import annotations

import posixpath
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from podrole.cluster.core.client import Object
from podrole.cluster.core.node_api import Connected
from podrole.cluster.node.image_names import ImageReference

Stream = Literal["stdout", "stderr"]
Output = Callable[[Stream, bytes], None]
"""Called with what a program wrote, and with ``b""`` at that stream's end. With a terminal all is ``stdout``."""


@dataclass(frozen=True, slots=True)
class Mount:
    """``path`` is where the container has it, absolute and normalised; ``target`` where it lies on this machine."""

    path: str
    target: str
    read_only: bool = False


def normalise(path: str) -> str:
    """Return a path in a container as the kubelet takes it: absolute, without ``.``, ``..`` and doubled slashes."""
    return posixpath.normpath("/" + path.lstrip("/"))


@dataclass(frozen=True, slots=True)
class RegistryLogin:
    """A user of a registry. It is passed on to the engine and shown nowhere."""

    server: str
    username: str
    password: str = field(repr=False)
    identity_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class PulledImage:
    """An image that containers can be made of. ``message`` is the text of the Pulled event."""

    image_id: str
    message: str


@dataclass(frozen=True, slots=True)
class ContainerConfig:
    """What one run of a container is.

    ``identity`` is random and new for each run. ``command`` and ``args`` replace the image's ENTRYPOINT and CMD; an
    empty one leaves the image's. ``environment`` has the container's own variables, which win over the image's.
    ``working_directory`` is empty for the image's. ``directory`` is a new, private directory of this machine for this
    run; the node removes it. ``spec`` is the container's in the pod, for what only some runtimes can do
    (``securityContext``, ``resources``).
    """

    name: str
    identity: str
    image: ImageReference
    command: Sequence[str]
    args: Sequence[str]
    environment: Mapping[str, str]
    mounts: Sequence[Mount]
    working_directory: str
    stdin: bool
    terminal: bool
    directory: Path
    spec: Mapping[str, Any]


class InputStream(Protocol):
    """A program's standard input."""

    async def write(self, data: bytes) -> None:
        """Write all of ``data``; what the program does not read any more is dropped."""
        ...

    def close(self) -> None:
        """End the input: the end of a pipe, or ^D to a terminal."""
        ...


class ContainerProcess(Protocol):
    """A program that runs in a container: the container's own, or one that was started in it (exec)."""

    @property
    def running(self) -> bool:
        """Whether the program has not ended yet."""
        ...

    @property
    def stdin(self) -> InputStream | None:
        """The standard input, if it was asked for."""
        ...

    async def wait(self) -> int:
        """Return the exit code (128 + n for signal n) once the program has ended and its output has been passed on.

        For the container's own program: once everything it started has ended, too.
        """
        ...

    async def signal(self, number: signal.Signals) -> None:
        """Signal the program; nothing happens once it has ended."""
        ...

    async def kill(self) -> None:
        """End the program now, and return once it has ended."""
        ...

    async def resize(self, columns: int, rows: int) -> None:
        """Set the size of the terminal; nothing happens without one."""
        ...

    def hold(self, held: bool) -> None:
        """Stop or resume reading the program's output, so that a slow reader holds up the program, as a pipe does."""
        ...


class RunningContainer(ContainerProcess, Protocol):
    """A container that was started."""

    async def exec(
        self, command: Sequence[str], output: Output, *, stdin: bool = False, terminal: bool = False
    ) -> ContainerProcess:
        """Start a program in the container. Raises ContainerProblem if that is refused or impossible."""
        ...


class CreatedContainer(Protocol):
    """A container that can be started, once."""

    async def start(self, output: Output) -> RunningContainer:
        """Start the container's program. Raises StartProblem or OSError; then nothing of the container is left."""
        ...


class Sandbox(Protocol):
    """What the containers of a pod share."""

    @property
    def address(self) -> str:
        """The pod's IP. The node connects to it for probes."""
        ...

    async def connect(self, port: int) -> Connected:
        """Connect to a port of the pod's own loopback. Raises OSError, worded for a user of kubectl port-forward."""
        ...

    def user_of(self, container: Mapping[str, Any], image: ImageReference) -> int | None:
        """Return the uid that a container (its spec) of a pulled image runs as; None if that is not known."""
        ...

    async def create(self, config: ContainerConfig) -> CreatedContainer:
        """Prepare a container. Raises ContainerProblem, whose ``reason`` kubectl shows, or OSError."""
        ...

    async def remove(self) -> None:
        """End what still runs in the sandbox and free what it held."""
        ...


class Runtime(Protocol):
    """Runs the containers of one node."""

    @property
    def name(self) -> str:
        """What comes before ``://`` in the ids of containers."""
        ...

    @property
    def version(self) -> str:
        """The Node's ``containerRuntimeVersion``: ``<name>://<version>``."""
        ...

    @property
    def summary(self) -> str:
        """How pods run here, in a few words: the message of the Node's Ready condition."""
        ...

    async def start(self) -> None:
        """Get ready, and end whatever an earlier runtime left running. Raises PodroleError if it cannot be used."""
        ...

    async def stop(self) -> None:
        """End whatever still runs."""
        ...

    async def pull(self, image: ImageReference, policy: str, logins: Sequence[RegistryLogin] = ()) -> PulledImage:
        """Get an image by an imagePullPolicy, as one of the users ``logins`` of its registry if there are any.

        Raises ImageProblem (ErrImagePull), worded for a user of kubectl.
        """
        ...

    async def create_sandbox(self, pod: Object, directory: Path) -> Sandbox:
        """Prepare a pod's sandbox; ``directory`` is the pod's own on this machine, beside those of other pods.

        Raises SandboxProblem or OSError.
        """
        ...
