"""CustomResourceDefinitions: what they define is served at once, pruned, defaulted and checked by its schema."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SPEC = {
    "type": "object",
    "required": ["size"],
    "properties": {
        "size": {"type": "integer", "minimum": 1, "maximum": 9},
        "color": {"type": "string", "enum": ["red", "blue"], "default": "red"},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "port": {"x-kubernetes-int-or-string": True},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
        "rules": {
            "type": "array",
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["name"],
            "items": {
                "type": "object",
                "properties": {"name": {"type": "string"}, "weight": {"type": "integer", "default": 1}},
            },
        },
    },
}
SCHEMA = {
    "type": "object",
    "properties": {"spec": SPEC, "status": {"type": "object", "properties": {"phase": {"type": "string"}}}},
}


def definition(plural: str = "widgets", kind: str = "Widget", **spec: Any) -> dict[str, Any]:
    version = {
        "name": "v1beta1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": SCHEMA},
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        ],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.shop.example"},
        "spec": {
            "group": "shop.example",
            "scope": "Namespaced",
            "names": {"plural": plural, "kind": kind, "shortNames": ["wd"]},
            "versions": [{**version, **spec.pop("version", {})}],
            **spec,
        },
    }


def with_field(schema: Any) -> dict[str, Any]:
    """Return the change of a definition that gives it a schema with one field."""
    return {"version": {"schema": {"openAPIV3Schema": {"type": "object", "properties": {"a": schema}}}}}


@pytest.fixture
def widgets(http: httpx2.Client) -> str:
    """The path of the widgets, of which there are none yet."""
    answer = http.post(DEFINITIONS, json=definition())
    assert answer.status_code in (201, 409), answer.text
    path = "/apis/shop.example/v1beta1/namespaces/default/widgets"
    http.delete(path)
    return path


def widget(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "shop.example/v1beta1",
        "kind": "Widget",
        "metadata": {"name": "a"},
        "spec": {"size": 2, **spec},
    }


def test_a_definition_is_established_at_once(http: httpx2.Client, widgets: str) -> None:
    status = http.get(f"{DEFINITIONS}/widgets.shop.example").json()["status"]
    assert {one["type"]: one["status"] for one in status["conditions"]} == {
        "NamesAccepted": "True",
        "Established": "True",
    }
    assert status["acceptedNames"]["listKind"] == "WidgetList"
    assert status["storedVersions"] == ["v1beta1"]
    assert http.get(widgets).json() == {
        "kind": "WidgetList",
        "apiVersion": "shop.example/v1beta1",
        "metadata": http.get(widgets).json()["metadata"],
        "items": [],
    }


def test_objects_are_pruned_and_defaulted(http: httpx2.Client, widgets: str) -> None:
    body = widget(other=1, free={"x": {"y": 1}}, port="http", labels={"a": ""}, rules=[{"name": "r", "no": 1}])
    made = http.post(widgets, json=body)
    assert made.status_code == 201, made.text
    assert made.json()["spec"] == {
        "size": 2,
        "color": "red",
        "free": {"x": {"y": 1}},
        "port": "http",
        "labels": {"a": ""},
        "rules": [{"name": "r", "weight": 1}],
    }
    strict = http.post(widgets, params={"fieldValidation": "Strict"}, json=body)
    assert strict.status_code == 400
    assert 'unknown field "spec.other", unknown field "spec.rules[0].no"' in strict.json()["message"]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"size": "2"}, 'spec.size in body must be of type integer: "string"'),
        ({"size": 0}, "spec.size in body should be greater than or equal to 1"),
        ({"size": 10}, "spec.size in body should be less than or equal to 9"),
        ({"size": True}, "must be of type integer"),
        ({"color": "green"}, 'spec.color: Unsupported value: "green"'),
        ({"port": []}, "must be of type integer,string"),
        ({"labels": {"a": 1}}, "spec.labels.a in body must be of type string"),
        ({"rules": [{"name": "a"}, {"name": "a"}]}, "spec.rules[1]: Duplicate value"),
        ({"rules": {}}, "spec.rules in body must be of type array"),
    ],
)
def test_what_the_schema_does_not_allow_is_refused(
    http: httpx2.Client, widgets: str, spec: dict[str, Any], message: str
) -> None:
    answer = http.post(widgets, json=widget(**spec))
    assert answer.status_code == 422, answer.text
    assert message in answer.json()["message"]


def test_the_status_is_written_by_its_subresource_alone(http: httpx2.Client, widgets: str) -> None:
    made = http.post(widgets, json={**widget(), "status": {"phase": "no"}}).json()
    assert "status" not in made
    merge = {"Content-Type": "application/merge-patch+json"}
    changed = http.patch(
        f"{widgets}/a/status", json={"status": {"phase": "ok"}, "spec": {"size": 3}}, headers=merge
    ).json()
    assert (changed["status"], changed["spec"]["size"], changed["metadata"]["generation"]) == ({"phase": "ok"}, 2, 1)
    changed = http.patch(f"{widgets}/a", json={"status": {"phase": "no"}, "spec": {"size": 3}}, headers=merge).json()
    assert (changed["status"], changed["spec"]["size"], changed["metadata"]["generation"]) == ({"phase": "ok"}, 3, 2)


def test_a_strategic_merge_patch_is_refused(http: httpx2.Client, widgets: str) -> None:
    http.post(widgets, json=widget())
    headers = {"Content-Type": "application/strategic-merge-patch+json"}
    assert http.patch(f"{widgets}/a", json={"spec": {"size": 3}}, headers=headers).status_code == 415


def test_server_side_apply_merges_a_custom_list_by_its_keys(http: httpx2.Client, widgets: str) -> None:
    headers = {"Content-Type": "application/apply-patch+yaml"}
    for manager, name in (("one", "a"), ("two", "b")):
        body = widget(rules=[{"name": name}])
        answer = http.patch(f"{widgets}/a", params={"fieldManager": manager}, json=body, headers=headers)
        assert answer.status_code in (200, 201), answer.text
    assert [rule["name"] for rule in answer.json()["spec"]["rules"]] == ["a", "b"]


def test_kubectl_finds_explains_and_shows_them(kubectl: Any, widgets: str) -> None:
    assert "widgets wd shop.example/v1beta1 true Widget" in " ".join(
        kubectl.shell("kubectl api-resources").stdout.split()
    )
    manifest = "apiVersion: shop.example/v1beta1\nkind: Widget\nmetadata: {name: a}\nspec: {size: 4}\n"
    assert kubectl.shell("kubectl apply -f -", manifest).stdout == "widget.shop.example/a created\n"
    assert kubectl.shell("kubectl apply -f -", manifest).stdout == "widget.shop.example/a unchanged\n"
    assert kubectl.shell("kubectl get wd").stdout.split()[:4] == ["NAME", "SIZE", "AGE", "a"]
    assert "<integer> -required-" in kubectl.shell("kubectl explain widget.spec.size").stdout or (
        "FIELD: size <integer>" in kubectl.shell("kubectl explain widget.spec.size").stdout
    )
    assert "Size:" in kubectl.shell("kubectl describe widget a").stdout
    assert kubectl.shell("kubectl delete widget a").returncode == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conversion": {"strategy": "Webhook"}}, "podrole has no conversion webhooks"),
        ({"group": "apps"}, "is a group of Kubernetes' own"),
        ({"scope": "Some"}, "spec.scope: Unsupported value"),
        ({"versions": []}, "exactly one version marked as storage version"),
        ({"version": {"schema": None}}, "schemas are required"),
        ({"version": {"schema": {"openAPIV3Schema": {"type": "array"}}}}, "must be object at the root"),
        (with_field({"type": "array", "items": 1}), "must be an object"),
        (with_field({"$ref": "x"}), "must not have $ref"),
        ({"names": {"plural": "gadgets", "kind": "Gadget"}}, "must be spec.names.plural"),
    ],
)
def test_an_invalid_definition_is_refused(http: httpx2.Client, change: dict[str, Any], message: str) -> None:
    answer = http.post(DEFINITIONS, json=definition("wrongs", "Wrong", **change))
    assert answer.status_code == 422, answer.text
    assert message in answer.json()["message"]


def test_what_is_not_served_or_checked_is_said(http: httpx2.Client) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^a+$"}}}
    body = definition(
        "partly",
        "Part",
        version={
            "schema": {"openAPIV3Schema": schema},
            "subresources": {"scale": {"specReplicasPath": ".spec.a", "statusReplicasPath": ".status.a"}},
        },
    )
    body["spec"]["versions"].append(
        {"name": "v1", "served": True, "storage": False, "schema": {"openAPIV3Schema": schema}}
    )
    answer = http.post(DEFINITIONS, json=body)
    assert answer.status_code == 201, answer.text
    warnings = " ".join(answer.headers.get_list("warning"))
    assert "not v1" in warnings
    assert "scale subresource" in warnings
    assert "pattern" in warnings
    assert http.get("/apis/shop.example/v1/namespaces/default/partly").status_code == 404


def test_defaults_that_would_make_an_object_too_large_are_refused(http: httpx2.Client) -> None:
    item = {"type": "object", "properties": {"a": {"type": "string", "default": "x" * 100_000}}}
    schema = {"type": "object", "properties": {"list": {"type": "array", "items": item}}}
    assert (
        http.post(
            DEFINITIONS, json=definition("bombs", "Bomb", version={"schema": {"openAPIV3Schema": schema}})
        ).status_code
        == 201
    )
    body = {"apiVersion": "shop.example/v1beta1", "kind": "Bomb", "metadata": {"name": "a"}, "list": [{}] * 1000}
    answer = http.post("/apis/shop.example/v1beta1/namespaces/default/bombs", json=body)
    assert answer.status_code == 400
    assert "make the object too large" in answer.json()["message"]


def test_an_object_whose_schema_preserves_unknown_fields_keeps_them(http: httpx2.Client) -> None:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    body = definition("frees", "Free", version={"schema": {"openAPIV3Schema": schema}})
    assert http.post(DEFINITIONS, json=body).status_code == 201
    path = "/apis/shop.example/v1beta1/namespaces/default/frees/a"
    applied = {"apiVersion": "shop.example/v1beta1", "kind": "Free", "metadata": {"name": "a"}, "any": {"thing": [1]}}
    headers = {"Content-Type": "application/apply-patch+yaml"}
    for expected in (201, 200):
        answer = http.patch(path, params={"fieldManager": "me"}, json=applied, headers=headers)
        assert answer.status_code == expected, answer.text
    assert answer.json()["any"] == {"thing": [1]}
