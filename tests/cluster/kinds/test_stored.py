"""Each check of a stored object that comes from elsewhere has a case that only this check refuses."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.kinds.stored import faults_of_stored

UID = "0b1c2d3e-4f50-6172-8394-a5b6c7d8e9f0"
PLACE = "demo/settings"


def config_map(**changed: Any) -> dict[str, Any]:
    metadata = {"name": "settings", "namespace": "demo", "uid": UID, **changed}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"key": "value"}}


def test_object_that_the_cluster_stored_has_no_faults() -> None:
    assert faults_of_stored("configmaps", PLACE, config_map()) == []


def test_object_of_the_whole_cluster_is_stored_without_a_namespace() -> None:
    namespace: dict[str, Any] = {"apiVersion": "v1", "kind": "Namespace", "spec": {}, "status": {}}
    assert faults_of_stored("namespaces", "/demo", {**namespace, "metadata": {"name": "demo", "uid": UID}}) == []
    inside = {"name": "demo", "namespace": "shop", "uid": UID}
    assert faults_of_stored("namespaces", "shop/demo", {**namespace, "metadata": inside}) != []
    config_map_of_all = {**config_map(), "metadata": {"name": "settings", "uid": UID}}
    assert faults_of_stored("configmaps", "/settings", config_map_of_all) != []


@pytest.mark.parametrize("changed", [{"kind": "Secret"}, {"apiVersion": "v9"}])
def test_object_of_another_kind_is_refused(changed: dict[str, str]) -> None:
    assert [fault.field for fault in faults_of_stored("configmaps", PLACE, {**config_map(), **changed})] == ["kind"]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": "others"}, "metadata.name"),
        ({"namespace": "prod"}, "metadata.name"),
        ({"namespace": "..", "place": "../settings"}, "metadata.namespace"),
        ({"namespace": "../../x", "place": "../../x/settings"}, "metadata.namespace"),
        ({"namespace": "", "place": "/settings"}, "metadata.namespace"),
        ({"namespace": None, "place": "None/settings"}, "metadata.namespace"),
        ({"name": "..", "place": "demo/.."}, "metadata.name"),
        ({"name": "../x", "place": "demo/../x"}, "metadata.name"),
        ({"name": "", "place": "demo/"}, "metadata.name"),
        ({"uid": "../../etc"}, "metadata.uid"),
        ({"uid": f"{UID}/.."}, "metadata.uid"),
        ({"uid": UID.upper()}, "metadata.uid"),
        ({"labels": {"not a key": ""}}, "metadata.labels"),
    ],
)
def test_fault_of_the_metadata(changed: dict[str, Any], field: str) -> None:
    place = changed.pop("place", PLACE)
    assert [fault.field for fault in faults_of_stored("configmaps", place, config_map(**changed))] == [field]


def test_fault_by_a_rule_of_the_kind() -> None:
    (fault,) = faults_of_stored("configmaps", PLACE, {**config_map(), "data": {"not a key": ""}})
    assert fault.field.startswith("data")


def test_of_a_custom_resource_place_and_uid_are_checked() -> None:
    custom = {"metadata": {"name": "settings", "namespace": "demo", "uid": UID, "labels": {"not a key": ""}}}
    assert faults_of_stored("widgets.example.org", PLACE, custom) == []
    assert faults_of_stored("widgets.example.org", "demo/other", custom) != []
