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
            f"{path} cannot be read: {problem}.",
            next_step=f"The damaged file is kept as {set_aside}. Start again to begin with an empty state.",
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


def checksum_of(table: str, key: str, value: bytes) -> int:
    """Return the checksum that is stored with a record."""
    return zlib.crc32(value, zlib.crc32(f"{table}/{key}".encode()))


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
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        if wal_of(path).exists():  # SQLite would delete it
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
        if checksum_of(table, key, value) != checksum:
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
