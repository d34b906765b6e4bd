"""What the journal acknowledged is there after a crash; what it could not write is refused and leaves no trace."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from podrole.base import journal as journal_module
from podrole.base.journal import Journal, Write, WriteFailed
from support.journal import fill, records


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


async def test_committed_records_are_read_back(path: Path) -> None:
    journal = Journal(path)
    await journal.commit([Write("role", "a", b"1"), Write("user", "b", b"2")])
    await journal.commit([Write("role", "a", b"3"), Write("user", "b", None)])
    journal.close()
    assert records(path) == {"role": {"a": b"3"}}


async def test_commits_that_wait_are_written_in_order(path: Path) -> None:
    journal = Journal(path)
    applied: list[int] = []
    commits = [
        journal.commit([Write("t", "k", str(number).encode())], lambda number=number: applied.append(number))
        for number in range(500)
    ]
    await asyncio.gather(*commits)
    journal.close()
    assert applied == list(range(500))
    assert records(path) == {"t": {"k": b"499"}}


async def test_a_change_is_applied_only_after_it_is_on_disk(path: Path) -> None:
    journal = Journal(path)
    on_disk: list[list[tuple[bytes]]] = []

    def look() -> None:
        with contextlib.closing(sqlite3.connect(path)) as other:
            on_disk.append(other.execute("SELECT value FROM records").fetchall())

    await journal.commit([Write("t", "k", b"v")], look)
    journal.close()
    assert on_disk == [[(b"v",)]]


def delete_files(directory: Path) -> None:
    for file in directory.iterdir():
        if file.suffix != ".lock":
            file.unlink()


async def test_a_failed_write_is_refused_with_all_that_waits_and_changes_nothing(path: Path, tmp_path: Path) -> None:
    journal = Journal(path)
    await journal.commit([Write("t", "kept", b"1")])
    forgotten, applied = [], []
    journal.on_failure(lambda: forgotten.append(True))
    delete_files(tmp_path)
    commits = [journal.commit([Write("t", str(n), b"2")], lambda: applied.append(True)) for n in range(5)]
    outcomes = await asyncio.gather(*commits, return_exceptions=True)
    assert all(isinstance(outcome, WriteFailed) for outcome in outcomes)
    assert forgotten
    assert not applied
    journal.close()


async def test_failures_are_said_once_until_a_commit_succeeds(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    journal = Journal(path)

    def refuse(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    for _ in range(2):
        with monkeypatch.context() as patch:
            patch.setattr(Journal, "_store", refuse)
            for _ in range(3):
                with pytest.raises(WriteFailed):
                    await journal.commit([Write("t", "k", b"1")])
        await journal.commit([Write("t", "k", b"2")])
    journal.close()
    assert [message.splitlines()[0] for message in caplog.messages] == [
        f"{path} could not be written: database or disk is full."
    ] * 2


async def test_a_fault_in_the_writer_fails_the_commits_and_the_next_one_succeeds(path: Path) -> None:
    journal = Journal(path)
    commits = [
        journal.commit([Write("t", "\ud800", b"a key that has no UTF-8")]),
        journal.commit([Write("t", "k", b"1")]),
    ]
    async with asyncio.timeout(30):
        outcomes = await asyncio.gather(*commits, return_exceptions=True)
    assert all(isinstance(outcome, WriteFailed) for outcome in outcomes)
    await journal.commit([Write("t", "k", b"2")])
    journal.close()
    assert records(path) == {"t": {"k": b"2"}}


async def test_a_change_that_cannot_be_applied_stops_the_journal_and_holds_nobody_up(path: Path) -> None:
    journal = Journal(path)

    def fail() -> None:
        raise KeyError("a secret")

    applied: list[int] = []
    bad = journal.commit([Write("t", "bad", b"1")], fail)
    good = journal.commit([Write("t", "good", b"1")], lambda: applied.append(1))
    async with asyncio.timeout(30):
        outcomes = await asyncio.gather(bad, good, return_exceptions=True)
        failure = await journal.failed()
    assert isinstance(outcomes[0], KeyError)
    assert outcomes[1] is None
    assert applied == [1]
    assert "could not be applied" in failure.reason
    assert "secret" not in failure.reason
    with pytest.raises(WriteFailed, match="could not be applied"):
        await journal.commit([Write("t", "k", b"1")])
    journal.close()


@pytest.mark.parametrize("name", ["state.db", "state.db-wal"])
@pytest.mark.parametrize("replaced", [False, True])
async def test_a_journal_whose_file_is_gone_stops(path: Path, name: str, replaced: bool) -> None:
    journal = Journal(path)
    forgotten: list[bool] = []
    journal.on_failure(lambda: forgotten.append(True))
    await journal.commit([Write("t", "k", b"1")])
    file = path.with_name(name)
    file.rename(path.with_name("moved"))
    if replaced:
        file.touch()
    for times in (1, 2):
        with pytest.raises(WriteFailed, match="was deleted or replaced while it was in use"):
            await journal.commit([Write("t", "k", b"2")])
        assert len(forgotten) == times
    async with asyncio.timeout(30):
        failure = await journal.failed()
    assert str(file) in failure.reason
    journal.close()


async def test_a_commit_into_a_file_that_is_deleted_meanwhile_is_not_acknowledged(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(path)
    check = Journal._check_files

    def delete_before_the_check(journal: Journal) -> None:
        delete_files(path.parent)
        check(journal)

    monkeypatch.setattr(Journal, "_check_files", delete_before_the_check)
    with pytest.raises(WriteFailed):
        await journal.commit([Write("t", "k", b"1")])
    journal.close()


async def test_close_writes_what_waits_and_refuses_the_rest(path: Path) -> None:
    journal = Journal(path)
    forgotten: list[bool] = []
    journal.on_failure(lambda: forgotten.append(True))
    waiting = [journal.commit([Write("t", str(number), b"1")]) for number in range(200)]
    journal.close()
    late = journal.commit([Write("t", "late", b"1")])
    assert not forgotten  # what is written must be applied first
    journal.close()
    with pytest.raises(WriteFailed, match="closed"):
        await late
    await asyncio.gather(*waiting)
    assert forgotten
    assert len(records(path)["t"]) == 200


async def test_a_caller_that_is_cancelled_does_not_take_its_commit_back(path: Path) -> None:
    journal = Journal(path)
    applied: list[bool] = []
    commit = journal.commit([Write("t", "k", b"1")], lambda: applied.append(True))
    commit.cancel()
    await journal.commit([Write("t", "other", b"1")])
    journal.close()
    assert applied
    assert set(records(path)["t"]) == {"k", "other"}


_FULL_DISK = """
import asyncio, resource, signal, sys
from pathlib import Path
from podrole.base.journal import Journal, Write, WriteFailed

async def main():
    journal = Journal(Path(sys.argv[1]))
    await journal.commit([Write("t", "kept", b"1")])
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
    try:
        await journal.commit([Write("t", "large", bytes(1_000_000))])
    except WriteFailed as refusal:
        print("refused:", refusal.what)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await journal.commit([Write("t", "after", b"2")])
    journal.close()

asyncio.run(main())
"""


def test_a_full_disk_fails_the_write_and_the_next_one_succeeds(path: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", _FULL_DISK, path], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("refused: ")
    assert records(path) == {"t": {"kept": b"1", "after": b"2"}}


_FULL_AT_CHECKPOINT = """
import asyncio, resource, signal, sys
from pathlib import Path
from podrole.base.journal import Journal, Write, WriteFailed

async def main():
    journal = Journal(Path(sys.argv[1]))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    # The write-ahead log fits (16 MB before it is copied into the file); the file does not.
    resource.setrlimit(resource.RLIMIT_FSIZE, (18_000_000, resource.RLIM_INFINITY))
    number = 0
    try:
        while number < 400:
            await journal.commit([Write("t", str(number), bytes([number % 256]) * 100_000)])
            number += 1
    except WriteFailed:
        pass
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await journal.commit([Write("after", "k", b"")])
    print(number)
    sys.stdout.flush()
    import os
    os._exit(0)

asyncio.run(main())
"""


def test_a_disk_that_is_full_at_a_checkpoint_loses_nothing(path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", _FULL_AT_CHECKPOINT, path], stdout=subprocess.PIPE, text=True, check=True
    )
    acknowledged = int(ran.stdout)
    assert 100 < acknowledged < 400  # the limit was met
    kept = records(path)
    assert kept["t"] == {str(number): bytes([number % 256]) * 100_000 for number in range(acknowledged)}
    assert "after" in kept


_WRITER = """
import asyncio, sys
from pathlib import Path
from podrole.base.journal import Journal, Write

async def client(journal, name):
    number = 0
    while True:
        number += 1
        value = str(number).encode()
        await journal.commit([Write("left", str(name), value), Write("right", str(name), value)])
        print(name, number, flush=True)

async def main():
    journal = Journal(Path(sys.argv[1]))
    await asyncio.gather(*(client(journal, name) for name in range(8)))

asyncio.run(main())
"""


def crash(path: Path, after_lines: int) -> None:
    """Kill a process that writes, and compare what it acknowledged with what is there."""
    process = subprocess.Popen([sys.executable, "-c", _WRITER, path], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    acknowledged: dict[str, int] = {}
    for _ in range(after_lines):
        name, number = process.stdout.readline().split()
        acknowledged[name] = int(number)
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate()
    for line in rest.splitlines():
        if len(parts := line.split()) == 2:
            acknowledged[parts[0]] = int(parts[1])
    kept = records(path)
    assert kept["left"] == kept["right"]  # a commit is whole or absent
    for name, number in acknowledged.items():
        assert int(kept["left"][name]) >= number


def test_after_a_kill_every_acknowledged_write_is_there(path: Path) -> None:
    for after_lines in random.sample(range(1, 200), 3):
        crash(path, after_lines)


@pytest.mark.soak
def test_after_two_hundred_kills_every_acknowledged_write_is_there(path: Path) -> None:
    for _ in range(200):
        crash(path, random.randint(1, 400))


def size_of(directory: Path) -> int:
    return sum(file.stat().st_size for file in directory.iterdir())


async def write_many(path: Path, writes: int) -> int:
    """Make writes of 1 kB to 1,000 records, a hundred at a time; return the most that the files took meanwhile."""
    journal, most = Journal(path), 0
    for group in range(writes // 100):
        value = os.urandom(1_000)
        await asyncio.gather(
            *(journal.commit([Write("t", str((group * 37 + number) % 1_000), value)]) for number in range(100))
        )
        if group % 50 == 0:
            most = max(most, size_of(path.parent))
    journal.close()
    return most


def check_growth(path: Path, writes: int) -> None:
    most = asyncio.run(write_many(path, writes))
    assert most < 40_000_000  # the write-ahead log is copied into the file every 16 MB
    assert size_of(path.parent) < 3_000_000  # 1,000 records of 1 kB
    assert len(records(path)["t"]) == 1_000


def test_many_writes_do_not_make_the_files_grow(path: Path) -> None:
    check_growth(path, 20_000)


@pytest.mark.soak
@pytest.mark.timeout(1_800)
def test_a_million_writes_do_not_make_the_files_grow(path: Path) -> None:
    check_growth(path, 1_000_000)


def test_a_copy_of_the_files_is_a_whole_state(path: Path, tmp_path: Path) -> None:
    fill(path, Write("t", "k", b"v"))
    copied = tmp_path / "copy.db"
    shutil.copy(path, copied)
    assert records(copied) == {"t": {"k": b"v"}}


@pytest.mark.parametrize("number", [1, 63, 64, 65, 200])
async def test_a_commit_of_many_writes_puts_and_deletes_each_of_them(path: Path, number: int) -> None:
    journal = Journal(path)
    await journal.commit([Write("t", str(key), b"1") for key in range(number)])
    await journal.commit([Write("t", str(key), b"2" if key % 2 else None) for key in range(number)])
    journal.close()
    assert records(path).get("t", {}) == {str(key): b"2" for key in range(1, number, 2)}


async def test_a_commit_that_fails_in_its_second_statement_leaves_nothing_of_its_first(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(path)
    await journal.commit([Write("t", "kept", b"1")])
    statements = journal_module._statements
    monkeypatch.setattr(
        journal_module, "_statements", lambda values: [*statements(values), ("INSERT INTO nowhere VALUES (1)", [])]
    )
    with pytest.raises(WriteFailed, match="no such table"):
        await journal.commit([Write("t", "kept", b"2"), Write("t", "new", b"2")])
    monkeypatch.undo()
    await journal.commit([Write("t", "later", b"3")])
    journal.close()
    assert records(path)["t"] == {"kept": b"1", "later": b"3"}


@pytest.mark.parametrize("number", [1, 2, 100])
def test_no_write_reads_the_whole_table(path: Path, number: int) -> None:
    Journal(path).close()
    values = {("t", str(key)): b"1" if key % 2 else None for key in range(2 * number)}
    with contextlib.closing(sqlite3.connect(path)) as database:
        plans = [
            row[3]
            for sql, parameters in journal_module._statements(values)
            for row in database.execute(f"EXPLAIN QUERY PLAN {sql}", parameters)
        ]
    assert any(plan.startswith("SEARCH records") for plan in plans)
    assert not any(plan.startswith("SCAN records") for plan in plans), plans
