"""A world's state in one file, to be carried to another directory or machine, and the emptying of a world.

The file begins with a line of JSON, the header; the rest is JSON compressed by gzip: the journal's records, the
services' snapshot and the secrets, without which tokens and credentials that clients hold would not stay valid. Reading
it executes nothing: records are decoded by their types before they take the place of anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import secrets
import shutil
import tempfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from podrole import __version__
from podrole.account.store import AccountStore
from podrole.base.clock import system_clock
from podrole.base.files import FileProblem, write_private
from podrole.base.journal import Journal, Write
from podrole.cluster.kinds.stored import faults_of_stored
from podrole.cluster.store.durable import DurableStore, kept_objects
from podrole.world.errors import AlreadyRunning, NotRunning, StateRefused
from podrole.world.kept import Kept
from podrole.world.secrets import check_secrets
from podrole.world.state import WorldDirectory

FORMAT = 1
_KIND = "podrole state"
_HEADER_BYTES = 4096


class Header(msgspec.Struct, frozen=True):
    """What a saved state says of itself. ``saved_at`` is epoch seconds, ``podrole`` the version that wrote it."""

    kind: str
    format: int
    podrole: str
    saved_at: float


class _Content(msgspec.Struct, frozen=True):
    secrets: bytes
    tables: dict[str, dict[str, bytes]]
    services: bytes | None


def save(directory: WorldDirectory, file: Path, now: float) -> None:
    """Write the state of a stopped world to ``file``, mode 0600.

    A file that is replaced must be a saved state. Raises AlreadyRunning, NotRunning if there is no state, StateRefused,
    JournalError, FileProblem.
    """
    if not directory.state.exists():
        raise NotRunning(
            f"There is no state of a world in {directory.path}.",
            next_step="start a world with podrole up, or name another directory with --dir",
        )
    _check_replaceable(file)
    with _stopped(directory), contextlib.closing(Journal(directory.state)) as journal:
        services = directory.services.read_bytes() if directory.services.exists() else None
        content = _Content(directory.stored_secrets(), dict(journal.tables()), services)
    header = Header(_KIND, FORMAT, __version__, now)
    write_private(file, msgspec.json.encode(header) + b"\n" + gzip.compress(msgspec.json.encode(content), 6))


def load(directory: WorldDirectory, file: Path, *, replace: bool) -> Header:
    """Give a stopped world the state of ``file``, and return the file's header.

    Raises StateRefused, with nothing changed, if the file is not a state that this podrole can read, or if the
    directory has a world and ``replace`` is false; AlreadyRunning, FileProblem.
    """
    header, content = _read(file)
    with directory.lock():
        if directory.state.exists() and not replace:
            raise StateRefused(
                f"There is a world in {directory.path} already.",
                next_step="load it with --replace, which deletes that world, or choose another directory with --dir",
            )
        with tempfile.TemporaryDirectory(dir=directory.path, prefix=".loading-") as place:
            made = Path(place) / directory.state.name
            _write_journal(made, content.tables, file)
            _delete_state(directory)
            if content.services is not None:
                write_private(directory.services, content.services)
            write_private(directory.secrets_file, content.secrets)
            made.replace(directory.state)
    return header


def reset(directory: WorldDirectory) -> None:
    """Empty a stopped world; its keys and its administrator's credentials stay.

    Raises AlreadyRunning, and NotRunning if there is no world.
    """
    if not directory.path.is_dir():
        raise NotRunning(
            f"There is no world in {directory.path}.",
            next_step="name its directory with --dir",
        )
    with _stopped(directory):
        _delete_state(directory)


def _stopped(directory: WorldDirectory) -> contextlib.AbstractContextManager[object]:
    try:
        return directory.lock()
    except AlreadyRunning:
        raise AlreadyRunning(
            f"A world is running in {directory.path}: only the state of a stopped world can be saved or emptied.",
            next_step="stop it with podrole down",
        ) from None


def _check_replaceable(file: Path) -> None:
    """Raise StateRefused for a file that holds something else, FileProblem for a directory."""
    if file.is_dir():
        raise FileProblem(f"{file} is a directory.", next_step=f"name a file in it, such as {file / 'world.state'}")
    if file.is_file() and file.stat().st_size:
        try:
            with file.open("rb") as opened:
                kind = msgspec.json.decode(opened.readline(_HEADER_BYTES), type=Header).kind
        except (OSError, msgspec.MsgspecError):
            kind = None
        if kind != _KIND:
            raise StateRefused(
                f"{file} exists and is not a saved state.", next_step="name another file, or delete this one"
            )


def _delete_state(directory: WorldDirectory) -> None:
    events = directory.events
    state = directory.state
    files = [
        state,
        state.with_name(f"{state.name}-wal"),
        state.with_name(f"{state.name}-shm"),
        directory.services,
        events,
        events.with_name(f"{events.name}.1"),
    ]
    try:
        for file in files:
            file.unlink(missing_ok=True)
        if directory.node.exists():
            shutil.rmtree(directory.node)
    except OSError as problem:
        raise FileProblem(
            f"{problem.filename} cannot be deleted: {problem.strerror}.", next_step="make its directory writable"
        ) from problem


def _read(file: Path) -> tuple[Header, _Content]:
    try:
        with file.open("rb") as opened:
            first, rest = opened.readline(_HEADER_BYTES), opened.read()
    except OSError as problem:
        raise FileProblem(f"The file {file} cannot be read: {problem.strerror}.") from problem
    try:
        header = msgspec.json.decode(first, type=Header)
    except msgspec.MsgspecError:
        raise StateRefused(f"{file} is not a state that podrole saved.") from None
    if header.kind != _KIND:
        raise StateRefused(f"{file} is not a state that podrole saved.", got=repr(header.kind))
    if header.format != FORMAT:
        raise StateRefused(
            f"{file} was saved by another podrole, in a format that this one does not know.",
            got=f"format {header.format}, podrole {header.podrole}",
            expected=f"format {FORMAT}",
            next_step="load it with that podrole",
        )
    try:
        content = msgspec.json.decode(gzip.decompress(rest), type=_Content)
        check_secrets(content.secrets)
    except (OSError, EOFError, zlib.error, ValueError) as problem:
        raise _damaged(file, problem) from problem
    return header, content


def _write_journal(path: Path, tables: Mapping[str, Mapping[str, bytes]], file: Path) -> None:
    """Make a journal of the records; raise StateRefused unless a world can start from it."""

    async def write() -> None:
        await journal.commit(
            [Write(table, key, value) for table, records in tables.items() for key, value in records.items()]
        )

    with contextlib.closing(Journal(path)) as journal:
        asyncio.run(write())
    with contextlib.closing(Journal(path)) as journal:
        try:
            AccountStore(system_clock, secrets.token_bytes, journal)
            DurableStore(journal)
            Kept(journal)
            faults = [
                f"{resource} {place}: {fault.field}: {fault.message}"
                for resource, place, obj in kept_objects(journal)
                for fault in faults_of_stored(resource, place, obj)
            ]
        except Exception as problem:  # a damaged or made-up record can fail in any way
            raise _damaged(file, problem) from problem
    if faults:
        raise StateRefused(
            f"{file} has an object that a cluster would refuse.", got=faults[0], next_step="save the state again"
        )


def _damaged(file: Path, problem: Exception) -> StateRefused:
    return StateRefused(
        f"{file} is damaged: it begins like a saved state, but cannot be read.",
        got="the end is missing" if isinstance(problem, EOFError) else "a part of another form",
        next_step="save the state again",
    )
