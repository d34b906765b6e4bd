"""A process of this machine: waited for without threads, ended with all it started.

Each process leads a session of its own, and has a mark in its environment and in its limits, by which whatever it
started is found and ended with it, even what left the session and the environment. Linux only: pidfd, /proc.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import logging
import os
import signal
import struct
import subprocess
import termios
from pathlib import Path

from podrole.base.processes import identity_of
from podrole.cluster.node.runtime import Output, Stream
from podrole.cluster.node.runtimes.process.input import Writer
from podrole.cluster.node.runtimes.process.process_table import Belonging, end_all, limit_of

MARK = "PODROLE_CONTAINER_ID"
"""The environment variable by which a process is known to belong to a container."""
CHUNK = 64 * 1024
DRAIN_SECONDS = 2.0
"""How long output may still arrive after the process and all it started have ended."""

_log = logging.getLogger(__name__)


class Process:
    """A running process. ``start`` makes it; ``wait`` gives its exit code once it and its descendants have ended."""

    def __init__(self, popen: subprocess.Popen[bytes], mark: str | None, output: Output, record: Path | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._popen = popen
        self._mark = mark
        self._output = output
        self._record = record
        self._ending: asyncio.Task[int] | None = None
        self._held = False
        self._readers: dict[int, Stream] = {}
        self._drained = asyncio.Event()
        self._exited: asyncio.Future[int] = self._loop.create_future()
        self._pidfd = os.pidfd_open(popen.pid)
        self._loop.add_reader(self._pidfd, self._on_exit)
        self.stdin: Writer | None = None
        self.terminal: int | None = None

    @property
    def pid(self) -> int:
        """Return the process id, which is its session's id too."""
        return self._popen.pid

    @property
    def pidfd(self) -> int:
        """Return the descriptor that means the process whatever its pid; -1 once it has been waited for."""
        return self._pidfd

    @property
    def running(self) -> bool:
        """Whether the process itself has not ended yet."""
        return not self._exited.done()

    async def signal(self, number: signal.Signals) -> None:
        """Signal the process itself, as a container runtime does; nothing happens once it has ended."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    async def resize(self, columns: int, rows: int) -> None:
        """Set the size of the terminal, if there is one."""
        if self.terminal is not None:
            size = struct.pack("HHHH", max(0, min(rows, 65535)), max(0, min(columns, 65535)), 0, 0)
            fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, size)

    def hold(self, held: bool) -> None:
        """Stop or resume reading output, so that a slow reader holds up the process, as a pipe does."""
        if held == self._held:
            return
        self._held = held
        for descriptor, stream in self._readers.items():
            if held:
                self._loop.remove_reader(descriptor)
            else:
                self._loop.add_reader(descriptor, self._on_readable, descriptor, stream)

    async def wait(self) -> int:
        """Return the exit code (128 + n for signal n) once everything it started is gone and its output is read."""
        if self._ending is None:
            self._ending = asyncio.create_task(self._end())
        return await asyncio.shield(self._ending)

    async def kill(self) -> None:
        """End the process and its session now, and wait until they have ended."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        await self.wait()

    async def _end(self) -> int:
        code = await asyncio.shield(self._exited)
        if self._mark is not None:
            container = Belonging(f"{MARK}={self._mark}", limit_of(self._mark), identity_of(self.pid))
            ended = await asyncio.to_thread(end_all, container)
            if not ended.complete:
                _log.warning(
                    "processes that the process %d started could not be ended; the next stop tries it", self.pid
                )
                self._record = None  # it stays, to be tried again
        self._popen.wait()  # frees its pid; until here no other process can have it
        await self._drain()
        self._close()
        return code

    async def _drain(self) -> None:
        """Read what is left. A slow reader is waited for; a stray process that keeps the output open is not."""
        while not self._drained.is_set():
            try:
                async with asyncio.timeout(DRAIN_SECONDS):
                    await self._drained.wait()
            except TimeoutError:
                if not self._held:
                    return

    def _on_exit(self) -> None:
        self._loop.remove_reader(self._pidfd)
        result = os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOWAIT)
        assert result is not None  # noqa: S101 - None is for WNOHANG
        code = result.si_status if result.si_code == os.CLD_EXITED else 128 + result.si_status
        if not self._exited.done():
            self._exited.set_result(code)

    def read(self, descriptor: int, stream: Stream) -> None:
        """Pass on what arrives at a descriptor as ``stream``."""
        self._readers[descriptor] = stream
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._on_readable, descriptor, stream)

    def _on_readable(self, descriptor: int, stream: Stream) -> None:
        try:
            data = os.read(descriptor, CHUNK)
        except BlockingIOError:
            return
        except OSError as problem:  # EIO: the last process of the terminal has ended
            if problem.errno != errno.EIO:
                raise
            data = b""
        if not data:
            self._end_of(descriptor)
        self._output(stream, data)

    def _end_of(self, descriptor: int) -> None:
        self._loop.remove_reader(descriptor)
        del self._readers[descriptor]
        if descriptor != self.terminal:
            os.close(descriptor)
        if not self._readers:
            self._drained.set()

    def _close(self) -> None:
        for descriptor, stream in list(self._readers.items()):
            self._end_of(descriptor)
            self._output(stream, b"")
        if self.stdin is not None:
            self.stdin.close()
        if self.terminal is not None:
            os.close(self.terminal)
            self.terminal = None
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1
        if self._record is not None:
            self._record.unlink(missing_ok=True)
