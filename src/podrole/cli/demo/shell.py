"""Runs commands as a person would type them, and shows their output."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TextIO

LIMIT_SECONDS = 90
LONGEST_OUTPUT = 24
"""Outputs of so many lines are shown completely; of longer ones the beginning and the lines that a step points at."""
ELISION = "    ⋮"


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """The result of a command."""

    command: str
    exit_code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        """Everything that the command printed."""
        return self.stdout + self.stderr


@dataclass(slots=True)
class Shell:
    """Runs commands with the world's environment and shows them; ``quiet`` shows nothing, for ``--json``."""

    environment: Mapping[str, str]
    directory: str
    quiet: bool = False
    stream: TextIO = field(default_factory=lambda: sys.stdout)
    outcomes: list[CommandOutcome] = field(default_factory=list)

    def run(self, words: Sequence[str], *, shown: str | None = None, point_at: Sequence[str] = ()) -> CommandOutcome:
        """Run a command and show it with its output. ``point_at`` are texts whose lines a long output keeps."""
        command = shown or shlex.join(words)
        self.show(f"$ {command}")
        try:
            done = subprocess.run(
                words,
                env=dict(self.environment),
                cwd=self.directory,
                capture_output=True,
                text=True,
                timeout=LIMIT_SECONDS,
                check=False,
                stdin=subprocess.DEVNULL,
            )
            outcome = CommandOutcome(command, done.returncode, done.stdout, done.stderr)
        except subprocess.TimeoutExpired:
            outcome = CommandOutcome(command, 124, "", f"{words[0]} did not end within {LIMIT_SECONDS} s\n")
        self.outcomes.append(outcome)
        self.show(shortened(outcome.output, point_at))
        return outcome

    def note(self, command: str, output: str, *, exit_code: int = 0, point_at: Sequence[str] = ()) -> CommandOutcome:
        """Show something that was not a command (a call to an API) in the same way."""
        outcome = CommandOutcome(command, exit_code, output, "")
        self.outcomes.append(outcome)
        self.show(f"$ {command}")
        self.show(shortened(output, point_at))
        return outcome

    def show(self, text: str) -> None:
        """Print a text, unless quiet or empty."""
        if not self.quiet and text.strip():
            print(text.rstrip("\n"), file=self.stream, flush=True)


def shortened(output: str, point_at: Sequence[str] = ()) -> str:
    """Return ``output``; of a long one the beginning and the lines with one of ``point_at``, with marks."""
    lines = output.splitlines()
    if len(lines) <= LONGEST_OUTPUT:
        return output
    kept = [number for number, line in enumerate(lines) if number < 3 or any(text in line for text in point_at)]
    shown: list[str] = []
    previous = -1
    for number in kept:
        if number != previous + 1:
            shown.append(ELISION)
        shown.append(lines[number])
        previous = number
    if previous != len(lines) - 1:
        shown.append(ELISION)
    return "\n".join(shown) + "\n"


def clean_environment(world: Mapping[str, str], path: Sequence[str], home: str) -> dict[str, str]:
    """Return the environment of the walkthrough's commands: the world's variables, and none that take precedence over
    them.

    aws and kubectl keep their files in ``home``, so that settings and caches of the user are not used.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "KUBE", "BOTO_"))}
    return {
        **kept,
        **world,
        "PATH": os.pathsep.join([*path, os.environ.get("PATH", os.defpath)]),
        "AWS_CONFIG_FILE": f"{home}/aws-config",
        "AWS_SHARED_CREDENTIALS_FILE": f"{home}/aws-credentials",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_PAGER": "",
        "KUBECACHEDIR": f"{home}/kube-cache",
        "NO_PROXY": "127.0.0.1,localhost",
    }
