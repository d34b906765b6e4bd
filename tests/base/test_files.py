"""Private files are written completely or not at all, and readable only by their owner."""

from __future__ import annotations

from pathlib import Path

import pytest

from podrole.base.files import FileProblem, make_private_directory, write_private


def test_written_file_replaces_the_old_one_and_is_private(tmp_path: Path) -> None:
    write_private(tmp_path / "key", "old")
    write_private(tmp_path / "key", b"new")
    assert (tmp_path / "key").read_text() == "new"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_failed_write_leaves_no_file_and_has_a_next_step(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "inside").touch()
    with pytest.raises(FileProblem, match="cannot be written") as raised:
        write_private(tmp_path / "taken", "x")
    assert raised.value.next_step == "make its directory writable, or choose another one"
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_directory_in_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(FileProblem, match="cannot be created"):
        make_private_directory(tmp_path / "state")


def test_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileProblem) as raised:
        write_private(tmp_path / "missing" / "file", "")
    assert raised.value.next_step == f"create the directory {tmp_path / 'missing'}, or choose another one"
