"""Looks at the cluster and the account: what changed between two, and what is said if one fails."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator

from podrole.console.observation import Observer, changes_between
from podrole.doctor.sources.missing import MissingAccount, MissingCluster
from podrole.doctor.sources.sources import Sources
from podrole.doctor.survey import AccountState
from podrole.doctor.unknown import UnknownFact
from podrole.world.errors import NotRunning
from support.console import a_finding, a_row, an_observation


def test_new_gone_and_changed_service_accounts_are_changes() -> None:
    before = an_observation(a_row("a", "same"), a_row("a", "gone"), a_row("a", "breaks"))
    after = an_observation(a_row("a", "same"), a_row("a", "breaks", AccountState.BROKEN), a_row("a", "new"))
    assert [(one.service_account, one.before, one.after, one.codes) for one in changes_between(before, after)] == [
        ("a/serviceaccount/breaks", AccountState.SOUND, AccountState.BROKEN, ("PR603",)),
        ("a/serviceaccount/gone", AccountState.SOUND, None, ()),
        ("a/serviceaccount/new", None, AccountState.SOUND, ()),
    ]


def test_another_finding_is_a_change() -> None:
    before = an_observation(a_row(state=AccountState.BROKEN))
    after = an_observation(a_row(state=AccountState.BROKEN, finding=a_finding("PR601")))
    assert [one.codes for one in changes_between(before, after)] == [("PR601",)]
    assert changes_between(before, before) == []


class Places:
    """Sources that fail, or are empty, as a test says."""

    def __init__(self) -> None:
        self.fault: Exception | None = None
        self.opened = 0
        self.open_again = threading.Event()

    async def are_opened(self) -> None:
        """Wait until they are opened again."""
        assert await asyncio.to_thread(self.open_again.wait, 30)
        self.open_again.clear()

    @contextlib.asynccontextmanager
    async def __call__(self) -> AsyncIterator[Sources]:
        self.opened += 1
        self.open_again.set()
        if self.fault is not None:
            raise self.fault
        nothing = UnknownFact("There is no cluster.", next_step="podrole up")
        yield Sources(MissingCluster(nothing), MissingAccount(nothing))


async def test_a_place_that_cannot_be_read_is_a_problem_with_its_next_step() -> None:
    observer = Observer(Places())
    await observer.look()
    assert observer.latest is None
    assert "There is no cluster." in observer.problem
    assert "podrole up" in observer.problem


async def test_a_failed_look_keeps_what_was_seen() -> None:
    places = Places()
    observer = Observer(places)
    observer.latest = seen = an_observation(a_row())
    places.fault = NotRunning("The world has stopped.", next_step="start it again")
    await observer.look()
    assert observer.latest is seen
    assert "The world has stopped." in observer.problem
    places.fault = RuntimeError("a bug")
    await observer.look()
    assert observer.problem == "podrole could not look: RuntimeError. Its output has the details."


async def test_nobody_looks_while_no_page_is_open() -> None:
    places = Places()
    observer = Observer(places, pause=0.01)
    running = asyncio.create_task(observer.run())
    try:
        await asyncio.wait_for(observer.first(), 30)
        await places.are_opened()
        await asyncio.sleep(0.2)
        assert places.opened == 1
        observer.ask()
        await places.are_opened()
        observer.watching = 1
        for _ in range(2):
            await places.are_opened()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
