"""What the node and its processes refuse: each operand of each check has a case that it alone refuses."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from podrole.cluster.node.containers.probes import check
from podrole.cluster.node.content.atomic_files import write_volume
from podrole.cluster.node.content.environment import environment_of
from podrole.cluster.node.content.sub_paths import prepare_sub_path
from podrole.cluster.node.content.volumes import File, files_of
from podrole.cluster.node.content.volumes_on_disk import PodVolumes
from podrole.cluster.node.directories import is_plain_name, make_container_directory
from podrole.cluster.node.errors import ConfigProblem, ImageProblem, MountProblem
from podrole.cluster.node.image_names import parse_image
from podrole.cluster.node.runtime import ContainerConfig, Mount
from podrole.cluster.node.runtimes.process.archive_names import keep_member_names
from podrole.cluster.node.runtimes.process.images import Images
from podrole.cluster.node.runtimes.process.paths import PathRule
from podrole.cluster.node.runtimes.process.prepare import Machine, prepare

IMAGES = Images(find_aws=lambda: None)


# Paths of files in volumes.


@pytest.mark.parametrize(
    "path", ["", "/x", "..x", "a/..", "a/../b", "a\0b", "./..data", ".//..x", "a/../..data"], ids=repr
)
def test_path_that_leaves_or_breaks_its_volume_is_refused(path: str) -> None:
    volume = {"name": "v", "configMap": {"name": "cm", "items": [{"key": "k", "path": path}]}}
    with pytest.raises(MountProblem, match="invalid path"):
        files_of(volume, {"metadata": {}}, {("configmaps", "cm"): {"data": {"k": ""}}}, {}, node_resources={})


@pytest.mark.parametrize("path", ["x", "a/b", "a/./b", "a..b", "a/..b"])
def test_path_inside_its_volume_is_taken(path: str) -> None:
    volume = {"name": "v", "configMap": {"name": "cm", "items": [{"key": "k", "path": path}]}}
    made = files_of(volume, {"metadata": {}}, {("configmaps", "cm"): {"data": {"k": ""}}}, {}, node_resources={})
    assert len(made) == 1


def test_projected_source_of_another_kind_is_refused() -> None:
    volume = {"name": "v", "projected": {"sources": [{"clusterTrustBundle": {"path": "x"}}]}}
    with pytest.raises(MountProblem, match="clusterTrustBundle"):
        files_of(volume, {"metadata": {}}, {}, {}, node_resources={})


# What a container planted in a volume.


def planted(volume: Path, target: str) -> None:
    """Lead ``..data`` to ``target``."""
    (volume / "..data").unlink()
    (volume / "..data").symlink_to(target)


OURS = "..2026_01_01_00_00_00.000000000"


@pytest.mark.parametrize("name", [OURS, "another"])
def test_planted_directory_with_the_right_content_is_replaced(tmp_path: Path, name: str) -> None:
    volume, outside = tmp_path / "volume", tmp_path / "outside"
    outside.mkdir()
    (outside / "a").write_text("1")
    (outside / "a").chmod(0o644)
    write_volume(volume, {"a": File(b"1")}, now=0.0)
    (volume / name).symlink_to(outside)
    if name == "another":  # a directory in the volume itself, of a name that the node does not give
        (volume / name).unlink()
        shutil.copytree(outside, volume / name)
    planted(volume, name)
    assert write_volume(volume, {"a": File(b"1")}, now=1.0)
    (outside / "a").write_text("2")
    assert (volume / "a").read_text() == "1"


def test_missing_data_directory_is_written_again(tmp_path: Path) -> None:
    write_volume(tmp_path, {}, now=0.0)
    planted(tmp_path, OURS)
    assert write_volume(tmp_path, {}, now=1.0)
    assert (tmp_path / "..data").is_dir()


# Names of directories, and subPaths.


@pytest.mark.parametrize("name", ["", ".", "..", "a/b"])
def test_name_that_is_a_path_is_refused_for_volumes_and_containers(tmp_path: Path, name: str, time: Any) -> None:
    assert not is_plain_name(name)
    with pytest.raises(MountProblem, match="is not a DNS label"):
        make_container_directory(tmp_path, name)
    volumes = PodVolumes(tmp_path, None, time, node_resources={}, randomness=float)  # type: ignore[arg-type] # unused
    pod = {"spec": {"volumes": [{"name": name}]}}
    with pytest.raises(MountProblem, match="is not a DNS label"):
        volumes.mounts_of(pod, {"name": "c", "volumeMounts": [{"name": name, "mountPath": "/v"}]}, tmp_path, {})


@pytest.mark.parametrize("sub_path", ["/etc", "..", "a/..", "a/../b", "a/../../b"])
def test_sub_path_is_relative_and_without_dots(tmp_path: Path, sub_path: str) -> None:
    with pytest.raises(MountProblem, match=r"must be relative and without '\.\.'"):
        prepare_sub_path(tmp_path, sub_path, None, "m")


def test_sub_path_below_a_symlink_is_refused(tmp_path: Path) -> None:
    volume = tmp_path / "volume"
    volume.mkdir()
    (volume / "out").symlink_to(tmp_path)
    for sub_path in ("out", "out/new/directory"):
        with pytest.raises(MountProblem, match="leads out of the volume"):
            prepare_sub_path(volume, sub_path, None, "m")
    assert not (tmp_path / "new").exists()


def test_sub_path_from_a_variable_is_checked_like_any_other(tmp_path: Path, time: Any) -> None:
    volumes = PodVolumes(tmp_path, None, time, node_resources={}, randomness=float)  # type: ignore[arg-type] # unused
    mount = {"name": "v", "mountPath": "/v", "subPathExpr": "$(UP)/x"}
    pod = {"spec": {"volumes": [{"name": "v"}]}}
    with pytest.raises(MountProblem, match=r"must be relative and without '\.\.'"):
        volumes.mounts_of(pod, {"name": "c", "volumeMounts": [mount]}, tmp_path, {"UP": ".."})


def test_mount_of_a_volume_that_the_pod_does_not_have_is_refused(tmp_path: Path, time: Any) -> None:
    volumes = PodVolumes(tmp_path, None, time, node_resources={}, randomness=float)  # type: ignore[arg-type] # unused
    container = {"name": "c", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    with pytest.raises(MountProblem, match='volume "v" not found in pod'):
        volumes.mounts_of({"spec": {}}, container, tmp_path, {})


# Variables.


@pytest.mark.parametrize(("name", "value"), [("", "x"), ("A=B", "x"), ("A\0", "x"), ("A", "x\0y")], ids=repr)
def test_variable_that_no_process_can_have_is_left_out(name: str, value: str) -> None:
    found: Any = {("configmaps", "cm"): {"data": {name: value, "GOOD": "1"}}}
    container = {"name": "c", "envFrom": [{"configMapRef": {"name": "cm"}}]}
    assert environment_of({"metadata": {}}, container, found, node_resources={}) == {"GOOD": "1"}


# Names of images.


@pytest.mark.parametrize(
    "reference",
    [
        "python:" + "x" * 129,
        "python:.x",
        "python:",
        "python@sha256:" + "0" * 31,
        "python@sha256:" + "g" * 32,
        "python@256:" + "0" * 32,
        "a___b",
        "a..b",
        "-a",
        "a-",
        "team/",
        "team//app",
        "host:port/app",
        "python\n",
        "pythön",
    ],
    ids=lambda text: repr(text[:16]),
)
def test_reference_that_breaks_one_rule_is_invalid(reference: str) -> None:
    with pytest.raises(ImageProblem) as raised:
        parse_image(reference)
    assert raised.value.reason == "InvalidImageName"


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("python:" + "x" * 128, "python"),
        ("python@sha256:" + "0" * 32, "python"),
        ("registry-1.docker.io/library/python", "python"),
        ("localhost/python", "localhost/python"),
        ("docker/python", "docker/python"),
        ("docker.io.example.com/library/python", "docker.io.example.com/library/python"),
        ("library/library/python", "library/python"),
    ],
)
def test_image_of_another_registry_or_repository_is_another_image(reference: str, name: str) -> None:
    assert parse_image(reference).name == name


@pytest.mark.parametrize("reference", ["example.com/python", "team/python", "localhost/python", "localhost:1/busybox"])
def test_image_of_another_registry_is_not_run_in_place_of_a_known_one(reference: str) -> None:
    with pytest.raises(ImageProblem, match="failed to pull"):
        IMAGES.resolve(parse_image(reference))


# The directories of other pods.


@pytest.fixture
def pods(tmp_path: Path) -> Path:
    (tmp_path / "pods" / "me" / "containers" / "c").mkdir(parents=True)
    return tmp_path / "pods"


@pytest.fixture
def prepared(pods: Path) -> Any:
    """Return a function that prepares a container of the pod ``me`` for the process runtime."""

    def prepared(**changed: Any) -> Any:
        config: dict[str, Any] = {
            "name": "c",
            "identity": "i",
            "image": parse_image("busybox"),
            "command": ["true"],
            "args": [],
            "environment": {},
            "mounts": [],
            "working_directory": "",
            "stdin": False,
            "terminal": False,
            "directory": pods / "me" / "containers" / "c",
            "spec": {},
        }
        return prepare(ContainerConfig(**config | changed), Machine("me", "me", pods, IMAGES, {}))

    return prepared


OTHERS = ["{pods}/other", "{pods}/me2/x", "{pods}/me/../other", "{pods}//other", "{pods}/./me/../other", "{pods}/"]
HIDDEN = ["{pods}/me/x:{pods}/other/x", "x={pods}/other", "{parent}//pods/other", "{parent}/./pods/other"]


@pytest.mark.parametrize("text", OTHERS + HIDDEN)
def test_text_that_names_another_pods_directory_is_refused(pods: Path, prepared: Any, text: str) -> None:
    text = text.format(pods=pods, parent=pods.parent)
    for field, value in (("environment", {"X": text}), ("command", ["cat", text]), ("args", [text])):
        with pytest.raises(ConfigProblem, match="leads to the directory of another pod"):
            prepared(**{field: value})
        shutil.rmtree(pods / "me" / "containers" / "c")
        (pods / "me" / "containers" / "c").mkdir()
    with pytest.raises(ConfigProblem, match="the command leads to the directory of another pod"):
        prepared().translate(["cat", text])


@pytest.mark.parametrize("text", ["{pods}/me", "{pods}/me/volumes/v", "{parent}/podsX/other", "{pods}"])
def test_text_that_names_the_pods_own_directory_is_taken(pods: Path, prepared: Any, text: str) -> None:
    text = text.format(pods=pods, parent=pods.parent)
    assert len(prepared(environment={"X": text}).translate(["cat", text])) == 2


def test_container_without_any_command_is_refused(prepared: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from podrole.cluster.node.runtimes.process.local_image import LocalImage

    monkeypatch.setattr(Images, "resolve", lambda *_: LocalImage())
    with pytest.raises(ConfigProblem, match="no command specified"):
        prepared(command=[], args=[])


def test_working_directory_that_is_a_file_is_refused(prepared: Any, pods: Path) -> None:
    (pods / "file").write_text("")
    with pytest.raises(MountProblem, match="the working directory /f/x cannot be made"):
        prepared(mounts=[Mount("/f", str(pods / "file"))], working_directory="/f/x")


# Names in archives.


RULE = PathRule([Mount("/data", "/node/volumes/data")])


@pytest.mark.parametrize(
    "command",
    [
        ["tar"],
        ["tar", "cf"],
        ["star", "cf", "-", "/data/x"],
        ["tar", "xf", "-", "/data/x"],
        ["cat", "c", "-", "/data/x"],
    ],
)
def test_command_that_creates_no_archive_is_not_changed(command: list[str]) -> None:
    rewritten = [RULE.rewrite(word) for word in command]
    assert keep_member_names(command, list(rewritten), RULE) == rewritten


@pytest.mark.parametrize("program", ["tar", "/bin/tar"])
@pytest.mark.parametrize("inside", ["data", "d.ta", "a|b", "a&b", "a[b]", "a*b$^"])
def test_members_of_an_archive_have_the_containers_names(tmp_path: Path, program: str, inside: str) -> None:
    target = tmp_path / "vol|umes&" / inside
    target.mkdir(parents=True)
    (target / "file").write_text("")
    rule = PathRule([Mount(f"/{inside}", str(target))])
    asked = [program, "cf", "-", f"/{inside}/file"]
    rewritten = [*asked[:3], str(target / "file")]
    command = keep_member_names(asked, rewritten, rule)
    archive = subprocess.run(command, capture_output=True, check=True).stdout
    listed = subprocess.run(
        ["tar", "tf", "-", "--quoting-style=literal"], input=archive, capture_output=True, check=True
    )
    assert listed.stdout.decode().splitlines() == [f"{inside}/file"]


@pytest.mark.parametrize("path", ["/database", "/dat", "/x/data"])
def test_path_under_no_mount_is_not_located(path: str) -> None:
    assert RULE.locate(path) is None


# Hosts of probes.


async def never(*_: Any) -> Any:
    raise AssertionError("no command is asked for")


@pytest.mark.parametrize("kind", ["httpGet", "tcpSocket"])
@pytest.mark.parametrize("host", ["example.com", "localhost.example.com", "0.0.0.0", "10.0.0.8", "127.0.0.1@x", "::"])
async def test_probe_of_another_machine_is_refused(kind: str, host: str) -> None:
    result = await check({kind: {"port": 1, "host": host}}, {}, address="10.0.0.7", seconds=1.0, run=never)
    assert not result.healthy
    assert result.message.endswith(f", not {host}")


@pytest.mark.parametrize("kind", ["httpGet", "tcpSocket"])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "::1", None])
async def test_probe_of_this_machine_is_made(kind: str, host: str | None) -> None:
    handler = {kind: {"port": 1} | ({"host": host} if host else {})}
    result = await check(handler, {}, address="127.0.0.1", seconds=1.0, run=never)
    assert not result.healthy
    assert ", not " not in result.message


@pytest.mark.parametrize("kind", ["httpGet", "tcpSocket"])
async def test_probe_of_the_pods_own_address_is_made(kind: str) -> None:
    handler = {kind: {"port": 1, "host": "10.255.255.254"}}
    result = await check(handler, {}, address="10.255.255.254", seconds=0.05, run=never)
    assert ", not " not in result.message
