"""What the schema of a custom resource refuses of an object, and the bounds of that check."""

from __future__ import annotations

import time
from typing import Any

import pytest

from podrole.cluster.schema import patterns
from podrole.cluster.schema.values import ABSENT, TooMuchWork, Work, problems

TEXT, NUMBER, INTEGER = ({"type": kind} for kind in ("string", "number", "integer"))
MAP = {
    "type": "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
    "items": {"type": "object", "properties": {"name": TEXT, "size": {"type": "integer", "maximum": 5}}},
}


def found(schema: dict[str, Any], value: Any, old: Any = ABSENT, steps: int = 10_000) -> list[str]:
    return [f"{one.field}: {one.message}" for one in problems(schema, value, "a", old, Work(steps))]


@pytest.mark.parametrize(
    ("schema", "value", "message"),
    [
        (TEXT, 1, 'Invalid value: "integer": a in body must be of type string: "integer"'),
        (INTEGER, "1", 'Invalid value: "string": a in body must be of type integer: "string"'),
        (INTEGER, 1.5, 'a in body must be of type integer: "number"'),
        (INTEGER, True, 'a in body must be of type integer: "boolean"'),
        (TEXT, None, 'a in body must be of type string: "null"'),
        ({"x-kubernetes-int-or-string": True}, [], 'a in body must be of type integer,string: "array"'),
        ({**TEXT, "pattern": "^a+$"}, "ab", "Invalid value: \"ab\": a in body should match '^a+$'"),
        ({**TEXT, "format": "ipv4"}, "1.2.3", 'a in body must be of type ipv4: "1.2.3"'),
        ({**TEXT, "enum": ["x", "y"]}, "z", 'Unsupported value: "z": supported values: "x", "y"'),
        ({"type": "boolean", "enum": [True]}, False, "Unsupported value: false"),
        ({**INTEGER, "enum": [1]}, 2, "Unsupported value: 2"),
        ({**TEXT, "minLength": 2}, "a", "a in body should be at least 2 chars long"),
        ({**TEXT, "maxLength": 2}, "abc", "a in body should be at most 2 chars long"),
        ({**INTEGER, "minimum": 2}, 1, "a in body should be greater than or equal to 2"),
        ({**INTEGER, "minimum": 2, "exclusiveMinimum": True}, 2, "a in body should be greater than 2"),
        ({**INTEGER, "maximum": 2, "exclusiveMaximum": True}, 2, "a in body should be less than 2"),
        ({**INTEGER, "multipleOf": 5}, 7, "a in body should be a multiple of 5"),
        ({**NUMBER, "multipleOf": 0.1}, 0.35, "a in body should be a multiple of 0.1"),
        ({**NUMBER, "multipleOf": 2}, 1e30, "a in body should be a multiple of 2"),
        ({**INTEGER, "format": "int32"}, 2**31, "Checked value must be of type integer with format int32 in a"),
        ({**INTEGER, "format": "int32"}, -(2**31) - 1, "Checked value must be of type integer with format int32 in a"),
        ({**INTEGER, "format": "int64"}, 2**63, "Checked value must be of type integer with format int64 in a"),
        ({**INTEGER, "format": "int64"}, -(2**63) - 1, "Checked value must be of type integer with format int64 in a"),
        ({"x-kubernetes-int-or-string": True}, True, 'a in body must be of type integer,string: "boolean"'),
        ({**TEXT, "nullable": True}, 1, "a in body must be of type string"),
        ({**NUMBER}, "1", "a in body must be of type number"),
        ({"type": "boolean"}, 1.0, 'a in body must be of type boolean: "number"'),
        ({"type": "boolean", "enum": [1]}, True, 'Unsupported value: true: supported values: "1"'),
        ({**INTEGER, "enum": [True, 3]}, 1, 'Unsupported value: 1: supported values: "3", "true"'),
        ({**INTEGER, "minimum": 2, "exclusiveMinimum": True}, 1, "a in body should be greater than 2"),
        ({**INTEGER, "maximum": 2}, 3, "a in body should be less than or equal to 2"),
        ({**INTEGER, "maximum": 2, "exclusiveMaximum": True}, 3, "a in body should be less than 2"),
        ({**INTEGER, "not": {"minimum": 1}}, 7, "Invalid value: 7: a in body must not validate the schema (not)"),
        ({"type": "object", "not": {}}, {}, 'Invalid value: "object": a in body must not validate the schema (not)'),
        ({"type": "array", "not": {}}, [], 'Invalid value: "array": a in body must not validate the schema (not)'),
        ({**TEXT, "not": {}}, "x" * 300, f'Invalid value: "{"x" * 200}": a in body'),
        ({"type": "object", "minProperties": 1}, {}, "a in body should be at least 1 properties"),
        ({"type": "array", "maxItems": 1}, [1, 2], "a in body should be at most 1 items"),
        ({"type": "array", "x-kubernetes-list-type": "set"}, [{"x": 1, "y": 2}, {"y": 2, "x": 1}], "a[1]: Duplicate"),
        ({"type": "array", "x-kubernetes-list-type": "set"}, ["ü", "ü"], 'a[1]: Duplicate value: "ü"'),
        (MAP, [1, 1], "a[1]: Duplicate value: 1"),
        (MAP, [{}, {"size": 1}], "a[1]: Duplicate value: {}"),
        ({"type": "array", "items": TEXT, "minItems": 1}, [], "a in body should be at least 1 items"),
        ({"type": "array", "items": TEXT}, [1], "a[0]: Invalid value"),
        ({"type": "array", "x-kubernetes-list-type": "set", "items": TEXT}, ["x", "x"], 'a[1]: Duplicate value: "x"'),
        (MAP, [{"name": "x"}, {"name": "x", "size": 1}], 'a[1]: Duplicate value: {"name":"x"}'),
        ({"type": "object", "maxProperties": 1}, {"x": 1, "y": 2}, "a in body should be at most 1 properties"),
        ({"type": "object", "required": ["x"]}, {}, "a.x: Required value"),
        ({"type": "object", "additionalProperties": INTEGER}, {"x": ""}, "a.x: Invalid value"),
        ({**TEXT, "allOf": [{"maxLength": 1}, {"pattern": "x"}]}, "ab", "should be at most 1 chars"),
        ({**TEXT, "anyOf": [{"maxLength": 1}, {"pattern": "x"}]}, "ab", "must validate at least one schema (anyOf)"),
        ({**TEXT, "oneOf": [{"maxLength": 1}, {"pattern": "x"}]}, "x", "one and only one schema (oneOf)"),
        ({**TEXT, "not": {"pattern": "x"}}, "x", "must not validate the schema (not)"),
    ],
)
def test_what_a_schema_refuses(schema: dict[str, Any], value: Any, message: str) -> None:
    assert any(message in one for one in found(schema, value)), found(schema, value)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({**TEXT, "nullable": True}, None),
        (INTEGER, 2.0),
        ({**NUMBER, "multipleOf": 0.1}, 0.3),
        ({**NUMBER, "enum": [1]}, 1.0),
        ({"x-kubernetes-int-or-string": True, "pattern": "^[0-9]+%?$"}, "10%"),
        ({"x-kubernetes-int-or-string": True}, 10),
        ({**TEXT, "format": "of-no-standard"}, "x"),
        ({**TEXT, "pattern": "b"}, "abc"),
        (MAP, [{"name": "x"}, {"name": "y"}]),
        *(({**INTEGER, "format": "int32"}, value) for value in (-(2**31), 2**31 - 1)),
        *(({**INTEGER, "format": "int64"}, value) for value in (-(2**63), 2**63 - 1)),
        ({}, True),
        ({"minimum": 2}, True),
        ({"minimum": 2}, None),
        ({**INTEGER, "minimum": 2}, 2),
        ({**INTEGER, "minimum": 2}, 3),
        ({**INTEGER, "minimum": 2, "exclusiveMinimum": True}, 3),
        ({**INTEGER, "maximum": 2}, 2),
        ({**INTEGER, "maximum": 2}, 1),
        ({**INTEGER, "maximum": 2, "exclusiveMaximum": True}, 1),
        ({**INTEGER, "multipleOf": 5}, 10),
        ({**INTEGER, "multipleOf": 10}, 10**40),
        ({**NUMBER, "multipleOf": 0.1}, 3),
        ({**TEXT, "enum": ["x"]}, "x"),
        ({**TEXT, "format": "ipv4"}, "1.2.3.4"),
        ({**TEXT, "minLength": 2, "maxLength": 2}, "ab"),
        ({**TEXT, "allOf": [{"maxLength": 1}]}, "a"),
        ({**TEXT, "anyOf": [{"maxLength": 1}, {"pattern": "x"}]}, "xx"),
        ({**TEXT, "oneOf": [{"maxLength": 1}, {"pattern": "x"}]}, "xx"),
        ({**TEXT, "not": {"pattern": "x"}}, "y"),
        ({"type": "array"}, [1, 1]),
        ({"type": "array", "x-kubernetes-list-map-keys": ["name"]}, [{"name": "x"}, {"name": "x"}]),
        ({"type": "array", "x-kubernetes-list-type": "set"}, [{"x": 1}, {"y": 1}, {}]),
        ({**MAP, "items": {}, "x-kubernetes-list-type": "set"}, [{"name": "x"}, {"name": "x", "y": 1}]),
        ({**MAP, "items": {}}, [{}, {"name": None}]),
        ({"type": "object", "required": ["x"]}, {"x": None}),
        ({"type": "object", "additionalProperties": True}, {"x": 1}),
    ],
)
def test_what_a_schema_allows(schema: dict[str, Any], value: Any) -> None:
    assert found(schema, value) == []


@pytest.mark.parametrize(
    ("schema", "old", "new", "refused"),
    [
        ({**TEXT, "maxLength": 1}, "long", "long", False),
        ({**TEXT, "maxLength": 1}, "long", "longer", True),
        (INTEGER, 1, True, True),
        ({"maxItems": 1}, [1, {"x": [2]}], [1, {"x": [2]}], False),
        ({"maxItems": 1}, [1, 2], [1, 2.0], True),
        ({"maxProperties": 1}, {"x": 1, "y": 2}, {"x": 1, "y": 2}, False),
        ({"maxProperties": 1}, {"x": 1, "y": 2}, {"x": 1, "y": 2.0}, True),
        ({"type": "object", "properties": {"x": {"maximum": 5}}}, {"x": 9}, {"x": 9, "y": 1}, False),
        ({"type": "object", "properties": {"x": {"maximum": 5}}}, [9], {"x": 9}, True),
        ({"type": "array", "items": {"maximum": 5}}, {"": 9}, [9], True),
        ({"type": "array", "x-kubernetes-list-type": "set", "items": {"maximum": 5}}, [9], [1, 9], True),
        (MAP, {"name": "x"}, [{"name": "x", "size": 9}], True),
        (MAP, [{"name": "x", "size": 9}], [{"name": "new"}, {"name": "x", "size": 9}], False),
        (MAP, [{"name": "x", "size": 9}], [{"name": "x", "size": 8}], True),
        ({"type": "array", "items": {"type": "integer", "maximum": 5}}, [9], [1, 9], True),
    ],
)
def test_what_an_update_leaves_as_it_was_is_not_refused(
    schema: dict[str, Any], old: Any, new: Any, refused: bool
) -> None:
    assert bool(found(schema, new, old)) is refused


def test_the_fields_of_the_top_are_named_without_a_path() -> None:
    schema = {"type": "object", "required": ["x"], "properties": {"y": TEXT}}
    assert [one.field for one in problems(schema, {"y": 1}, "", ABSENT, Work())] == ["x", "y"]


@pytest.mark.parametrize("value", ["x" * 200, "x" * 300])
@pytest.mark.parametrize("schema", [{"pattern": "y"}, {"maxLength": 1}, {"format": "uuid"}])
def test_no_more_than_200_characters_are_shown(schema: dict[str, Any], value: str) -> None:
    (fault,) = problems({**TEXT, **schema}, value, "a", ABSENT, Work())
    assert fault.message.count("x") - fault.message.count("max") == 200 * (2 if "format" in schema else 1)


@pytest.mark.parametrize(
    ("schema", "value", "steps"),
    [
        ({}, 1, 1),
        ({"enum": [1, 2, 3]}, 1, 4),
        ({"type": "object", "required": ["x", "y"]}, {"x": 1, "y": 2}, 3),
        ({"type": "object", "additionalProperties": {}}, {"x": 1, "y": 2}, 3),
        ({"type": "array", "items": {}}, [1, 2], 3),
        ({"allOf": [{}], "anyOf": [{}], "oneOf": [{}], "not": {"minimum": 2}}, 1, 5),
        ({**TEXT, "format": "byte"}, "abcd" * 63, 1),
        ({**TEXT, "format": "byte"}, "abcd" * 64, 2),
        ({**TEXT, "format": "password"}, "a" * (256 * 256 - 1), 256),
    ],
)
def test_the_steps_of_a_check(schema: dict[str, Any], value: Any, steps: int) -> None:
    work = Work(steps)
    assert list(problems(schema, value, "a", ABSENT, work)) == []
    assert work.left == 0
    with pytest.raises(TooMuchWork):
        list(problems(schema, value, "a", ABSENT, Work(steps - 1)))


def test_one_object_may_take_half_a_million_steps() -> None:
    assert Work().left == 500_000


def test_a_pattern_is_not_checked_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "available", lambda: False)
    assert found({**TEXT, "pattern": "y"}, "x") == []


def test_a_hostile_pattern_takes_no_time() -> None:
    before = time.process_time()
    assert found({**TEXT, "pattern": "^(a+)+$"}, "a" * 100_000 + "!")
    assert time.process_time() - before < 2


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "array", "items": {"allOf": [{"maxLength": 9}] * 200}}, ["x"] * 200),
        ({**TEXT, "pattern": "(a|b)*a(a|b){900}"}, "ab" * 5_000),
        ({**TEXT, "enum": ["x"] * 6_000, "anyOf": [{"enum": ["y"] * 6_000}]}, "z"),
    ],
)
def test_the_work_for_one_object_is_bounded(schema: dict[str, Any], value: Any) -> None:
    with pytest.raises(TooMuchWork, match="so many steps"):
        found(schema, value)
