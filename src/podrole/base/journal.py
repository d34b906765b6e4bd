"""Durable records: what was committed is on disk and is read back after a crash or a reboot.

One SQLite file (standard library, WAL, ``synchronous=FULL``) holds records of bytes by table and key. One thread
writes; the commits that wait while it writes become one transaction, so that many callers share one ``fsync``. Callers
keep what they read in memory: the journal is read once, when it is opened.

https://sqlite.org/wal.html, https://sqlite.org/pragma.html#pragma_synchronous
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from podrole.base.errors import outline
from podrole.base.journal_file import JournalError, checksum_of, file_identity, lock_journal, open_journal, wal_of
from podrole.base.tasks import TaskFailure

_log = logging.getLogger(__name__)

_Row = TypeVar("_Row")


class WriteFailed(JournalError):
    """A commit did not reach the disk. Nothing of it was kept."""

    code = "write-failed"


class _FileGone(WriteFailed):
    """The file is no longer where it was."""


class Write(NamedTuple):
    """One record put (``value``) or deleted (None)."""

    table: str
    key: str
    value: bytes | None

    def __repr__(self) -> str:
        """Leave the value out: it may be a secret."""
        return f"Write({self.table!r}, {self.key!r})"


class _Pending(NamedTuple):
    writes: Sequence[Write]
    apply: Callable[[], None]
    done: asyncio.Future[None]


class Journal:
    """Records on disk. Opened by one process at a time; used from one event loop.

    Guarantees: a commit is whole or absent; when its future is done, its records survive a crash of the process and, as
    far as the disk obeys ``fsync``, of the machine; commits take effect in the order in which they were made. A commit
    that was made before an earlier one was known to have failed fails too, because it may build on it.

    A full disk fails the commits that meet it; later ones are tried again. If the file is deleted or replaced, or if a
    change that is on disk cannot be applied, every commit fails from then on, and ``failed`` returns.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises JournalInUse, JournalTooNew, JournalDamaged, JournalError."""
        self._path = path
        self._lock = lock_journal(path.with_name(path.name + ".lock"))
        try:
            self._database = open_journal(path)
        except BaseException:
            os.close(self._lock)
            raise
        self._files = {file: file_identity(file) for file in (path, wal_of(path))}
        self._waiting: list[_Pending] = []
        self._refusal: WriteFailed | None = None
        """Why a commit is refused at once: a failure that the event loop has not handled yet, or one that stays."""
        self._problem: JournalError | None = None
        """Why no commit can succeed any more."""
        self._stopped = asyncio.Event()
        self._failing = False  # since the last commit that succeeded
        self._accepted = 0
        """Commits that neither succeeded nor failed yet, as far as the event loop knows."""
        self._has_refused = False
        self._on_failure: list[Callable[[], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None

    def tables(self, prefix: str = "") -> Mapping[str, dict[str, bytes]]:
        """Return the records of the tables whose names begin with ``prefix``, by table and key.

        To be called while no commit is under way.
        """
        tables: dict[str, dict[str, bytes]] = {}
        query = "SELECT tbl, key, value FROM records WHERE tbl >= ? AND tbl < ? ORDER BY tbl, key"
        for table, key, value in self._database.execute(query, (prefix, prefix + "\U0010ffff")):
            tables.setdefault(table, {})[key] = value
        return tables

    def table(self, name: str) -> dict[str, bytes]:
        """Return the records of one table, by key. To be called while no commit is under way."""
        return dict(self._database.execute("SELECT key, value FROM records WHERE tbl = ? ORDER BY key", (name,)))

    def on_failure(self, forget: Callable[[], None]) -> None:
        """Have ``forget`` called, in the event loop, when commits failed: what they were to change must not be used."""
        self._on_failure.append(forget)

    async def failed(self) -> TaskFailure:
        """Wait until no commit can succeed any more (podrole.base.tasks.Supervised)."""
        await self._stopped.wait()
        return TaskFailure("the journal", "writing", self._problem)

    def commit(self, writes: Sequence[Write], apply: Callable[[], None] = lambda: None) -> asyncio.Future[None]:
        """Write all of ``writes`` or none; once they are on disk, call ``apply`` in the event loop and end the future.

        The future raises WriteFailed if they could not be written; ``apply`` is not called then.
        """
        self._loop = loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        with self._wake:
            refusal = self._refusal
            if refusal is None:
                self._accepted += 1
                self._waiting.append(_Pending(writes, apply, done))
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
                    self._thread.start()
                if len(self._waiting) == 1:  # what else is ready in this turn of the loop joins the group
                    loop.call_soon(self._notify)
        if refusal is not None:
            done.set_exception(refusal)
            self._has_refused = True
            self._forget_refused()
        return done

    def close(self) -> None:
        """Finish what waits and close the file. Does nothing the second time."""
        with self._wake:
            if self._closing:
                return
            self._closing = True
            self._refusal = self._refusal or WriteFailed("The journal is closed.")
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()
        with contextlib.suppress(sqlite3.Error):
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._database.close()
        os.close(self._lock)

    # In the event loop

    def _notify(self) -> None:
        with self._wake:
            self._wake.notify()

    def _succeed(self, group: Sequence[_Pending]) -> None:
        self._failing = False
        self._accepted -= len(group)
        for pending in group:
            try:
                pending.apply()
            except Exception as problem:  # noqa: BLE001  # memory is behind the disk, whatever the reason
                self._stop(JournalError(f"A change that is on disk could not be applied: {outline(problem)}."))
                if not pending.done.done():
                    pending.done.set_exception(problem)
            if not pending.done.done():  # its caller may have been cancelled: the commit stands all the same
                pending.done.set_result(None)
        self._forget_refused()

    def _fail(self, group: Sequence[_Pending], failure: WriteFailed) -> None:
        if not self._failing:  # said once, not for every write until the disk takes writes again
            _log.error("%s", failure.diagnostics())
        self._failing = True
        self._accepted -= len(group)
        with self._wake:
            if not self._closing and self._problem is None:
                self._refusal = None
        if isinstance(failure, _FileGone):
            self._stop(failure)
        self._has_refused = True
        self._forget_refused()
        for pending in group:
            if not pending.done.done():
                pending.done.set_exception(failure)

    def _forget_refused(self) -> None:
        """Call the callbacks of ``on_failure`` if commits failed, once none is left that may still succeed."""
        if self._has_refused and not self._accepted:
            self._has_refused = False
            for forget in self._on_failure:
                forget()

    def _stop(self, problem: JournalError) -> None:
        if self._problem is None:
            self._problem = problem
            with self._wake:
                self._refusal = WriteFailed(problem.what, next_step=problem.next_step)
            self._stopped.set()

    # In the writer's thread

    def _run(self) -> None:
        while group := self._next_group():
            try:
                self._store(write for pending in group for write in pending.writes)
            except Exception as problem:  # noqa: BLE001  # whatever it is, nobody may wait for ever
                failure = self._failure(problem)
                with self._wake:
                    self._refusal = failure
                    group, self._waiting = group + self._waiting, []
                self._call_in_loop(self._fail, group, failure)
            else:
                self._call_in_loop(self._succeed, group)

    def _next_group(self) -> list[_Pending]:
        """Wait for commits and return all that wait; none once the journal is closed."""
        with self._wake:
            while not self._waiting and not self._closing:
                self._wake.wait()
            group, self._waiting = self._waiting, []
        return group

    def _call_in_loop(self, call: Callable[..., None], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
            if self._loop is not None:
                self._loop.call_soon_threadsafe(call, *arguments)

    def _failure(self, problem: Exception) -> WriteFailed:
        if isinstance(problem, WriteFailed):
            return problem
        if isinstance(problem, sqlite3.Error | OSError):
            return WriteFailed(
                f"{self._path} could not be written: {problem}.",
                next_step="Free disk space, or make the directory writable, then try again.",
            )
        return WriteFailed(f"{self._path} could not be written: {outline(problem)}.")

    def _store(self, writes: Iterator[Write]) -> None:
        """Write a group in one transaction, in as few calls as possible.

        Each call of SQLite or of the operating system lets go of the interpreter's lock and waits for it again.
        """
        statements = list(_statements({(write.table, write.key): write.value for write in writes}))
        if len(statements) == 1:  # is a transaction of its own
            self._database.execute(*statements[0])
        elif statements:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                for statement in statements:
                    self._database.execute(*statement)
                self._database.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._database.execute("ROLLBACK")
                raise
        self._check_files()

    def _check_files(self) -> None:
        """SQLite goes on writing into a file that was deleted: such a commit would be lost at the next start."""
        for path, opened in self._files.items():
            if file_identity(path) != opened:
                raise _FileGone(
                    f"{path} was deleted or replaced while it was in use. What was written last may be lost.",
                    next_step="Start again.",
                )


_ROWS = 64
"""Records in one statement."""
_PUT = (
    "INSERT INTO records (tbl, key, value, checksum) VALUES {} "
    "ON CONFLICT (tbl, key) DO UPDATE SET value = excluded.value, checksum = excluded.checksum"
)
_DELETE = "DELETE FROM records WHERE (tbl, key) IN (SELECT * FROM (VALUES {}))"
"""``IN (VALUES …)`` would read the whole table for two rows or more (seen with SQLite 3.40)."""


def _statements(values: Mapping[tuple[str, str], bytes | None]) -> Iterator[tuple[str, list[str | bytes | int]]]:
    """Yield the SQL, with its parameters, that brings each record to its value (None: deletes it)."""
    put = [(table, key, value) for (table, key), value in values.items() if value is not None]
    for rows in _batches(put):
        yield (
            _PUT.format(", ".join(["(?, ?, ?, ?)"] * len(rows))),
            [parameter for row in rows for parameter in (*row, checksum_of(*row))],
        )
    for places in _batches([place for place, value in values.items() if value is None]):
        yield (
            _DELETE.format(", ".join(["(?, ?)"] * len(places))),
            [parameter for place in places for parameter in place],
        )


def _batches(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    return (rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS))
