"""One run of a container: from its start to its end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from podrole.cluster.node.containers.logs import ContainerLog
from podrole.cluster.node.runtime import ContainerConfig, RunningContainer, Stream

MAX_TERMINATION_MESSAGE = 4096
MAX_LOG_MESSAGE = 2048
"""How much of the log stands in for a termination message (FallbackToLogsOnError)."""
TERMINATION_LOG = "termination-log"
"""The name of the file for the termination message in the directory of a run."""

Listener = Callable[[Stream, bytes], None]
"""Called with what the container wrote, and with ``b""`` at the end of the run."""


class ContainerRun:
    """One run of a container. ``running`` is what the runtime started, None before that."""

    def __init__(self, config: ContainerConfig, log: ContainerLog) -> None:
        self.config = config
        self.log = log
        self.running: RunningContainer | None = None
        self.listeners: set[Listener] = set()

    def output(self, stream: Stream, data: bytes) -> None:
        """Take what the container wrote."""
        if data:
            self.log.write(stream, data)
            for listener in tuple(self.listeners):
                listener(stream, data)

    def close(self) -> None:
        """End the log, and tell the listeners that the run is over."""
        self.log.close()
        for listener in tuple(self.listeners):
            listener("stdout", b"")

    def termination_message(self, exit_code: int) -> str:
        """Return what the container left in its termination log, or the end of its log if the spec asks for that."""
        text = _beginning_of(self.config.directory / TERMINATION_LOG)
        policy = self.config.spec.get("terminationMessagePolicy")
        if not text and exit_code and policy == "FallbackToLogsOnError":
            text = self.log.last_text(MAX_LOG_MESSAGE)
        return text.decode(errors="replace")


def _beginning_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_TERMINATION_MESSAGE)
    except OSError:
        return b""
