"""Starting a process so that it does not outlive podrole (PR_SET_PDEATHSIG)."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from podrole.cluster.node.errors import StartProblem
from podrole.cluster.node.runtime import Output, Stream
from podrole.cluster.node.runtimes.process.input import Writer
from podrole.cluster.node.runtimes.process.process import CHUNK, MARK, Process
from podrole.cluster.node.runtimes.process.process_table import record_process

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
        process.read(main, "stdout")
        process.stdin = Writer(main, owned=False)
    else:
        pipes: tuple[tuple[Stream, Any], ...] = (("stdout", popen.stdout), ("stderr", popen.stderr))
        for stream, pipe in pipes:
            assert pipe is not None  # noqa: S101 - PIPE was asked for
            process.read(os.dup(pipe.fileno()), stream)
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
    """Wait until the launcher has become the program; return why it could not, or None."""
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
