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
                "required": ["name"],
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
            "names": {"plural": plural, "kind": kind, "shortNames": ["wd"] if plural == "widgets" else []},
            "versions": [{**version, **spec.pop("version", {})}],
            **spec,
        },
    }


WEBHOOK = {
    "strategy": "Webhook",
    "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": {"url": "https://convert.example/"}},
}
MERGE = {"Content-Type": "application/merge-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}


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
        ({"conversion": {"strategy": "Magic"}}, 'spec.conversion.strategy: Unsupported value: "Magic"'),
        ({"group": "apps"}, "is a group of Kubernetes' own"),
        ({"scope": "Some"}, "spec.scope: Unsupported value"),
        ({"versions": []}, "exactly one version marked as storage version"),
        ({"version": {"schema": None}}, "schemas are required"),
        ({"version": {"schema": {"openAPIV3Schema": {"type": "array"}}}}, "must be object at the root"),
        (with_field({"type": "array", "items": 1}), "must be an object"),
        (with_field({"$ref": "x"}), "$ref is not supported"),
        (
            {"version": {"additionalPrinterColumns": [{"name": "A", "type": "text", "jsonPath": "x"}]}},
            'spec.additionalPrinterColumns[0].type: Invalid value: "text": must be one of boolean,date,integer',
        ),
        (
            {"version": {"subresources": {"scale": {"specReplicasPath": ".x", "statusReplicasPath": ".status.a"}}}},
            'spec.subresources.scale.specReplicasPath: Invalid value: ".x": should be a json path under .spec',
        ),
        (
            {"version": {"selectableFields": [{"jsonPath": ".spec.a[0]"}]}},
            "spec.selectableFields[0].jsonPath: Invalid value",
        ),
        (with_field({"type": "integer", "default": "x"}), "properties[a].default in body must be of type integer"),
        (with_field({"type": "string", "x-kubernetes-validations": [{"rule": "self +"}]}), "compilation failed"),
        (with_field({}), "spec.validation.openAPIV3Schema.properties[a].type: Required value: must not be empty"),
        ({"names": {"plural": "gadgets", "kind": "Gadget"}}, "must be spec.names.plural"),
    ],
)
def test_an_invalid_definition_is_refused(http: httpx2.Client, change: dict[str, Any], message: str) -> None:
    answer = http.post(DEFINITIONS, json=definition("wrongs", "Wrong", **change))
    assert answer.status_code == 422, answer.text
    assert message in answer.json()["message"]


def test_what_is_not_done_is_said_once(http: httpx2.Client) -> None:
    times = {"type": "string", "format": "date-time"}
    rule = {"rule": "self.until < timestamp('2030-01-01T00:00:00Z')"}
    spec = {"type": "object", "properties": {"until": times}, "x-kubernetes-validations": [rule]}
    schema = {"type": "object", "properties": {"spec": spec}}
    body = definition("partly", "Part", version={"schema": {"openAPIV3Schema": schema}}, conversion=WEBHOOK)
    body["spec"]["versions"].append({**body["spec"]["versions"][0], "name": "v1", "storage": False})
    answer = http.post(DEFINITIONS, json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers.get_list("warning") == [
        '299 - "podrole calls no conversion webhooks: it serves the storage version only, not v1"',
        '299 - "podrole does not check these rules of the schema: x-kubernetes-validations (some, first at spec)"',
    ]
    assert http.get("/apis/shop.example/v1/namespaces/default/partly").status_code == 404
    assert http.get("/apis/shop.example/v1beta1/namespaces/default/partly").status_code == 200


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


ROOT = "/apis/zoo.example"


@pytest.fixture
def lions(http: httpx2.Client) -> str:
    """The path of the lions, a kind with two versions, a scale and a rule; there are none yet."""
    spec = {
        "type": "object",
        "properties": {
            "prides": {"type": "integer", "minimum": 0},
            "home": {
                "type": "string",
                "pattern": "^[a-z]+$",
                "x-kubernetes-validations": [{"rule": "self == oldSelf"}],
            },
            "since": {"type": "string", "format": "date"},
        },
        "x-kubernetes-validations": [{"rule": "!has(self.prides) || self.prides < 100", "message": "too many lions"}],
    }
    properties = {"spec": spec, "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {
        "served": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": properties}},
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.prides",
                "statusReplicasPath": ".status.prides",
                "labelSelectorPath": ".status.selector",
            },
        },
        "selectableFields": [{"jsonPath": ".spec.home"}],
        "additionalPrinterColumns": [
            {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type=="Ready")].status'}
        ],
    }
    names = {"plural": "lions", "kind": "Lion", "categories": ["all"], "shortNames": ["li"]}
    body = {
        "metadata": {"name": "lions.zoo.example"},
        "spec": {
            "group": "zoo.example",
            "scope": "Namespaced",
            "names": names,
            "versions": [
                {**version, "name": "v1alpha1", "storage": False},
                {**version, "name": "v1", "storage": True},
            ],
        },
    }
    answer = http.post(DEFINITIONS, json=body)
    assert answer.status_code in (201, 409), answer.text
    assert "warning" not in answer.headers
    http.delete(f"{ROOT}/v1/namespaces/default/lions")
    return f"{ROOT}/{{}}/namespaces/default/lions"


def lion(version: str = "v1", **spec: Any) -> dict[str, Any]:
    given = {"prides": 2, "home": "africa", **spec}
    return {"apiVersion": f"zoo.example/{version}", "kind": "Lion", "metadata": {"name": "a"}, "spec": given}


def test_every_served_version_shows_the_same_object(http: httpx2.Client, lions: str) -> None:
    made = http.post(lions.format("v1alpha1"), json=lion("v1alpha1"))
    assert (made.status_code, made.json()["apiVersion"]) == (201, "zoo.example/v1alpha1")
    for version in ("v1", "v1alpha1"):
        shown = http.get(f"{lions.format(version)}/a").json()
        listed = http.get(lions.format(version)).json()
        assert (
            shown["apiVersion"] == listed["apiVersion"] == listed["items"][0]["apiVersion"] == f"zoo.example/{version}"
        )
        assert shown["metadata"]["uid"] == made.json()["metadata"]["uid"]
    changed = http.put(
        f"{lions.format('v1')}/a", json={**shown, "apiVersion": "zoo.example/v1", "spec": lion()["spec"]}
    )
    assert (changed.status_code, changed.json()["metadata"]["generation"]) == (200, 1)
    applied = http.patch(
        f"{lions.format('v1alpha1')}/a", params={"fieldManager": "x"}, json=lion("v1alpha1", prides=2), headers=APPLY
    )
    assert (applied.status_code, applied.json()["apiVersion"]) == (200, "zoo.example/v1alpha1")
    wrong = http.put(f"{lions.format('v1')}/a", json=shown)
    assert wrong.status_code == 400, wrong.text


def test_a_watch_of_a_version_shows_it(http: httpx2.Client, lions: str) -> None:
    http.post(lions.format("v1"), json=lion())
    with http.stream("GET", lions.format("v1alpha1"), params={"watch": "true", "timeoutSeconds": "1"}) as answer:
        assert '"apiVersion":"zoo.example/v1alpha1"' in next(answer.iter_lines())


def test_versions_are_discovered_in_the_order_of_their_stability(http: httpx2.Client, lions: str) -> None:
    group = http.get(ROOT).json()
    assert [one["version"] for one in group["versions"]] == ["v1", "v1alpha1"]
    assert group["preferredVersion"]["version"] == "v1"
    names = [one["name"] for one in http.get(f"{ROOT}/v1alpha1").json()["resources"]]
    assert names == ["lions", "lions/status", "lions/scale"]
    assert (
        "example.zoo.v1alpha1.Lion" in http.get("/openapi/v3/apis/zoo.example/v1alpha1").json()["components"]["schemas"]
    )


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"home": "Africa"}, "spec.home in body should match '^[a-z]+$'"),
        ({"since": "2024-02-30"}, 'spec.since in body must be of type date: "2024-02-30"'),
        ({"prides": 100}, 'spec: Invalid value: "object": too many lions'),
    ],
)
def test_patterns_formats_and_rules_are_checked(
    http: httpx2.Client, lions: str, spec: dict[str, Any], message: str
) -> None:
    answer = http.post(lions.format("v1"), json=lion(**spec))
    assert answer.status_code == 422, answer.text
    assert message in answer.json()["message"]


def test_a_transition_rule_sees_the_old_value(http: httpx2.Client, lions: str) -> None:
    http.post(lions.format("v1"), json=lion())
    moved = http.patch(f"{lions.format('v1alpha1')}/a", json={"spec": {"home": "asia"}}, headers=MERGE)
    assert moved.status_code == 422
    assert 'spec.home: Invalid value: "string": failed rule: self == oldSelf' in moved.json()["message"]
    assert http.patch(f"{lions.format('v1')}/a", json={"spec": {"prides": 3}}, headers=MERGE).status_code == 200


def test_the_scale_subresource(http: httpx2.Client, lions: str) -> None:
    http.post(lions.format("v1"), json=lion())
    http.patch(f"{lions.format('v1')}/a/status", json={"status": {"prides": 1, "selector": "a=b"}}, headers=MERGE)
    scale = http.get(f"{lions.format('v1alpha1')}/a/scale").json()
    assert (scale["spec"], scale["status"]) == ({"replicas": 2}, {"replicas": 1, "selector": "a=b"})
    put = http.put(f"{lions.format('v1')}/a/scale", json={**scale, "spec": {"replicas": 5}})
    assert (put.status_code, put.json()["spec"]) == (200, {"replicas": 5})
    http.patch(f"{lions.format('v1')}/a/scale", json={"spec": {"replicas": 6}}, headers=MERGE)
    shown = http.get(f"{lions.format('v1')}/a").json()
    assert (shown["spec"]["prides"], shown["spec"]["home"]) == (6, "africa")
    refused = http.patch(f"{lions.format('v1')}/a/scale", json={"spec": {"replicas": 200}}, headers=MERGE)
    assert "too many lions" in refused.json()["message"]
    http.patch(f"{lions.format('v1')}/a", json={"spec": {"prides": None}}, headers=MERGE)
    missing = http.get(f"{lions.format('v1')}/a/scale")
    assert (missing.status_code, missing.json()["reason"]) == (500, "InternalError")
    assert 'the spec replicas field ".spec.prides" does not exist' in missing.json()["message"]


def test_selectable_fields(http: httpx2.Client, lions: str) -> None:
    http.post(lions.format("v1"), json=lion())
    for home, expected in (("africa", 1), ("asia", 0)):
        found = http.get(lions.format("v1alpha1"), params={"fieldSelector": f"spec.home={home}"}).json()["items"]
        assert len(found) == expected
    assert http.get(lions.format("v1"), params={"fieldSelector": "spec.prides=2"}).status_code == 400


def test_kubectl_scales_explains_and_lists_versions(kubectl: Any, http: httpx2.Client, lions: str) -> None:
    http.post(lions.format("v1"), json=lion())
    http.patch(
        f"{lions.format('v1')}/a/status",
        json={"status": {"conditions": [{"type": "Other", "status": "no"}, {"type": "Ready", "status": "True"}]}},
        headers=MERGE,
    )
    assert "lion.zoo.example/a scaled" in kubectl.shell("kubectl scale lion/a --replicas 7").stdout
    assert http.get(f"{lions.format('v1')}/a").json()["spec"]["prides"] == 7
    assert kubectl.shell("kubectl get li").stdout.split() == ["NAME", "READY", "a", "True"]
    assert "lion.zoo.example/a" in kubectl.shell("kubectl get all").stdout
    assert "zoo.example/v1alpha1" in kubectl.shell("kubectl get lions.v1alpha1.zoo.example a -o yaml").stdout
    explained = kubectl.shell("kubectl explain lion.spec.prides --api-version zoo.example/v1alpha1").stdout
    assert "FIELD: prides <integer>" in explained


def test_names_that_another_definition_has_are_not_accepted(http: httpx2.Client, lions: str) -> None:
    names = {"plural": "cats", "singular": "lion", "kind": "Lion", "shortNames": ["li"]}
    body = definition("cats", "Cat", group="zoo.example", names=names)
    body["metadata"]["name"] = "cats.zoo.example"
    status = http.post(DEFINITIONS, json=body).json()["status"]
    conditions = {one["type"]: (one["status"], one["reason"], one["message"]) for one in status["conditions"]}
    assert conditions == {
        "NamesAccepted": ("False", "ListKindConflict", '"LionList" is already in use'),
        "Established": ("False", "NotAccepted", "not all names are accepted"),
    }
    assert status["acceptedNames"] == {"plural": "cats", "kind": ""}
    assert http.get("/apis/zoo.example/v1beta1/namespaces/default/cats").status_code == 404


def test_a_protected_group_needs_an_approval(http: httpx2.Client) -> None:
    body = definition("snaps", "Snap", group="snapshot.storage.k8s.io")
    body["metadata"]["name"] = "snaps.snapshot.storage.k8s.io"
    refused = http.post(DEFINITIONS, json=body)
    assert refused.status_code == 422
    assert (
        "metadata.annotations[api-approved.kubernetes.io]: Required value: protected groups must have approval "
        'annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111'
    ) in refused.json()["message"]
    body["metadata"]["annotations"] = {"api-approved.kubernetes.io": "yes"}
    assert "with either a URL or a reason starting with" in http.post(DEFINITIONS, json=body).json()["message"]
    body["metadata"]["annotations"] = {"api-approved.kubernetes.io": "https://example.com/pull/1"}
    made = http.post(DEFINITIONS, json=body)
    assert made.status_code == 201, made.text
    condition = made.json()["status"]["conditions"][-1]
    assert (condition["type"], condition["status"], condition["message"]) == (
        "KubernetesAPIApprovalPolicyConformant",
        "True",
        "approved in https://example.com/pull/1",
    )


def test_a_version_that_was_stored_must_stay(http: httpx2.Client) -> None:
    body = definition("logs", "Log")
    assert http.post(DEFINITIONS, json=body).status_code == 201
    path = f"{DEFINITIONS}/logs.shop.example"
    old, new = body["spec"]["versions"][0], {**body["spec"]["versions"][0], "name": "v1"}
    both = http.patch(path, json={"spec": {"versions": [{**old, "storage": False}, new]}}, headers=MERGE).json()
    assert both["status"]["storedVersions"] == ["v1beta1", "v1"]
    only = {"spec": {"versions": [new]}}
    refused = http.patch(path, json=only, headers=MERGE)
    assert refused.status_code == 422
    assert (
        'status.storedVersions[0]: Invalid value: "v1beta1": missing from spec.versions; v1beta1 was previously a '
        "storage version, and must remain in spec.versions until a storage migration"
    ) in refused.json()["message"]
    http.patch(f"{path}/status", json={"status": {"storedVersions": ["v1"]}}, headers=MERGE)
    assert http.patch(path, json=only, headers=MERGE).status_code == 200


def test_a_write_moves_an_object_to_the_new_storage_version(served: Any, http: httpx2.Client) -> None:
    body = definition("moved", "Moved")
    assert http.post(DEFINITIONS, json=body).status_code == 201
    objects = "/apis/shop.example/{}/namespaces/default/moved"
    made = {"apiVersion": "shop.example/v1beta1", "kind": "Moved", "metadata": {"name": "a"}, "spec": {"size": 2}}
    before = http.post(objects.format("v1beta1"), json=made).json()
    old, new = body["spec"]["versions"][0], {**body["spec"]["versions"][0], "name": "v1"}
    change = {"spec": {"versions": [{**old, "storage": False}, new]}}
    assert http.patch(f"{DEFINITIONS}/moved.shop.example", json=change, headers=MERGE).status_code == 200
    shown = http.get(f"{objects.format('v1')}/a").json()
    assert (shown["apiVersion"], shown["metadata"]["resourceVersion"]) == (
        "shop.example/v1",
        before["metadata"]["resourceVersion"],
    )
    stored = http.put(f"{objects.format('v1')}/a", json=shown).json()
    assert stored["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]
    again = http.put(f"{objects.format('v1')}/a", json=stored).json()
    assert again["metadata"]["resourceVersion"] == stored["metadata"]["resourceVersion"]


def test_nothing_is_created_while_the_definition_goes(http: httpx2.Client) -> None:
    body = definition("going", "Going")
    http.post(DEFINITIONS, json=body)
    assert http.delete(f"{DEFINITIONS}/going.shop.example").status_code == 200
    made = {"apiVersion": "shop.example/v1beta1", "kind": "Going", "metadata": {"name": "a"}, "spec": {"size": 2}}
    answer = http.post("/apis/shop.example/v1beta1/namespaces/default/going", json=made)
    assert (answer.status_code, answer.json()["message"]) == (
        405,
        "create not allowed while custom resource definition is terminating",
    )


@pytest.mark.parametrize(
    ("name", "more", "expected"),
    [
        ("v1alpha1", {}, "shop.example/v1alpha1 Aged is deprecated; use shop.example/v1 Aged"),
        ("v2", {}, "shop.example/v2 Aged is deprecated"),
        ("v1alpha1", {"deprecationWarning": "it is old"}, "it is old"),
    ],
)
def test_a_deprecated_version_warns(http: httpx2.Client, name: str, more: dict[str, str], expected: str) -> None:
    body = definition("aged", "Aged", version={"name": "v1"})
    old = {**body["spec"]["versions"][0], "name": name, "storage": False, "deprecated": True, **more}
    body["spec"]["versions"].append(old)
    http.delete(f"{DEFINITIONS}/aged.shop.example")
    http.patch(f"{DEFINITIONS}/aged.shop.example", json={"metadata": {"finalizers": None}}, headers=MERGE)
    assert http.post(DEFINITIONS, json=body).status_code == 201
    path = "/apis/shop.example/{}/namespaces/default/aged"
    assert http.get(path.format(name)).headers.get_list("warning") == [f'299 - "{expected}"']
    assert "warning" not in http.get(path.format("v1")).headers


def test_a_status_is_checked_too(http: httpx2.Client, widgets: str) -> None:
    http.post(widgets, json=widget())
    refused = http.patch(f"{widgets}/a/status", json={"status": {"phase": 1}}, headers=MERGE)
    assert refused.status_code == 422
    assert "status.phase in body must be of type string" in refused.json()["message"]
