"""The journal's file: its layout, and how it is locked, opened and checked.

https://sqlite.org/wal.html, https://sqlite.org/pragma.html#pragma_synchronous
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
import zlib
from pathlib import Path

from podrole.base.errors import PodroleError
from podrole.base.file_locks import try_lock
from podrole.base.files import set_aside
from podrole.base.journal_wal import damage_of, frames_in_use

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
    """The root of the journal's errors."""

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
            f"{path} cannot be read: {problem}. It is kept as {set_aside}.",
            next_step="start again with an empty state, or load a state that you saved",
        )
        self.set_aside = set_aside


def file_identity(path: Path) -> tuple[int, int] | None:
    """Return which file a path leads to, None if to none."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def wal_of(path: Path) -> Path:
    """Return where SQLite keeps the write-ahead log of a file."""
    return path.with_name(path.name + "-wal")


def index_of(path: Path) -> Path:
    """Return where SQLite keeps the index of the write-ahead log of a file."""
    return path.with_name(path.name + "-shm")


def checksum_of(table: str, key: str, value: bytes) -> int:
    """Return the checksum that is stored with a record."""
    return _checksum_of(table.encode(), key.encode(), value)


def _checksum_of(table: bytes, key: bytes, value: bytes) -> int:
    return zlib.crc32(value, zlib.crc32(b"%b/%b" % (table, key)))


def lock_journal(path: Path) -> int:
    """Lock a journal's lock file and return its descriptor. Raises JournalInUse, JournalError."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as problem:
        raise JournalError(
            f"{path} cannot be created: {problem.strerror}.",
            next_step="Make the directory writable, or choose another with --dir.",
        ) from problem
    for _ in range(_ATTEMPTS):
        if try_lock(descriptor):
            return descriptor
        time.sleep(_ATTEMPT_SECONDS)
    os.close(descriptor)
    raise JournalInUse(
        f"{path.with_suffix('')} is used by another process.", next_step="podrole down, or another --dir"
    )


def open_journal(path: Path) -> sqlite3.Connection:
    """Open or create a journal's file and check all of it. Raises JournalTooNew, JournalDamaged, JournalError."""
    with contextlib.ExitStack() as opened:
        try:
            _create(path)
            path.chmod(0o600)  # SQLite gives the files beside it the same mode
            database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            opened.callback(database.close)
            _prepare(database, path)
        except (sqlite3.OperationalError, OSError) as problem:  # the disk, not the file: nothing is damaged
            raise JournalError(
                f"{path} cannot be opened: {problem}.",
                next_step="Free disk space, or make the directory writable, then start again.",
            ) from problem
        except sqlite3.DatabaseError as problem:
            # Before it is closed: SQLite would write the write-ahead log into the damaged file. It finds out that the
            # file has moved, and leaves both alone.
            raise JournalDamaged(path, _set_aside(path), str(problem)) from problem
        opened.pop_all()
        return database


def _create(path: Path) -> None:
    """Make an empty file if there is none. Raises DatabaseError if there was one."""
    if path.exists() and path.stat().st_size > 0:
        return
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    if wal_of(path).exists():  # SQLite would delete it
        raise sqlite3.DatabaseError("it is empty, but its write-ahead log is there")


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    if path.stat().st_size == 0:
        database.executescript(_LAYOUT)
    _check_format(database, path)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
    database.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}")
    _check_content(database)
    _check_wal(path)


def _check_content(database: sqlite3.Connection) -> None:
    """Raise DatabaseError unless each record, and the index by which it is found, is what was written."""
    problem = database.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if problem != "ok":
        raise sqlite3.DatabaseError(problem.splitlines()[-1])  # the first line names the database
    # As bytes: a damaged text may not be UTF-8, which would look like an error of the disk.
    query = """SELECT CAST(tbl AS BLOB), CAST(key AS BLOB), CAST(value AS BLOB), checksum,
        typeof(tbl) = 'text' AND typeof(key) = 'text' AND typeof(value) = 'blob' FROM records"""
    for table, key, value, checksum, has_types in database.execute(query):
        if not has_types or _checksum_of(table, key, value) != checksum:
            place = f"{table.decode(errors='replace')}/{key.decode(errors='replace')}"
            raise sqlite3.DatabaseError(f"the record {place} is not what was written")


def _check_wal(path: Path) -> None:
    wal = wal_of(path)
    damage = damage_of(wal, frames_in_use(index_of(path))) if wal.exists() else None
    if damage is not None:
        raise sqlite3.DatabaseError(damage)


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
    for name_of in (wal_of, index_of):
        with contextlib.suppress(FileNotFoundError):
            name_of(path).rename(name_of(aside))
    return aside
