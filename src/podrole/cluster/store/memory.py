"""A store in memory: the objects, their one revision counter, and a bounded history of changes for watches.

Every write happens between two turns of the event loop, so a change and its notification are one step.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator

from podrole.cluster.core.resources import Resource
from podrole.cluster.core.store import Change, Create, Delete, Object, ObjectChanged, RevisionTooOld, Select, Write
from podrole.cluster.store.watchers import QueuedWatcher

HISTORY = 4096
"""Changes kept for each resource: a watch that resumes from before them is refused (410)."""


class _ResourceState:
    """All objects of one resource: by namespace ('' for cluster-scoped ones), then by name."""

    __slots__ = ("changed_at", "history", "objects", "oldest", "watchers")

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Object]] = {}
        self.history: collections.deque[Change] = collections.deque()
        self.oldest = 0
        self.changed_at = 0
        self.watchers: set[QueuedWatcher] = set()


class MemoryStore:
    """Keeps objects as long as the process lives (podrole.cluster.core.store.Store)."""

    def __init__(self, *, history: int = HISTORY) -> None:
        self.revision = 0
        self._history = history
        self._states: dict[str, _ResourceState] = collections.defaultdict(_ResourceState)

    def get(self, resource: Resource, namespace: str, name: str) -> Object | None:
        return self._states[resource.qualified].objects.get(namespace, {}).get(name)

    def list(self, resource: Resource, namespace: str = "") -> list[Object]:
        return list(_ordered(self._states[resource.qualified], namespace))

    def changed_at(self, resource: Resource) -> int:
        return self._states[resource.qualified].changed_at

    async def commit(self, write: Write) -> Object:
        return self._commit(write)

    def seed(self, objects: Iterable[Create]) -> None:
        for create in objects:
            self._commit(create)

    def _commit(self, write: Write) -> Object:
        state = self._states[write.resource.qualified]
        obj = write.object
        metadata = obj["metadata"]
        namespace, name = metadata.get("namespace", ""), metadata["name"]
        names = state.objects.get(namespace)
        if names is None:
            names = {}
        current = names.get(name)
        before = None if isinstance(write, Create) else write.before
        if current is not before:
            raise ObjectChanged
        self.revision += 1
        if isinstance(write, Delete):
            # The last state may be the object that was given out, which nobody may change.
            obj = {**obj, "metadata": {**metadata, "resourceVersion": str(self.revision)}}
            del names[name]
            if not names:
                del state.objects[namespace]
            self._record(state, Change("DELETED", obj, before, self.revision))
            return obj
        metadata["resourceVersion"] = str(self.revision)
        names[name] = obj
        state.objects[namespace] = names
        self._record(state, Change("ADDED" if before is None else "MODIFIED", obj, before, self.revision))
        return obj

    def _record(self, state: _ResourceState, change: Change) -> None:
        state.changed_at = change.revision
        state.history.append(change)
        if len(state.history) > self._history:
            state.oldest = state.history.popleft().revision
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


def _ordered(state: _ResourceState, namespace: str) -> Iterator[Object]:
    for one in [namespace] if namespace else sorted(state.objects):
        names = state.objects.get(one, {})
        for name in sorted(names):
            yield names[name]
