"""A store whose objects survive a crash: what memory holds is on disk, and a write is seen once it is there.

Writes of different objects share a transaction of the journal; a write of an object that is being written waits for it.
After a restart resourceVersions go on; a watch that resumes from before the restart is refused (410), as by a real API
server that no longer has the changes.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable

import msgspec

from podrole.base.journal import Journal, WriteFailed
from podrole.base.journal import Write as JournalWrite
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.store import Create, Delete, Object, ObjectChanged, Write
from podrole.cluster.store.memory import HISTORY, MemoryStore, numbered

_PREFIX = "kubernetes."
_REVISION = JournalWrite("kubernetes", "revision", None)
_Key = tuple[str, str, str]


class DurableStore(MemoryStore):
    """Keeps objects in a journal (podrole.cluster.core.store.Store)."""

    def __init__(self, journal: Journal, *, history: int = HISTORY) -> None:
        """Read the journal's objects."""
        tables = journal.tables()
        super().__init__(history=history, revision=int(tables.get(_REVISION.table, {}).get(_REVISION.key, b"0")))
        for table, objects in tables.items():
            if table.startswith(_PREFIX):
                state = self._states[table.removeprefix(_PREFIX)]
                for key, value in objects.items():
                    namespace, _, name = key.partition("/")
                    state.objects.setdefault(namespace, {})[name] = msgspec.json.decode(value)
        self._journal = journal
        self._writing: dict[_Key, asyncio.Future[None]] = {}
        self._last_given = self.revision
        journal.on_failure(self._forget_unwritten)

    async def commit(self, write: Write) -> Object:
        key = _key(write)
        while (earlier := self._writing.get(key)) is not None:
            with contextlib.suppress(WriteFailed):
                await asyncio.shield(earlier)
        self._compare(write)
        self._last_given += 1
        obj = numbered(write, self._last_given)
        written = self._journal.commit(_journal_writes(write, obj), lambda: self._apply(write, obj))
        self._writing[key] = written
        written.add_done_callback(lambda _: self._writing.pop(key, None))
        try:
            await asyncio.shield(written)
        except WriteFailed as failure:
            raise StatusError(500, "InternalError", f"Internal error occurred: {failure.what}") from failure
        return obj

    def seed(self, objects: Iterable[Create]) -> None:
        """Store the first objects; those that are there already stay as they are."""
        for create in objects:
            with contextlib.suppress(ObjectChanged):
                obj = self._commit(create)
                self._last_given = self.revision
                written = self._journal.commit(_journal_writes(create, obj))
                # If the disk refuses these, it refuses the next write too, which says so.
                written.add_done_callback(lambda done: done.exception())

    def _forget_unwritten(self) -> None:
        self._last_given = self.revision


def _key(write: Write) -> _Key:
    metadata = write.object["metadata"]
    return write.resource.qualified, metadata.get("namespace", ""), metadata["name"]


def _journal_writes(write: Write, obj: Object) -> list[JournalWrite]:
    resource, namespace, name = _key(write)
    value = None if isinstance(write, Delete) else msgspec.json.encode(obj)
    return [
        JournalWrite(_PREFIX + resource, f"{namespace}/{name}", value),
        _REVISION._replace(value=obj["metadata"]["resourceVersion"].encode()),
    ]
