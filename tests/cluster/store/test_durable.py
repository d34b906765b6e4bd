"""What the durable store promises: a write is seen once it is on disk, and a refused one leaves no trace."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podrole.base.journal import Journal
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.store import Change, Create, Delete, ObjectChanged, RevisionTooOld, Update
from podrole.cluster.kinds.registry import BY_NAME
from podrole.cluster.store.durable import DurableStore

SECRETS, NAMESPACES = BY_NAME["secrets"], BY_NAME["namespaces"]


def secret(name: str = "s", **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "demo"}, **more}


def everything(change: Change) -> Any:
    return change.type, change.object


def size_of(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.iterdir())


def names(store: DurableStore) -> list[str]:
    return [obj["metadata"]["name"] for obj in store.list(SECRETS)]


async def refusal_of(write: Any) -> StatusError:
    with pytest.raises(StatusError) as refusal:
        await write
    return refusal.value


async def test_objects_and_the_revision_are_there_after_a_restart(open_journal: Callable[[], Any]) -> None:
    store = DurableStore(open_journal())
    first = await store.commit(Create(SECRETS, secret("a", data={"k": "w6k="})))
    await store.commit(Create(NAMESPACES, {"metadata": {"name": "demo"}}))
    gone = await store.commit(Create(SECRETS, secret("b")))
    await store.commit(Delete(SECRETS, gone, gone))
    again = DurableStore(open_journal())
    assert again.list(SECRETS) == [first]
    assert again.get(NAMESPACES, "", "demo") is not None
    assert again.revision == 4
    assert (await again.commit(Create(SECRETS, secret("b"))))["metadata"]["resourceVersion"] == "5"


async def test_a_write_is_not_seen_before_it_is_on_disk(open_journal: Callable[[], Any], tmp_path: Path) -> None:
    store = DurableStore(open_journal())
    on_disk: list[int] = []

    def look(_: Change) -> None:
        with contextlib.closing(sqlite3.connect(tmp_path / "state.db")) as other:
            on_disk.append(other.execute("SELECT count(*) FROM records WHERE tbl = 'kubernetes.secrets'").fetchone()[0])

    store.watch(SECRETS, look, after=None, limit=None)
    writing = asyncio.create_task(store.commit(Create(SECRETS, secret())))
    await asyncio.sleep(0)
    assert (store.list(SECRETS), store.revision, on_disk) == ([], 0, [])
    await writing
    assert (names(store), store.revision, on_disk) == (["s"], 1, [1])


async def test_a_refused_write_changes_nothing_and_the_next_one_continues(open_journal: Callable[[], Any]) -> None:
    journal = open_journal()
    store = DurableStore(journal)
    first = await store.commit(Create(SECRETS, secret()))
    watcher = store.watch(SECRETS, everything, after=None, limit=None)
    journal.failures = 1
    refusal = await refusal_of(store.commit(Update(SECRETS, secret(data={"a": "YQ=="}), first)))
    assert (refusal.http_status, refusal.reason) == (500, "InternalError")
    assert "No space left on device" in refusal.what
    assert store.get(SECRETS, "demo", "s") is first
    assert store.revision == 1
    assert await watcher.batch(0.01) == []
    second = await store.commit(Update(SECRETS, secret(data={"a": "Yg=="}), first))
    assert second["metadata"]["resourceVersion"] == "2"
    assert DurableStore(open_journal()).list(SECRETS) == [second]


async def test_all_writes_under_way_are_refused_together(open_journal: Callable[[], Any]) -> None:
    journal = open_journal()
    store = DurableStore(journal)
    journal.failures = 1
    journal.goes.clear()
    writes = [asyncio.create_task(store.commit(Create(SECRETS, secret(f"s{number % 5}")))) for number in range(10)]
    await asyncio.sleep(0)
    journal.goes.set()
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    # The first five were under way; the others waited for them, and are made after they were refused.
    assert [isinstance(outcome, StatusError) for outcome in outcomes] == [True] * 5 + [False] * 5
    assert [outcome["metadata"]["resourceVersion"] for outcome in outcomes[5:]] == ["1", "2", "3", "4", "5"]
    assert DurableStore(open_journal()).list(SECRETS) == store.list(SECRETS)


async def test_writes_of_one_object_are_made_one_after_the_other(open_journal: Callable[[], Any]) -> None:
    store = DurableStore(open_journal())
    first = await store.commit(Create(SECRETS, secret()))
    writes = [store.commit(Update(SECRETS, secret(data={"n": str(number)}), first)) for number in range(3)]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert isinstance(outcomes[0], dict)
    assert all(isinstance(outcome, ObjectChanged) for outcome in outcomes[1:])
    assert store.list(SECRETS) == [outcomes[0]]


async def test_a_write_that_comes_while_another_one_ends_does_not_hang(open_journal: Callable[[], Any]) -> None:
    """Between the end of a commit and its callbacks there is a turn of the event loop."""
    journal = open_journal()
    store = DurableStore(journal)
    second: list[asyncio.Task[Any]] = []
    succeed = journal._succeed

    def succeed_and_write(*arguments: Any) -> None:
        succeed(*arguments)
        if not second:
            second.append(asyncio.create_task(store.commit(Create(SECRETS, secret()))))

    journal._succeed = succeed_and_write
    async with asyncio.timeout(30):
        await store.commit(Create(SECRETS, secret()))
        with pytest.raises(ObjectChanged):
            await second[0]


@pytest.mark.parametrize("turns", [1, 2])
async def test_a_write_whose_caller_is_cancelled_is_made(open_journal: Callable[[], Any], turns: int) -> None:
    store = DurableStore(open_journal())
    writing = asyncio.create_task(store.commit(Create(SECRETS, secret())))
    for _ in range(turns):
        await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    with pytest.raises(ObjectChanged):
        await store.commit(Create(SECRETS, secret()))
    assert names(store) == ["s"]
    assert DurableStore(open_journal()).list(SECRETS) == store.list(SECRETS)


async def test_a_cancelled_caller_that_waits_for_another_write_holds_up_nobody(
    open_journal: Callable[[], Any],
) -> None:
    store = DurableStore(open_journal())
    tasks = [asyncio.create_task(store.commit(Create(SECRETS, secret()))) for _ in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    outcomes = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
    assert [type(outcome) for outcome in outcomes] == [dict, asyncio.CancelledError, ObjectChanged]


async def test_a_watch_resumes_from_the_last_revision_before_a_restart(open_journal: Callable[[], Any]) -> None:
    store = DurableStore(open_journal())
    for name in "abc":
        await store.commit(Create(SECRETS, secret(name)))
    again = DurableStore(open_journal())
    watcher = again.watch(SECRETS, everything, after=3, limit=None)
    await again.commit(Create(SECRETS, secret("d")))
    assert [(kind, obj["metadata"]["name"]) for kind, obj in await watcher.batch()] == [("ADDED", "d")]
    with pytest.raises(RevisionTooOld):
        again.watch(SECRETS, everything, after=2, limit=None)


async def test_first_objects_are_kept_and_not_made_again(open_journal: Callable[[], Any]) -> None:
    store = DurableStore(open_journal())
    store.seed([Create(SECRETS, secret("a")), Create(SECRETS, secret("b"))])
    await store.commit(Create(SECRETS, secret("c")))
    again = DurableStore(open_journal())
    again.seed([])
    assert again.list(SECRETS) == store.list(SECRETS)
    assert again.revision == 3


async def test_first_objects_that_the_disk_refused_are_written_with_the_next_write(
    open_journal: Callable[[], Any],
) -> None:
    journal = open_journal()
    store = DurableStore(journal)
    journal.failures = 1
    journal.goes.clear()
    store.seed([Create(SECRETS, secret("a"))])
    refused = asyncio.create_task(refusal_of(store.commit(Create(SECRETS, secret("b")))))
    await asyncio.sleep(0)
    journal.goes.set()
    await refused
    changed = await store.commit(Update(SECRETS, secret("a", data={"k": "YQ=="}), store.list(SECRETS)[0]))
    await store.commit(Create(SECRETS, secret("c")))
    again = DurableStore(open_journal())
    assert names(again) == ["a", "c"]
    assert again.list(SECRETS)[0] == changed


async def test_a_closed_journal_refuses_writes(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "state.db")
    store = DurableStore(journal)
    journal.close()
    for _ in range(2):
        await refusal_of(store.commit(Create(SECRETS, secret())))
    assert store.revision == 0


@pytest.mark.parametrize("writes", [20_000, pytest.param(1_000_000, marks=pytest.mark.soak)])
async def test_many_writes_of_one_object_do_not_make_the_files_grow(
    open_journal: Callable[[], Any], tmp_path: Path, writes: int
) -> None:
    store = DurableStore(open_journal())
    objects = [await store.commit(Create(SECRETS, secret(f"s{number}", data={"k": "x" * 500}))) for number in range(50)]

    async def write(obj: dict[str, Any]) -> None:
        for number in range(writes // len(objects)):
            obj = await store.commit(
                Update(SECRETS, secret(obj["metadata"]["name"], data={"k": f"{number:0500}"}), obj)
            )

    largest = 0
    writing = asyncio.gather(*map(write, objects))
    while not writing.done():
        largest = max(largest, size_of(tmp_path))
        await asyncio.sleep(0.1)
    await writing
    assert store.revision == len(objects) + writes // len(objects) * len(objects)
    assert largest < 48_000_000  # the write-ahead log is checkpointed every 16 MB
    open_journal()
    assert size_of(tmp_path) < 500_000
