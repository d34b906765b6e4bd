"""The files of a volume, and how they are written."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from podrole.cluster.core.client import Object
from podrole.cluster.node.content.atomic_files import write_volume
from podrole.cluster.node.content.volumes import (
    File,
    TokenWanted,
    files_of,
    kind_of,
    references_of,
    refresh_due,
    tokens_of,
)
from podrole.cluster.node.errors import MountProblem

POD: Object = {"metadata": {"name": "p", "namespace": "n", "uid": "u", "labels": {"app": "web"}}, "spec": {}}
FOUND: dict[tuple[str, str], Any] = {
    ("configmaps", "cm"): {"data": {"a.conf": "A", "b.conf": "B"}},
    ("secrets", "s"): {"data": {"password": base64.b64encode(b"hush").decode()}},
    ("configmaps", "gone"): None,
}


def files(volume: dict[str, Any], tokens: dict[str, str] | None = None) -> dict[str, File]:
    return files_of({"name": "v", **volume}, POD, FOUND, tokens or {}, node_resources={"cpu": "2"})


def test_a_config_map_is_a_file_for_each_key() -> None:
    assert files({"configMap": {"name": "cm"}}) == {"a.conf": File(b"A", 0o644), "b.conf": File(b"B", 0o644)}


def test_items_choose_keys_paths_and_modes() -> None:
    volume = {
        "configMap": {
            "name": "cm",
            "defaultMode": 0o440,
            "items": [{"key": "a.conf", "path": "etc/a", "mode": 0o400}, {"key": "b.conf", "path": "b"}],
        }
    }
    assert files(volume) == {"etc/a": File(b"A", 0o400), "b": File(b"B", 0o440)}


def test_a_secret_is_decoded() -> None:
    assert files({"secret": {"secretName": "s", "defaultMode": 0o400}}) == {"password": File(b"hush", 0o400)}


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        ({"configMap": {"name": "gone"}}, 'configmap "gone" not found'),
        ({"configMap": {"name": "cm", "items": [{"key": "x", "path": "x"}]}}, "references non-existent config key: x"),
        (
            {"secret": {"secretName": "s", "items": [{"key": "x", "path": "x"}]}},
            "references non-existent secret key: x",
        ),
    ],
)
def test_missing_reference_has_the_message_of_the_kubelet(volume: dict[str, Any], message: str) -> None:
    with pytest.raises(MountProblem) as raised:
        files(volume)
    assert raised.value.what == message


def test_optional_sources_and_keys_may_be_missing() -> None:
    assert files({"configMap": {"name": "gone", "optional": True}}) == {}
    assert files({"configMap": {"name": "cm", "optional": True, "items": [{"key": "x", "path": "x"}]}}) == {}


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", "..data", "", "..", "a\0b"])
def test_item_path_outside_its_volume_is_refused(path: str) -> None:
    with pytest.raises(MountProblem, match="invalid path"):
        files({"configMap": {"name": "cm", "items": [{"key": "a.conf", "path": path}]}})


def test_a_projected_volume_has_the_files_of_all_its_sources() -> None:
    volume = {
        "projected": {
            "defaultMode": 0o644,
            "sources": [
                {"serviceAccountToken": {"path": "token", "audience": "sts.amazonaws.com", "expirationSeconds": 86400}},
                {"configMap": {"name": "cm", "items": [{"key": "a.conf", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
                {"secret": {"name": "s"}},
            ],
        }
    }
    assert files(volume, {"v/0": "jwt"}) == {
        "token": File(b"jwt", 0o600),
        "ca.crt": File(b"A", 0o644),
        "namespace": File(b"n", 0o644),
        "password": File(b"hush", 0o644),
    }
    assert list(tokens_of({"name": "v", **volume})) == [TokenWanted("v/0", "sts.amazonaws.com", 86400)]
    assert list(references_of(volume)) == [("configmaps", "cm"), ("secrets", "s")]


def test_token_is_readable_by_its_owner_only_with_any_mode() -> None:
    volume = {"projected": {"defaultMode": 0o777, "sources": [{"serviceAccountToken": {"path": "token"}}]}}
    assert files(volume, {"v/0": "jwt"})["token"].mode == 0o600


def test_the_downward_api_gives_labels_and_resources() -> None:
    volume = {
        "downwardAPI": {
            "items": [
                {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}, "mode": 0o600},
                {"path": "cpu", "resourceFieldRef": {"containerName": "", "resource": "limits.cpu"}},
            ]
        }
    }
    assert files(volume) == {"labels": File(b'app="web"', 0o600), "cpu": File(b"2", 0o644)}


@pytest.mark.parametrize("kind", ["persistentVolumeClaim", "csi", "nfs"])
def test_unsupported_volume_is_refused_with_a_list_of_supported_ones(kind: str) -> None:
    with pytest.raises(MountProblem, match="emptyDir, hostPath, configMap, secret, projected, downwardAPI"):
        kind_of({"name": "v", kind: {}})


def test_a_volume_without_a_source_is_an_empty_directory() -> None:
    assert kind_of({"name": "v"}) == "emptyDir"


def test_a_token_is_due_at_four_fifths_of_its_life_or_after_a_day() -> None:
    assert refresh_due(1000.0, 4600.0, jitter=0.0) == 1000.0 + 2880
    assert refresh_due(1000.0, 1000.0 + 7 * 86400, jitter=0.0) == 1000.0 + 86400
    assert refresh_due(1000.0, 4600.0, jitter=10.0) == 1000.0 + 2870


def names(directory: Path) -> set[str]:
    return {entry.name for entry in directory.iterdir() if not entry.name.startswith("..")}


def test_a_volume_is_written_as_the_kubelet_writes_it(tmp_path: Path) -> None:
    assert write_volume(tmp_path, {"token": File(b"1", 0o600), "etc/a": File(b"A", 0o640)}, now=0.0)
    assert (tmp_path / "token").read_bytes() == b"1"
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "etc/a").stat().st_mode & 0o777 == 0o640
    assert str((tmp_path / "token").readlink()) == "..data/token"
    assert str((tmp_path / "etc").readlink()) == "..data/etc"
    assert str((tmp_path / "..data").readlink()).startswith("..1970_01_01_00_00_00.")


def test_the_same_content_is_not_written_again(tmp_path: Path) -> None:
    write_volume(tmp_path, {"a": File(b"1")}, now=0.0)
    before = str((tmp_path / "..data").readlink())
    assert not write_volume(tmp_path, {"a": File(b"1")}, now=1.0)
    assert str((tmp_path / "..data").readlink()) == before


def test_a_change_replaces_everything_at_once_and_removes_the_old(tmp_path: Path) -> None:
    write_volume(tmp_path, {"a": File(b"1"), "b": File(b"1")}, now=0.0)
    with (tmp_path / "a").open("rb") as reading:
        assert write_volume(tmp_path, {"a": File(b"2"), "c": File(b"2")}, now=0.0)
        assert reading.read() == b"1"
    assert names(tmp_path) == {"a", "c"}
    assert (tmp_path / "a").read_bytes() == b"2"
    assert len([entry for entry in tmp_path.iterdir() if entry.name.startswith("..1970")]) == 1


def test_planted_symlink_is_replaced_and_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "keep").write_text("mine")
    volume = tmp_path / "volume"
    write_volume(volume, {"a": File(b"1")}, now=0.0)
    (volume / "a").unlink()
    (volume / "a").symlink_to(outside / "keep")
    (volume / "..data").unlink()
    (volume / "..data").symlink_to(outside)
    (volume / "..data_tmp").mkdir()
    write_volume(volume, {"a": File(b"2")}, now=0.0)
    assert (volume / "a").read_bytes() == b"2"
    assert (outside / "keep").read_text() == "mine"
    assert outside.is_dir()


def test_a_planted_directory_in_place_of_a_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_text("")
    write_volume(tmp_path, {"a": File(b"1")}, now=0.0)
    assert (tmp_path / "a").read_bytes() == b"1"
