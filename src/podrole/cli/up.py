"""``podrole up``: start a world in the foreground or in the background."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

from podrole.cli.status import describe
from podrole.cli.tools import podrole_command
from podrole.world.errors import NotRunning, StartFailed
from podrole.world.settings import WorldSettings
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


def run(path: Path, settings: WorldSettings, *, detach: bool) -> int:
    """Start a world in the directory ``path``. In the foreground it returns once the world was stopped by a signal."""
    directory = WorldDirectory(path)
    if detach:
        return _detached(directory, settings)
    import uvloop

    started = time.monotonic()
    return uvloop.run(_foreground(directory, settings, started))


async def _foreground(directory: WorldDirectory, settings: WorldSettings, started: float) -> int:
    from podrole.world.world import World

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    world = World(directory, settings)
    starting = asyncio.create_task(world.__aenter__())
    interrupted = asyncio.create_task(stop.wait())
    await asyncio.wait({starting, interrupted}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        print("Interrupted while starting; nothing is left running.", file=sys.stderr)
        return 130
    starting.result()  # raises the error that kept it from starting
    try:
        seconds = time.monotonic() - started
        print(
            f"podrole is up ({seconds:.1f} s). Ctrl-C stops it.\n\n{_summary(world.description, directory)}", flush=True
        )
        failing = asyncio.create_task(world.until_it_fails())
        await asyncio.wait({interrupted, failing}, return_when=asyncio.FIRST_COMPLETED)
        if failing.done():
            failing.result()  # raises the failure
        failing.cancel()
        print("Stopping …", flush=True)
    finally:
        await world.__aexit__()
    return 0


def _detached(directory: WorldDirectory, settings: WorldSettings) -> int:
    """Run this command in a process of its own and wait until its world answers."""
    directory.lock().close()  # raises at once if a world is running here or the directory cannot be written
    command = [sys.executable, "-m", "podrole", "up", "--dir", str(directory.path), *settings.arguments()]
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
    print(f"podrole is up; podrole down{_option(directory)} stops it.\n\n{_summary(world, directory)}")
    return 0


def _awaited(process: subprocess.Popen[bytes], directory: WorldDirectory, deadline: float) -> Description:
    """Return the world once it is up. Raises StartFailed with the process's output if it ends before."""
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StartFailed(directory.log.read_text().strip() or "The world ended before it had started.")
        try:
            return directory.running()
        except NotRunning:
            time.sleep(POLL_SECONDS)
    raise StartFailed(f"The world did not start within {LIMIT_SECONDS:g} s.", next_step=f"see {directory.log}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait()


def _summary(world: Description, directory: WorldDirectory) -> str:
    return f"{describe(world, directory)}\n\n{_NEXT.format(podrole=podrole_command(), option=_option(directory))}"


def _option(directory: WorldDirectory) -> str:
    """Return the --dir that a later command needs, if it needs one."""
    if "PODROLE_DIR" in os.environ or directory.path == Path.cwd() / ".podrole":
        return ""
    return f" --dir {shlex.quote(str(directory.path))}"
