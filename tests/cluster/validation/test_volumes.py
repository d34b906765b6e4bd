"""What makes a pod's volumes invalid: each rule has a case in which it alone refuses."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.validation.volumes import validate_volumes

Object = dict[str, Any]
Faults = list[tuple[str, str]]


def faults(*volumes: Object) -> Faults:
    return [
        (one.field.removeprefix("v"), one.reason.removeprefix("FieldValue")) for one in validate_volumes(volumes, "v")
    ]


def volume(**source: Any) -> Object:
    return {"name": "a", **source}


EMPTY = volume(emptyDir={})


def projected(**source: Any) -> Object:
    return volume(projected={"sources": [{"secret": {"name": "s"}}, source]})


SOURCE, TOKEN = "projected.sources[1]", "projected.sources[1].serviceAccountToken"
ITEM = {"key": "k", "path": "p"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (EMPTY, []),
        ({"emptyDir": {}}, [("name", "Required")]),
        ({"name": "A", "emptyDir": {}}, [("name", "Invalid")]),
        (volume(), [("", "Required")]),
        (volume(emptyDir={}, hostPath={"path": "/"}), [("hostPath", "Forbidden")]),
        (volume(configMap={"name": "c"}), []),
        (volume(configMap={}), [("configMap.name", "Required")]),
        (volume(secret={"secretName": "s"}), []),
        (volume(secret={"name": "s"}), [("secret.secretName", "Required")]),
        (volume(hostPath={"path": "/a"}), []),
        (volume(hostPath={}), [("hostPath.path", "Required")]),
        (volume(secret={"secretName": "s", "defaultMode": 0o777}), []),
        (volume(secret={"secretName": "s", "defaultMode": 0}), []),
        (volume(secret={"secretName": "s", "defaultMode": 0o1000}), [("secret.defaultMode", "Invalid")]),
        (volume(secret={"secretName": "s", "defaultMode": -1}), [("secret.defaultMode", "Invalid")]),
        (volume(configMap={"name": "c", "items": [ITEM, {"path": "p"}]}), [("configMap.items[1].key", "Required")]),
        (volume(secret={"secretName": "s", "items": [{"path": "p"}]}), [("secret.items[0].key", "Required")]),
        (
            volume(secret={"secretName": "s", "items": [{"key": "a/b", "path": "p"}]}),
            [("secret.items[0].key", "Invalid")],
        ),
        (volume(secret={"secretName": "s", "items": [{"key": "k"}]}), [("secret.items[0].path", "Required")]),
        (volume(secret={"secretName": "s", "items": [{**ITEM, "mode": 0}]}), []),
        (volume(secret={"secretName": "s", "items": [{**ITEM, "mode": -1}]}), [("secret.items[0].mode", "Invalid")]),
        (volume(emptyDir={"items": [{}], "sources": [{}]}), []),
        (volume(downwardAPI={"items": [{"path": "p", "fieldRef": {}}, {"path": "q", "resourceFieldRef": {}}]}), []),
        (volume(downwardAPI={"items": [{"path": "p"}]}), [("downwardAPI[0]", "Required")]),
        (
            volume(downwardAPI={"items": [{"path": "p", "fieldRef": {}, "resourceFieldRef": {}}]}),
            [("downwardAPI[0]", "Invalid")],
        ),
        (volume(downwardAPI={"items": [{"fieldRef": {}}]}), [("downwardAPI[0].path", "Required")]),
        # projected
        (volume(projected={}), []),
        (volume(projected={"defaultMode": 0o1000}), [("projected.defaultMode", "Invalid")]),
        (projected(), [(SOURCE, "Required")]),
        (projected(secret={"name": "s"}, configMap={"name": "c"}), [(f"{SOURCE}.configMap", "Forbidden")]),
        (projected(configMap={"name": "c", "items": [ITEM]}), []),
        (projected(configMap={}), [(f"{SOURCE}.configMap.name", "Required")]),
        (projected(secret={}), [(f"{SOURCE}.secret.name", "Required")]),
        (
            projected(configMap={"name": "c", "items": [{}]}),
            [(f"{SOURCE}.configMap.items[0].key", "Required"), (f"{SOURCE}.configMap.items[0].path", "Required")],
        ),
        (projected(downwardAPI={"items": [{"path": "p", "fieldRef": {}}]}), []),
        (projected(downwardAPI={"items": [{"path": "p"}]}), [(f"{SOURCE}.downwardAPI[0]", "Required")]),
        (projected(serviceAccountToken={"path": "p"}), []),
        (projected(serviceAccountToken={}), [(f"{TOKEN}.path", "Required")]),
        (projected(serviceAccountToken={"path": "p", "expirationSeconds": 600}), []),
        (projected(serviceAccountToken={"path": "p", "expirationSeconds": 2**32}), []),
        (
            projected(serviceAccountToken={"path": "p", "expirationSeconds": 599}),
            [(f"{TOKEN}.expirationSeconds", "Invalid")],
        ),
        (
            projected(serviceAccountToken={"path": "p", "expirationSeconds": 2**32 + 1}),
            [(f"{TOKEN}.expirationSeconds", "Invalid")],
        ),
        # paths
        *((projected(serviceAccountToken={"path": one}), []) for one in ("a/b", "a/..b", "a..")),
        *(
            (projected(serviceAccountToken={"path": one}), [(f"{TOKEN}.path", "Invalid")])
            for one in ("/a", "a/../b", "..a")
        ),
    ],
)
def test_rules_of_a_volume(given: Object, expected: Faults) -> None:
    assert faults(given) == [(f"[0].{field}".rstrip("."), reason) for field, reason in expected]


def test_names_of_volumes_are_different() -> None:
    assert faults(EMPTY, {**EMPTY, "name": "b"}) == []
    assert faults(EMPTY, EMPTY) == [("[1].name", "Duplicate")]
