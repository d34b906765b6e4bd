"""The objects, their one revision counter, and a bounded history of changes for those who watch.

Everything happens between two turns of the event loop, so a change and its notification are one step. Objects that the
store has given out or taken in are never changed afterwards: whoever wants a different one makes a new dict.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator

from podrole.cluster.core.change import Change, ChangeType, Object
from podrole.cluster.core.resources import Resource
from podrole.cluster.store.watchers import Watcher

HISTORY = 4096
"""Changes remembered for each resource: a watch that resumes from before them is told that it is too late (410)."""


class RevisionTooOld(Exception):
    """A watch wants changes that are no longer remembered; ``oldest`` is the first revision it could start from."""

    def __init__(self, oldest: int) -> None:
        super().__init__(oldest)
        self.oldest = oldest


class _Shelf:
    """All objects of one resource: by namespace ('' for cluster-scoped ones), then by name."""

    __slots__ = ("changed_at", "history", "objects", "oldest", "watchers")

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Object]] = {}
        self.history: collections.deque[Change] = collections.deque()
        self.oldest = 0
        self.changed_at = 0
        self.watchers: set[Watcher] = set()


class Store:
    """Keeps objects in wire form, ``kind`` and ``apiVersion`` first."""

    def __init__(self, *, history: int = HISTORY) -> None:
        self.revision = 0
        self._history = history
        self._shelves: dict[str, _Shelf] = collections.defaultdict(_Shelf)

    def get(self, resource: Resource, namespace: str, name: str) -> Object | None:
        return self._shelves[resource.qualified].objects.get(namespace, {}).get(name)

    def list(self, resource: Resource, namespace: str = "") -> list[Object]:
        """Return the objects ordered by namespace and name; of all namespaces where ``namespace`` is empty."""
        return list(self._ordered(self._shelves[resource.qualified], namespace))

    def _ordered(self, shelf: _Shelf, namespace: str) -> Iterator[Object]:
        for one in [namespace] if namespace else sorted(shelf.objects):
            names = shelf.objects.get(one, {})
            for name in sorted(names):
                yield names[name]

    def put(self, resource: Resource, obj: Object) -> Object:
        """Keep ``obj``, new or in place of the one of its name, under the next revision, which it is given."""
        shelf = self._shelves[resource.qualified]
        metadata = obj["metadata"]
        names = shelf.objects.setdefault(metadata.get("namespace", ""), {})
        previous = names.get(metadata["name"])
        self.revision += 1
        metadata["resourceVersion"] = str(self.revision)
        names[metadata["name"]] = obj
        self._record(shelf, Change("ADDED" if previous is None else "MODIFIED", obj, previous, self.revision))
        return obj

    def remove(self, resource: Resource, namespace: str, name: str, last: Object | None = None) -> Object:
        """Take the object away and return its last state, which carries the revision of the deletion.

        ``last`` is that state where the deletion itself changed it (its deletionTimestamp).
        """
        shelf = self._shelves[resource.qualified]
        names = shelf.objects[namespace]
        previous = names.pop(name)
        if not names:
            del shelf.objects[namespace]
        self.revision += 1
        state = last if last is not None else previous
        final = {**state, "metadata": {**state["metadata"], "resourceVersion": str(self.revision)}}
        self._record(shelf, Change("DELETED", final, previous, self.revision))
        return final

    def changed_at(self, resource: Resource) -> int:
        """Return the revision of the last change to any object of the resource, 0 where there was none."""
        return self._shelves[resource.qualified].changed_at

    def _record(self, shelf: _Shelf, change: Change) -> None:
        shelf.changed_at = change.revision
        shelf.history.append(change)
        if len(shelf.history) > self._history:
            shelf.oldest = shelf.history.popleft().revision
        for watcher in tuple(shelf.watchers):
            watcher.offer(change)
            if watcher.ended:
                shelf.watchers.discard(watcher)

    def watch(
        self,
        resource: Resource,
        select: Callable[[Change], tuple[ChangeType, Object] | None],
        *,
        after: int | None,
        limit: int | None,
    ) -> Watcher:
        """Return a watcher of what ``select`` lets through, from the changes after a revision, or from now on.

        ``limit`` is how many events may wait before the watcher is given up as too slow. Raises RevisionTooOld.
        """
        shelf = self._shelves[resource.qualified]
        if after is not None and after < shelf.oldest:
            raise RevisionTooOld(shelf.oldest)
        watcher = Watcher(select, limit)
        if after is not None:
            for change in shelf.history:
                if change.revision > after:
                    watcher.replay(change)
        shelf.watchers.add(watcher)
        watcher.on_close(lambda: shelf.watchers.discard(watcher))
        return watcher

    def close(self) -> None:
        """End every watch."""
        for shelf in self._shelves.values():
            for watcher in tuple(shelf.watchers):
                watcher.close()
