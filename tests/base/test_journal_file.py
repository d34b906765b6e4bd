"""The journal's file: who may open it, and what is done with a damaged one."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from podrole.base.journal import Journal, Write
from podrole.base.journal_file import FORMAT, JournalDamaged, JournalError, JournalInUse, JournalTooNew
from support.journal import fill


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def modes(directory: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in directory.iterdir()}


def test_every_file_is_readable_by_its_owner_alone(path: Path) -> None:
    fill(path)
    path.chmod(0o644)
    found: dict[str, int] = {}

    async def write() -> None:
        journal = Journal(path)
        await journal.commit([Write("t", "k", b"v")])
        found.update(modes(path.parent))
        journal.close()

    asyncio.run(write())
    assert found == dict.fromkeys(["state.db", "state.db-wal", "state.db-shm", "state.db.lock"], 0o600)


def test_a_journal_is_opened_by_one_process_at_a_time(path: Path) -> None:
    journal = Journal(path)
    with pytest.raises(JournalInUse) as refusal:
        Journal(path)
    journal.close()
    assert refusal.value.code == "journal-in-use"
    Journal(path).close()


@pytest.mark.parametrize("content", [b"not a database, but long enough to be one" * 40, os.urandom(8_192)])
def test_a_file_that_is_no_journal_is_set_aside_and_not_overwritten(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(JournalDamaged) as refusal:
        Journal(path)
    assert refusal.value.set_aside.read_bytes() == content
    assert not path.exists()
    Journal(path).close()


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 3_000] = b"\xff" * 3_000
    path.write_bytes(content)


def test_a_damaged_page_is_found(path: Path) -> None:
    fill(path, *(Write("t", str(number), os.urandom(2_000)) for number in range(200)))
    damage(path)
    with pytest.raises(JournalDamaged):
        Journal(path)


def test_a_changed_value_is_found(path: Path) -> None:
    fill(path, *(Write("t", str(number), b"a record that was written" * 20) for number in range(50)))
    content = path.read_bytes()
    place = content.rindex(b"a record that was written")
    path.write_bytes(content[:place] + b"A" + content[place + 1 :])
    with pytest.raises(JournalDamaged, match=r"the record t/\d+ is not what was written"):
        Journal(path)


@pytest.mark.parametrize("is_there", [True, False])
async def test_an_emptied_file_is_not_taken_for_a_new_one(path: Path, tmp_path: Path, is_there: bool) -> None:
    journal = Journal(path)
    await journal.commit([Write("t", "k", b"v")])
    copied = tmp_path / "copy.db"
    shutil.copy(path.with_name("state.db-wal"), copied.with_name("copy.db-wal"))
    journal.close()
    if is_there:
        copied.touch()
    with pytest.raises(JournalDamaged, match="it is empty, but its write-ahead log is there") as refusal:
        Journal(copied)
    assert refusal.value.set_aside.with_name(refusal.value.set_aside.name + "-wal").exists()


def test_a_directory_that_is_not_there_is_an_error_with_a_next_step(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be created: No such file or directory") as refusal:
        Journal(tmp_path / "none" / "state.db")
    assert refusal.value.next_step


def test_a_path_that_is_a_directory_is_an_error_and_not_set_aside(path: Path) -> None:
    path.mkdir()
    with pytest.raises(JournalError, match="cannot be opened"):
        Journal(path)
    assert path.is_dir()


def test_files_set_aside_before_are_kept(path: Path) -> None:
    names = set()
    for _ in range(2):
        path.write_bytes(b"x" * 5_000)
        with pytest.raises(JournalDamaged) as refusal:
            Journal(path)
        names.add(refusal.value.set_aside)
    assert len(names) == 2
    assert all(name.exists() for name in names)


def test_a_newer_format_is_refused_and_left_as_it_is(path: Path) -> None:
    Journal(path).close()
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version = {FORMAT + 1}")
    with pytest.raises(JournalTooNew):
        Journal(path)
    assert path.exists()
