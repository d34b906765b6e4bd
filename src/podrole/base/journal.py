"""Durable records: what was committed is on disk and is read back after a crash or a reboot.

One SQLite file (standard library, WAL, ``synchronous=FULL``) holds records of bytes by table and key. One thread
writes; the commits that wait while it writes become one transaction, so that many callers share one ``fsync``. Callers
keep what they read in memory: the journal is read once, when it is opened.

https://sqlite.org/wal.html, https://sqlite.org/pragma.html#pragma_synchronous
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from podrole.base.errors import PodroleError

FORMAT = 1
"""The version of the file's layout, kept in SQLite's ``user_version``."""

_APPLICATION_ID = 0x706F6472  # "podr": tells the file from another program's SQLite file
_WAL_PAGES = 4_000
_WAL_LIMIT = 64 * 1024 * 1024
"""Bytes that the write-ahead log keeps after a checkpoint."""


class JournalError(PodroleError):
    """The root of this module's errors."""

    code = "journal"


class JournalInUse(JournalError):
    """Another process has the journal open."""

    code = "journal-in-use"


class JournalTooNew(JournalError):
    """The file was written by a newer podrole."""

    code = "journal-too-new"


class JournalDamaged(JournalError):
    """The file is not one that podrole wrote, or it has been damaged. ``set_aside`` is where it is now."""

    code = "journal-damaged"

    def __init__(self, path: Path, set_aside: Path, problem: str) -> None:
        super().__init__(
            f"{path} cannot be read: {problem}.",
            next_step=f"The damaged file is kept as {set_aside}. Start again to begin with an empty state.",
        )
        self.set_aside = set_aside


class WriteFailed(JournalError):
    """A commit did not reach the disk. Nothing of it was kept."""

    code = "write-failed"


class Write(NamedTuple):
    """One record put (``value``) or deleted (None)."""

    table: str
    key: str
    value: bytes | None


class _Pending(NamedTuple):
    writes: Sequence[Write]
    apply: Callable[[], None]
    done: asyncio.Future[None]


class Journal:
    """Records on disk. Opened by one process at a time; used from one event loop.

    Guarantees: a commit is whole or absent; when its future is done, its records survive a crash of the process and, as
    far as the disk obeys ``fsync``, of the machine; commits take effect in the order in which they were made. A commit
    that was made before an earlier one was known to have failed fails too, because it may build on it.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises JournalInUse, JournalTooNew, JournalDamaged, JournalError."""
        self._path = path
        self._lock = _locked(path.with_name(path.name + ".lock"))
        try:
            self._database = _opened(path)
        except BaseException:
            os.close(self._lock)
            raise
        self._waiting: list[_Pending] = []
        self._failed = False
        self._on_failure: list[Callable[[], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = threading.Condition()
        self._closing = False
        self._thread: threading.Thread | None = None

    def tables(self) -> Mapping[str, dict[str, bytes]]:
        """Return all records, by table and key. To be called before the first commit."""
        found: dict[str, dict[str, bytes]] = {}
        for table, key, value in self._database.execute("SELECT tbl, key, value FROM records ORDER BY tbl, key"):
            found.setdefault(table, {})[key] = value
        return found

    def on_failure(self, forget: Callable[[], None]) -> None:
        """Have ``forget`` called, in the event loop, when commits failed: what they were to change must not be used."""
        self._on_failure.append(forget)

    def commit(self, writes: Sequence[Write], apply: Callable[[], None] = lambda: None) -> asyncio.Future[None]:
        """Write all of ``writes`` or none; once they are on disk, call ``apply`` in the event loop and end the future.

        The future raises WriteFailed if they could not be written; ``apply`` is not called then.
        """
        self._loop = loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        with self._wake:
            if self._closing or self._failed:
                done.set_exception(
                    WriteFailed("The journal is closed." if self._closing else "An earlier write failed.")
                )
                return done
            self._waiting.append(_Pending(writes, apply, done))
            if self._thread is None:
                self._thread = threading.Thread(target=self._write, name="journal", daemon=True)
                self._thread.start()
            self._wake.notify()
        return done

    def close(self) -> None:
        """Finish what waits and close the file."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join()
        with contextlib.suppress(sqlite3.Error):
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._database.close()
        os.close(self._lock)

    def _write(self) -> None:
        while True:
            with self._wake:
                while not self._waiting and not self._closing:
                    self._wake.wait()
                group, self._waiting = self._waiting, []
            if not group:
                return
            failure = None
            try:
                self._store(write for pending in group for write in pending.writes)
            except (sqlite3.Error, OSError) as problem:
                failure = WriteFailed(
                    f"{self._path} could not be written: {problem}.",
                    next_step="Free disk space, or make the directory writable, then try again.",
                )
                with self._wake:
                    self._failed = True
                    group, self._waiting = group + self._waiting, []
            if self._loop is not None:
                with contextlib.suppress(RuntimeError):  # the loop has ended: nobody waits any more
                    self._loop.call_soon_threadsafe(self._settle, group, failure)

    def _settle(self, group: Sequence[_Pending], failure: WriteFailed | None) -> None:
        if failure is not None:
            for forget in self._on_failure:
                forget()
            with self._wake:
                self._failed = False
        for pending in group:
            if failure is None:
                pending.apply()
            if not pending.done.done():  # its caller may have been cancelled: the commit stands all the same
                pending.done.set_result(None) if failure is None else pending.done.set_exception(failure)

    def _store(self, writes: Iterator[Write]) -> None:
        last: dict[tuple[str, str], bytes | None] = {(write.table, write.key): write.value for write in writes}
        put = [(table, key, value) for (table, key), value in last.items() if value is not None]
        gone = [place for place, value in last.items() if value is None]
        self._check_file()
        self._database.execute("BEGIN IMMEDIATE")
        try:
            self._database.executemany(
                "INSERT INTO records (tbl, key, value) VALUES (?, ?, ?) "
                "ON CONFLICT (tbl, key) DO UPDATE SET value = excluded.value",
                put,
            )
            self._database.executemany("DELETE FROM records WHERE tbl = ? AND key = ?", gone)
            self._database.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            raise

    def _check_file(self) -> None:
        """SQLite goes on writing into a file that was deleted: such a commit would be lost at the next start."""
        if not self._path.exists():
            raise OSError("the file was deleted")


def _locked(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        os.close(descriptor)
        raise JournalInUse(
            f"{path.with_suffix('')} is used by another process.", next_step="podrole down, or another --dir"
        ) from problem
    return descriptor


def _opened(path: Path) -> sqlite3.Connection:
    try:
        return _database(path)
    except sqlite3.DatabaseError as problem:
        if isinstance(problem, sqlite3.OperationalError):  # the disk, not the file: nothing is damaged
            raise JournalError(f"{path} cannot be opened: {problem}.") from problem
        aside = _set_aside(path)
        raise JournalDamaged(path, aside, str(problem)) from problem


def _database(path: Path) -> sqlite3.Connection:
    is_new = not path.exists() or path.stat().st_size == 0
    if is_new:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        if is_new:
            database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {FORMAT}")
        _check_format(database, path)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        database.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}")
        database.execute(
            "CREATE TABLE IF NOT EXISTS records "
            "(tbl TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (tbl, key)) WITHOUT ROWID"
        )
        _check_content(database)
    except BaseException:
        database.close()
        raise
    return database


def _check_content(database: sqlite3.Connection) -> None:
    problem = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        raise sqlite3.DatabaseError(problem)


def _check_format(database: sqlite3.Connection, path: Path) -> None:
    application = database.execute("PRAGMA application_id").fetchone()[0]
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if application != _APPLICATION_ID:
        raise sqlite3.DatabaseError("it is not a journal of podrole")
    if version > FORMAT:
        raise JournalTooNew(
            f"{path} was written by a newer podrole.",
            got=f"format {version}",
            expected=f"format {FORMAT} or older",
            next_step="Use that podrole, or another --dir.",
        )


def _set_aside(path: Path) -> Path:
    """Rename a damaged file and what belongs to it; an earlier one that was set aside stays."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    for suffix in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside
