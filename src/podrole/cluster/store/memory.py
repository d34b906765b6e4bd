"""A store in memory: the objects, their one revision counter, and a bounded history of changes for watches.

Every write happens between two turns of the event loop, so a change and its notification are one step.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator

import msgspec

from podrole.cluster.core.resources import Resource
from podrole.cluster.core.store import (
    Change,
    ChangeType,
    Create,
    Delete,
    Object,
    ObjectChanged,
    RevisionTooOld,
    Select,
    Write,
)
from podrole.cluster.store.watchers import QueuedWatcher

HISTORY = 4096
"""Changes kept for each resource: a watch that resumes from before them is refused (410)."""
HISTORY_BYTES = 4 * 1024 * 1024
"""How large the objects of these changes may be together, as JSON; in memory they take about ten times as much."""

_encode = msgspec.json.Encoder().encode


class _ResourceState:
    """All objects of one resource: by namespace ('' for cluster-scoped ones), then by name."""

    __slots__ = ("changed_at", "history", "objects", "oldest", "size", "sizes", "watchers")

    def __init__(self, since: int) -> None:
        """``since`` is the revision from which on changes are known."""
        self.objects: dict[str, dict[str, Object]] = {}
        self.history: collections.deque[Change] = collections.deque()
        self.sizes: collections.deque[int] = collections.deque()
        """Of the changes of the history, and ``size`` of all of them, in bytes."""
        self.size = 0
        self.oldest = since
        self.changed_at = since
        self.watchers: set[QueuedWatcher] = set()


class MemoryStore:
    """Keeps objects as long as the process lives (podrole.cluster.core.store.Store)."""

    def __init__(self, *, history: int = HISTORY, revision: int = 0) -> None:
        """``revision`` is that of the last write before this store; changes up to it are not known."""
        self.revision = revision
        self._history = history
        self._states: dict[str, _ResourceState] = collections.defaultdict(lambda: _ResourceState(revision))

    def get(self, resource: Resource, namespace: str, name: str) -> Object | None:
        return self._states[resource.qualified].objects.get(namespace, {}).get(name)

    def list(self, resource: Resource, namespace: str = "") -> list[Object]:
        return list(_ordered(self._states[resource.qualified], namespace))

    def changed_at(self, resource: Resource) -> int:
        return self._states[resource.qualified].changed_at

    async def commit(self, write: Write) -> Object:
        return self._commit(write)

    def seed(self, writes: Iterable[Write]) -> None:
        for write in writes:
            self._commit(write)

    def _commit(self, write: Write) -> Object:
        self._compare(write)
        obj = numbered(write, self.revision + 1)
        self._apply(write, obj)
        return obj

    def _compare(self, write: Write) -> None:
        """Raise ObjectChanged unless the store holds what the write was made from."""
        metadata = write.object["metadata"]
        current = self.get(write.resource, metadata.get("namespace", ""), metadata["name"])
        if current is not (None if isinstance(write, Create) else write.before):
            raise ObjectChanged

    def _apply(self, write: Write, obj: Object) -> None:
        """Keep a numbered write, and tell the watches."""
        state = self._states[write.resource.qualified]
        metadata = obj["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        self.revision = int(metadata["resourceVersion"])
        if isinstance(write, Delete):
            names = state.objects[namespace]
            del names[name]
            if not names:
                del state.objects[namespace]
        else:
            state.objects.setdefault(namespace, {})[name] = obj
        before = None if isinstance(write, Create) else write.before
        kind: ChangeType = "DELETED" if isinstance(write, Delete) else "ADDED" if before is None else "MODIFIED"
        self._record(state, Change(kind, obj, before, self.revision))

    def _record(self, state: _ResourceState, change: Change) -> None:
        state.changed_at = change.revision
        state.history.append(change)
        state.sizes.append(len(_encode(change.object)))
        state.size += state.sizes[-1]
        while len(state.history) > self._history or state.size > HISTORY_BYTES:
            state.oldest = state.history.popleft().revision
            state.size -= state.sizes.popleft()
        for watcher in tuple(state.watchers):
            watcher.add(change)
            if watcher.ended:
                state.watchers.discard(watcher)

    def watch(self, resource: Resource, select: Select, *, after: int | None, limit: int | None) -> QueuedWatcher:
        state = self._states[resource.qualified]
        if after is not None and after < state.oldest:
            raise RevisionTooOld(state.oldest)
        watcher = QueuedWatcher(select, limit)
        if after is not None:
            for change in state.history:
                if change.revision > after:
                    watcher.replay(change)
        state.watchers.add(watcher)
        watcher.on_close(lambda: state.watchers.discard(watcher))
        return watcher

    def watchers(self, resource: Resource) -> int:
        """Return how many watches of a resource are open."""
        return len(self._states[resource.qualified].watchers)

    def close(self) -> None:
        for state in self._states.values():
            for watcher in tuple(state.watchers):
                watcher.close()


def numbered(write: Write, revision: int) -> Object:
    """Return a write's object with its resourceVersion."""
    metadata = write.object["metadata"]
    if isinstance(write, Delete):
        # The last state may be the object that was given out, which nobody may change.
        return {**write.object, "metadata": {**metadata, "resourceVersion": str(revision)}}
    metadata["resourceVersion"] = str(revision)
    return write.object


def _ordered(state: _ResourceState, namespace: str) -> Iterator[Object]:
    for key in [namespace] if namespace else sorted(state.objects):
        names = state.objects.get(key, {})
        for name in sorted(names):
            yield names[name]
