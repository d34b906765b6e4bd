"""``podrole console``: a page that shows each chain and the calls as they happen."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping

from podrole.base.errors import PodroleError
from podrole.base.tasks import BackgroundTasks
from podrole.cli.env import environment as environment_of
from podrole.cli.sources import SourceOptions, connection_of, find_world, open_sources
from podrole.cli.style import documentation_site
from podrole.cli.terminal import complain, say
from podrole.doctor.sources.sources import Sources
from podrole.kube.errors import KubeError
from podrole.world.errors import NotRunning
from podrole.world.state import WorldDirectory

FAILED = 2


class ConsoleFailed(PodroleError):
    """A background task of the console has failed: the page would go on showing what was."""


def run(options: SourceOptions, port: int, *, allow_repair: bool, until_end_of_input: bool = False) -> int:
    """Serve the page until Ctrl-C. Returns 0, or 2 if it could not be served or its background work failed.

    ``until_end_of_input`` also ends it when standard input ends: with the process at the other end of a pipe.
    """
    try:
        asyncio.run(_serve(options, port, allow_repair=allow_repair, until_end_of_input=until_end_of_input))
    except PodroleError as fault:
        complain(fault.diagnostics())
        return FAILED
    return 0


async def _serve(options: SourceOptions, port: int, *, allow_repair: bool, until_end_of_input: bool) -> None:
    from podrole.console.server import serving

    site = documentation_site()
    world = find_world(options)
    if world is None:
        _require_cluster(options)
    log = None if world is None else world.events
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if until_end_of_input:
        loop.add_reader(sys.stdin.fileno(), _stop_at_end, sys.stdin.fileno(), stop)

    @contextlib.asynccontextmanager
    async def opened() -> AsyncIterator[Sources]:
        if world is not None:
            _require(world)
        async with open_sources(options, world) as sources:
            yield sources

    def environment() -> Mapping[str, str]:
        return dict(os.environ) if world is None else environment_of(world)

    may_run = environment if allow_repair else None
    async with serving(opened, log=log, port=port, environment=may_run, site=site) as console:
        say(_greeting(console.url, _what(world, options), allow_repair=allow_repair, alone=not until_end_of_input))
        await _until_stopped(stop, console.tasks)


async def _until_stopped(stop: asyncio.Event, tasks: BackgroundTasks) -> None:
    """Wait until the console is to stop. Raises ConsoleFailed if one of its tasks fails before."""
    waits = [asyncio.create_task(stop.wait()), asyncio.create_task(tasks.failed())]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    for waiting in waits:
        waiting.cancel()
    if tasks.failure is not None:
        raise ConsoleFailed(
            f"The console has stopped: {tasks.failure.task} failed.",
            got=tasks.failure.reason,
            next_step="start it again with podrole console; if it fails again, report it with the lines above",
        )


def _stop_at_end(descriptor: int, stop: asyncio.Event) -> None:
    if not os.read(descriptor, 4096):
        stop.set()


def _require(world: WorldDirectory) -> None:
    """Raise NotRunning if the world has stopped: what else the options would lead to is another cluster."""
    try:
        world.running()
    except NotRunning:
        raise NotRunning(
            f"The world in {world.path} has stopped.", next_step="start it again with podrole up, then reload this page"
        ) from None


def _require_cluster(options: SourceOptions) -> None:
    """Raise NotRunning if no kubeconfig leads to a cluster either: the page would be empty."""
    try:
        connection_of(options)
    except KubeError as problem:
        raise NotRunning(
            f"The console has nothing to show. No world is running in {options.directory.absolute()}. {problem.what}",
            got=problem.got,
            expected=problem.expected,
            next_step="start a world with podrole up, or name a cluster with KUBECONFIG, --kubeconfig and --context",
        ) from None


def _what(world: WorldDirectory | None, options: SourceOptions) -> str:
    if world is not None:
        return f"the world in {world.path}"
    context = f" (context {options.context})" if options.context else ""
    return f"the cluster of your kubeconfig{context} and the account of your AWS credentials"


def _greeting(url: str, what: str, *, allow_repair: bool, alone: bool) -> str:
    may = "runs the doctor's commands after you confirm them" if allow_repair else "changes nothing"
    return "\n".join(
        [
            f"The console shows {what} and {may}. Open:",
            "",
            f"  {url}",
            "",
            "Everybody who has this URL is let in; the next start makes another one."
            + (" Ctrl-C stops it." if alone else ""),
        ]
    )
