"""The four forms of PATCH."""

from __future__ import annotations

import contextlib
import copy
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.cluster.core.errors import StatusError
from podrole.cluster.patching.json_patches import PatchError, apply_json_patch, json_patch, merge_patch
from podrole.cluster.patching.strategic import StrategicError, strategic_merge
from podrole.cluster.schema.types import struct

POD = struct("io.k8s.api.core.v1.Pod")
MAPS = "/api/v1/namespaces/default/configmaps"
JSON_PATCH = {"Content-Type": "application/json-patch+json"}
MERGE = {"Content-Type": "application/merge-patch+json"}
STRATEGIC = {"Content-Type": "application/strategic-merge-patch+json"}

values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("abc", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=2), inner, max_size=3),
    max_leaves=12,
)
objects = st.dictionaries(st.text("abc", max_size=2), values, max_size=4)


# --- JSON Merge Patch: the cases of RFC 7396, appendix A


@pytest.mark.parametrize(
    ("document", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "b"}, ["c"], ["c"]),
        ({"a": "foo"}, None, None),
        ({"a": "foo"}, "bar", "bar"),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_does_what_the_rfc_says(document: Any, patch: Any, result: Any) -> None:
    assert merge_patch(document, patch) == result


@given(objects, objects)
def test_a_merge_patch_is_idempotent_and_does_not_change_the_original(document: Any, patch: Any) -> None:
    before = copy.deepcopy(document)
    once = merge_patch(document, patch)
    assert document == before
    assert merge_patch(once, patch) == once


# --- JSON Patch


def test_a_json_patch_leaves_the_original_alone() -> None:
    document = {"a": {"b": [1, 2]}}
    patched = apply_json_patch(document, [{"op": "remove", "path": "/a/b/0"}, {"op": "add", "path": "/c", "value": 1}])
    assert (patched, document) == ({"a": {"b": [2]}, "c": 1}, {"a": {"b": [1, 2]}})


@pytest.mark.parametrize(
    ("path", "patched"),
    [
        ("/b", {"a": {"x": 1}, "b": 2}),
        ("/a/y", {"a": {"x": 1, "y": 2}}),
        ("/a/x", {"a": {"x": 2}}),
        ("/c~1d", {"a": {"x": 1}, "c/d": 2}),
    ],
)
def test_a_member_that_is_not_there_can_be_replaced_as_in_kube_apiserver(path: str, patched: Any) -> None:
    assert apply_json_patch({"a": {"x": 1}}, [{"op": "replace", "path": path, "value": 2}]) == patched


@pytest.mark.parametrize(
    "operations",
    [
        [{"op": "remove", "path": "/nothing"}],
        [{"op": "replace", "path": "/nothing/a", "value": 1}],
        [{"op": "replace", "path": "/l/9", "value": 1}],
        [{"op": "test", "path": "/a", "value": 2}],
        [{"op": "add", "path": "/x/y", "value": 1}],
        [{"op": "add", "path": "/l/9", "value": 1}],
        [{"op": "add", "path": "/l/x", "value": 1}],
        [{"op": "add", "path": "/a/b/c", "value": 1}],
        [{"op": "move", "from": "/nothing", "path": "/b"}],
        [{"op": "copy", "from": "/nothing", "path": "/b"}],
    ],
)
def test_an_operation_that_does_not_apply_is_refused(operations: Any) -> None:
    with pytest.raises(PatchError):
        apply_json_patch({"a": 1, "l": [1]}, operations)


@pytest.mark.parametrize(
    "operations",
    [
        {},
        "x",
        None,
        [1],
        [{"op": "fly", "path": "/a"}],
        [{"path": "/a"}],
        [{"op": "add"}],
        [{"op": "add", "path": "/a"}],
    ],
)
def test_what_is_no_json_patch_is_refused(operations: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any will do: a malformed patch may also fail to apply
        apply_json_patch({"a": 1}, operations)


def test_copies_cannot_be_made_to_grow_without_end() -> None:
    operations = [{"op": "copy", "from": "", "path": f"/x{number}"} for number in range(40)]
    with pytest.raises(PatchError, match="accumulated size"):
        apply_json_patch({"a": "x" * 100}, operations)


def test_a_patch_of_too_many_operations_is_too_large() -> None:
    with pytest.raises(StatusError) as raised:
        json_patch({}, [{"op": "add", "path": "/a", "value": 1}] * 10_001)
    assert raised.value.http_status == 413


operation = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test", "nothing"])},
    optional={
        "path": st.sampled_from(["", "/", "/a", "/a/b", "/a/0", "/a/-", "/b/1/c", "a", "/a/~2", "/-1", 3, None]),
        "from": st.sampled_from(["", "/a", "/b/0", "x", None]),
        "value": values,
    },
)


@given(values, st.lists(operation, max_size=5) | values)
def test_any_json_patch_applies_or_is_refused(document: Any, operations: Any) -> None:
    before = copy.deepcopy(document)
    with contextlib.suppress(ValueError):
        apply_json_patch(document, operations)
    assert document == before


# --- strategic merge patch

TWO = {"spec": {"containers": [{"name": "a", "image": "1", "args": ["x"]}, {"name": "b", "image": "2"}]}}


def test_containers_merge_by_name_and_arguments_are_replaced() -> None:
    patch = {"spec": {"containers": [{"name": "a", "args": ["y"]}, {"name": "c", "image": "3"}]}}
    assert strategic_merge(POD, TWO, patch)["spec"]["containers"] == [
        {"name": "a", "image": "1", "args": ["y"]},
        {"name": "b", "image": "2"},
        {"name": "c", "image": "3"},
    ]


def test_the_original_is_left_alone() -> None:
    before = copy.deepcopy(TWO)
    strategic_merge(POD, TWO, {"spec": {"containers": [{"name": "a", "image": "9"}], "nodeName": "n"}})
    assert before == TWO


def test_null_deletes() -> None:
    pod = {"metadata": {"labels": {"a": "1", "b": "2"}}, "spec": {"nodeName": "n"}}
    patch = {"metadata": {"labels": {"a": None}}, "spec": {"nodeName": None}}
    assert strategic_merge(POD, pod, patch) == {"metadata": {"labels": {"b": "2"}}, "spec": {}}


def test_an_item_is_deleted_by_its_key() -> None:
    patch = {"spec": {"containers": [{"$patch": "delete", "name": "a"}]}}
    assert strategic_merge(POD, TWO, patch)["spec"]["containers"] == [{"name": "b", "image": "2"}]


def test_a_list_is_replaced_where_the_patch_says_so() -> None:
    patch = {"spec": {"containers": [{"$patch": "replace"}, {"name": "z"}]}}
    assert strategic_merge(POD, TWO, patch)["spec"]["containers"] == [{"name": "z"}]


def test_a_map_is_replaced_where_the_patch_says_so() -> None:
    pod = {"metadata": {"labels": {"a": "1"}}}
    assert strategic_merge(POD, pod, {"metadata": {"labels": {"$patch": "replace", "b": "2"}}}) == {
        "metadata": {"labels": {"b": "2"}}
    }
    assert strategic_merge(POD, pod, {"metadata": {"labels": {"$patch": "delete"}}}) == {"metadata": {"labels": {}}}


def test_retain_keys_drops_the_others() -> None:
    pod = {"spec": {"volumes": [{"name": "v", "emptyDir": {}}]}}
    patch = {"spec": {"volumes": [{"$retainKeys": ["name", "secret"], "name": "v", "secret": {"secretName": "s"}}]}}
    assert strategic_merge(POD, pod, patch)["spec"]["volumes"] == [{"name": "v", "secret": {"secretName": "s"}}]


def test_a_patched_list_has_the_order_of_the_patch() -> None:
    names = [{"name": name} for name in ("server1", "a", "b", "server2")]
    pod = {"spec": {"containers": names}}
    patch = {
        "spec": {
            "$setElementOrder/containers": [{"name": "b"}, {"name": "new"}, {"name": "a"}],
            "containers": [{"name": "new", "image": "i"}],
        }
    }
    merged = strategic_merge(POD, pod, patch)["spec"]["containers"]
    assert [one["name"] for one in merged] == ["server1", "b", "new", "a", "server2"]


def test_primitives_are_merged_as_a_set_and_deleted_by_value() -> None:
    pod = {"metadata": {"finalizers": ["a", "b"]}}
    assert strategic_merge(POD, pod, {"metadata": {"finalizers": ["b", "c"]}})["metadata"]["finalizers"] == [
        "a",
        "b",
        "c",
    ]
    patch = {"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"]}}
    assert strategic_merge(POD, pod, patch)["metadata"]["finalizers"] == ["b"]


def test_ports_merge_by_number_and_projected_sources_do_not_merge() -> None:
    pod = {
        "spec": {
            "containers": [{"name": "a", "ports": [{"containerPort": 80, "name": "x"}]}],
            "volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "s"}}]}}],
        }
    }
    patch = {
        "spec": {
            "containers": [{"name": "a", "ports": [{"containerPort": 80, "protocol": "UDP"}, {"containerPort": 81}]}],
            "volumes": [{"name": "v", "projected": {"sources": [{"configMap": {"name": "c"}}]}}],
        }
    }
    merged = strategic_merge(POD, pod, patch)["spec"]
    assert merged["containers"][0]["ports"] == [
        {"containerPort": 80, "name": "x", "protocol": "UDP"},
        {"containerPort": 81},
    ]
    assert merged["volumes"][0]["projected"]["sources"] == [{"configMap": {"name": "c"}}]


def test_directives_in_what_is_new_are_not_kept() -> None:
    patch = {"metadata": {"labels": {"$patch": "merge", "a": "1", "b": None}}}
    assert strategic_merge(POD, {}, patch) == {"metadata": {"labels": {"a": "1"}}}


@pytest.mark.parametrize(
    "patch",
    [
        {"spec": {"containers": [{"image": "x"}]}},
        {"spec": {"containers": ["x"]}},
        {"spec": {"containers": [{"name": {}}]}},
        {"spec": {"$patch": "turn"}},
        {"spec": {"containers": [{"name": "a", "$patch": "turn"}]}},
        {"spec": {"$retainKeys": "x"}},
        {"spec": {"$retainKeys": ["volumes"], "nodeName": "n"}},
        {"spec": {"$setElementOrder/containers": {}}},
        {"spec": {"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}],
                  "containers": [{"name": "a"}, {"name": "b"}]}},
        {"spec": {"$deleteFromPrimitiveList/x": 1}},
        {"metadata": {"finalizers": [{"a": 1}]}},
    ],
)  # fmt: skip
def test_a_malformed_strategic_patch_is_refused(patch: Any) -> None:
    original = {"metadata": {"finalizers": ["a"]}, **TWO}
    with pytest.raises(StrategicError):
        strategic_merge(POD, original, patch)


key = st.sampled_from(
    ["metadata", "spec", "containers", "volumes", "name", "image", "env", "finalizers", "$patch", "$retainKeys",
     "$setElementOrder/containers", "$deleteFromPrimitiveList/finalizers"]
)  # fmt: skip
patches = st.dictionaries(
    key,
    st.recursive(
        st.none() | st.sampled_from(["a", "b", "delete", "replace", "merge"]) | st.integers(0, 2),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(key, inner, max_size=4),
        max_leaves=15,
    ),
    max_size=4,
)


@given(patches, patches)
def test_any_strategic_patch_applies_or_is_refused(document: Any, patch: Any) -> None:
    before = copy.deepcopy(document)
    try:
        result = strategic_merge(POD, document, patch)
    except StrategicError:
        return
    finally:
        assert document == before
    assert isinstance(result, dict)


@given(st.lists(st.sampled_from("abcdef"), unique=True), st.lists(st.sampled_from("abcdef"), unique=True))
def test_a_merged_list_holds_every_item_once(server: list[str], given_names: list[str]) -> None:
    pod = {"spec": {"containers": [{"name": name} for name in server]}}
    patch = {
        "spec": {
            "containers": [{"name": name, "image": "new"} for name in given_names],
            "$setElementOrder/containers": [{"name": name} for name in given_names],
        }
    }
    merged = strategic_merge(POD, pod, patch)["spec"].get("containers", [])
    names = [one["name"] for one in merged]
    assert sorted(names) == sorted({*server, *given_names})
    assert [name for name in names if name in given_names] == given_names
    others = [name for name in server if name not in given_names]
    assert [name for name in names if name not in given_names] == others


# --- over HTTP


@pytest.mark.parametrize(
    ("headers", "patch", "status", "text"),
    [
        (JSON_PATCH, [{"op": "test", "path": "/data/a", "value": "other"}], 422, "the server rejected our request"),
        (JSON_PATCH, {"op": "add"}, 400, "list of operations"),
        (JSON_PATCH, [{"op": "replace", "path": "", "value": 1}], 422, "patch: Invalid value"),
        (MERGE, {"data": {"a": 1}}, 422, "json: cannot unmarshal number into Go struct field ConfigMap.data"),
        (MERGE, [], 400, "must be an object"),
        (STRATEGIC, {"metadata": {"$patch": "turn"}}, 400, "Unknown patch type found: turn"),
        ({"Content-Type": "application/json"}, {}, 415, "application/apply-patch+yaml"),
        ({"Content-Type": "text/plain"}, {}, 415, "accepted media types include: application/json-patch+json"),
        (MERGE, {"metadata": {"name": "other"}}, 422, "field is immutable"),
        (MERGE, {"metadata": {"resourceVersion": "1"}}, 409, "the object has been modified"),
        (MERGE, {"metadata": {"uid": "other"}}, 409, "Precondition failed"),
    ],
)
def test_a_patch_that_cannot_be_is_a_status(
    http: httpx2.Client, headers: dict[str, str], patch: Any, status: int, text: str
) -> None:
    http.post(MAPS, json={"metadata": {"name": "patched"}, "data": {"a": "1"}})
    answer = http.patch(f"{MAPS}/patched", json=patch, headers=headers)
    assert answer.status_code == status, answer.text
    assert text in answer.json()["message"]


def test_an_unknown_field_in_a_patch_is_invalid_under_strict_validation(http: httpx2.Client) -> None:
    http.post(MAPS, json={"metadata": {"name": "patched"}, "data": {"a": "1"}})
    path = f"{MAPS}/patched?fieldValidation=Strict"
    strategic = http.patch(path, json={"spec": {"b": [1, None, True]}}, headers=STRATEGIC).json()
    assert strategic["message"] == (
        ' "" is invalid: patch: Invalid value: "map[spec:map[b:[1 <nil> true]]]": strict decoding error: '
        'unknown field "spec"'
    )
    merge = http.patch(path, json={"spec": 1}, headers=MERGE).json()
    assert merge["reason"] == "Invalid"
    assert merge["details"]["causes"][0]["field"] == "patch"


def test_a_patch_may_be_tried_dry(http: httpx2.Client) -> None:
    made = http.post(MAPS, json={"metadata": {"name": "tried"}, "data": {"a": "1"}}).json()
    answer = http.patch(f"{MAPS}/tried?dryRun=All", json={"data": {"a": "2"}}, headers=MERGE).json()
    assert answer["data"] == {"a": "2"}
    assert answer["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]
    assert http.get(f"{MAPS}/tried").json() == made


def test_force_belongs_to_apply(http: httpx2.Client) -> None:
    answer = http.patch(f"{MAPS}/any?force=true", json={}, headers=MERGE)
    assert answer.json()["message"].endswith("force: Forbidden: may not be specified for non-apply patch")
