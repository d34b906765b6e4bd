"""A failed start is reported with the next step, and leaves nothing running."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from support.world import PODROLE, clean_environment, kill, podrole, podrole_here, processes_of, run, running_world

FREE = ("--aws-port", "0", "--cluster-port", "0", "--ephemeral")


def refused(*words: str, cwd: Path, here: bool = True) -> str:
    """Run podrole, in this process or in one of its own, which must fail, and return what it says."""
    done = (podrole_here if here else podrole)(*words, cwd=cwd)
    assert done.returncode not in (0, 124), done.stdout
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize(
    ("option", "part", "how"),
    [
        ("--aws-port", "the local AWS", ()),
        ("--cluster-port", "the cluster", ()),
        ("--webhook-port", "the webhook", ("--detach",)),
        ("--issuer-port", "the cluster's issuer", ()),
        pytest.param("--aws-port", "the local AWS", ("--detach",), marks=pytest.mark.soak),
        pytest.param("--cluster-port", "the cluster", ("--detach",), marks=pytest.mark.soak),
        pytest.param("--webhook-port", "the webhook", (), marks=pytest.mark.soak),
        pytest.param("--issuer-port", "the cluster's issuer", ("--detach",), marks=pytest.mark.soak),
    ],
)
def test_port_in_use_is_refused(tmp_path: Path, option: str, part: str, how: tuple[str, ...]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = refused("up", *how, *FREE, option, port, cwd=tmp_path, here=False)
    assert f"Port {port} is already in use, so {part} cannot listen there." in said
    assert f"{option} 0 takes any free one" in said
    assert not (tmp_path / ".podrole" / "world.json").exists()
    assert processes_of(tmp_path) == []


def test_second_world_in_a_directory_is_refused(tmp_path: Path) -> None:
    with running_world(tmp_path):
        for how in ((), ("--detach",)):
            said = refused("up", *how, *FREE, cwd=tmp_path, here=False)
            assert f"A world is already running in {tmp_path}/.podrole." in said
            assert "podrole down" in said
        assert podrole_here("status", cwd=tmp_path).returncode == 0, "the first world still runs"
    assert processes_of(tmp_path) == []


@pytest.mark.parametrize("how", [(), ("--detach",)], ids=["foreground", "detached"])
def test_directory_that_cannot_be_created_is_refused(tmp_path: Path, how: tuple[str, ...]) -> None:
    said = refused("up", *how, *FREE, "--dir", "/proc/podrole", cwd=tmp_path, here=False)
    assert "The directory /proc/podrole cannot be created" in said
    assert "--dir" in said


def test_file_as_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    said = refused("up", *FREE, "--dir", "taken", cwd=tmp_path, here=False)
    assert "cannot be created" in said


def test_secrets_that_cannot_be_read_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / ".podrole").mkdir()
    (tmp_path / ".podrole" / "secrets.json").write_text('{"half')
    said = refused("up", *FREE, cwd=tmp_path, here=False)
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
    assert done.returncode == 2
    assert said in done.stderr
    assert "pip install 'podrole[demo]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("made", "number"),
    [
        ("lock", signal.SIGINT),
        ("secrets.json", signal.SIGTERM),
        ("webhook-token", signal.SIGINT),
        pytest.param("lock", signal.SIGTERM, marks=pytest.mark.soak),
        pytest.param("secrets.json", signal.SIGINT, marks=pytest.mark.soak),
        pytest.param("webhook-token", signal.SIGTERM, marks=pytest.mark.soak),
    ],
)
def test_interrupted_start_leaves_no_process(tmp_path: Path, made: str, number: signal.Signals) -> None:
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
        kill(world.pid)
        assert "No world is running" in refused("status", cwd=tmp_path)
    with running_world(tmp_path) as again:
        assert again.ok("kubectl", "get", "pods") == ""
        assert not any("sleep 1000" in command for command in processes_of(tmp_path)), "its orphans have ended"


def odd_place(tmp_path: Path) -> Path:
    """Return a directory whose name a shell and an ASCII terminal take badly."""
    place = tmp_path / "we'ird \"größe ✓"
    place.mkdir()
    return place


def test_output_is_written_on_an_ascii_terminal(tmp_path: Path) -> None:
    place, env = odd_place(tmp_path), clean_environment(PYTHONIOENCODING="ascii", LC_ALL="C")
    try:
        started = podrole("up", "--detach", *FREE, cwd=place, env=env)
        assert started.returncode == 0, started.stdout + started.stderr
        for words in (("status",), ("env",), ("events",), ("up",), ("nothing",)):
            done = podrole(*words, cwd=place, env=env)
            assert "Traceback" not in done.stdout + done.stderr
    finally:
        stopped = podrole("down", cwd=place, env=env)
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr


SCRIPT = """
eval "$(podrole env)"
kubectl run web --image=busybox --restart=Never -- sh -c '
  cat "/var/run/secrets/kubernetes.io/serviceaccount/namespace"
  cat /run/secrets/kubernetes.io/serviceaccount/namespace'
kubectl wait --timeout=60s --for=jsonpath={.status.phase}=Succeeded pod/web >&2 && kubectl logs web
"""


def test_scripts_of_pods_find_their_files_whatever_the_directory_is_called(tmp_path: Path) -> None:
    place = odd_place(tmp_path)
    try:
        started = podrole("up", "--detach", *FREE, cwd=place)
        assert started.returncode == 0, started.stdout + started.stderr
        done = run("bash", "-c", SCRIPT, cwd=place, env=clean_environment(HOME=str(place)))
    finally:
        podrole("down", cwd=place)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("defaultdefault")
