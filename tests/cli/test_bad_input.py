"""A failed start is reported with the next step, and leaves nothing running."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from support.world import PODROLE, clean_environment, podrole, processes_of, run, running_world

FREE = ("--aws-port", "0", "--cluster-port", "0", "--ephemeral")


def refused(*words: str, cwd: Path, env: dict[str, str] | None = None) -> str:
    """Run podrole, which must fail, and return what it says."""
    done = podrole(*words, cwd=cwd, env=env)
    assert done.returncode not in (0, 124), done.stdout
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize(
    ("option", "part"),
    [
        ("--aws-port", "the local AWS"),
        ("--cluster-port", "the cluster"),
        ("--webhook-port", "the webhook"),
        ("--issuer-port", "the cluster's issuer"),
    ],
)
@pytest.mark.parametrize("how", [(), ("--detach",)], ids=["foreground", "detached"])
def test_port_in_use_is_refused(tmp_path: Path, option: str, part: str, how: tuple[str, ...]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = refused("up", *how, *FREE, option, port, cwd=tmp_path)
    assert f"Port {port} is already in use, so {part} cannot listen there." in said
    assert f"{option} 0 takes any free one" in said
    assert not (tmp_path / ".podrole" / "world.json").exists()
    assert processes_of(tmp_path) == []


def test_second_world_in_a_directory_is_refused(tmp_path: Path) -> None:
    with running_world(tmp_path):
        for how in ((), ("--detach",)):
            said = refused("up", *how, *FREE, cwd=tmp_path)
            assert f"A world is already running in {tmp_path}/.podrole." in said
            assert "podrole down" in said
        assert podrole("status", cwd=tmp_path).returncode == 0, "the first world still runs"
    assert processes_of(tmp_path) == []


@pytest.mark.parametrize("how", [(), ("--detach",)], ids=["foreground", "detached"])
def test_directory_that_cannot_be_created_is_refused(tmp_path: Path, how: tuple[str, ...]) -> None:
    said = refused("up", *how, *FREE, "--dir", "/proc/podrole", cwd=tmp_path)
    assert "The directory /proc/podrole cannot be created" in said
    assert "--dir" in said


def test_file_as_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    said = refused("up", *FREE, "--dir", "taken", cwd=tmp_path)
    assert "cannot be created" in said


def test_secrets_that_cannot_be_read_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / ".podrole").mkdir()
    (tmp_path / ".podrole" / "secrets.json").write_text('{"half')
    said = refused("up", *FREE, cwd=tmp_path)
    assert "cannot be read" in said
    assert "to get new ones" in said
    assert (tmp_path / ".podrole" / "secrets.json").read_text() == '{"half'


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--account", "1234"), "12 digits"),
        (("--account", "12345678901a"), "12 digits"),
        (("--region", "mars"), "such as us-east-1"),
        (("--aws-port", "70000"), "65535"),
        (("--aws-port", "x"), "--aws-port"),
        (("--nonsense",), "--nonsense"),
    ],
)
def test_invalid_option_is_refused(tmp_path: Path, words: tuple[str, ...], told: str) -> None:
    assert told in refused("up", *words, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["status", "env", "down", "events"])
def test_command_without_a_running_world_is_refused(tmp_path: Path, command: str) -> None:
    said = refused(command, cwd=tmp_path)
    assert "podrole up" in said


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ("from podrole.cli import tools\ntools.find_aws = lambda: None", "needs the aws CLI, which is not installed."),
        (
            (
                "import importlib.util as util\nfind = util.find_spec\n"
                "util.find_spec = lambda name, *more: None if name == 'moto' else find(name, *more)"
            ),
            "needs the services of the local AWS, which are not installed.",
        ),
    ],
    ids=["aws", "services"],
)
def test_walkthrough_without_the_extra_demo_is_refused(tmp_path: Path, missing: str, said: str) -> None:
    script = f"{missing}\nfrom podrole.cli import main\nmain(['demo'])\n"
    done = run(str(Path(PODROLE).parent / "python"), "-c", script, cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert "pip install 'podrole[demo]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("made", ["lock", "secrets.json", "webhook-token"])
def test_interrupted_start_leaves_no_process(tmp_path: Path, number: signal.Signals, made: str) -> None:
    """At each stage of the start, known by the file that was just created."""
    process = subprocess.Popen(
        [PODROLE, "up", *FREE],
        cwd=tmp_path,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    limit = time.monotonic() + 30
    while not (tmp_path / ".podrole" / made).exists():
        assert time.monotonic() < limit
        time.sleep(0.005)
    os.killpg(process.pid, number)
    _, said = process.communicate(timeout=30)
    assert "Traceback" not in said
    assert process.returncode in (0, 130, -number), said
    assert not (tmp_path / ".podrole" / "world.json").exists()
    assert processes_of(tmp_path) == []
    with running_world(tmp_path):
        pass  # what was left, if anything, does not keep the next world from starting


def test_stopped_world_ends_its_pods(tmp_path: Path) -> None:
    with running_world(tmp_path) as world:
        world.ok("kubectl", "run", "sleeper", "--image", "busybox", "--", "sleep", "1000")
        world.ok("kubectl", "wait", "pod/sleeper", "--for=condition=Ready", "--timeout=30s")
        assert any("sleep 1000" in command for command in processes_of(tmp_path))
    assert processes_of(tmp_path) == []
    assert not (tmp_path / ".podrole" / "world.json").exists()


def test_killed_world_can_be_started_again(tmp_path: Path) -> None:
    with running_world(tmp_path) as world:
        world.ok("kubectl", "run", "sleeper", "--image", "busybox", "--", "sleep", "1000")
        world.ok("kubectl", "wait", "pod/sleeper", "--for=condition=Ready", "--timeout=30s")
        os.kill(world.pid, signal.SIGKILL)
        assert "No world is running" in refused("status", cwd=tmp_path)
    with running_world(tmp_path) as again:
        assert again.ok("kubectl", "get", "pods") == ""
        assert not any("sleep 1000" in command for command in processes_of(tmp_path)), "its orphans have ended"
