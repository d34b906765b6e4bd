"""Local processes: started so that none outlives podrole, waited for without threads, ended with all they started.

Each process leads a session of its own and carries a mark in its environment, by which whatever it started is found
and ended with it, even what left the session. Linux only: pidfd, PR_SET_PDEATHSIG, /proc.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping
from pathlib import Path

from podrole.cluster.node.errors import StartProblem
from podrole.cluster.node.runtimes.process.process_table import end_marked, record_process

MARK = "PODROLE_CONTAINER_ID"
"""The environment variable that tells whose process it is."""
CHUNK = 64 * 1024
DRAIN_SECONDS = 2.0
"""How long output may still arrive after the process and all it started have ended."""
_LAUNCHER = str(Path(__file__).with_name("launcher.py"))

Output = Callable[[str, bytes], None]
"""Called with ``stdout`` or ``stderr`` and what the process wrote; with ``b""`` at that stream's end."""


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
        self._readers: dict[int, str] = {}
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
    def running(self) -> bool:
        """Whether the process itself has not ended yet."""
        return not self._exited.done()

    def send_signal(self, number: signal.Signals) -> None:
        """Signal the process itself, as a container runtime does; nothing happens once it has ended."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def resize(self, columns: int, rows: int) -> None:
        """Tell the terminal its size, if there is one."""
        if self.terminal is not None:
            size = struct.pack("HHHH", max(0, min(rows, 65535)), max(0, min(columns, 65535)), 0, 0)
            fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, size)

    def hold(self, held: bool) -> None:
        """Stop reading output, or go on: a reader that cannot keep up holds up the process, as a pipe would."""
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
            await asyncio.to_thread(end_marked, f"{MARK}={self._mark}", self.pid)
        self._popen.wait()  # only now is its pid given back: until here nothing else could be taken for its session
        await self._drain()
        self._close()
        return code

    async def _drain(self) -> None:
        """Read what is left, for as long as it takes a reader, but not for as long as a stray process keeps it open."""
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

    def _read(self, descriptor: int, stream: str) -> None:
        self._readers[descriptor] = stream
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._on_readable, descriptor, stream)

    def _on_readable(self, descriptor: int, stream: str) -> None:
        try:
            data = os.read(descriptor, CHUNK)
        except BlockingIOError:
            return
        except OSError as problem:  # a terminal whose last process is gone says EIO
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


class Writer:
    """The writing end of a process's stdin. A process that does not read holds up its writer, not podrole."""

    def __init__(self, descriptor: int, *, owned: bool) -> None:
        self._descriptor = descriptor
        self._owned = owned
        self._closed = False
        os.set_blocking(descriptor, False)

    async def write(self, data: bytes) -> None:
        """Write all of ``data``; what a process no longer reads is dropped."""
        view = memoryview(data)
        while view and not self._closed:
            try:
                view = view[os.write(self._descriptor, view) :]
            except BlockingIOError:
                await self._writable()
            except OSError:
                self.close()

    def close(self) -> None:
        """Give the process its end of input: the end of the pipe, or ^D to a terminal."""
        if self._closed:
            return
        self._closed = True
        if self._owned:
            os.close(self._descriptor)
        else:
            with contextlib.suppress(OSError):
                os.write(self._descriptor, b"\x04")

    async def _writable(self) -> None:
        loop = asyncio.get_running_loop()
        ready = asyncio.Event()
        # A terminal's descriptor is being read through the loop already, and epoll takes each descriptor once.
        waiting = os.dup(self._descriptor)
        loop.add_writer(waiting, ready.set)
        try:
            async with asyncio.timeout(1.0):  # then look whether it was closed meanwhile
                await ready.wait()
        except TimeoutError:
            pass
        finally:
            loop.remove_writer(waiting)
            os.close(waiting)


async def start(
    command: list[str],
    *,
    environment: Mapping[str, str],
    directory: Path,
    mark: str,
    output: Output,
    stdin: bool = False,
    terminal: bool = False,
    records: Path,
    guest: bool = False,
) -> Process:
    """Start ``command`` in a session of its own and return once it runs.

    ``mark`` goes into its environment; ``records`` is the directory where its pid is noted, so that the next podrole
    can end what this one left behind. A ``guest`` (an exec) shares its container's mark, and what it started lives on
    until the container ends. Raises StartProblem where the program cannot be executed.
    """
    report_in, report_out = os.pipe()
    ours: list[int] = [report_in]
    theirs: list[int] = [report_out]
    try:
        if terminal:
            main, end = pty.openpty()
            os.set_inheritable(main, False)
            ours.append(main)
            theirs.append(end)
            given = (end, end, end)
        else:
            main = -1
            given = (subprocess.PIPE if stdin else subprocess.DEVNULL, subprocess.PIPE, subprocess.PIPE)
        launcher = [sys.executable, "-I", "-S", _LAUNCHER, str(report_out), str(os.getpid())]
        try:
            popen = subprocess.Popen(  # noqa: ASYNC220 - it returns once the launcher runs, within milliseconds
                [*launcher, "tty" if terminal else "-", *command],
                stdin=given[0],
                stdout=given[1],
                stderr=given[2],
                cwd=directory,
                env={**environment, MARK: mark},
                start_new_session=True,
                pass_fds=(report_out,),
            )
        except (OSError, ValueError) as problem:
            raise StartProblem(f'exec: "{command[0]}": {problem}') from problem
    except BaseException:
        for descriptor in (*ours, *theirs):
            os.close(descriptor)
        raise
    for descriptor in theirs:
        os.close(descriptor)
    process = Process(popen, None if guest else mark, output, record_process(records, mark, popen.pid))
    if terminal:
        process.terminal = main
        process._read(main, "stdout")
        process.stdin = Writer(main, owned=False)
    else:
        for stream, pipe in (("stdout", popen.stdout), ("stderr", popen.stderr)):
            assert pipe is not None  # noqa: S101 - PIPE was asked for
            process._read(os.dup(pipe.fileno()), stream)
            pipe.close()
        if popen.stdin is not None:
            process.stdin = Writer(os.dup(popen.stdin.fileno()), owned=True)
            popen.stdin.close()
    failure = await _reported(report_in, process)
    if failure is not None:
        await process.wait()
        raise StartProblem(failure)
    return process


async def _reported(descriptor: int, process: Process) -> str | None:
    """Wait for the launcher to become the program; return why it could not."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    os.set_blocking(descriptor, False)
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
        said = os.read(descriptor, CHUNK)
    except BaseException:
        await asyncio.shield(process.kill())
        raise
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    return str(json.loads(said)[1]) if said else None
