"""Starting a process so that it does not outlive podrole (PR_SET_PDEATHSIG)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from podrole.base.files import FileProblem
from podrole.cluster.node.errors import StartProblem
from podrole.cluster.node.runtime import Output, Stream
from podrole.cluster.node.runtimes.process.input import Writer
from podrole.cluster.node.runtimes.process.process import CHUNK, MARK, Process
from podrole.cluster.node.runtimes.process.process_table import limit_of, record_process
from podrole.cluster.node.runtimes.process.view import Joined, View

_LAUNCHER = str(Path(__file__).with_name("launcher.py"))


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
    view: View | Joined | None = None,
) -> Process:
    """Start ``command`` in a session of its own and return once it runs.

    ``mark`` goes into its environment and, as a number, into its limits; ``records`` is the directory where its pid is
    noted, so that the next podrole can end what this one left behind. A ``guest`` (an exec) shares its container's
    mark, and what it started lives on until the container ends. ``view`` isolates the process; then ``directory`` is
    not where it starts. Raises StartProblem where the program cannot be
    executed, or the process cannot be made, recorded or watched; then nothing of it runs.
    """
    try:
        return await _start(
            command,
            environment={**environment, MARK: mark},
            directory=directory,
            mark=mark,
            output=output,
            stdin=stdin,
            terminal=terminal,
            records=records,
            guest=guest,
            view=view,
        )
    except OSError as problem:
        raise StartProblem(f'exec: "{command[0]}": {problem}') from problem


async def _start(
    command: list[str],
    *,
    environment: Mapping[str, str],
    directory: Path,
    mark: str,
    output: Output,
    stdin: bool,
    terminal: bool,
    records: Path,
    guest: bool,
    view: View | Joined | None,
) -> Process:
    with contextlib.ExitStack() as ours:
        with contextlib.ExitStack() as theirs:
            report_in, report_out = _pipe(ours, theirs)
            recorded_in, recorded_out = _pipe(theirs, ours)
            main = -1
            if terminal:
                main, end = pty.openpty()
                ours.callback(os.close, main)
                theirs.callback(os.close, end)
                os.set_inheritable(main, False)
                streams = (end, end, end)
            else:
                streams = (subprocess.PIPE if stdin else subprocess.DEVNULL, subprocess.PIPE, subprocess.PIPE)
            launcher = [sys.executable, "-I", "-S", _LAUNCHER, str(report_out), str(recorded_in), str(os.getpid())]
            launcher += [str(limit_of(mark)), "tty" if terminal else "-", "null" if view is None else view.to_json()]
            given_too = [view.container] if isinstance(view, Joined) else []
            try:
                popen = subprocess.Popen(  # noqa: ASYNC220 - it returns once the launcher runs, within milliseconds
                    [*launcher, *command],
                    stdin=streams[0],
                    stdout=streams[1],
                    stderr=streams[2],
                    cwd=directory,
                    env=environment,
                    start_new_session=True,
                    pass_fds=(report_out, recorded_in, *given_too),
                )
            except ValueError as problem:  # a null character
                raise StartProblem(f'exec: "{command[0]}": {problem}') from problem
        record = None
        try:
            record = record_process(records, mark, popen.pid)
            process = Process(popen, None if guest else mark, output, record)
        except BaseException as problem:
            _end(popen)
            if record is not None:
                record.unlink(missing_ok=True)
            if isinstance(problem, FileProblem):
                why = f"its process could not be recorded, so it was not started: {problem.what}"
                raise StartProblem(f'exec: "{command[0]}": {why}') from problem
            raise
        try:
            _connect(process, popen, main)
            os.write(recorded_out, b"r")
            failure = await _reported(report_in)
        except BaseException:
            await asyncio.shield(process.kill())
            _close_pipes(popen)
            raise
    if failure is not None:
        await process.wait()
        raise StartProblem(failure)
    return process


def _pipe(reader: contextlib.ExitStack, writer: contextlib.ExitStack) -> tuple[int, int]:
    """Return a new pipe whose ends are closed with the given stacks."""
    reading, writing = os.pipe()
    reader.callback(os.close, reading)
    writer.callback(os.close, writing)
    return reading, writing


def _connect(process: Process, popen: subprocess.Popen[bytes], main: int) -> None:
    """Give the process its streams. ``main`` is podrole's end of its terminal, -1 if it has none. Raises OSError."""
    if main >= 0:
        process.terminal = os.dup(main)
        process.read(process.terminal, "stdout")
        process.stdin = Writer(process.terminal, owned=False)
        return
    pipes: tuple[tuple[Stream, Any], ...] = (("stdout", popen.stdout), ("stderr", popen.stderr))
    for stream, pipe in pipes:
        assert pipe is not None  # noqa: S101 - PIPE was asked for
        process.read(os.dup(pipe.fileno()), stream)
        pipe.close()
    if popen.stdin is not None:
        process.stdin = Writer(os.dup(popen.stdin.fileno()), owned=True)
        popen.stdin.close()


def _end(popen: subprocess.Popen[bytes]) -> None:
    """End a process that waits to be recorded: it has started nothing."""
    popen.kill()
    popen.wait()
    _close_pipes(popen)


def _close_pipes(popen: subprocess.Popen[bytes]) -> None:
    for pipe in (popen.stdin, popen.stdout, popen.stderr):
        if pipe is not None:
            pipe.close()


async def _reported(descriptor: int) -> str | None:
    """Wait until the launcher has become the program; return why it could not, or None."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    os.set_blocking(descriptor, False)
    loop.add_reader(descriptor, ready.set)
    try:
        await ready.wait()
        said = os.read(descriptor, CHUNK)
    finally:
        loop.remove_reader(descriptor)
    return str(json.loads(said)[1]) if said else None
