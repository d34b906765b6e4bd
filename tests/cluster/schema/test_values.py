"""What the schema of a custom resource refuses of an object, and the bounds of that check."""

from __future__ import annotations

import time
from typing import Any

import pytest

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
        ({**INTEGER, "format": "int32"}, 2**31, "Checked value must be of type integer with format int32 in a"),
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
        ({**INTEGER, "format": "int64"}, 2**40),
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
        (MAP, [{"name": "x", "size": 9}], [{"name": "new"}, {"name": "x", "size": 9}], False),
        (MAP, [{"name": "x", "size": 9}], [{"name": "x", "size": 8}], True),
        ({"type": "array", "items": {"type": "integer", "maximum": 5}}, [9], [1, 9], True),
    ],
)
def test_what_an_update_leaves_as_it_was_is_not_refused(
    schema: dict[str, Any], old: Any, new: Any, refused: bool
) -> None:
    assert bool(found(schema, new, old)) is refused


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
