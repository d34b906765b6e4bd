"""What is there now, looked at again and again: the doctor's survey of every service account.

A look runs in a thread with an event loop of its own: a thousand service accounts take seconds, and the page answers
meanwhile. Nobody looks while no page is open.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from itertools import count

from podrole.base.clock import Clock, system_clock
from podrole.base.errors import PodroleError
from podrole.doctor.facts.pods import service_account_of
from podrole.doctor.sources.sources import Sources, Tools
from podrole.doctor.survey import AccountState, Survey, survey
from podrole.doctor.unknown import UnknownFact, read_async

OpenSources = Callable[[], AbstractAsyncContextManager[Sources]]
"""Opens the sources for one look. Raises PodroleError if they are gone, such as a world that has stopped."""

LEAST_PAUSE_SECONDS = 5.0
"""The pause between two looks; four times as long as a look, if that is longer."""
_PAUSE_FACTOR = 4
NEWEST_PODS = 3
MOST_CHANGES = 200
"""How many changes are remembered."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Observation:
    """What one look found. ``number`` counts the looks; ``seen_at`` is epoch seconds."""

    number: int
    seen_at: float
    seconds: float
    cluster: str
    account: str
    survey: Survey
    tools: Tools
    preamble: tuple[str, ...]
    pods: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """The newest pods of a service account, by namespace and name."""

    def pod_names(self) -> list[str]:
        """Return the pods as ``NAMESPACE/POD``."""
        return sorted(f"{namespace}/{pod}" for (namespace, _), pods in self.pods.items() for pod in pods)


@dataclass(frozen=True, slots=True)
class ChainChange:
    """What two looks saw differently of a service account. ``before`` is None for a new one, ``after`` for one that is
    gone."""

    at: float
    service_account: str
    before: AccountState | None
    after: AccountState | None
    codes: tuple[str, ...]


class Observer:
    """Looks at the sources while somebody watches."""

    def __init__(
        self, open_sources: OpenSources, clock: Clock = system_clock, pause: float = LEAST_PAUSE_SECONDS
    ) -> None:
        """``pause`` is the least time between two looks, in seconds."""
        self._open_sources = open_sources
        self._clock = clock
        self._pause = pause
        self._numbers = count(1)
        self._asked = asyncio.Event()
        self._seen = asyncio.Event()
        self.latest: Observation | None = None
        self.changes: tuple[ChainChange, ...] = ()
        """The newest last."""
        self.problem = ""
        """Why the last look failed; empty if it did not."""
        self.progress = (0, 0)
        """How many service accounts the present look has examined, and how many there are."""
        self.watching = 0
        """How many pages are open."""

    def ask(self) -> None:
        """Look again soon."""
        self._asked.set()

    def ask_if_old(self) -> None:
        """Look again soon, unless the last look is as new as the pause between two."""
        if self.latest is None or not 0 <= self._clock() - self.latest.seen_at < self._pause:
            self.ask()

    async def first(self) -> None:
        """Wait for the end of the first look, whether it succeeded or not."""
        await self._seen.wait()

    async def run(self) -> None:
        """Look, now and then whenever it was asked for or the pause is over and a page is open. Never returns."""
        loop = asyncio.get_running_loop()
        while True:
            self._asked.clear()
            started = loop.time()
            await self.look()
            self._seen.set()
            pause = max(self._pause, _PAUSE_FACTOR * (loop.time() - started))
            while not await self._is_asked_within(pause) and not self.watching:
                pass

    async def _is_asked_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self._asked.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def look(self) -> None:
        """Look once. A failure becomes ``problem``; what was seen before stays."""
        self.progress = (0, 0)
        try:
            seen = await asyncio.to_thread(lambda: asyncio.run(self._look()))
        except PodroleError as fault:
            self.problem = fault.diagnostics()
            return
        except Exception as fault:  # noqa: BLE001 - a page that no longer looks must say so
            _log.exception("the console could not look at the cluster and the account")
            self.problem = f"podrole could not look: {type(fault).__name__}. Its output has the details."
            return
        self.problem = ""
        if self.latest is not None:
            self.changes = (*self.changes, *changes_between(self.latest, seen))[-MOST_CHANGES:]
        self.latest = seen

    async def _look(self) -> Observation:
        started = self._clock()
        async with self._open_sources() as sources:
            surveyed = await survey(sources, self._progressed)
            return Observation(
                number=next(self._numbers),
                seen_at=self._clock(),
                seconds=self._clock() - started,
                cluster=sources.cluster.what,
                account=sources.account.what,
                survey=surveyed,
                tools=sources.tools,
                preamble=sources.preamble,
                pods=await _newest_pods(sources),
            )

    def _progressed(self, done: int, of: int) -> None:
        self.progress = (done, of)


async def _newest_pods(sources: Sources) -> dict[tuple[str, str], tuple[str, ...]]:
    pods = await read_async(sources.cluster.list("pods"))
    if isinstance(pods, UnknownFact):
        return {}
    names_by_account: dict[tuple[str, str], list[str]] = {}
    for pod in sorted(pods, key=lambda pod: str(pod["metadata"].get("creationTimestamp") or ""), reverse=True):
        place = (str(pod["metadata"].get("namespace", "")), service_account_of(pod))
        names = names_by_account.setdefault(place, [])
        if len(names) < NEWEST_PODS:
            names.append(str(pod["metadata"]["name"]))
    return {place: tuple(names) for place, names in names_by_account.items()}


def changes_between(before: Observation, after: Observation) -> list[ChainChange]:
    """Return how service accounts changed: new ones, those that are gone, and those with another state or other
    findings."""
    old = {str(row.target): row for row in before.survey.rows}
    new = {str(row.target): row for row in after.survey.rows}
    changes = []
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if was is None or now is None or (was.state, was.codes) != (now.state, now.codes):
            changes.append(
                ChainChange(
                    after.seen_at,
                    name,
                    None if was is None else was.state,
                    None if now is None else now.state,
                    () if now is None else now.codes,
                )
            )
    return changes
