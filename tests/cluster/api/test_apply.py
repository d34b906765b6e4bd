"""Server-side apply: merging, managed fields, conflicts, and giving fields up.

https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.cluster.patching import typed
from podrole.cluster.patching.fieldset import FieldSet, describe
from podrole.cluster.patching.managers import MAX_UPDATE_MANAGERS, Entry, Manager, after_update, decode, encode
from podrole.cluster.schema.types import struct

MAPS = "/api/v1/namespaces/default/configmaps"
PODS = "/api/v1/namespaces/default/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
APPLY = {"Content-Type": "application/apply-patch+yaml"}
MERGE = {"Content-Type": "application/merge-patch+json"}
POD = struct("io.k8s.api.core.v1.Pod")


def config_map(name: str, data: dict[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}}
    if data is not None:
        body["data"] = data
    return body


def apply(http: httpx2.Client, body: dict[str, Any], manager: str = "me", path: str = MAPS, query: str = "") -> Any:
    url = f"{path}/{body['metadata']['name']}?fieldManager={manager}{query}"
    return http.patch(url, json=body, headers=APPLY)


def managers(obj: dict[str, Any]) -> dict[tuple[str, str], Any]:
    return {(one["manager"], one["operation"]): one["fieldsV1"] for one in obj["metadata"].get("managedFields", ())}


def test_apply_creates_a_missing_object_and_manages_its_fields(http: httpx2.Client) -> None:
    answer = apply(http, config_map("created", {"a": "1"}))
    assert answer.status_code == 201
    assert managers(answer.json()) == {("me", "Apply"): {"f:data": {"f:a": {}}}}
    again = apply(http, config_map("created", {"a": "1"}))
    assert again.status_code == 200
    assert again.json() == answer.json()


def test_fields_of_two_appliers_live_side_by_side(http: httpx2.Client) -> None:
    apply(http, config_map("shared", {"a": "1"}), "one")
    both = apply(http, config_map("shared", {"b": "2"}), "two").json()
    assert both["data"] == {"a": "1", "b": "2"}
    assert managers(both) == {
        ("one", "Apply"): {"f:data": {"f:a": {}}},
        ("two", "Apply"): {"f:data": {"f:b": {}}},
    }


def test_a_field_that_is_no_longer_applied_goes(http: httpx2.Client) -> None:
    apply(http, config_map("shrinking", {"a": "1", "b": "2"}))
    assert apply(http, config_map("shrinking", {"a": "1"})).json()["data"] == {"a": "1"}
    assert "data" not in apply(http, config_map("shrinking")).json()


def test_a_field_that_somebody_else_applies_too_stays(http: httpx2.Client) -> None:
    apply(http, config_map("owned", {"a": "1"}), "one")
    apply(http, config_map("owned", {"a": "1"}), "two")
    left = apply(http, config_map("owned"), "one").json()
    assert left["data"] == {"a": "1"}
    assert managers(left) == {("one", "Apply"): {}, ("two", "Apply"): {"f:data": {"f:a": {}}}}


def test_another_value_for_a_field_of_another_manager_is_a_conflict(http: httpx2.Client) -> None:
    apply(http, config_map("fought", {"a": "1", "b": "1"}), "one")
    answer = apply(http, config_map("fought", {"a": "2"}), "two")
    assert answer.status_code == 409
    assert answer.json()["message"] == 'Apply failed with 1 conflict: conflict with "one": .data.a'
    assert answer.json()["details"]["causes"] == [
        {"reason": "FieldManagerConflict", "message": 'conflict with "one"', "field": ".data.a"}
    ]
    several = apply(http, config_map("fought", {"a": "2", "b": "2"}), "two")
    assert several.json()["message"] == ('Apply failed with 2 conflicts: conflicts with "one":\n- .data.a\n- .data.b')


def test_a_conflict_with_an_update_says_so(http: httpx2.Client) -> None:
    http.post(f"{MAPS}?fieldManager=kubectl-create", json=config_map("updated", {"k": "1"}))
    answer = apply(http, config_map("updated", {"k": "2"}), "me").json()
    assert answer["message"] == 'Apply failed with 1 conflict: conflict with "kubectl-create" using v1: .data.k'


def test_force_takes_the_field_over(http: httpx2.Client) -> None:
    apply(http, config_map("forced", {"a": "1"}), "one")
    answer = apply(http, config_map("forced", {"a": "2"}), "two", query="&force=true").json()
    assert answer["data"] == {"a": "2"}
    assert managers(answer) == {("two", "Apply"): {"f:data": {"f:a": {}}}}


def test_an_update_takes_the_fields_that_it_changes(http: httpx2.Client) -> None:
    apply(http, config_map("edited", {"a": "1", "b": "1"}), "one")
    url = f"{MAPS}/edited?fieldManager=editor"
    answer = http.patch(url, json={"data": {"a": "2"}}, headers=MERGE).json()
    assert managers(answer) == {
        ("one", "Apply"): {"f:data": {"f:b": {}}},
        ("editor", "Update"): {"f:data": {"f:a": {}}},
    }
    gone = http.patch(url, json={"data": {"b": None}}, headers=MERGE).json()
    assert managers(gone) == {("editor", "Update"): {"f:data": {"f:a": {}}}}


def test_fields_from_before_the_first_apply_have_their_own_manager(http: httpx2.Client) -> None:
    http.post(MAPS, json=config_map("bare"))
    http.patch(f"{MAPS}/bare", json={"data": {"a": "1"}}, headers=MERGE)
    assert "managedFields" not in http.get(f"{MAPS}/bare").json()["metadata"]
    answer = apply(http, config_map("bare", {"b": "2"})).json()
    assert managers(answer) == {
        ("me", "Apply"): {"f:data": {"f:b": {}}},
        ("before-first-apply", "Update"): {"f:data": {".": {}, "f:a": {}}},
    }


def pod(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "applied"},
        "spec": {"containers": list(containers), **spec},
    }


def test_containers_are_managed_one_by_one(http: httpx2.Client) -> None:
    answer = apply(http, pod({"name": "c", "image": "i", "args": ["x"]}), path=PODS).json()
    assert managers(answer)["me", "Apply"] == {
        "f:spec": {"f:containers": {'k:{"name":"c"}': {".": {}, "f:args": {}, "f:image": {}, "f:name": {}}}}
    }
    http.delete(f"{PODS}/applied")


def test_a_port_without_protocol_is_a_tcp_port(http: httpx2.Client) -> None:
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "ports"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "c", "image": "i", "ports": [{"containerPort": 80}]}]},
            },
        },
    }
    made = apply(http, body, path=DEPLOYMENTS).json()
    (container,) = made["spec"]["template"]["spec"]["containers"]
    assert container["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    again = apply(http, body, path=DEPLOYMENTS).json()
    assert again == made
    fields = managers(made)["me", "Apply"]["f:spec"]["f:template"]["f:spec"]["f:containers"]['k:{"name":"c"}']
    assert list(fields["f:ports"]) == ['k:{"containerPort":80,"protocol":"TCP"}']


def test_a_deployments_replicas_can_be_left_to_a_scaler(http: httpx2.Client) -> None:
    path = f"{DEPLOYMENTS}/scaled"
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "scaled"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"a": "b"}},
            "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i"}]}},
        },
    }
    apply(http, body, path=DEPLOYMENTS)
    http.patch(f"{path}/scale?fieldManager=scaler", json={"spec": {"replicas": 5}}, headers=MERGE)
    assert (
        'conflict with "scaler" with subresource "scale" using apps/v1: .spec.replicas'
        in (apply(http, body, path=DEPLOYMENTS).json()["message"])
    )
    del body["spec"]["replicas"]
    assert apply(http, body, path=DEPLOYMENTS).json()["spec"]["replicas"] == 5


def test_status_and_spec_are_managed_apart(http: httpx2.Client) -> None:
    http.post(PODS, json={"metadata": {"name": "apart"}, "spec": {"containers": [{"name": "c", "image": "i"}]}})
    status = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "apart"}, "status": {"phase": "Running"}}
    answer = http.patch(f"{PODS}/apart/status?fieldManager=agent", json=status, headers=APPLY).json()
    assert answer["status"]["phase"] == "Running"
    (entry,) = [one for one in answer["metadata"]["managedFields"] if one["manager"] == "agent"]
    assert (entry["subresource"], entry["fieldsV1"]) == ("status", {"f:status": {"f:phase": {}}})


def test_kubectl_takes_over_what_its_client_side_apply_set(http: httpx2.Client) -> None:
    last = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"migrated"},"data":{"a":"1"}}'
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": last}
    body = config_map("migrated", {"a": "1", "b": "1"}, annotations=annotations)
    http.post(f"{MAPS}?fieldManager=kubectl-client-side-apply", json=body)
    conflict = apply(http, config_map("migrated", {"b": "2"}), "kubectl")
    assert conflict.status_code == 409
    answer = apply(http, config_map("migrated", {"a": "2"}), "kubectl")
    assert answer.status_code == 200
    assert '"a":"2"' in answer.json()["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"]


@pytest.mark.parametrize(
    ("query", "body", "status", "text"),
    [
        ("", config_map("bad"), 422, "fieldManager: Required value: is required for apply patch"),
        (
            "fieldManager=m",
            {**config_map("bad"), "apiVersion": "v2"},
            400,
            "Incorrect version specified in apply patch",
        ),
        ("fieldManager=m", config_map("other"), 400, "does not match the name on the URL"),
        (
            "fieldManager=m",
            config_map("bad", namespace="other"),
            400,
            "does not match the namespace sent on the request",
        ),
        ("fieldManager=m", {**config_map("bad"), "kind": "Pod"}, 400, "does not match the path"),
        ("fieldManager=m", config_map("bad", managedFields=[]), 400, "metadata.managedFields must be nil"),
        ("fieldManager=m", {**config_map("bad"), "spec": 1}, 500, ".spec: field not declared in schema"),
        ("fieldManager=m", config_map("bad", {"a": 1}), 500, ".data.a: expected string, got 1"),  # type: ignore[dict-item]
        ("fieldManager=m", config_map("bad", finalizers=["a/b", "a/b"]), 500, "duplicate entries for key"),
        ("fieldManager=m", config_map("Bad"), 400, "does not match the name on the URL"),
    ],
)
def test_a_configuration_that_cannot_be_applied_is_a_status(
    http: httpx2.Client, query: str, body: Any, status: int, text: str
) -> None:
    answer = http.patch(f"{MAPS}/bad?{query}", json=body, headers=APPLY)
    assert (answer.status_code, text in answer.json()["message"]) == (status, True), answer.text


def test_keys_that_appear_twice_are_refused_or_warned_of(http: httpx2.Client) -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: twice}\ndata: {a: '1', a: '2'}\n"
    url = f"{MAPS}/twice?fieldManager=m"
    strict = http.patch(f"{url}&fieldValidation=Strict", content=text, headers=APPLY)
    assert strict.status_code == 400
    assert "error strict decoding YAML" in strict.json()["message"]
    assert http.patch(url, content=text, headers=APPLY).headers["warning"].startswith('299 - "')


def test_an_applied_resource_version_is_a_precondition(http: httpx2.Client) -> None:
    apply(http, config_map("versioned", {"a": "1"}))
    assert apply(http, config_map("versioned", {"a": "2"}, resourceVersion="1")).status_code == 409
    current = http.get(f"{MAPS}/versioned").json()["metadata"]["resourceVersion"]
    assert apply(http, config_map("versioned", {"a": "2"}, resourceVersion=current)).status_code == 200


def test_an_apply_may_be_tried_dry(http: httpx2.Client) -> None:
    assert apply(http, config_map("dry", {"a": "1"}), query="&dryRun=All").status_code == 201
    assert http.get(f"{MAPS}/dry").status_code == 404


def test_managed_fields_can_be_forgotten(http: httpx2.Client) -> None:
    apply(http, config_map("forgotten", {"a": "1"}))
    answer = http.patch(f"{MAPS}/forgotten", json={"metadata": {"managedFields": [{}]}}, headers=MERGE)
    assert "managedFields" not in answer.json()["metadata"]


def test_what_a_client_nests_too_deeply_in_a_text_is_no_internal_error(http: httpx2.Client) -> None:
    last = {"kubectl.kubernetes.io/last-applied-configuration": "[" * 100_000}
    body = config_map("nested", {"a": "1"}, annotations=last)
    http.post(f"{MAPS}?fieldManager=kubectl-client-side-apply", json=body)
    assert apply(http, config_map("nested", {"b": "2"}), "kubectl").status_code == 200
    entry = {"manager": "m", "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": {"v:" + "[" * 100_000: {}}}
    answer = http.patch(f"{MAPS}/nested", json={"metadata": {"managedFields": [entry]}}, headers=MERGE)
    assert answer.status_code < 500


# --- the parts


def test_entries_are_ordered_by_operation_time_and_name() -> None:
    fields = FieldSet.from_fields_v1({"f:data": {}})
    entries = encode(
        {
            Manager("z", "Update", "v1"): Entry(fields, "2026-01-01T00:00:00Z"),
            Manager("b", "Apply", "v1"): Entry(fields, "2026-01-02T00:00:00Z"),
            Manager("a", "Apply", "v1"): Entry(fields, "2026-01-02T00:00:00Z"),
            Manager("c", "Apply", "v1"): Entry(fields, None),
            Manager("y", "Update", "v1", "status"): Entry(fields, "2026-01-01T00:00:00Z"),
        }
    )
    assert [one["manager"] for one in entries] == ["c", "a", "b", "y", "z"]
    assert "time" not in entries[0]
    assert list(entries[1]) == ["manager", "operation", "apiVersion", "time", "fieldsType", "fieldsV1"]


def test_too_many_updaters_are_counted_as_one() -> None:
    managed = {}
    for number in range(15):
        managed = after_update(
            managed,
            Manager(f"m{number:02}", "Update", "v1"),
            added_or_modified=FieldSet.from_fields_v1({"f:data": {f"f:{number}": {}}}),
            removed=FieldSet(),
            reset=FieldSet(),
            now=1_800_000_000 + number,
        )
    names = [one["manager"] for one in encode(managed)]
    assert len(names) == MAX_UPDATE_MANAGERS
    assert names[0] == "ancient-changes"
    ancient = managed[Manager("ancient-changes", "Update", "v1")].fields.to_fields_v1()
    assert ancient == {"f:data": {f"f:{number}": {} for number in range(6)}}


@pytest.mark.parametrize(
    "entries",
    [
        [{"operation": "Perhaps"}],
        [{"operation": "Apply", "fieldsType": "X"}],
        [{"operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": {"x": {}}}],
        [{"operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": {"k:1": {}}}],
        [{"operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": {"f:a": 1}}],
        [{"operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": []}],
        [{"operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": {"i:x": {}}}],
    ],
)
def test_entries_that_are_not_well_formed_are_refused(entries: Any) -> None:
    if entries[0].get("fieldsV1") == []:
        assert decode(entries)
        return
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it is about
        decode(entries)


def test_paths_are_written_as_kube_apiserver_does() -> None:
    assert describe(("f:spec", "f:containers", 'k:{"name":"c"}', "f:image")) == '.spec.containers[name="c"].image'
    assert describe(("f:metadata", "f:finalizers", 'v:"x"')) == '.metadata.finalizers[="x"]'
    assert describe(("f:a", "i:0")) == ".a[0]"


element = st.sampled_from(["f:a", "f:b", 'k:{"n":"x"}', 'v:"1"', "i:0"])
paths = st.lists(st.lists(element, min_size=1, max_size=3).map(tuple), max_size=8)


def make(given_paths: list[tuple[str, ...]]) -> FieldSet:
    made = FieldSet()
    for path in given_paths:
        made.add(path)
    return made


@given(paths, paths)
def test_field_sets_are_sets(left: list[tuple[str, ...]], right: list[tuple[str, ...]]) -> None:
    a, b = make(left), make(right)
    assert set((a | b).paths()) == set(left) | set(right)
    assert set((a & b).paths()) == set(left) & set(right)
    assert set((a - b).paths()) == set(left) - set(right)
    below = {path for path in left if not any(path[: len(one)] == one for one in right)}
    assert set(a.without_subtrees(b).paths()) == below
    assert set(a.paths()) == set(left)


@given(paths)
def test_field_sets_are_read_as_they_were_written(given_paths: list[tuple[str, ...]]) -> None:
    made = make(given_paths)
    assert FieldSet.from_fields_v1(made.to_fields_v1()) == made
    assert bool(made) == bool(given_paths)


container = st.fixed_dictionaries(
    {"name": st.sampled_from("abc")}, optional={"image": st.sampled_from("xy"), "args": st.lists(st.sampled_from("12"))}
)
pods = st.fixed_dictionaries(
    {},
    optional={
        "metadata": st.fixed_dictionaries(
            {}, optional={"labels": st.dictionaries(st.sampled_from("lm"), st.sampled_from("12"), max_size=2)}
        ),
        "spec": st.fixed_dictionaries(
            {}, optional={"containers": st.lists(container, max_size=3, unique_by=lambda one: one["name"])}
        ),
    },
)


@given(pods, pods)
def test_merging_adds_what_is_applied_and_keeps_the_rest(live: Any, applied: Any) -> None:
    merged = typed.merge(POD, live, applied)
    comparison = typed.compare(POD, live, merged)
    assert not comparison.removed or not typed.compare(POD, applied, merged).modified
    assert typed.merge(POD, merged, applied) == merged


@given(pods)
def test_an_object_does_not_differ_from_itself(obj: Any) -> None:
    comparison = typed.compare(POD, obj, obj)
    assert not comparison.added
    assert not comparison.modified
    assert not comparison.removed


@given(pods, pods)
def test_a_difference_names_exactly_what_differs(old: Any, new: Any) -> None:
    comparison = typed.compare(POD, old, new)
    same = not (comparison.added or comparison.modified or comparison.removed)
    if old == new:
        assert same
    reverse = typed.compare(POD, new, old)
    assert comparison.added == reverse.removed
    assert comparison.modified == reverse.modified


@given(pods)
def test_removing_all_fields_leaves_an_empty_object(obj: Any) -> None:
    everything = typed.fields_of(POD, obj).with_named_parents(POD)
    left = typed.remove(POD, obj, everything)
    assert not typed.fields_of(POD, left)
