"""The write path of both stores, in memory and durable, and their watches."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from podrole.base.journal import Journal
from podrole.cluster.core.store import Change, Create, Delete, ObjectChanged, RevisionTooOld, Store, Update
from podrole.cluster.kinds.registry import BY_NAME
from podrole.cluster.store import memory
from podrole.cluster.store.durable import DurableStore
from podrole.cluster.store.memory import MemoryStore

SECRETS, NAMESPACES = BY_NAME["secrets"], BY_NAME["namespaces"]


def secret(name: str = "s", **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "demo"}, **more}


@pytest.fixture(params=["memory", "durable"])
async def store(request: Any, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "memory":
        yield MemoryStore(history=3)
        return
    journal = Journal(tmp_path / "state.db")
    yield DurableStore(journal, history=3)
    journal.close()


def everything(change: Change) -> Any:
    return change.type, change.object


async def test_each_write_gets_the_next_resource_version(store: Store) -> None:
    first = await store.commit(Create(SECRETS, secret()))
    assert first["metadata"]["resourceVersion"] == "1"
    second = await store.commit(Update(SECRETS, secret(data={"a": "YQ=="}), first))
    assert second["metadata"]["resourceVersion"] == "2"
    last = await store.commit(Delete(SECRETS, second, second))
    assert last["metadata"]["resourceVersion"] == "3"
    assert second["metadata"]["resourceVersion"] == "2", "what was given out has been changed"
    assert store.revision == store.changed_at(SECRETS) == 3
    assert store.changed_at(NAMESPACES) == 0


async def test_objects_are_read_by_namespace_and_name(store: Store) -> None:
    await store.commit(Create(SECRETS, secret("b")))
    await store.commit(Create(SECRETS, secret("a")))
    await store.commit(Create(SECRETS, {"metadata": {"name": "z", "namespace": "another"}}))
    assert [one["metadata"]["name"] for one in store.list(SECRETS)] == ["z", "a", "b"]
    assert [one["metadata"]["name"] for one in store.list(SECRETS, "demo")] == ["a", "b"]
    assert store.get(SECRETS, "another", "a") is None
    assert store.get(NAMESPACES, "demo", "a") is None


async def test_a_name_is_created_once(store: Store) -> None:
    await store.commit(Create(SECRETS, secret()))
    with pytest.raises(ObjectChanged):
        await store.commit(Create(SECRETS, secret()))
    assert store.revision == 1


@pytest.mark.parametrize("write", [Update, Delete])
async def test_a_write_from_an_old_state_is_refused(store: Store, write: Any) -> None:
    first = await store.commit(Create(SECRETS, secret()))
    second = await store.commit(Update(SECRETS, secret(), first))
    with pytest.raises(ObjectChanged):
        await store.commit(write(SECRETS, secret(), first))
    assert store.get(SECRETS, "demo", "s") is second
    assert store.revision == 2


@pytest.mark.parametrize("write", [Update, Delete])
async def test_a_write_to_an_object_that_is_gone_is_refused(store: Store, write: Any) -> None:
    first = await store.commit(Create(SECRETS, secret()))
    await store.commit(Delete(SECRETS, first, first))
    with pytest.raises(ObjectChanged):
        await store.commit(write(SECRETS, secret(), first))
    assert store.list(SECRETS) == []


async def test_a_refused_write_is_not_seen_by_a_watch(store: Store) -> None:
    watcher = store.watch(SECRETS, everything, after=None, limit=None)
    await store.commit(Create(SECRETS, secret()))
    with pytest.raises(ObjectChanged):
        await store.commit(Create(SECRETS, secret()))
    assert [kind for kind, _ in await watcher.batch()] == ["ADDED"]
    assert await watcher.batch(0.01) == []


async def test_first_objects_are_there_before_any_watch(store: Store) -> None:
    store.seed([Create(SECRETS, secret("a")), Create(SECRETS, secret("b"))])
    assert len(store.list(SECRETS)) == store.revision == 2


async def test_a_watch_resumes_from_what_the_history_holds(store: Store) -> None:
    for name in "abcde":
        await store.commit(Create(SECRETS, secret(name)))
    watcher = store.watch(SECRETS, everything, after=3, limit=1)
    assert [one["metadata"]["name"] for _, one in await watcher.batch()] == ["d", "e"]
    with pytest.raises(RevisionTooOld) as refused:
        store.watch(SECRETS, everything, after=1, limit=None)
    assert refused.value.oldest == 2


async def test_history_is_limited_by_the_size_of_its_objects(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "HISTORY_BYTES", 3_000)
    for name in "abc":
        await store.commit(Create(SECRETS, secret(name, data={"large": "x" * 1_000})))
    watcher = store.watch(SECRETS, everything, after=1, limit=None)
    assert [one["metadata"]["name"] for _, one in await watcher.batch()] == ["b", "c"]
    with pytest.raises(RevisionTooOld):
        store.watch(SECRETS, everything, after=0, limit=None)
    await store.commit(Create(SECRETS, secret("d", data={"large": "x" * 4_000})))
    with pytest.raises(RevisionTooOld):
        store.watch(SECRETS, everything, after=3, limit=None)
    store.watch(SECRETS, everything, after=4, limit=None)


async def test_a_watch_ends_when_too_many_events_wait(store: Store) -> None:
    watcher = store.watch(SECRETS, everything, after=None, limit=1)
    await store.commit(Create(SECRETS, secret("a")))
    assert watcher.ended is None
    await store.commit(Create(SECRETS, secret("b")))
    assert watcher.ended == "too slow"
    assert [one["metadata"]["name"] for _, one in await watcher.batch()] == ["a"]
