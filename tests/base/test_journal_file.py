"""The journal's file: who may open it, and what is done with a damaged one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from podrole.base.journal import Journal, Write
from podrole.base.journal_file import FORMAT, JournalDamaged, JournalError, JournalInUse, JournalTooNew, wal_of
from support.journal import fill, records


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


@pytest.mark.parametrize("byte", [b"!", b"\xff"], ids=["text", "not UTF-8"])
@pytest.mark.parametrize("occurrence", [0, 1], ids=["first", "second"])
def test_a_changed_key_is_found_in_the_table_and_in_its_index(path: Path, occurrence: int, byte: bytes) -> None:
    fill(path, *(Write("t", f"the key {number:03}", b"v") for number in range(50)))
    content = path.read_bytes()
    assert content.count(b"the key 025") == 2
    place = content.index(b"the key 025")
    if occurrence == 1:
        place = content.index(b"the key 025", place + 1)
    path.write_bytes(content[:place] + byte + content[place + 1 :])
    with pytest.raises(JournalDamaged):
        Journal(path)


@pytest.mark.parametrize(("column", "type_"), [("tbl", "BLOB"), ("key", "BLOB"), ("value", "TEXT")])
def test_a_changed_type_is_found(path: Path, column: str, type_: str) -> None:
    fill(path, Write("t", "k", b"v"))
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.execute(f"UPDATE records SET {column} = CAST({column} AS {type_})")
    with pytest.raises(JournalDamaged, match="the record t/k is not what was written"):
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
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {FORMAT + 1}")
    with pytest.raises(JournalTooNew):
        Journal(path)
    assert path.exists()


# The write-ahead log that a crash has left


COMMITS = 12


@pytest.fixture
def left(path: Path, tmp_path: Path) -> Path:
    """Return the path of a journal that was not closed: what it was filled with last is in the write-ahead log."""
    fill(path, Write("first", "k", os.urandom(100_000)))

    async def write() -> None:
        journal = Journal(path)
        for number in range(COMMITS):
            await journal.commit([Write("t", f"{number:02}", os.urandom(6_000))])
        copy(path, tmp_path / "left.db")
        journal.close()

    asyncio.run(write())
    return tmp_path / "left.db"


def copy(path: Path, to: Path) -> None:
    shutil.copy(path, to)
    shutil.copy(wal_of(path), wal_of(to))


def transactions(wal: bytes) -> list[tuple[int, int]]:
    """Return where each transaction begins and ends. https://sqlite.org/walformat.html"""
    size = 24 + int.from_bytes(wal[8:12], "big")
    found, begin = [], 32
    for place in range(32, len(wal), size):
        if any(wal[place + 4 : place + 8]):
            found.append((begin, place + size))
            begin = place + size
    return found


def test_a_damaged_write_ahead_log_is_found_and_both_files_are_kept_as_they_are(left: Path, tmp_path: Path) -> None:
    good, wal = left.read_bytes(), wal_of(left).read_bytes()
    acknowledged = transactions(wal)[:-2]
    assert len(acknowledged) >= COMMITS - 2
    chance = random.Random(1)
    places = [0, 31, *(chance.randrange(begin, end) for begin, end in acknowledged)]
    for number, place in enumerate(places):
        damaged = tmp_path / f"damaged-{number}.db"
        changed = wal[:place] + bytes([wal[place] ^ 0x10]) + wal[place + 1 :]
        damaged.write_bytes(good)
        wal_of(damaged).write_bytes(changed)
        with pytest.raises(JournalDamaged, match="write-ahead log is damaged") as refusal:
            Journal(damaged)
        assert refusal.value.set_aside.read_bytes() == good
        assert wal_of(refusal.value.set_aside).read_bytes() == changed


def test_a_damaged_file_is_kept_as_it_is_with_its_write_ahead_log(left: Path) -> None:
    damage(left)
    files = [left.read_bytes(), wal_of(left).read_bytes()]
    with pytest.raises(JournalDamaged) as refusal:
        Journal(left)
    assert [refusal.value.set_aside.read_bytes(), wal_of(refusal.value.set_aside).read_bytes()] == files


def test_an_interrupted_transaction_at_the_end_is_no_damage(left: Path, tmp_path: Path) -> None:
    wal = wal_of(left).read_bytes()
    begin, end = transactions(wal)[-1]
    torn = bytearray(wal)
    torn[begin + 100] ^= 0xFF  # the system wrote later pages of it before earlier ones
    for number, rest in enumerate([wal[:begin], wal[: begin + 10], wal[: end - 1], bytes(torn)]):
        opened = tmp_path / f"torn-{number}.db"
        shutil.copy(left, opened)
        wal_of(opened).write_bytes(rest)
        assert set(records(opened)["t"]) == {f"{number:02}" for number in range(COMMITS - 1)}


async def test_frames_from_before_a_restart_of_the_write_ahead_log_are_no_damage(path: Path, tmp_path: Path) -> None:
    journal = Journal(path)
    for number in range(COMMITS):
        await journal.commit([Write("t", f"{number:02}", os.urandom(6_000))])
    journal._database.execute("PRAGMA wal_checkpoint(RESTART)")
    await journal.commit([Write("t", "last", b"v")])
    copy(path, tmp_path / "left.db")
    journal.close()
    assert len(records(tmp_path / "left.db")["t"]) == COMMITS + 1
