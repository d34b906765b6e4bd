"""Which schemas a CustomResourceDefinition may have, and the words of the refusals."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.schema.structural_rules import schema_faults

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
        listed(ITEM),
        listed(TEXT, "set", ()),
    ],
)
def test_a_schema_is_accepted(schema: Any) -> None:
    assert list(schema_faults(schema, "s")) == []


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
