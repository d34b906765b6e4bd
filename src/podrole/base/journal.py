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
import logging
import os
import sqlite3
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from podrole.base.errors import PodroleError, outline
from podrole.base.files import set_aside
from podrole.base.tasks import TaskFailure

_log = logging.getLogger(__name__)

FORMAT = 1
"""The version of the file's layout, kept in SQLite's ``user_version``."""

_APPLICATION_ID = 0x706F6472  # "podr": tells the file from another program's SQLite file
_WAL_PAGES = 4_000
_WAL_LIMIT = 64 * 1024 * 1024
"""Bytes that the write-ahead log keeps after a checkpoint."""
_LAYOUT = f"""
BEGIN IMMEDIATE;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {FORMAT};
CREATE TABLE records (
    tbl TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (tbl, key)
);
COMMIT;
"""
_ATTEMPTS, _ATTEMPT_SECONDS = 25, 0.01
"""A process that was killed keeps its lock for a moment."""


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
        self._lock = _locked(path.with_name(path.name + ".lock"))
        try:
            self._database = _opened(path)
        except BaseException:
            os.close(self._lock)
            raise
        self._files = {file: _identity(file) for file in (path, _wal(path))}
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
        found: dict[str, dict[str, bytes]] = {}
        query = "SELECT tbl, key, value FROM records WHERE tbl >= ? AND tbl < ? ORDER BY tbl, key"
        for table, key, value in self._database.execute(query, (prefix, prefix + "\U0010ffff")):
            found.setdefault(table, {})[key] = value
        return found

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
                self._wake.notify()
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
        last: dict[tuple[str, str], bytes | None] = {(write.table, write.key): write.value for write in writes}
        put = [
            (table, key, value, _checksum(table, key, value))
            for (table, key), value in last.items()
            if value is not None
        ]
        gone = [place for place, value in last.items() if value is None]
        self._check_files()
        self._database.execute("BEGIN IMMEDIATE")
        try:
            self._database.executemany(
                "INSERT INTO records (tbl, key, value, checksum) VALUES (?, ?, ?, ?) "
                "ON CONFLICT (tbl, key) DO UPDATE SET value = excluded.value, checksum = excluded.checksum",
                put,
            )
            self._database.executemany("DELETE FROM records WHERE tbl = ? AND key = ?", gone)
            self._database.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            raise
        self._check_files()

    def _check_files(self) -> None:
        """SQLite goes on writing into a file that was deleted: such a commit would be lost at the next start."""
        for path, opened in self._files.items():
            if _identity(path) != opened:
                raise _FileGone(
                    f"{path} was deleted or replaced while it was in use. What was written last may be lost.",
                    next_step="Start again.",
                )


def _identity(path: Path) -> tuple[int, int] | None:
    """Return which file a path leads to, None if to none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _wal(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _checksum(table: str, key: str, value: bytes) -> int:
    return zlib.crc32(value, zlib.crc32(f"{table}/{key}".encode()))


def _locked(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as problem:
        raise JournalError(
            f"{path} cannot be created: {problem.strerror}.",
            next_step="Make the directory writable, or choose another with --dir.",
        ) from problem
    for _ in range(_ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_ATTEMPT_SECONDS)
        else:
            return descriptor
    os.close(descriptor)
    raise JournalInUse(
        f"{path.with_suffix('')} is used by another process.", next_step="podrole down, or another --dir"
    )


def _opened(path: Path) -> sqlite3.Connection:
    try:
        return _database(path)
    except (sqlite3.OperationalError, OSError) as problem:  # the disk, not the file: nothing is damaged
        raise JournalError(
            f"{path} cannot be opened: {problem}.",
            next_step="Free disk space, or make the directory writable, then start again.",
        ) from problem
    except sqlite3.DatabaseError as problem:
        raise JournalDamaged(path, _set_aside(path), str(problem)) from problem


def _database(path: Path) -> sqlite3.Connection:
    is_new = not path.exists() or path.stat().st_size == 0
    if is_new:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        if _wal(path).exists():  # SQLite would delete it
            raise sqlite3.DatabaseError("it is empty, but its write-ahead log is there")
    path.chmod(0o600)  # SQLite gives the files beside it the same mode
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        if is_new:
            database.executescript(_LAYOUT)
        _check_format(database, path)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
        database.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}")
        _check_content(database)
    except BaseException:
        database.close()
        raise
    return database


def _check_content(database: sqlite3.Connection) -> None:
    problem = database.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        raise sqlite3.DatabaseError(problem.splitlines()[-1])  # the first line names the database
    for table, key, value, checksum in database.execute("SELECT tbl, key, value, checksum FROM records"):
        if _checksum(table, key, value) != checksum:
            raise sqlite3.DatabaseError(f"the record {table}/{key} is not what was written")


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
    """Rename a damaged file and what belongs to it; an earlier one that was set aside stays. Raises FileProblem."""
    aside = set_aside(path)
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside
