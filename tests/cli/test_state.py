"""What a world keeps, as a person sees it: restart, ephemeral worlds, reset, saving and loading, initialization."""

from __future__ import annotations

import base64
import gzip
import json
import os
import shlex
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from podrole.base.errors import PodroleError
from podrole.world import saved_state
from podrole.world.state import WorldDirectory
from support.world import (
    FREE_PORTS,
    PODROLE,
    RunningWorld,
    clean_environment,
    podrole,
    podrole_here,
    processes_of,
    running_world,
)

MANIFEST = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: made}\n"


def make_user(world: RunningWorld, name: str) -> None:
    world.client("iam").create_user(UserName=name)


def users(world: RunningWorld) -> list[str]:
    return [user["UserName"] for user in world.client("iam").list_users()["Users"]]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state of a world with the user ``kept``, in a file beside its directory."""
    place = tmp_path_factory.mktemp("saved")
    with running_world(place, ephemeral=False) as world:
        make_user(world, "kept")
    assert podrole("state", "save", "state", cwd=place).returncode == 0
    return place / "state"


def test_start_says_in_one_line_what_it_restored(tmp_path: Path, saved: Path) -> None:
    podrole_here("state", "load", str(saved), cwd=tmp_path)
    started = podrole("up", "--detach", *FREE_PORTS, cwd=tmp_path)
    podrole_here("down", cwd=tmp_path)
    (line,) = [line for line in started.stdout.splitlines() if line.startswith("Restored: ")]
    assert line.startswith("Restored: 1 role, 2 users, 0 policies, ")


def test_start_after_a_crash_waits_for_the_new_world_and_prints_its_addresses(tmp_path: Path) -> None:
    podrole("up", "--detach", *FREE_PORTS, cwd=tmp_path)
    crashed = json.loads(podrole_here("status", "--json", cwd=tmp_path).stdout)
    os.kill(crashed["pid"], signal.SIGKILL)
    while podrole_here("status", cwd=tmp_path).returncode == 0:
        pass  # the process is still ending
    started = podrole("up", "--detach", *FREE_PORTS, cwd=tmp_path)
    running = json.loads(podrole_here("status", "--json", cwd=tmp_path).stdout)
    podrole_here("down", cwd=tmp_path)
    assert running["pid"] != crashed["pid"]
    assert running["aws_url"] in started.stdout
    assert "Restored: " in started.stdout


@pytest.mark.parametrize("has_content", [True, False])
def test_end_of_an_ephemeral_world_says_what_is_gone(tmp_path: Path, has_content: bool) -> None:
    with subprocess.Popen(
        [PODROLE, "up", "--ephemeral", *FREE_PORTS],
        cwd=tmp_path,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "events" in line and "--follow" in line:
                break
        if has_content:
            script = f'eval "$({shlex.quote(PODROLE)} env)" && aws iam create-user --user-name somebody'
            subprocess.run(["sh", "-c", script], cwd=tmp_path, check=True, env=clean_environment(), capture_output=True)
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
    assert ("A world that is started without --ephemeral keeps its state." in rest) == has_content
    assert not (tmp_path / ".podrole" / "state.db").exists()


def test_saved_state_can_be_loaded_elsewhere(tmp_path: Path, saved: Path) -> None:
    assert saved.stat().st_mode & 0o777 == 0o600
    done = podrole_here("state", "load", str(saved), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    source = json.loads((saved.parent / ".podrole" / "secrets.json").read_text())
    with running_world(tmp_path, ephemeral=False) as world:
        assert users(world) == ["admin", "kept"]
        assert world.environment["AWS_SECRET_ACCESS_KEY"] == source["admin_secret"]
        assert str(world.description["issuer"]).endswith(source["cluster_id"])


def test_saving_says_that_the_file_holds_credentials(tmp_path: Path, saved: Path) -> None:
    podrole_here("state", "load", str(saved), cwd=tmp_path)
    assert "It holds credentials" in podrole_here("state", "save", "again", cwd=tmp_path).stdout


def test_loading_replaces_a_world_only_if_asked(tmp_path: Path, saved: Path) -> None:
    with running_world(tmp_path, ephemeral=False) as world:
        make_user(world, "other")
    before = content(tmp_path)
    refused = podrole_here("state", "load", str(saved), cwd=tmp_path)
    assert refused.returncode == 1
    assert "--replace" in refused.stderr
    assert content(tmp_path) == before
    assert podrole_here("state", "load", "--replace", str(saved), cwd=tmp_path).returncode == 0
    with running_world(tmp_path, ephemeral=False) as world:
        assert users(world) == ["admin", "kept"]


def content(place: Path) -> dict[str, bytes]:
    """Return what a world in ``place`` keeps, by the name of the file."""
    return {file.name: file.read_bytes() for file in (place / ".podrole").iterdir() if file.is_file()}


def other_format(content: bytes) -> bytes:
    header, _, rest = content.partition(b"\n")
    return json.dumps({**json.loads(header), "format": 99}).encode() + b"\n" + rest


def bad_record(content: bytes) -> bytes:
    header, _, rest = content.partition(b"\n")
    body = json.loads(gzip.decompress(rest))
    records = body["tables"]["iam.user"]
    body["tables"]["iam.user"] = dict.fromkeys(records, base64.b64encode(b"{}").decode())
    return header + b"\n" + gzip.compress(json.dumps(body).encode())


def with_object(resource: str, name: str, obj: object) -> Callable[[bytes], bytes]:
    """Return a change of a saved state that adds a Kubernetes object."""

    def change(content: bytes) -> bytes:
        header, _, rest = content.partition(b"\n")
        body = json.loads(gzip.decompress(rest))
        record = base64.b64encode(json.dumps(obj).encode()).decode()
        body["tables"].setdefault(f"kubernetes.{resource}", {})[f"default/{name}"] = record
        return header + b"\n" + gzip.compress(json.dumps(body).encode())

    return change


def pod(**metadata: str) -> object:
    spec = {"containers": [{"name": "main", "image": "busybox"}]}
    given = {"name": "made-up", "namespace": "default", "uid": "0505e6cf-bb64-4551-af5b-10b0975ef39c", **metadata}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": given, "spec": spec}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (other_format, "in a format that this one does not know"),
        (lambda content: content[:-100], "is damaged"),
        (bad_record, "is damaged"),
        (with_object("configmaps", "made-up", None), "is damaged"),
        (with_object("pods", "made-up", {}), "is damaged"),
        # The node would make, and at the end delete, this directory.
        (with_object("pods", "made-up", pod(uid="../../../elsewhere")), "metadata.uid"),
        (with_object("pods", "made-up", pod(name="../made-up")), "metadata.name"),
        (with_object("pods", "made-up", pod(namespace="other")), "metadata.name"),
        (with_object("widgets.example.com", "made-up", pod(uid="x")), "metadata.uid"),
        (lambda _: b"cos\nsystem\n(S'touch pickled'\ntR.", "is not a state that podrole saved"),
        (lambda _: b"", "is not a state that podrole saved"),
    ],
    ids=[
        "newer format",
        "truncated",
        "record of another form",
        "no object",
        "empty object",
        "uid that is a path",
        "name that is a path",
        "object of another place",
        "custom object",
        "pickle",
        "empty",
    ],
)
def test_file_that_is_no_state_is_refused_and_changes_nothing(
    tmp_path: Path, saved: Path, change: object, sentence: str
) -> None:
    podrole_here("state", "load", str(saved), cwd=tmp_path)
    before = content(tmp_path)
    (tmp_path / "bad").write_bytes(change(saved.read_bytes()))  # type: ignore[operator]
    refused = podrole_here("state", "load", "--replace", "bad", cwd=tmp_path)
    assert refused.returncode == 1
    assert sentence in refused.stderr
    assert "Traceback" not in refused.stderr
    assert content(tmp_path) == before
    assert not (tmp_path / "pickled").exists()


def test_reset_empties_a_world_and_leaves_its_credentials(tmp_path: Path) -> None:
    with running_world(tmp_path, ephemeral=False) as world:
        make_user(world, "gone")
        key = world.environment["AWS_ACCESS_KEY_ID"]
    done = podrole_here("reset", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    with running_world(tmp_path, ephemeral=False) as world:
        assert users(world) == ["admin"]
        assert world.environment["AWS_ACCESS_KEY_ID"] == key
        assert world.description["restored"] == ""


def test_state_of_a_running_world_is_left_alone(tmp_path: Path, saved: Path) -> None:
    (tmp_path / "f").write_bytes(saved.read_bytes())
    with running_world(tmp_path, ephemeral=False) as world:
        for words in (("reset",), ("state", "save", "f"), ("state", "load", "f")):
            refused = podrole_here(*words, cwd=tmp_path)
            assert refused.returncode == 1, words
            assert "podrole down" in refused.stderr, words
            assert users(world) == ["admin"], words
    assert (tmp_path / "f").read_bytes() == saved.read_bytes()


@pytest.mark.parametrize("words", [("reset",), ("state", "save", "f")], ids=" ".join)
def test_directory_without_a_world_is_refused(tmp_path: Path, words: tuple[str, ...]) -> None:
    refused = podrole_here(*words, cwd=tmp_path)
    assert refused.returncode == 1
    assert "--dir" in refused.stderr
    assert list(tmp_path.iterdir()) == []


# Initialization


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    folder = tmp_path / 'the "first" steps, in order'
    folder.mkdir()
    (folder / "10-user.sh").write_text("pwd\naws iam create-user --user-name made --query User.UserName\n")
    (folder / "20-map.yaml").write_text(MANIFEST)
    (folder / "30-last.sh").write_text("#!/bin/sh\nkubectl get configmap made -o name && echo last >> ran\n")
    (folder / "30-last.sh").chmod(0o755)
    (folder / "readme.txt").write_text("not a step")
    (folder / "._10-user.sh").write_text("exit 1  # of another system, which keeps more of a file beside it\n")
    return folder


def test_initialization_fills_a_new_world_once(tmp_path: Path, steps: Path) -> None:
    options = ("up", "--detach", *FREE_PORTS, "--init", steps.name)
    first = podrole(*options, cwd=tmp_path)
    try:
        assert first.returncode == 0, first.stdout + first.stderr
        order = ["10-user.sh", str(steps), '"made"', "20-map.yaml", "configmap/made created", "30-last.sh", "is up"]
        places = [first.stdout.find(text) for text in order]
        assert -1 not in places, first.stdout
        assert places == sorted(places)
    finally:
        podrole_here("down", cwd=tmp_path)
    second = podrole(*options, cwd=tmp_path)
    podrole_here("down", cwd=tmp_path)
    assert second.returncode == 0, second.stdout + second.stderr
    assert (steps / "ran").read_text() == "last\n"


def test_initialization_goes_on_with_the_step_that_failed(tmp_path: Path, steps: Path) -> None:
    (steps / "25-fails.sh").write_text("echo so far; exit 3\n")
    options = ("up", *FREE_PORTS, "--init", steps.name)
    first = podrole(*options, cwd=tmp_path)
    assert first.returncode == 1
    assert "The step 25-fails.sh of the initialization failed" in first.stderr
    assert "exit code 3" in first.stderr
    assert "so far" in first.stdout
    assert processes_of(tmp_path) == []
    (steps / "25-fails.sh").write_text("echo repaired\n")
    second = podrole(*options, "--detach", cwd=tmp_path)
    podrole_here("down", cwd=tmp_path)
    assert second.returncode == 0, second.stdout + second.stderr
    assert "10-user.sh" not in second.stdout
    assert "repaired" in second.stdout
    assert (steps / "ran").read_text() == "last\n"


def test_initialization_that_fails_detached_is_reported(tmp_path: Path, steps: Path) -> None:
    (steps / "20-map.yaml").write_text("apiVersion: v1\nkind: Nonsense\nmetadata: {name: made}\n")
    done = podrole("up", "--detach", "--ephemeral", *FREE_PORTS, "--init", steps.name, cwd=tmp_path)
    assert done.returncode == 1
    assert "The step 20-map.yaml of the initialization failed" in done.stderr
    assert podrole_here("status", cwd=tmp_path).returncode == 1


def test_interrupted_initialization_leaves_no_process(tmp_path: Path, steps: Path) -> None:
    (steps / "10-user.sh").write_text("echo waiting; sleep 600\n")
    with subprocess.Popen(
        [PODROLE, "up", *FREE_PORTS, "--init", steps.name],
        cwd=tmp_path,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "waiting" in line:
                break
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    assert process.returncode == 0
    assert processes_of(tmp_path) == []


def test_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    refused = podrole("up", *FREE_PORTS, "--init", "nowhere", cwd=tmp_path)
    assert refused.returncode == 2
    assert "nowhere" in refused.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("content", "says"), [("my notes\n", "is not a saved state"), (None, "is a directory")])
def test_save_replaces_nothing_but_a_saved_state(tmp_path: Path, content: str | None, says: str) -> None:
    world, file = WorldDirectory(tmp_path / "world"), tmp_path / "file"
    world.path.mkdir()
    world.state.touch()
    if content is None:
        file.mkdir()
    else:
        file.write_text(content)
    with pytest.raises(PodroleError, match=says):
        saved_state.save(world, file, 0.0)
    if content is not None:
        assert file.read_text() == content
