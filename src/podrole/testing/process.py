"""The process of a world, and the conversation with it: one JSON request a line, one answer a line."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from typing import Any

from podrole.testing.errors import InvalidArrangement, WorldFailed

START_SECONDS = 60.0
ANSWER_SECONDS = 60.0
STOP_SECONDS = 10.0
_TAIL = 2_000
"""How much of the world's log an error shows."""


class WorldProcess:
    """Starts the process of a world with its settings. It ends with this process, however this process ends.

    Safe for several threads. Raises WorldFailed.
    """

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._lock = threading.Lock()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the process; it has no name
        environment = {**os.environ, "PYTHONWARNINGS": "ignore", "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "podrole.testing.server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment,
        )
        self._requests: Any = self._process.stdin
        self._answers: Any = self._process.stdout
        self._received = b""
        self.description: Mapping[str, Any] = {}
        try:
            self.description = self._exchange(settings, START_SECONDS)
        except BaseException:
            self.stop()
            raise

    def ask(self, request: str, **arguments: Any) -> Any:
        """Return the answer. Raises InvalidArrangement for a refused request, WorldFailed if the process has ended."""
        __tracebackhide__ = True
        return self._exchange({"request": request, **arguments}, ANSWER_SECONDS)

    def stop(self) -> None:
        """End the process; what it has made is gone."""
        with contextlib.suppress(BrokenPipeError):  # what a request to a killed world left in the buffer
            self._requests.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._answers.close()
        self._log.close()
        if self.description:  # a world that was killed has left them
            shutil.rmtree(self.description["files"], ignore_errors=True)

    def _exchange(self, request: Mapping[str, Any], seconds: float) -> Any:
        __tracebackhide__ = True
        with self._lock:
            try:
                self._requests.write(json.dumps(request).encode() + b"\n")
                self._requests.flush()
            except (OSError, ValueError):
                raise self._failed("The world has ended.") from None
            answer = json.loads(self._line(time.monotonic() + seconds))
        if "error" in answer:
            error = answer["error"]
            kind = WorldFailed if error["code"] == "internal" else InvalidArrangement
            raise kind(
                error["what"], got=error.get("got"), expected=error.get("expected"), next_step=error.get("next_step")
            )
        return answer["result"]

    def _line(self, deadline: float) -> bytes:
        while b"\n" not in self._received:
            readable, _, _ = select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))
            if not readable:
                raise self._failed("The world does not answer.")
            piece = os.read(self._answers.fileno(), 1 << 16)
            if not piece:
                raise self._failed("The world has ended.")
            self._received += piece
        line, _, self._received = self._received.partition(b"\n")
        return line

    def _failed(self, what: str) -> WorldFailed:
        self._log.seek(0)
        log = self._log.read().decode(errors="replace").strip()
        return WorldFailed(what, got=log[-_TAIL:] or None)
