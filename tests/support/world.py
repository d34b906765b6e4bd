"""The podrole command as a person runs it, and a world of its own for a test."""

from __future__ import annotations

import contextlib
import io
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import boto3
import msgspec

from podrole.cli import main
from podrole.cli.down import stop
from podrole.cli.env import variables
from podrole.cli.tools import tools_directory
from podrole.testing import World, environment
from podrole.world.errors import NotRunning
from podrole.world.state import WorldDirectory

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
    *words: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    seconds: float = LIMIT_SECONDS,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, which comes within so many seconds."""
    return subprocess.run(
        words,
        cwd=cwd,
        env=dict(env if env is not None else clean_environment()),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        input=stdin,
    )


def podrole(
    *words: str, cwd: Path, env: Mapping[str, str] | None = None, seconds: float = LIMIT_SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run ``podrole`` to its end, which comes within so many seconds."""
    return run(PODROLE, *words, cwd=cwd, env=env, seconds=seconds)


def podrole_here(
    *words: str, cwd: Path, env: Mapping[str, str] | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run ``podrole`` to its end in this process: a process of its own takes half a second to import it.

    For what a command says and its exit code. A test about processes, signals, pipes or encodings uses ``podrole``, and
    so does one in which ``podrole up`` begins a start, which ends its process.
    """
    streams = {name: io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for name in ("stdout", "stderr")}
    typed = io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8")
    with (
        contextlib.chdir(cwd),
        environment.replaced(env if env is not None else clean_environment()),
        mock.patch.multiple(sys, stdin=typed, **streams),
        mock.patch("podrole.cli.up.run", side_effect=AssertionError("podrole up begins to start")),
    ):
        try:
            main(list(words))
            code = 0
        except SystemExit as end:
            code = int(end.code or 0)
    said = {name: stream.buffer.getvalue().decode() for name, stream in streams.items()}  # type: ignore[attr-defined]
    return subprocess.CompletedProcess(["podrole", *words], code, **said)


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

    def podrole(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run ``podrole`` in this process, with the variables of the world's clients."""
        return podrole_here(*words, cwd=self.directory, env=self.environment, stdin=stdin)

    def client(self, service: str) -> Any:
        """Return a client of boto3's, the administrator's. It is ten times as quick as the aws CLI."""
        given = self.environment
        return boto3.client(
            service,
            endpoint_url=given["AWS_ENDPOINT_URL"],
            region_name=given["AWS_REGION"],
            aws_access_key_id=given["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=given["AWS_SECRET_ACCESS_KEY"],
            verify=given["AWS_CA_BUNDLE"],
        )

    @property
    def pid(self) -> int:
        """The world's process."""
        return int(str(self.description["pid"]))


@contextlib.contextmanager
def running_world(directory: Path, *options: str, ephemeral: bool = True) -> Iterator[RunningWorld]:
    """Start a world on free ports and stop it at the end, with the functions of ``podrole env`` and ``down``: a process
    for each would take half a second of every test."""
    words = [*FREE_PORTS, "--ephemeral"] if ephemeral else FREE_PORTS
    started = podrole("up", "--detach", *words, *options, cwd=directory)
    assert started.returncode == 0, started.stdout + started.stderr
    world = WorldDirectory(directory / ".podrole")
    try:
        yield _described(world, directory)
    finally:
        with contextlib.suppress(NotRunning):
            stop(world)


def as_running(world: World, directory: Path) -> RunningWorld:
    """Return the plugin's world (the fixture ``podrole_world``) as one that runs in ``directory``.

    A worker has one, which each test that uses it finds empty; a world of its own takes a test two seconds.
    """
    (directory / ".podrole").symlink_to(world.directory)
    return _described(WorldDirectory(directory / ".podrole"), directory)


def _described(world: WorldDirectory, directory: Path) -> RunningWorld:
    home = {"HOME": str(directory), "KUBECACHEDIR": str(directory / "kube-cache"), "AWS_PAGER": ""}
    environment = clean_environment(**variables(world), **home)
    return RunningWorld(directory, environment, msgspec.to_builtins(world.running()))


def kill(pid: int) -> None:
    """Kill a process that may be no child of this one, and wait until it has ended: its locks are free then."""
    descriptor = os.pidfd_open(pid)
    try:
        os.kill(pid, signal.SIGKILL)
        assert select.select([descriptor], [], [], LIMIT_SECONDS)[0]
    finally:
        os.close(descriptor)


def processes_of(directory: Path) -> list[str]:
    """Return the command lines of processes that work in ``directory`` or name it: what a world must not leave."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            working = str((entry / "cwd").readlink())
            mounts = (entry / "mountinfo").read_text()  # of an isolated pod: its volumes lie in the world's directory
        except OSError:
            continue
        if str(directory) in command or working.startswith(str(directory)) or str(directory) in mounts:
            found.append(command)
    return found
