"""Which schemas a CustomResourceDefinition may have, and the words of the refusals."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.schema import patterns, structural_rules
from podrole.cluster.schema.structural_rules import schema_faults, unchecked

TEXT = {"type": "string"}
BAD_PATTERN = "must be a valid regular expression, but isn't: error parsing regexp: missing closing ]: `[a`"


def with_a(schema: Any, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": schema}, **more}


def listed(items: dict[str, Any], kind: str = "map", keys: tuple[str, ...] = ("name",)) -> dict[str, Any]:
    given = {"x-kubernetes-list-map-keys": list(keys)} if keys else {}
    return with_a({"type": "array", "x-kubernetes-list-type": kind, **given, "items": items})


ITEM = {"type": "object", "properties": {"name": TEXT}, "required": ["name"]}
REFUSED: list[tuple[Any, str, str]] = [
    ({}, "s.type", "Required value: must not be empty at the root"),
    ({"type": "array"}, "s.type", 'Invalid value: "array": must be object at the root'),
    ({"type": "object", "nullable": True}, "s.nullable", "Forbidden: nullable cannot be true at the root"),
    (with_a({}), "s.properties[a].type", "Required value: must not be empty for specified object fields"),
    (with_a({"type": "array", "items": {}}), "s.properties[a].items", "Required value: must be specified"),
    (
        with_a({"type": "array", "items": {"maxLength": 1}}),
        "s.properties[a].items.type",
        "Required value: must not be empty for specified array items",
    ),
    (with_a({"type": "array"}), "s.properties[a].items", "Required value: must be specified"),
    (
        with_a({"type": "text"}),
        "s.properties[a].type",
        'Unsupported value: "text": supported values: "array", "boolean"',
    ),
    (
        with_a({"type": "string", "x-kubernetes-int-or-string": True}),
        "s.properties[a].type",
        "Forbidden: must be empty if x-kubernetes-int-or-string is true",
    ),
    (with_a({"$ref": "x", **TEXT}), "s.properties[a].$ref", "Forbidden: $ref is not supported"),
    (with_a({**TEXT, "definitions": {"x": {}}}), "s.properties[a].definitions", "Forbidden"),
    (
        with_a({"type": "array", "items": TEXT, "uniqueItems": True}),
        "s.properties[a].uniqueItems",
        "Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
    ),
    (
        with_a({"type": "object", "additionalProperties": False}),
        "s.properties[a].additionalProperties",
        "Forbidden: additionalProperties cannot be set to false",
    ),
    (
        with_a(TEXT, additionalProperties=TEXT),
        "s.additionalProperties",
        "Forbidden: additionalProperties and properties are mutual exclusive",
    ),
    (with_a({**TEXT, "pattern": "[a"}), "s.properties[a].pattern", f'Invalid value: "[a": {BAD_PATTERN}'),
    (
        with_a({**TEXT, "anyOf": [{"type": "string"}]}),
        "s.properties[a].anyOf[0].type",
        "Forbidden: must be empty to be structural",
    ),
    (
        with_a(TEXT, anyOf=[{"properties": {"b": {"maxLength": 1}}}]),
        "s.properties[b]",
        "Required value: because it is defined in s.anyOf[0].properties[b]",
    ),
    (
        with_a({"type": "object", "x-kubernetes-preserve-unknown-fields": False}),
        "s.properties[a].x-kubernetes-preserve-unknown-fields",
        "Invalid value: false: must be true or undefined",
    ),
    (
        with_a({"type": "object", "x-kubernetes-embedded-resource": True}),
        "s.properties[a].properties",
        "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields",
    ),
    (listed(ITEM, "bag", ()), "s.properties[a].x-kubernetes-list-type", 'Unsupported value: "bag"'),
    (listed(ITEM, "atomic"), "s.properties[a].x-kubernetes-list-type", "Required value: must be map if"),
    (listed(ITEM, keys=()), "s.properties[a].x-kubernetes-list-map-keys", "Required value: must not be empty if"),
    (listed(TEXT), "s.properties[a].items.type", "must be object if parent array's x-kubernetes-list-type is map"),
    (
        listed(ITEM, keys=("b",)),
        "s.properties[a].x-kubernetes-list-map-keys[0]",
        "must all be names of item properties",
    ),
    (
        listed({"type": "object", "properties": {"name": TEXT}}),
        "s.properties[a].items.properties[name].default",
        "so it must have a default or be a required property",
    ),
    (listed(ITEM, "set", ()), "s.properties[a].items.x-kubernetes-map-type", "must be atomic as item of a list"),
    (
        with_a(TEXT, properties={"metadata": {"type": "object", "properties": {"labels": {"type": "object"}}}}),
        "s.properties[metadata]",
        "Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified",
    ),
    (
        with_a({"type": "integer", "default": "x"}),
        "s.properties[a].default",
        'Invalid value: "string": s.properties[a].default in body must be of type integer: "string"',
    ),
    (with_a({"type": "integer", "default": 9, "maximum": 3}), "s.properties[a].default", "less than or equal to 3"),
    (with_a({"type": "object", "default": {"b": 1}}), "s.properties[a].default", "must not have unknown fields"),
    (
        with_a(TEXT, anyOf=[{"allOf": [{"not": {"properties": {"b": {}}}}]}]),
        "s.properties[b]",
        "Required value: because it is defined in s.anyOf[0].allOf[0].not.properties[b]",
    ),
    (
        with_a({"type": "array", "items": ITEM, "anyOf": [{"items": {"properties": {"b": {}}}}]}),
        "s.properties[a].items.properties[b]",
        "Required value: because it is defined in s.properties[a].anyOf[0].items.properties[b]",
    ),
    (
        with_a({**TEXT, "not": {"items": {"maxLength": 1}}}),
        "s.properties[a].items",
        "Required value: because it is defined in s.properties[a].not.items",
    ),
    (
        with_a({"type": "array", "items": TEXT, "oneOf": [{"items": {"default": "x"}}]}),
        "s.properties[a].oneOf[0].items.default",
        "Forbidden: must be empty to be structural",
    ),
    (
        with_a({"type": "object", "additionalProperties": True, "anyOf": [{"properties": {"b": {}}}]}),
        "s.properties[a].properties[b]",
        "Required value: because it is defined in s.properties[a].anyOf[0].properties[b]",
    ),
    (
        with_a({"x-kubernetes-int-or-string": True, "anyOf": [{"nullable": True}]}),
        "s.properties[a].anyOf[0].nullable",
        "Forbidden: must be empty to be structural",
    ),
    (
        with_a({**TEXT, "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True}),
        "s.properties[a].type",
        'Invalid value: "string": must be object if x-kubernetes-embedded-resource is true',
    ),
    (
        with_a({"type": "object", "x-kubernetes-map-type": "bag"}),
        "s.properties[a].x-kubernetes-map-type",
        'Unsupported value: "bag": supported values: "atomic", "granular"',
    ),
    (
        with_a({**TEXT, "x-kubernetes-map-type": "atomic"}),
        "s.properties[a].type",
        'Invalid value: "string": must be object if x-kubernetes-map-type is specified',
    ),
    (
        with_a({**TEXT, "x-kubernetes-list-type": "atomic"}),
        "s.properties[a].type",
        'Invalid value: "string": must be array if x-kubernetes-list-type is specified',
    ),
    (
        listed({**TEXT, "nullable": True}, "set", ()),
        "s.properties[a].items.nullable",
        "Forbidden: cannot be nullable when x-kubernetes-list-type is set",
    ),
    (
        listed({"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"}, "set", ()),
        "s.properties[a].items.x-kubernetes-list-type",
        'Invalid value: "set": must be atomic as item of a list with x-kubernetes-list-type=set',
    ),
    (
        listed({**ITEM, "properties": {"name": {"type": "object"}}}),
        "s.properties[a].items.properties[name].type",
        'Invalid value: "object": must be a scalar type if parent array',
    ),
    (
        listed({**ITEM, "properties": {"name": {**TEXT, "nullable": True}}}),
        "s.properties[a].items.properties[name].nullable",
        "Forbidden: this property is in x-kubernetes-list-map-keys, so it cannot be nullable",
    ),
    (
        listed(ITEM, keys=("name", "name")),
        "s.properties[a].x-kubernetes-list-map-keys",
        "must not contain duplicate entries",
    ),
    (
        with_a(TEXT, properties={"metadata": {"type": "object", "required": ["name"]}}),
        "s.properties[metadata]",
        "Forbidden: must not specify anything other than name and generateName",
    ),
    (
        with_a({"type": "array", "items": {**TEXT, "default": 1}}),
        "s.properties[a].items.default",
        "must be of type string",
    ),
    (
        with_a({"type": "object", "additionalProperties": {**TEXT, "default": 1}}),
        "s.properties[a].additionalProperties.default",
        "must be of type string",
    ),
    (1, "s", "the schema must be an object"),
    ({"type": 1}, "s", ".type has the wrong type"),
    (with_a({**TEXT, "maxLength": True}), "s", ".a.maxLength has the wrong type"),
    (with_a(TEXT, required=[1]), "s", "the schema has a key that is not a string"),
    (with_a({"type": "object", "properties": []}), "s", ".a.properties must be an object"),
    (with_a({"type": "object", "additionalProperties": 1}), "s", ".a.additionalProperties must be an object"),
    (with_a({"type": "array", "items": 1}), "s", ".a.items must be an object"),
    (with_a({**TEXT, "not": 1}), "s", ".a.not must be an object"),
    (with_a({**TEXT, "allOf": {}}), "s", ".a.allOf must be a list"),
    (with_a({**TEXT, "oneOf": [1]}), "s", ".a.oneOf must be an object"),
    (with_a({**TEXT, "maxLength": "x"}), "s", ".a.maxLength has the wrong type"),
    (with_a(1), "s", ".a must be an object"),
    (with_a({**TEXT, "pattern": 1}), "s", ".a.pattern has the wrong type"),
]


@pytest.mark.parametrize(("schema", "field", "message"), REFUSED)
def test_a_schema_is_refused(schema: Any, field: str, message: str) -> None:
    found = list(schema_faults(schema, "s"))
    assert any(one.field == field and message in one.message for one in found), found


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        with_a(
            {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True, "pattern": "^1"}
        ),
        with_a({"x-kubernetes-preserve-unknown-fields": True}),
        with_a({"type": "object", "additionalProperties": {"type": "integer"}, "default": {"x": 1}}),
        with_a({"type": "object", "properties": {"b": {**TEXT, "default": "x"}}, "default": {}}),
        with_a({**TEXT, "oneOf": [{"pattern": "x"}, {"maxLength": 3}], "not": {"enum": ["z"]}}),
        with_a(TEXT, anyOf=[{"required": ["a"]}, {"properties": {"a": {"maxLength": 1}}}]),
        with_a(
            {"type": "object", "x-kubernetes-embedded-resource": True, "x-kubernetes-preserve-unknown-fields": True}
        ),
        with_a(TEXT, properties={"metadata": {"type": "object", "properties": {"name": {**TEXT, "maxLength": 9}}}}),
        with_a({"type": "object", "x-kubernetes-embedded-resource": True, "properties": {"spec": {"type": "object"}}}),
        with_a({"type": "object", "properties": {"metadata": {"type": "object", "properties": {"labels": TEXT}}}}),
        with_a(
            TEXT, properties={"metadata": {"type": "object", "description": "x", "properties": {"generateName": TEXT}}}
        ),
        with_a({"type": "array", "items": ITEM, "anyOf": [{"items": {"properties": {"name": {"maxLength": 1}}}}]}),
        *(with_a({"type": "object", "x-kubernetes-map-type": kind}) for kind in ("atomic", "granular")),
        listed(ITEM),
        listed({"type": "object", "properties": {"name": {**TEXT, "default": ""}}}),
        listed(TEXT, "set", ()),
        listed(TEXT, "atomic", ()),
        listed({"type": "object", "x-kubernetes-map-type": "atomic"}, "set", ()),
        listed({"type": "array", "items": TEXT}, "set", ()),
        listed({"type": "array", "items": TEXT, "x-kubernetes-list-type": "atomic"}, "set", ()),
    ],
)
def test_a_schema_is_accepted(schema: Any) -> None:
    assert list(schema_faults(schema, "s")) == []


@pytest.mark.parametrize(
    ("schema", "fields"),
    [
        ({}, ["s.type"]),
        (with_a({"type": "array", "x-kubernetes-list-type": "set"}), ["s.properties[a].items"]),
        (
            listed({**TEXT, "x-kubernetes-list-type": "set"}, "set", ()),
            ["s.properties[a].items.type"],
        ),
        (
            listed(ITEM, keys=("x", "y")),
            ["s.properties[a].x-kubernetes-list-map-keys[0]", "s.properties[a].x-kubernetes-list-map-keys[1]"],
        ),
        (
            with_a(TEXT, anyOf=[{"properties": {"b": {"properties": {"c": {}}, "items": {}}}}]),
            ["s.properties[b]"],
        ),
    ],
)
def test_a_schema_has_these_faults_alone(schema: Any, fields: list[str]) -> None:
    assert [one.field for one in schema_faults(schema, "s")] == fields


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"a": TEXT, "b": TEXT}},
        with_a({**TEXT, "allOf": [{}]}),
        with_a({"type": "array", "items": TEXT}),
        with_a({"type": "object", "additionalProperties": TEXT}),
    ],
)
def test_each_schema_counts(monkeypatch: pytest.MonkeyPatch, schema: Any) -> None:
    monkeypatch.setattr(structural_rules, "MAX_SCHEMAS", 3)
    assert list(schema_faults(schema, "s")) == []
    monkeypatch.setattr(structural_rules, "MAX_SCHEMAS", 2)
    assert len(list(schema_faults(schema, "s"))) == 1


def test_the_bounds_of_a_schema() -> None:
    assert (structural_rules.MAX_SCHEMAS, structural_rules.MAX_PATTERN_STEPS) == (50_000, 500_000)


WITH_PATTERN = with_a({**TEXT, "pattern": "[a"})


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (WITH_PATTERN, {"pattern"}),
        ({"pattern": "a"}, {"pattern"}),
        ({"anyOf": [{}, {"pattern": "a"}]}, {"pattern"}),
        (with_a(TEXT), set()),
        ({"required": ["pattern"], "enum": [1]}, set()),
        ({"properties": {"pattern": TEXT}}, set()),
        (None, set()),
    ],
)
def test_patterns_are_not_checked_without_their_library(
    monkeypatch: pytest.MonkeyPatch, schema: Any, expected: set[str]
) -> None:
    assert unchecked(schema) == set()
    monkeypatch.setattr(patterns, "available", lambda: False)
    assert unchecked(schema) == expected
    assert list(schema_faults(WITH_PATTERN, "s")) == []


@pytest.mark.parametrize(
    "schema",
    [
        with_a({**TEXT, "allOf": [{"maxLength": 1}] * 50_001}),
        {"type": "object", "properties": {f"p{n}": {**TEXT, "pattern": f"x{{1000}}{n}"} for n in range(600)}},
    ],
)
def test_a_schema_that_is_too_large_is_refused(schema: Any) -> None:
    assert [one.message for one in schema_faults(schema, "s")] == [
        'Invalid value: "": podrole does not use a schema of this size'
    ]
