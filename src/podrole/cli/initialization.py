"""The steps of ``podrole up --init``: scripts and manifests of a folder that fill a new world.

A step is a file of the folder. The names give the order; each step ends before the next one begins. What is done is
kept with the world, so that no step runs twice: after a failure the next start goes on with the step that failed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from podrole.cli.env import environment
from podrole.world.errors import InitializationFailed
from podrole.world.kept import Initialization
from podrole.world.state import WorldDirectory
from podrole.world.world import World

_SUFFIXES = (".sh", ".yaml")
TERM_SECONDS, KILL_SECONDS = 1.0, 0.5
"""How long a step may take to end when it is interrupted, asked and killed."""


def steps_of(folder: Path) -> list[Path]:
    """Return the scripts and manifests of a folder, in the order of their names, without hidden files."""
    steps = (file for file in folder.iterdir() if file.suffix in _SUFFIXES and not file.name.startswith("."))
    return sorted(steps, key=lambda file: file.name)


async def initialize(world: World, directory: WorldDirectory, folder: Path) -> None:
    """Run the steps that have not been done yet, with their output on the console.

    Raises InitializationFailed for the first step that fails, WriteFailed.
    """
    kept = world.kept
    if kept.initialization.complete:
        print(f"The steps of {folder} ran at an earlier start; they are not run again.", flush=True)
        return
    variables = await asyncio.to_thread(environment, directory)
    for step in await asyncio.to_thread(steps_of, folder):
        if step.name in kept.initialization.done:
            continue
        print(f"{step.name} …", flush=True)
        await _run(_command(step, variables), step, folder, variables)
        await kept.keep_initialization(Initialization((*kept.initialization.done, step.name)))
    await kept.keep_initialization(Initialization(kept.initialization.done, complete=True))


def _command(step: Path, variables: Mapping[str, str]) -> Sequence[str]:
    if step.suffix == ".sh":
        return [str(step)] if os.access(step, os.X_OK) else ["sh", str(step)]
    kubectl = shutil.which("kubectl", path=variables["PATH"])
    if kubectl is None:
        raise _failure(step, "kubectl is not installed", "install kubectl, or run podrole demo, which fetches one")
    return [kubectl, "apply", "-f", "-"]  # it takes a comma or quotes in a path for its own syntax


async def _run(command: Sequence[str], step: Path, folder: Path, variables: Mapping[str, str]) -> None:
    stdin = os.devnull if step.suffix == ".sh" else step
    try:
        with open(stdin, "rb") as file:  # noqa: ASYNC230, PTH123 - a small local file
            process = await asyncio.create_subprocess_exec(
                *command, cwd=folder, env=variables, stdin=file, start_new_session=True
            )
    except OSError as problem:
        raise _failure(step, problem.strerror or str(problem)) from problem
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        await _end(process)
        raise
    if code != 0:
        raise _failure(step, f"signal {-code}" if code < 0 else f"exit code {code}")


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a step and what it has started: it may wait for a world that ends now. Asked first, then killed."""
    for number, seconds in ((signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        if process.returncode is not None:  # it was waited for: another process may have its pid
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), seconds)


def _failure(step: Path, got: str, repair: str = "repair it") -> InitializationFailed:
    return InitializationFailed(
        f"The step {step.name} of the initialization failed, which ends the world.",
        got=got,
        next_step=f"{repair}, then start again with the same --init: it goes on with this step "
        "(an ephemeral world begins with the first one)",
    )
