"""``podrole console`` and ``podrole up --console``: what they print, and when they end."""

from __future__ import annotations

import re
import signal
import subprocess
from pathlib import Path

import httpx2
import pytest

from podrole.cli import console
from podrole.cli.sources import SourceOptions, open_sources
from podrole.console.observation import Observer
from podrole.world.errors import NotRunning
from podrole.world.state import WorldDirectory
from support.world import FREE_PORTS, PODROLE, clean_environment, podrole_here

URL = re.compile(r"http://127\.0\.0\.1:\d+/\?token=\S+")


def status_of(url: str) -> int:
    return httpx2.get(url, timeout=30, trust_env=False).status_code


def test_a_world_with_a_console_ends_both(tmp_path: Path) -> None:
    command = [PODROLE, "up", "--ephemeral", "--console", *FREE_PORTS]
    with subprocess.Popen(
        command, cwd=tmp_path, env=clean_environment(PYTHONUNBUFFERED="1"), stdout=subprocess.PIPE, text=True
    ) as world:
        assert world.stdout is not None
        said = ""
        for line in world.stdout:
            said += line
            if URL.search(line):
                break
        (url,) = URL.findall(said)
        assert f"The console shows the world in {tmp_path / '.podrole'} and changes nothing." in said
        assert status_of(url.partition("?")[0]) == 403
        world.send_signal(signal.SIGINT)
        rest = world.stdout.read()  # ends when the console has closed it too
        assert world.wait(60) == 0, rest
    with pytest.raises(httpx2.ConnectError):
        status_of(url)


def test_the_console_needs_the_foreground(tmp_path: Path) -> None:
    done = podrole_here("up", "--detach", "--console", cwd=tmp_path)
    assert done.returncode == 2
    assert "podrole console shows a world that runs in the background" in " ".join(done.stderr.split())


KUBECONFIG_TEXT = """\
apiVersion: v1
kind: Config
clusters: [{name: here, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: me, user: {token: none}}]
contexts: [{name: here, context: {cluster: here, user: me}}]
current-context: here
"""


def test_without_a_world_and_a_cluster_it_is_refused(tmp_path: Path) -> None:
    done = podrole_here("console", "--port", "0", cwd=tmp_path, env=clean_environment(HOME=str(tmp_path)))
    assert done.returncode == 2
    assert f"No world is running in {tmp_path / '.podrole'}. No Kubernetes API was found" in done.stderr
    assert "start a world with podrole up" in done.stderr


def test_a_context_that_the_kubeconfig_does_not_have_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(KUBECONFIG_TEXT)
    done = podrole_here("console", "--port", "0", "--kubeconfig", "config", "--context", "her", cwd=tmp_path)
    assert done.returncode == 2
    assert "her" in done.stderr
    assert "name a cluster with KUBECONFIG, --kubeconfig and --context" in done.stderr


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(KUBECONFIG_TEXT)
    environment = clean_environment(PYTHONUNBUFFERED="1", KUBECONFIG=str(tmp_path / "config"))
    with subprocess.Popen(
        [PODROLE, "console", "--port", "0"], cwd=tmp_path, env=environment,
        stdout=subprocess.PIPE, text=True,
    ) as first:  # fmt: skip
        assert first.stdout is not None
        (url,) = URL.findall(next(line for line in first.stdout if URL.search(line)))
        port = url.split(":")[2].partition("/")[0]
        done = podrole_here("console", "--port", port, cwd=tmp_path, env=environment)
        first.terminate()
        assert first.wait(30) == 0
    assert done.returncode == 2
    assert f"Port {port} is already in use" in done.stderr
    assert "--port 0 takes any free one" in done.stderr


async def test_a_world_that_has_stopped_is_never_replaced_by_another_cluster(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text("{}")
    stopped = WorldDirectory(tmp_path / ".podrole")
    with pytest.raises(NotRunning):
        async with open_sources(SourceOptions(kubeconfig=kubeconfig), stopped):
            pass


@pytest.mark.timeout(30)
def test_the_console_ends_when_its_background_work_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def fail(_: Observer) -> None:
        raise ValueError("a secret")

    monkeypatch.setattr(Observer, "run", fail)
    (tmp_path / "config").write_text(KUBECONFIG_TEXT)
    options = SourceOptions(tmp_path / ".podrole", kubeconfig=tmp_path / "config")
    assert console.run(options, 0, allow_repair=False) == 2
    said = capsys.readouterr().err
    assert "The console has stopped: the observation of the chains failed." in said
    assert "ValueError at " in said
    assert "a secret" not in said
