"""``podrole up``: start a world in the foreground, or go on in the background."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from podrole.base.errors import PodroleError
from podrole.cli.status import describe
from podrole.cli.tools import podrole_command
from podrole.world.errors import NotRunning, StartFailed
from podrole.world.state import Description, WorldDirectory

LIMIT_SECONDS = 60.0
POLL_SECONDS = 0.02
_NEXT = """\
In another terminal:

  eval "$({podrole} env{option})"
  aws sts get-caller-identity
  kubectl get serviceaccounts --all-namespaces
  podrole events{option} --follow
"""


class BadOption(PodroleError):
    """An option's value cannot be right."""

    code = "bad-option"


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    directory: Path
    aws_port: int
    cluster_port: int
    webhook_port: int
    issuer_port: int
    pod_identity_port: int
    account: str
    region: str

    def check(self) -> None:
        """Raise BadOption for an account or region that is none."""
        if not re.fullmatch(r"[0-9]{12}", self.account):
            raise BadOption("--account is no AWS account id.", got=repr(self.account), expected="12 digits")
        if not re.fullmatch(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}", self.region):
            raise BadOption("--region is no AWS region.", got=repr(self.region), expected="such as us-east-1")

    def arguments(self) -> list[str]:
        """Return the options as they would be typed."""
        named = {
            "--dir": self.directory,
            "--aws-port": self.aws_port,
            "--cluster-port": self.cluster_port,
            "--webhook-port": self.webhook_port,
            "--issuer-port": self.issuer_port,
            "--pod-identity-port": self.pod_identity_port,
            "--account": self.account,
            "--region": self.region,
        }
        return [word for name, value in named.items() for word in (name, str(value))]


def run(options: Options, *, detach: bool) -> int:
    """Start a world. In the foreground it returns when it has been told to stop, with everything stopped."""
    options.check()
    if detach:
        return _detached(options)
    import uvloop

    started = time.monotonic()
    return uvloop.run(_foreground(options, started))


async def _foreground(options: Options, started: float) -> int:
    from podrole.world.world import World, WorldSettings

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    settings = WorldSettings(
        options.aws_port,
        options.cluster_port,
        options.webhook_port,
        options.issuer_port,
        options.pod_identity_port,
        options.account,
        options.region,
    )
    directory = WorldDirectory(options.directory)
    world = World(directory, settings)
    starting = asyncio.create_task(world.__aenter__())
    interrupted = asyncio.create_task(stop.wait())
    await asyncio.wait({starting, interrupted}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        print("Interrupted while starting; nothing is left running.", file=sys.stderr)
        return 130
    starting.result()  # raises what kept it from starting
    try:
        seconds = time.monotonic() - started
        print(f"podrole is up ({seconds:.1f} s). Ctrl-C stops it.\n\n{_told(world.description, directory)}", flush=True)
        failing = asyncio.create_task(world.until_it_fails())
        await asyncio.wait({interrupted, failing}, return_when=asyncio.FIRST_COMPLETED)
        if failing.done():
            failing.result()  # raises what failed
        failing.cancel()
        print("Stopping …", flush=True)
    finally:
        await world.__aexit__()
    return 0


def _detached(options: Options) -> int:
    """Run this same command in a process of its own and wait until its world answers."""
    directory = WorldDirectory(options.directory)
    directory.lock().close()  # says at once that a world is running here, or that nothing can be written
    command = [sys.executable, "-m", "podrole", "up", *options.arguments()]
    with directory.log.open("w") as log:
        directory.log.chmod(0o600)
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    deadline = time.monotonic() + LIMIT_SECONDS
    try:
        world = _awaited(process, directory, deadline)
    except BaseException:
        _end(process)
        raise
    print(f"podrole is up; podrole down{_option(directory)} stops it.\n\n{_told(world, directory)}")
    return 0


def _awaited(process: subprocess.Popen[bytes], directory: WorldDirectory, deadline: float) -> Description:
    """Return the world once it is up. Raises StartFailed with what the process said when it ended instead."""
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StartFailed(directory.log.read_text().strip() or "The world ended before it was up.")
        try:
            return directory.running()
        except NotRunning:
            time.sleep(POLL_SECONDS)
    raise StartFailed(f"The world was not up within {LIMIT_SECONDS:g} s.", next_step=f"see {directory.log}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()


def _told(world: Description, directory: WorldDirectory) -> str:
    return f"{describe(world, directory)}\n\n{_NEXT.format(podrole=podrole_command(), option=_option(directory))}"


def _option(directory: WorldDirectory) -> str:
    """Return the --dir that a later command needs, if it needs one."""
    if "PODROLE_DIR" in os.environ or directory.path == Path.cwd() / ".podrole":
        return ""
    return f" --dir {directory.path}"
