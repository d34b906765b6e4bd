"""Private files are whole, owned, or not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from podrole.base.files import FileProblem, make_private_directory, write_private


def test_a_file_is_replaced_and_private(tmp_path: Path) -> None:
    write_private(tmp_path / "key", "old")
    write_private(tmp_path / "key", b"new")
    assert (tmp_path / "key").read_text() == "new"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_a_failed_write_leaves_nothing_and_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "inside").touch()
    with pytest.raises(FileProblem, match="cannot be written") as raised:
        write_private(tmp_path / "taken", "x")
    assert "--dir" in (raised.value.next_step or "")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_directory_where_a_file_stands_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(FileProblem, match="cannot be created"):
        make_private_directory(tmp_path / "state")
