"""What an isolated container sees: which directories are its own, what is hidden, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from podrole.cluster.node.errors import MountProblem
from podrole.cluster.node.image_names import parse_image
from podrole.cluster.node.runtime import ContainerConfig, Mount
from podrole.cluster.node.runtimes.process.own_python import BasePython, base_python, make_environment
from podrole.cluster.node.runtimes.process.view import Hiding, Joined, View, view_of

HIDING = Hiding(hidden=("/w/.podrole", "/home/me/.aws"), visible=("/w/.podrole/ca-bundle.crt",))


def view(pods: Path, *mounts: Mount, hiding: Hiding = HIDING, **changes: Any) -> View:
    config: dict[str, Any] = {
        "name": "c",
        "identity": "x",
        "image": parse_image("busybox"),
        "command": [],
        "args": [],
        "environment": {},
        "mounts": mounts,
        "working_directory": "",
        "stdin": False,
        "terminal": False,
        "directory": pods / "1" / "containers" / "c",
        "spec": {},
    }
    more = [Mount("/opt/python", str(pods / "1/containers/c/python"))]
    return view_of(ContainerConfig(**config | changes), pods, hiding, more, ["/venv"])


def own(found: View, pods: Path) -> dict[str, str]:
    """Return path → name in the directory of the run, of the mounts from there."""
    begin = f"{pods}/1/containers/c/"
    return {each.path: each.target.removeprefix(begin) for each in found.mounts if each.target.startswith(begin)}


@pytest.mark.parametrize(
    ("changes", "paths"),
    [
        ({}, {"/root": "home", "/tmp": "tmp"}),
        ({"environment": {"HOME": "/home/app"}}, {"/root": "home", "/tmp": "tmp", "/home/app": "home"}),
        ({"environment": {"HOME": "/var/app"}}, {"/root": "home", "/tmp": "tmp"}),
        ({"environment": {"HOME": "/"}}, {"/root": "home", "/tmp": "tmp"}),
        ({"working_directory": "/app"}, {"/root": "home", "/tmp": "tmp", "/app": "work"}),
        ({"working_directory": "app//x/"}, {"/root": "home", "/tmp": "tmp", "/app/x": "work"}),
        ({"working_directory": "/usr/src/app"}, {"/root": "home", "/tmp": "tmp"}),
        ({"working_directory": "/tmp/x"}, {"/root": "home", "/tmp": "tmp"}),
        ({"working_directory": "/v/x", "mounts": [Mount("/v", "/elsewhere")]}, {"/root": "home", "/tmp": "tmp"}),
        ({"mounts": [Mount("/tmp", "/elsewhere")]}, {"/root": "home"}),
    ],
)
def test_directories_of_the_container_alone(tmp_path: Path, changes: dict[str, Any], paths: dict[str, str]) -> None:
    assert own(view(tmp_path, **changes), tmp_path) == paths | {"/opt/python": "python"}


def test_pods_the_world_and_credentials_are_hidden_and_what_programs_need_is_not(tmp_path: Path) -> None:
    found = view(tmp_path)
    assert found.hidden == ["/w/.podrole", "/home/me/.aws", str(tmp_path)]
    assert found.visible == ["/venv", "/w/.podrole/ca-bundle.crt"]
    assert found.directory == "/"


def test_only_the_link_to_the_nodes_directory_is_resolved(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    (real / "1/volumes/v").mkdir(parents=True)
    (real / "1/volumes/v/planted").symlink_to("/etc")
    link.symlink_to(real)
    found = view(link, Mount("/v", f"{link}/1/volumes/v/planted"))
    assert Mount("/v", f"{real}/1/volumes/v/planted") in found.mounts
    assert found.hidden[-1] == str(real)


@pytest.mark.parametrize(
    ("target", "refused"),
    [
        ("/w/.podrole", True),
        ("/w/.podrole/kubeconfig", True),
        ("/home/me/.aws/credentials", True),
        ("/w/.podrole2", False),
        ("/w", False),
    ],
)
def test_host_path_in_what_is_hidden_is_refused(tmp_path: Path, target: str, refused: bool) -> None:
    if refused:
        with pytest.raises(MountProblem, match=f"the volume at /h leads to {target}, which is hidden from pods"):
            view(tmp_path, Mount("/h", target))
    else:
        assert Mount("/h", target) in view(tmp_path, Mount("/h", target)).mounts


def test_volume_of_the_pod_is_not_refused_though_the_world_is_hidden(tmp_path: Path) -> None:
    volume = Mount("/v", str(tmp_path / "1/volumes/v"))
    assert volume in view(tmp_path, volume, hiding=Hiding(hidden=(str(tmp_path),))).mounts


def test_mount_at_the_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MountProblem, match="would stand for every file of this machine"):
        view(tmp_path, Mount("/", "/elsewhere"))


def test_outer_mounts_come_first(tmp_path: Path) -> None:
    found = json.loads(view(tmp_path, Mount("/a/b/c", "/1", read_only=True), Mount("/a", "/2")).to_json())
    paths = [path for _, path, _ in found["mounts"]]
    assert paths.index("/a") < paths.index("/a/b/c")
    assert ["/1", "/a/b/c", True] in found["mounts"]
    assert json.loads(Joined(7, "/app").to_json()) == {"join": 7, "directory": "/app"}


def test_environment_without_a_wheel_of_pip_has_no_pip(tmp_path: Path) -> None:
    base = base_python()
    make_environment(tmp_path / "python", BasePython(base.executable, base.prefix))
    names = {path.name for path in (tmp_path / "python" / "bin").iterdir()}
    assert {"python", "python3"} <= names
    assert "pip" not in names
    assert BasePython("/b/python3", "/b").needs == ["/b"]


@pytest.mark.parametrize("hidden", ["secret", "secret/below", "pods/2/volumes/token", "link/below"])
def test_what_an_image_needs_is_not_seen_where_something_is_hidden(tmp_path: Path, hidden: str) -> None:
    pods, secret = tmp_path / "pods", tmp_path / "secret"
    for each in (pods, secret):
        each.mkdir()
    (tmp_path / "link").symlink_to(secret)
    config = ContainerConfig(
        "c", "x", parse_image("busybox"), [], [], {}, [], "", False, False, pods / "1" / "containers" / "c", {}
    )
    found = view_of(config, pods, Hiding((str(secret),)), [], ["/venv", str(tmp_path / hidden), str(tmp_path)])
    assert found.visible == ["/venv", str(tmp_path)]
