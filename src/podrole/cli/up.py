"""``podrole up``: start a world in the foreground or in the background."""

from __future__ import annotations

import asyncio
import gc
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from podrole.base import open_files
from podrole.base.errors import PodroleError
from podrole.base.stop_signals import on_stop_signals
from podrole.cli.down import KILL_SECONDS
from podrole.cli.down import LIMIT_SECONDS as STOP_SECONDS
from podrole.cli.ending import LIMIT_SECONDS as END_SECONDS
from podrole.cli.ending import end_now, end_within
from podrole.cli.status import describe
from podrole.cli.terminal import complain, harmless, say
from podrole.cli.tools import podrole_command
from podrole.world.errors import BadSetting, NotRunning, StartFailed
from podrole.world.own_images import BUILDING
from podrole.world.proxy import Surroundings, surroundings
from podrole.world.settings import WorldSettings
from podrole.world.state import Description, WorldDirectory

if TYPE_CHECKING:
    from podrole.world.world import World

LIMIT_SECONDS = 60.0
WORK_SECONDS = 2.0
"""How long a step of the initialization may take to end when it is interrupted."""
INTERRUPTED = 130
"""The exit code of a program that Ctrl-C ended."""
POLL_SECONDS = 0.02
_UP = "podrole is up"
_GONE = "This world was ephemeral: what was in it is gone. A world that is started without --ephemeral keeps its state."
_NEXT = """\
{where}:

  eval "$({podrole} env{option})"
  aws sts get-caller-identity
  kubectl get serviceaccounts --all-namespaces
  podrole events{option} --follow
"""


def run(path: Path, settings: WorldSettings, *, detach: bool, init: Path | None, with_console: bool = False) -> int:
    """Start a world in the directory ``path``, and fill it by the steps in the folder ``init``.

    In the foreground it returns when a signal has stopped the world. ``with_console`` is for the foreground only."""
    directory = WorldDirectory(path)
    if detach:
        return _detached(directory, settings, init)
    gc.disable()  # until the world is up: to look for cycles in what is imported and read is a quarter of the start
    from podrole.base.event_loop import run_loop
    from podrole.base.named_certificates import ignore_malformed_names

    open_files.allow_many()
    ignore_malformed_names()
    started = time.monotonic()
    return run_loop(_foreground(directory, settings, init, started, with_console=with_console))


async def _foreground(
    directory: WorldDirectory, settings: WorldSettings, init: Path | None, started: float, *, with_console: bool
) -> int:
    from podrole.world.world import World

    stop = asyncio.Event()
    on_stop_signals(lambda _: stop.set())
    world = World(directory, settings, initializing=init is not None, surroundings=_surroundings(), say=_tell)
    starting = asyncio.create_task(world.__aenter__())
    interrupted = asyncio.create_task(stop.wait())
    await asyncio.wait({starting, interrupted}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        end_within(END_SECONDS + world.more_stop_seconds, code=lambda: INTERRUPTED)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        _say_cut_off(world)
        complain("Interrupted while starting; nothing is left running.")
        end_now(INTERRUPTED)
    if (problem := starting.exception()) is not None:  # it has been stopped again; a thread may hang all the same
        end_within(END_SECONDS + world.more_stop_seconds, code=lambda: _code_of(problem))
        raise problem
    gc.freeze()
    gc.enable()
    seconds = time.monotonic() - started
    failure = await _until_stopped(world, directory, init, interrupted, seconds, with_console=with_console)
    if failure is None:
        print("Stopping …", flush=True)
        if settings.ephemeral and world.has_content():
            print(_GONE, flush=True)
    await world.__aexit__()
    _say_cut_off(world)
    if failure is not None and not (world.cut_off and isinstance(failure, PodroleError)):
        raise failure
    # A thread that was cut off may run for ever, and the interpreter takes seconds to clear moto's services away.
    end_now(_code_of(failure))


def _tell(line: str) -> None:
    print(harmless(line), flush=True)


def _surroundings() -> Surroundings:
    try:
        return surroundings(os.environ)
    except ValueError:
        raise BadSetting(  # without the value: it may hold a password
            "HTTPS_PROXY is not the URL of an HTTP proxy, so podrole could not reach other hosts through it.",
            expected="such as http://proxy.example:3128",
            next_step="correct or unset it",
        ) from None


async def _until_stopped(
    world: World,
    directory: WorldDirectory,
    init: Path | None,
    interrupted: asyncio.Task[Any],
    seconds: float,
    *,
    with_console: bool,
) -> BaseException | None:
    """Let the world work until it is interrupted; return the failure that ended it before."""
    working = asyncio.create_task(_work(world, directory, init, seconds, with_console=with_console))
    await asyncio.wait({interrupted, working}, return_when=asyncio.FIRST_COMPLETED)
    failure = working.exception() if working.done() else None
    end_within(END_SECONDS + world.more_stop_seconds, code=lambda: _code_of(failure))
    working.cancel()
    await asyncio.wait({working}, timeout=WORK_SECONDS)
    return failure


def _say_cut_off(world: World) -> None:
    if world.cut_off:
        complain(f"Cut off, because it did not end in time: {'; '.join(world.cut_off)}.")


def _code_of(failure: BaseException | None) -> int:
    """Return the exit code, and print the failure, which nobody else will do."""
    if isinstance(failure, PodroleError):
        complain(failure.diagnostics())
    return 0 if failure is None else 1


async def _work(
    world: World, directory: WorldDirectory, init: Path | None, seconds: float, *, with_console: bool
) -> None:
    """Fill the world, say where it is, and wait until it fails. Raises InitializationFailed and what
    ``until_it_fails`` raises."""
    console: asyncio.subprocess.Process | None = None
    failing = asyncio.create_task(world.until_it_fails())
    filling = asyncio.create_task(_fill(world, directory, init))
    try:
        await asyncio.wait({filling, failing}, return_when=asyncio.FIRST_COMPLETED)
        if not failing.done():
            filling.result()
            print(f"{_UP} ({seconds:.1f} s). Ctrl-C stops it.\n", flush=True)
            say(_summary(world.description, directory, "In another terminal"))
            if with_console:
                console = await _start_console(directory)
        await failing
    finally:
        if console is not None and console.stdin is not None:
            console.stdin.close()  # which ends it
        failing.cancel()
        filling.cancel()
        await asyncio.gather(filling, return_exceptions=True)


async def _start_console(directory: WorldDirectory) -> asyncio.subprocess.Process:
    """Start the console in a process of its own: its work must not slow the world. It ends with its standard input, so
    also when this process is killed."""
    command = [
        sys.executable,
        "-m",
        "podrole",
        "console",
        "--dir",
        str(directory.path),
        "--port",
        "0",
        "--until-end-of-input",
    ]
    return await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE, start_new_session=True)


async def _fill(world: World, directory: WorldDirectory, init: Path | None) -> None:
    await world.opened()
    if init is not None:
        from podrole.cli.initialization import initialize

        await initialize(world, directory, init)
        world.end_initialization()


def _detached(directory: WorldDirectory, settings: WorldSettings, init: Path | None) -> int:
    """Run this command in a process of its own and wait until its world answers."""
    if sys.platform == "win32":
        raise BadSetting(
            "--detach needs a system on which podrole down can stop the world again, and Windows is not such a system.",
            next_step="leave --detach out, and use another terminal",
        )
    directory.lock().close()  # raises at once if a world is running here or the directory cannot be written
    command = [sys.executable, "-m", "podrole", "up", "--dir", str(directory.path), *settings.arguments()]
    if init is not None:
        command += ["--init", str(init)]
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
    say(f"{_UP}; podrole down{directory_option(directory)} stops it.\n\n{_summary(world, directory, 'Next')}")
    return 0


class _Relay:
    """Shows what a starting world says of images that it builds, which may take minutes, and keeps the rest."""

    def __init__(self, log: TextIO) -> None:
        self._log = log
        self._kept = ""

    def pass_on(self) -> bool:
        """Show the whole lines of builds that have been written since; tell whether there were any."""
        kept, shown = [], False
        for line in (self._kept + self._log.read()).splitlines(keepends=True):
            if line.startswith(BUILDING) and line.endswith("\n"):
                sys.stdout.write(line)
                shown = True
            else:
                kept.append(line)
        sys.stdout.flush()
        self._kept = "".join(kept)
        return shown

    def rest(self) -> str:
        """Show what is left of builds, and return everything else."""
        self.pass_on()
        kept, self._kept = self._kept, ""
        return kept


def _awaited(process: subprocess.Popen[bytes], directory: WorldDirectory, deadline: float) -> Description:
    """Return the world once it is up and filled; show the output of the steps that fill it.

    Raises StartFailed with the process's output if it ends before.
    """
    with directory.log.open() as file:
        log = _Relay(file)
        while True:
            if process.poll() is not None:
                raise StartFailed(log.rest().strip() or "The world ended before it had started.")
            try:
                world = directory.running()
            except NotRunning:
                if log.pass_on():
                    deadline = time.monotonic() + LIMIT_SECONDS
                if time.monotonic() > deadline:
                    raise StartFailed(
                        f"The world did not start within {LIMIT_SECONDS:g} s.", next_step=f"see {directory.log}"
                    ) from None
            else:
                # What the process says before it is up: the output of the steps, and warnings.
                sys.stdout.write(log.rest().partition(_UP)[0])
                sys.stdout.flush()
                if world.complete:
                    return world
            time.sleep(POLL_SECONDS)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(KILL_SECONDS)


def _summary(world: Description, directory: WorldDirectory, where: str) -> str:
    before = f"{world.restored}\n\n" if world.restored else ""
    commands = _NEXT.format(where=where, podrole=podrole_command(), option=directory_option(directory))
    return f"{before}{describe(world, directory)}\n\n{commands}"


def directory_option(directory: WorldDirectory) -> str:
    """Return the --dir that a later command needs, if it needs one."""
    named = os.environ.get("PODROLE_DIR")
    usual = Path(os.path.abspath(named or ".podrole"))  # noqa: PTH100 - without .. in it
    if directory.path == usual:
        return ""
    return f" --dir {shlex.quote(str(directory.path))}"
