"""A store whose objects survive a crash: what memory holds is on disk, and a write is seen once it is there.

Writes of different objects share a transaction of the journal; a write of an object that is being written waits for it.
After a restart resourceVersions go on. A watch that resumes from the last one before the restart misses nothing; one
that resumes from an older one is refused (410), as by a real API server that no longer has the changes.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Iterable, Iterator

import msgspec

from podrole.base.journal import Journal, WriteFailed
from podrole.base.journal import Write as JournalWrite
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.store import Delete, Object, Write
from podrole.cluster.store.memory import HISTORY, MemoryStore, numbered

_REVISION = ("kubernetes", "revision")
_PREFIX = "kubernetes."
_Key = tuple[str, str, str]

_encode = msgspec.json.Encoder().encode


class DurableStore(MemoryStore):
    """Keeps objects in a journal (podrole.cluster.core.store.Store). Used from one event loop.

    A write that the disk refuses is a StatusError (500); so are the writes that were made before that was known. Memory
    and the revision are then as if none of them had been made. A write whose caller is cancelled is made all the same.
    """

    def __init__(self, journal: Journal, *, history: int = HISTORY) -> None:
        """Read the journal's objects."""
        super().__init__(history=history, revision=int(journal.table(_REVISION[0]).get(_REVISION[1], b"0")))
        for resource, place, obj in kept_objects(journal):
            namespace, _, name = place.partition("/")
            self._states[resource].objects.setdefault(namespace, {})[name] = obj
        self._journal = journal
        self._writing: dict[_Key, list[asyncio.Future[None]]] = {}  # what is being written, and who waits for it
        self._last_given = self.revision
        self._first: list[JournalWrite] = []  # of `seed`, until they are known to be on disk
        self._first_refused = False
        journal.on_failure(self._forget_unwritten)

    async def commit(self, write: Write) -> Object:
        key = _key(write)
        while (waiting := self._writing.get(key)) is not None:
            turn = asyncio.get_running_loop().create_future()
            waiting.append(turn)
            await turn
        self._compare(write)
        revision = self._last_given + 1
        obj = numbered(write, revision)
        writes = _journal_writes(key, write, obj)
        if self._first_refused:
            writes = [*self._first, *writes]
        written = self._journal.commit(writes, functools.partial(self._take, key, write, obj))
        if not written.done():  # it is if the journal refuses it at once
            self._writing[key] = []
            self._last_given = revision
            self._first_refused = False
        try:
            await written
        except WriteFailed as failure:
            raise StatusError(500, "InternalError", f"Internal error occurred: {failure.what}") from failure
        return obj

    def seed(self, writes: Iterable[Write]) -> None:
        """Make the first writes of this process. They are on disk before, or with, the first one of ``commit``.

        Called once, inside a running event loop.
        """
        for write in writes:
            obj = self._commit(write)
            self._first += _journal_writes(_key(write), write, obj)
        if self._first:
            self._last_given = self.revision
            written = self._journal.commit(self._first, self._first_are_written)
            written.add_done_callback(lambda done: done.exception())  # the next write carries them, and says it

    def _first_are_written(self) -> None:
        self._first = []

    def _take(self, key: _Key, write: Write, obj: Object) -> None:
        """Show a write that is on disk, and let the next one of its object go on."""
        self._first = []
        self._apply(write, obj)
        _wake(self._writing.pop(key))

    def _forget_unwritten(self) -> None:
        """Give up all writes that are under way: the journal refuses them together."""
        self._last_given = self.revision
        self._first_refused = bool(self._first)
        writing, self._writing = self._writing, {}
        for waiting in writing.values():
            _wake(waiting)


def kept_objects(journal: Journal) -> Iterator[tuple[str, str, Object]]:
    """Yield each object that a journal holds, after its resource and its place (``namespace/name``)."""
    decode = msgspec.json.Decoder().decode
    for table, objects in journal.tables(_PREFIX).items():
        for place, value in objects.items():
            yield table.removeprefix(_PREFIX), place, decode(value)


def _key(write: Write) -> _Key:
    metadata = write.object["metadata"]
    return write.resource.qualified, metadata.get("namespace", ""), metadata["name"]


def _journal_writes(key: _Key, write: Write, obj: Object) -> list[JournalWrite]:
    resource, namespace, name = key
    value = None if isinstance(write, Delete) else _encode(obj)
    return [
        JournalWrite(f"{_PREFIX}{resource}", f"{namespace}/{name}", value),
        JournalWrite(*_REVISION, obj["metadata"]["resourceVersion"].encode()),
    ]


def _wake(waiting: Iterable[asyncio.Future[None]]) -> None:
    for turn in waiting:
        if not turn.done():  # its writer may have been cancelled
            turn.set_result(None)
