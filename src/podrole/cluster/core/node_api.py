"""What the API asks of the node: the output of a container, a command run inside it, a connection to a pod's port.

The API knows the protocols (HTTP, WebSocket, Status); the node knows processes. A node refuses by raising
``podrole.cluster.core.errors.StatusError`` *before* it returns, so that the refusal is still an ordinary HTTP answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Object = dict[str, Any]

Connected = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Dial = Callable[[int], Awaitable[Connected]]
"""Connects to a port of a pod. Raises OSError, with a text for a user of kubectl."""


@dataclass(frozen=True, slots=True)
class LogOptions:
    """How much of a log is wanted (PodLogOptions, v1).

    ``since_time`` is epoch seconds; ``since_seconds`` counts back from now; at most one of them is set.
    ``tail_lines`` and ``limit_bytes`` of None mean all.
    """

    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail_lines: int | None = None
    limit_bytes: int | None = None
    since_seconds: int | None = None
    since_time: float | None = None


@dataclass(frozen=True, slots=True)
class StreamOptions:
    """Which streams of a command the client wants. With ``tty``, standard error comes mixed into standard output."""

    stdin: bool = False
    stdout: bool = True
    stderr: bool = True
    tty: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """Bytes that a command wrote."""

    stream: Literal["stdout", "stderr"]
    data: bytes


class StreamSession(Protocol):
    """A running command, or an attached container."""

    def output(self) -> AsyncIterator[Output]:
        """Yield what is written, until both streams are at their end."""
        ...

    async def write(self, data: bytes) -> None:
        """Pass ``data`` to standard input; silently dropped once the command does not read any more."""
        ...

    async def close_input(self) -> None:
        """End standard input."""
        ...

    async def resize(self, width: int, height: int) -> None:
        """Set the terminal's size in characters; nothing happens without a tty."""
        ...

    async def wait(self) -> int:
        """Return the exit code, once there is one; 128 + n for a command ended by signal n. 0 after an attach."""
        ...

    async def close(self) -> None:
        """End the command, since the client has gone; an attached container runs on."""
        ...


class NodeApi(Protocol):
    """``pod`` is the stored object; ``container`` names one of its containers, which the API has checked."""

    async def logs(self, pod: Object, container: str, options: LogOptions) -> AsyncIterator[bytes]:
        """Return a container's output."""
        ...

    async def exec(self, pod: Object, container: str, command: Sequence[str], options: StreamOptions) -> StreamSession:
        """Run a command in a container."""
        ...

    async def attach(self, pod: Object, container: str, options: StreamOptions) -> StreamSession:
        """Attach to the main process of a container."""
        ...

    async def port_forward(self, pod: Object) -> Dial:
        """Return what connects to the ports of a pod, as long as it runs."""
        ...
