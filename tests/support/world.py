"""The podrole command as a person runs it, and a world of its own for a test."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from podrole.cli.tools import tools_directory

PODROLE = str(Path(sys.executable).parent / "podrole")
KUBECTL = tools_directory() / "kubectl"
LIMIT_SECONDS = 90
FREE_PORTS = ("--aws-port", "0", "--cluster-port", "0")


def clean_environment(**more: str) -> dict[str, str]:
    """The test's environment without what would lead a client elsewhere, the real tools first on PATH."""
    foreign = ("AWS_", "KUBE", "PODROLE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    path = os.pathsep.join([str(Path(sys.executable).parent), str(KUBECTL.parent), os.environ.get("PATH", os.defpath)])
    return {**kept, "PATH": path, "AWS_EC2_METADATA_DISABLED": "true", **more}


def run(
    *words: str, cwd: Path, env: Mapping[str, str] | None = None, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        words,
        cwd=cwd,
        env=dict(env if env is not None else clean_environment()),
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
        input=stdin,
    )


def podrole(*words: str, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``podrole`` to its end."""
    return run(PODROLE, *words, cwd=cwd, env=env)


@dataclass
class RunningWorld:
    """A detached world, and the variables that lead clients to it."""

    directory: Path
    environment: dict[str, str]
    description: dict[str, object]

    def run(self, *words: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a client against the world."""
        return run(*words, cwd=self.directory, env=self.environment, stdin=stdin)

    def ok(self, *words: str, stdin: str | None = None) -> str:
        """Run a client that must succeed and return what it printed."""
        done = self.run(*words, stdin=stdin)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    @property
    def pid(self) -> int:
        """The world's process."""
        return int(str(self.description["pid"]))


@contextlib.contextmanager
def running_world(directory: Path, *options: str, ephemeral: bool = True) -> Iterator[RunningWorld]:
    """Start a world on free ports and stop it at the end."""
    words = [*FREE_PORTS, "--ephemeral"] if ephemeral else FREE_PORTS
    started = podrole("up", "--detach", *words, *options, cwd=directory)
    assert started.returncode == 0, started.stdout + started.stderr
    try:
        description = json.loads(podrole("status", "--json", cwd=directory).stdout)
        exported = dict(
            line.removeprefix("export ").split("=", 1)
            for line in podrole("env", cwd=directory).stdout.splitlines()
            if line.startswith("export ")
        )
        variables = {name: value.strip("'") for name, value in exported.items()}
        home = {"HOME": str(directory), "KUBECACHEDIR": str(directory / "kube-cache"), "AWS_PAGER": ""}
        yield RunningWorld(directory, clean_environment(**variables, **home), description)
    finally:
        podrole("down", cwd=directory)


def processes_of(directory: Path) -> list[str]:
    """Return the command lines of processes that work in ``directory`` or name it: what a world must not leave."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            working = str((entry / "cwd").readlink())
        except OSError:
            continue
        if str(directory) in command or working.startswith(str(directory)):
            found.append(command)
    return found
