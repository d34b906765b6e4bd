"""``podrole run``: one command in the environment of a world."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from podrole.cli.env import environment
from podrole.cli.terminal import complain
from podrole.world.state import WorldDirectory

_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


def run(path: Path, command: Sequence[str]) -> int:
    """Become the command: its process, signals and exit code are those of ``podrole run``.

    Returns only if it cannot be run, with the exit codes of a shell. Raises NotRunning.
    """
    variables = environment(WorldDirectory(path))
    program = shutil.which(command[0], path=variables["PATH"])
    if program is None:
        complain(f"podrole run: {command[0]!r} is not an executable file on PATH.")
        return _NOT_FOUND
    try:
        os.execve(program, list(command), variables)  # noqa: S606 - it is what was asked for
    except OSError as problem:
        complain(f"podrole run: {command[0]!r} cannot be run: {problem.strerror}.")
        return _NOT_EXECUTABLE
