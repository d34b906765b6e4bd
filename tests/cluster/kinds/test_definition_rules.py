"""CustomResourceDefinition: each rule alone refuses, and a definition without faults is accepted."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.kinds import definition_rules
from podrole.cluster.kinds.definition_rules import validate_definition, validate_definition_update, warnings_of
from podrole.cluster.schema import patterns

NAMES = {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"}
TEXT = {"type": "string"}
APPROVED = "api-approved.kubernetes.io"
SIMPLE = "must be a json path without array notation"


def schema(**properties: Any) -> dict[str, Any]:
    return {"openAPIV3Schema": {"type": "object", "properties": properties}}


def version(name: str = "v1", *, storage: bool = True, **more: Any) -> dict[str, Any]:
    return {"name": name, "served": True, "storage": storage, "schema": schema(a=TEXT), **more}


def definition(*versions: dict[str, Any], name: str = "", **spec: Any) -> dict[str, Any]:
    known = {"group": "shop.example", "scope": "Namespaced", "names": NAMES, "conversion": {"strategy": "None"}}
    known |= {"versions": list(versions or [version()]), **spec}
    return {"metadata": {"name": name or f"{known['names']['plural']}.{known['group']}"}, "spec": known}


def found(body: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one.field, one.message) for one in validate_definition(body)]


def columns(**column: str) -> dict[str, Any]:
    return {"additionalPrinterColumns": [{"name": "A", "type": "integer", "jsonPath": ".spec.a", **column}]}


def scale(**paths: str) -> dict[str, Any]:
    known = {"specReplicasPath": ".spec.n", "statusReplicasPath": ".status.n", **paths}
    return {"subresources": {"status": {}, "scale": {key: one for key, one in known.items() if one != "-"}}}


def selectable(*paths: str) -> dict[str, Any]:
    return {"selectableFields": [{"jsonPath": path} for path in paths]}


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        (definition(names={**NAMES, "plural": ""}, name=".shop.example"), "spec.names.plural", "Required value"),
        (definition(names={**NAMES, "kind": ""}), "spec.names.kind", "Required value"),
        (definition(names={"plural": "widgets"}), "spec.names.kind", "Required value"),
        (definition(group="apps"), "spec.group", "is a group of Kubernetes' own"),
        (definition(group="", name="widgets."), "spec.group", "Required value"),
        (definition(group="Shop.example"), "spec.group", "a lowercase RFC 1123 subdomain"),
        (definition(group="shop"), "spec.group", "should be a domain with at least one dot"),
        (definition(name="x.shop.example"), "metadata.name", 'must be spec.names.plural+"."+spec.group'),
        (definition(scope="Some"), "spec.scope", 'supported values: "Cluster", "Namespaced"'),
        (definition(conversion={"strategy": "Magic"}), "spec.conversion.strategy", 'values: "None", "Webhook"'),
        (definition(group="a.k8s.io"), f"metadata.annotations[{APPROVED}]", "Required value: protected groups must"),
        (definition(names={**NAMES, "plural": "1s"}), "spec.names.plural", "a DNS-1035 label"),
        (definition(names={**NAMES, "singular": "1"}), "spec.names.singular", "a DNS-1035 label"),
        (
            definition(names={**NAMES, "kind": "1"}),
            "spec.names.kind",
            "may have mixed case, but should otherwise match",
        ),
        (definition(names={**NAMES, "listKind": "A_"}), "spec.names.listKind", "may have mixed case"),
        (definition(names={**NAMES, "shortNames": ["a", "B"]}), "spec.names.shortNames[1]", "a DNS-1035 label"),
        (definition(names={**NAMES, "categories": ["a", "B"]}), "spec.names.categories[1]", "a DNS-1035 label"),
        (definition(names={**NAMES, "listKind": "Widget"}), "spec.names.listKind", "kind and listKind may not be"),
        (definition(version(storage=False)), "spec.versions", "must have exactly one version marked as storage"),
        (definition(version(), version("v2")), "spec.versions", "must have exactly one version marked as storage"),
        (definition(version(), version(storage=False)), "spec.versions", "must contain unique version names"),
        (definition(version("V1")), "spec.versions[0].name", "a DNS-1035 label"),
        (
            definition(version(deprecationWarning="x")),
            "spec.versions[0].deprecationWarning",
            "can only be set for deprecated versions",
        ),
        (definition(version(schema=None)), "spec.validation.openAPIV3Schema", "schemas are required"),
        (
            definition(version(), version("v2", storage=False, schema={})),
            "spec.versions[1].schema.openAPIV3Schema",
            "schemas are required",
        ),
        (definition(version(**columns(name=""))), "spec.additionalPrinterColumns[0].name", "Required value"),
        (
            definition(version(**columns(type=""))),
            "spec.additionalPrinterColumns[0].type",
            "Required value: must be one of boolean,date,integer,number,string",
        ),
        (
            definition(version(**columns(type="text"))),
            "spec.additionalPrinterColumns[0].type",
            'Invalid value: "text": must be one of boolean,date,integer,number,string',
        ),
        (definition(version(**columns(jsonPath=""))), "spec.additionalPrinterColumns[0].jsonPath", "Required value"),
        (
            definition(version(**columns(jsonPath="a"))),
            "spec.additionalPrinterColumns[0].jsonPath",
            "must be a simple json path starting with .",
        ),
        (
            definition(version(), version("v2", storage=False, **columns(jsonPath="a"))),
            "spec.versions[1].additionalPrinterColumns[0].jsonPath",
            "must be a simple json path starting with .",
        ),
        (
            definition(version(**scale(specReplicasPath="-"))),
            "spec.subresources.scale.specReplicasPath",
            "Required value",
        ),
        (
            definition(version(**scale(statusReplicasPath="-"))),
            "spec.subresources.scale.statusReplicasPath",
            "Required value",
        ),
        (
            definition(version(**scale(specReplicasPath=".spec.a[0]"))),
            "spec.subresources.scale.specReplicasPath",
            SIMPLE,
        ),
        (
            definition(version(**scale(specReplicasPath=".status.n"))),
            "spec.subresources.scale.specReplicasPath",
            "should be a json path under .spec",
        ),
        (
            definition(version(**scale(statusReplicasPath=".spec.n"))),
            "spec.subresources.scale.statusReplicasPath",
            "should be a json path under .status",
        ),
        (
            definition(version(**scale(labelSelectorPath=".metadata.a"))),
            "spec.subresources.scale.labelSelectorPath",
            "should be a json path under either .status or .spec",
        ),
        (
            definition(version(**selectable(*(f".spec.f{n}" for n in range(9))))),
            "spec.selectableFields",
            "Too many: 9: must have at most 8 items",
        ),
        (definition(version(**selectable(""))), "spec.selectableFields[0].jsonPath", "Required value"),
        (
            definition(version(**selectable(".spec.a", ".spec.b[0]"))),
            "spec.selectableFields[1].jsonPath",
            "is an invalid path: does not appear to be a simple path",
        ),
        (
            definition(version(**selectable(".metadata.name"))),
            "spec.selectableFields[0].jsonPath",
            "must not point to fields in metadata",
        ),
        (
            {**definition(), "status": {"storedVersions": ["v1", "v0"]}},
            "status.storedVersions[1]",
            "missing from spec.versions; v0 was previously a storage version",
        ),
        (
            definition(
                version(
                    schema=schema(a={"type": "object", "x-kubernetes-validations": [{"rule": "self +"}]}),
                )
            ),
            "spec.validation.openAPIV3Schema.properties[a].x-kubernetes-validations[0].rule",
            "compilation failed",
        ),
    ],
)
def test_a_definition_is_refused(body: dict[str, Any], field: str, message: str) -> None:
    ((where, what),) = found(body)
    assert where == field
    assert message in what


@pytest.mark.parametrize(
    "body",
    [
        definition(),
        definition(names={"plural": "widgets", "kind": "Widget"}),
        definition(names={**NAMES, "shortNames": None, "categories": ["all"]}),
        definition(scope="Cluster", conversion={"strategy": "Webhook"}),
        definition(version(), version("v2", storage=False, deprecated=True, deprecationWarning="x")),
        definition(version(**columns()), version("v2", storage=False, **columns(jsonPath=".spec.b"))),
        definition(version(**scale())),
        definition(version(**scale(labelSelectorPath=".status.a.b-c"))),
        definition(version(**scale(labelSelectorPath=".spec.selector"))),
        definition(version(subresources={"status": {}})),
        definition(version(**selectable(*(f".spec.f{n}" for n in range(8))))),
        {**definition(), "status": {"storedVersions": ["v1"]}},
        {**definition(), "status": {"storedVersions": None}},
        {**definition(), "status": None},
        {
            **definition(group="a.k8s.io"),
            "status": {"conditions": [{"type": "Established", "status": "True"}]},
        },
    ],
)
def test_a_definition_is_accepted(body: dict[str, Any]) -> None:
    assert found(body) == []


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("yes", 'Invalid value: "yes": protected groups must have approval annotation'),
        ("https://example.com/pull/1", None),
        ("unapproved, on purpose", None),
    ],
)
def test_a_protected_group_needs_an_approval(value: str, message: str | None) -> None:
    body = definition(group="a.k8s.io")
    body["metadata"]["annotations"] = {APPROVED: value}
    faults = found(body)
    assert (faults == []) if message is None else (message in faults[0][1])


def test_every_path_of_a_scale_is_checked() -> None:
    body = definition(version(**scale(specReplicasPath="-", statusReplicasPath="x")))
    assert [field for field, _ in found(body)] == [
        "spec.subresources.scale.specReplicasPath",
        "spec.subresources.scale.statusReplicasPath",
    ]


def test_what_versions_have_in_common_is_refused_once() -> None:
    bad = columns(type="text")
    body = definition(version(**bad), version("v2", storage=False, **bad))
    assert [field for field, _ in found(body)] == ["spec.additionalPrinterColumns[0].type"]


def test_an_answer_names_a_hundred_faults_of_a_schema() -> None:
    body = definition(version(schema=schema(**{f"f{n}": {} for n in range(101)})))
    assert len(found(body)) == definition_rules.MAX_FAULTS == 100


def test_rules_are_checked_after_the_schema_alone() -> None:
    rule = {"type": "object", "x-kubernetes-validations": [{"rule": "self +"}]}
    assert [field for field, _ in found(definition(version(schema=schema(a=rule, b={}))))] == [
        "spec.validation.openAPIV3Schema.properties[b].type"
    ]


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({}, []),
        ({"group": "other.example"}, ["spec.group"]),
        ({"scope": "Cluster"}, ["spec.scope"]),
        ({"names": {**NAMES, "plural": "x"}}, ["spec.names.plural"]),
        ({"names": {**NAMES, "kind": "X"}}, ["spec.names.kind"]),
        ({"names": {**NAMES, "singular": "x", "listKind": "X", "shortNames": ["x"]}}, []),
    ],
)
def test_names_and_scope_stay(change: dict[str, Any], fields: list[str]) -> None:
    faults = validate_definition_update(definition(**change), definition())
    assert [(one.field, "field is immutable" in one.message) for one in faults] == [(one, True) for one in fields]


ONE_VERSION = "podrole calls no conversion webhooks: it serves the storage version only"
WITH_PATTERN = {"schema": schema(a={**TEXT, "pattern": "a"})}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (definition(), []),
        (definition(conversion={"strategy": "Webhook"}), [ONE_VERSION]),
        (
            definition(
                version(),
                version("v2", storage=False),
                version("v3", storage=False),
                version("v4", storage=False, served=False),
                conversion={"strategy": "Webhook"},
            ),
            [f"{ONE_VERSION}, not v2, v3"],
        ),
        (definition(version(**WITH_PATTERN)), ["podrole does not check these rules of the schema: pattern"]),
        (definition(version(schema=None)), []),
        (definition(version(), version("v2", storage=False, served=False, **WITH_PATTERN)), []),
    ],
)
def test_what_is_not_done_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, body: dict[str, Any], expected: list[str]
) -> None:
    monkeypatch.setattr(patterns, "available", lambda: False)
    assert warnings_of(body) == expected


def test_a_rule_that_is_not_checked_is_a_warning() -> None:
    times = {"type": "string", "format": "date-time"}
    rule = {"rule": "self.until < timestamp('2030-01-01T00:00:00Z')"}
    spec = {"type": "object", "properties": {"until": times}, "x-kubernetes-validations": [rule]}
    (warning,) = warnings_of(definition(version(schema=schema(spec=spec))))
    assert warning == (
        "podrole does not check these rules of the schema: x-kubernetes-validations (some, first at spec)"
    )
