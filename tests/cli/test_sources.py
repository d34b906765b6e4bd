"""What a command examines: the world that --dir names and no other, or a real cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from podrole.cli.sources import SourceOptions, find_world
from podrole.world.errors import NotRunning
from support.world import podrole_here


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PODROLE_DIR", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "a real kubeconfig"))


def test_named_directory_without_a_world_is_refused() -> None:
    with pytest.raises(NotRunning, match=r"No world is running in .*misspelt"):
        find_world(SourceOptions(Path("misspelt")))


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(SourceOptions(), id="no directory named"),
        pytest.param(SourceOptions(Path("misspelt"), context="production"), id="a real context named"),
        pytest.param(SourceOptions(Path("misspelt"), kubeconfig=Path("config")), id="a real kubeconfig named"),
        pytest.param(SourceOptions(Path("misspelt"), profile="production"), id="a real account named"),
    ],
)
def test_without_a_world_or_where_real_sources_are_named_it_is_no_world(options: SourceOptions) -> None:
    assert find_world(options) is None


def test_folder_of_the_kubeconfig_stays_as_it_is(tmp_path: Path) -> None:
    assert find_world(SourceOptions()) is None
    assert list(tmp_path.iterdir()) == []


def test_directory_of_the_environment_may_have_no_world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PODROLE_DIR", "stopped")
    assert find_world(SourceOptions(Path("stopped"))) is None


@pytest.mark.parametrize(
    "command",
    [
        ("doctor", "--all"),
        ("console", "--port", "0"),
        ("get", "iamserviceaccount"),
        ("wait", "shop/serviceaccount/inventory"),
        ("issuer", "verify"),
    ],
    ids=" ".join,
)
def test_commands_say_that_no_world_runs_in_the_named_directory(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = podrole_here(*command, "--dir", "misspelt", cwd=tmp_path)
    assert done.returncode in (1, 2)  # as each command says that it could not begin
    assert f"No world is running in {tmp_path / 'misspelt'}." in done.stderr
    assert "Traceback" not in done.stderr
