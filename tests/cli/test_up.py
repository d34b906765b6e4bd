"""``podrole up``: the process that it makes."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from podrole.cli.up import directory_option
from podrole.world.state import WorldDirectory
from support.world import running_world


@pytest.mark.parametrize(
    ("directory", "variable", "option"),
    [
        ("here/.podrole", None, ""),
        ("other world", None, " --dir '{}/other world'"),
        ("other", "{}/other", ""),
        ("other", "../other", ""),
        ("other", "{}/first", " --dir {}/other"),
        ("here/.podrole", "{}/first", " --dir {}/here/.podrole"),
        ("here/.podrole", "", ""),
    ],
)
def test_next_commands_name_the_directory_where_a_shell_would_find_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directory: str, variable: str | None, option: str
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("PODROLE_DIR", raising=False)
    if variable is not None:
        monkeypatch.setenv("PODROLE_DIR", variable.format(tmp_path))
    assert directory_option(WorldDirectory(tmp_path / directory)) == option.format(tmp_path)


def test_world_may_have_as_many_files_open_as_the_system_allows(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        with running_world(tmp_path) as world:
            limits = Path(f"/proc/{world.pid}/limits").read_text()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    [line] = [line.split() for line in limits.splitlines() if line.startswith("Max open files")]
    assert line[3] == line[4]
