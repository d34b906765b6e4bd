"""A program that runs as a pod does: a process of this machine, or a pod of the world's cluster."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from podrole.testing.errors import TestingError

WAIT_SECONDS = 60.0


class PodTimeout(TestingError):
    """A pod has not ended in time."""

    code = "testing-pod-timeout"


class Pod(Protocol):
    """A program that runs with an identity."""

    @property
    def logs(self) -> str:
        """What it has written so far, to both streams."""
        ...

    @property
    def exit_code(self) -> int | None:
        """Its exit code, None while it runs."""
        ...

    def wait(self, seconds: float = WAIT_SECONDS) -> int:
        """Wait for its end and return the exit code. Raises PodTimeout."""
        ...


class ProcessPod:
    """A process of this machine with a pod's environment."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        with contextlib.ExitStack() as stack:
            self._output = stack.enter_context(tempfile.TemporaryFile())
            self._process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=self._output, stderr=subprocess.STDOUT
            )
            stack.pop_all()  # it stays open as long as the process

    @property
    def logs(self) -> str:
        """See Pod."""
        self._output.seek(0)
        return self._output.read().decode(errors="replace")

    @property
    def exit_code(self) -> int | None:
        """See Pod."""
        return self._process.poll()

    def wait(self, seconds: float = WAIT_SECONDS) -> int:
        """See Pod."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise PodTimeout(f"The program has not ended within {seconds:g} s.", got=self.logs or None) from None

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        self._output.close()


class ClusterPod:
    """A pod of the world's cluster. ``state`` asks the world, and waits for the end up to so many seconds."""

    def __init__(self, namespace: str, name: str, state: Callable[[float], Mapping[str, Any]]) -> None:
        self.namespace = namespace
        self.name = name
        self._state = state

    @property
    def logs(self) -> str:
        """See Pod."""
        return str(self._state(0.0)["logs"])

    @property
    def exit_code(self) -> int | None:
        """See Pod."""
        code: int | None = self._state(0.0)["exit_code"]
        return code

    def wait(self, seconds: float = WAIT_SECONDS) -> int:
        """See Pod."""
        deadline = time.monotonic() + seconds
        while True:
            state = self._state(max(0.0, deadline - time.monotonic()))
            if state["exit_code"] is not None:
                return int(state["exit_code"])
            if time.monotonic() >= deadline:
                phase = f"phase {state['phase']}"
                raise PodTimeout(f"The pod {self.name} has not ended within {seconds:g} s.", got=state["logs"] or phase)

    def stop(self) -> None:
        """Do nothing: it ends with the next reset of its world."""
