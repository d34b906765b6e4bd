"""The console while it runs: the listener, the observation of the sources and the event log."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from podrole.base.asgi import Scope
from podrole.base.serving import bind, listening
from podrole.base.tasks import BackgroundTasks
from podrole.console.access import BrowserAccess
from podrole.console.application import Application
from podrole.console.calls import Calls
from podrole.console.observation import Observer, OpenSources
from podrole.console.routes import Console

DEFAULT_PORT = 4580


@dataclass(frozen=True, slots=True)
class RunningConsole:
    """A console that is served. ``url`` lets a browser in; if one of ``tasks`` fails, the page no longer changes."""

    url: str
    tasks: BackgroundTasks


@contextlib.asynccontextmanager
async def serving(
    open_sources: OpenSources,
    *,
    log: Path | None,
    port: int,
    environment: Callable[[], Mapping[str, str]] | None,
    site: str | None,
) -> AsyncIterator[RunningConsole]:
    """Serve the page on loopback while the context is open.

    ``log`` is the world's event log, None for a real account. ``environment`` returns all of the environment of
    the doctor's commands; None keeps the page from running any. ``site`` is the address of the documentation site, to
    which codes then link. Raises PortInUse.
    """
    sock = bind(port, name="the console", option="--port")
    access = BrowserAccess(secrets.token_urlsafe(32), sock.getsockname()[1], secrets.token_urlsafe(16))
    console = Console(Observer(open_sources), Calls(log), open_sources, environment, site)
    async with BackgroundTasks("the console") as tasks:
        tasks.run_forever("the observation of the chains", console.observer.run())
        if log is not None:
            tasks.run_forever("the reading of the event log", console.calls.run())
        async with listening(
            Application(console, access), sock, is_long_running=_is_long_running, grace_seconds=1, name="the console"
        ):
            yield RunningConsole(access.url, tasks)


def _is_long_running(scope: Scope) -> bool:
    """Say whether a response may take as long as it likes: the live stream, and a repair, which has limits of its
    own."""
    return scope["path"].rpartition("/")[2] in ("live", "repair")
