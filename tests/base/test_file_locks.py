"""Locks on files, with the functions of POSIX and, in place of Windows, with a fake of its module."""

from __future__ import annotations

import importlib
import os
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from podrole.base import file_locks


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """One file, opened twice: flock tells the two apart as it does two processes."""
    first, second = (os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT) for _ in range(2))
    yield first, second
    for descriptor in (first, second):
        os.close(descriptor)


def test_file_is_locked_once(two: tuple[int, int]) -> None:
    assert file_locks.try_lock(two[0])
    assert not file_locks.try_lock(two[1])


def test_lock_ends_with_the_file_that_holds_it(two: tuple[int, int]) -> None:
    file_locks.wait_for_lock(two[0])
    os.dup2(two[1], two[0])  # closes what held the lock
    assert file_locks.try_lock(two[1])


class Msvcrt(types.ModuleType):
    """Locks regions as https://docs.python.org/3/library/msvcrt.html#msvcrt.locking describes."""

    LK_NBLCK = 2

    def __init__(self) -> None:
        super().__init__("msvcrt")
        self.regions: list[tuple[int, int, int]] = []
        self.refusals = 0

    def locking(self, descriptor: int, mode: int, length: int) -> None:
        assert mode == self.LK_NBLCK
        if self.refusals:
            self.refusals -= 1
            raise PermissionError
        self.regions.append((descriptor, os.lseek(descriptor, 0, os.SEEK_CUR), length))


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> Iterator[Msvcrt]:
    with monkeypatch.context() as patched:
        fake: Any = Msvcrt()
        patched.setattr(sys, "platform", "win32")
        patched.setitem(sys.modules, "msvcrt", fake)
        importlib.reload(file_locks)
        yield fake
    importlib.reload(file_locks)


def test_windows_locks_the_first_byte_wherever_the_file_is_read(windows: Msvcrt, two: tuple[int, int]) -> None:
    os.write(two[0], b"123")
    assert file_locks.try_lock(two[0])
    assert windows.regions == [(two[0], 0, 1)]


def test_windows_refuses_a_locked_file_and_waits_for_it(windows: Msvcrt, two: tuple[int, int]) -> None:
    windows.refusals = 2
    assert not file_locks.try_lock(two[0])
    file_locks.wait_for_lock(two[0])
    assert len(windows.regions) == 1
