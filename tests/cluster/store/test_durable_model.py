"""Writes, restarts and a failing disk in random order: the durable store is compared with a model."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.store import Change, Create, Delete, ObjectChanged, RevisionTooOld, Update
from podrole.cluster.kinds.registry import BY_NAME
from podrole.cluster.store.durable import DurableStore
from support.journal import FaultyJournal

SECRETS = BY_NAME["secrets"]


@dataclass(frozen=True)
class Step:
    """One of several writes at once; ``cancelled``: its caller is cancelled while it waits."""

    name: str
    deletes: bool = False
    cancelled: bool = False


STEPS = st.lists(st.builds(Step, st.sampled_from("abc"), st.booleans(), st.booleans()), min_size=1, max_size=6)


def everything(change: Change) -> Any:
    return change.type, change.object


class DurableStoreMachine(RuleBasedStateMachine):
    """``objects`` and ``revision`` are what the store must hold; ``seen`` is built from a watch alone."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.directory = Path(tempfile.mkdtemp())
        self.objects: dict[str, dict[str, Any]] = {}
        self.revision = 0
        self.counter = 0
        self.open()

    def open(self) -> None:
        self.journal = FaultyJournal(self.directory / "state.db")
        self.store = DurableStore(self.journal, history=50)
        self.seen = {obj["metadata"]["name"]: obj for obj in self.store.list(SECRETS)}
        self.watcher = self.store.watch(SECRETS, everything, after=self.store.revision, limit=None)

    @rule(steps=STEPS, failures=st.sampled_from([0, 0, 0, 1, 2]))
    def write(self, steps: list[Step], failures: int) -> None:
        self.runner.run(self._write(steps, failures))

    async def _write(self, steps: list[Step], failures: int) -> None:
        self.journal.failures = failures
        given = [self._next(step) for step in steps]
        tasks = [asyncio.create_task(self.store.commit(write)) for write in given]
        await asyncio.sleep(0)
        for task, step in zip(tasks, steps, strict=True):
            if step.cancelled:
                task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        self.journal.failures = 0
        while len(outcomes) == len(steps) or not isinstance(outcomes[-1], dict):
            given.append(self._next(Step("last")))  # whatever was cancelled is decided before this is
            outcomes.extend(await asyncio.gather(self.store.commit(given[-1]), return_exceptions=True))
        for outcome in outcomes:
            assert isinstance(outcome, dict | StatusError | ObjectChanged | asyncio.CancelledError), outcome
        made = {
            int(outcome["metadata"]["resourceVersion"]): (write, outcome)
            for write, outcome in zip(given, outcomes, strict=True)
            if isinstance(outcome, dict)
        }
        watched = {int(obj["metadata"]["resourceVersion"]): obj for _, obj in await self._events()}
        for write, outcome in zip(given, outcomes, strict=True):
            if isinstance(outcome, asyncio.CancelledError):
                for revision, obj in watched.items():
                    if obj.get("data") == write.object.get("data") and obj["metadata"]["name"] == _name(write):
                        made.setdefault(revision, (write, obj))
        assert sorted(made) == list(range(self.revision + 1, self.revision + 1 + len(made))), "revisions have a gap"
        for revision in sorted(made):
            write, obj = made[revision]
            if isinstance(write, Delete):
                del self.objects[_name(write)]
            else:
                self.objects[_name(write)] = obj
        self.revision += len(made)

    def _next(self, step: Step) -> Any:
        """Return a write from what the store shows now."""
        current = self.store.get(SECRETS, "demo", step.name)
        self.counter += 1
        new = {"metadata": {"name": step.name, "namespace": "demo"}, "data": {"n": str(self.counter)}}
        if current is None:
            return Create(SECRETS, new)
        return Delete(SECRETS, new, current) if step.deletes else Update(SECRETS, new, current)

    async def _events(self) -> list[Any]:
        events = await self.watcher.batch(5)
        for kind, obj in events:
            if kind == "DELETED":
                del self.seen[obj["metadata"]["name"]]
            else:
                self.seen[obj["metadata"]["name"]] = obj
        return events

    @rule()
    def restart(self) -> None:
        self.journal.close()
        self.open()
        self._check_old_watches()

    @rule()
    def crash(self) -> None:
        """Go on with what the disk holds now, which is what is left after a kill."""
        crashed = Path(tempfile.mkdtemp())
        for file in self.directory.iterdir():
            shutil.copy(file, crashed)
        self.journal.close()
        shutil.rmtree(self.directory)
        self.directory = crashed
        self.open()
        self._check_old_watches()

    def _check_old_watches(self) -> None:
        self.store.watch(SECRETS, everything, after=self.revision, limit=None).close()
        if self.revision:
            with pytest.raises(RevisionTooOld):
                self.store.watch(SECRETS, everything, after=self.revision - 1, limit=None)

    @invariant()
    def agrees_with_the_model(self) -> None:
        held = {obj["metadata"]["name"]: obj for obj in self.store.list(SECRETS)}
        assert held == self.objects == self.seen
        assert self.store.revision == self.revision

    def teardown(self) -> None:
        self.journal.close()
        self.runner.close()
        shutil.rmtree(self.directory)


def _name(write: Any) -> str:
    return str(write.object["metadata"]["name"])


@pytest.mark.parametrize("examples", [15, pytest.param(2_000, marks=pytest.mark.soak)])
def test_the_store_agrees_with_a_model(examples: int) -> None:
    run_state_machine_as_test(
        DurableStoreMachine,
        settings=settings(
            max_examples=examples, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
