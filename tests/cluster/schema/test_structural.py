"""What the schema of a custom resource leaves of an object and fills in, and the type that it gives the objects."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.cluster.schema.structural import DefaultBudget, TooManyDefaults, custom_struct, pruned
from podrole.cluster.schema.types import META, Field, ListOf, MapOf, Scalar, Struct, Type, struct

NAMES = st.sampled_from("abcd")
SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.text("xy", max_size=2)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3))
LEAVES = st.fixed_dictionaries(
    {"type": st.sampled_from(["string", "integer", "boolean"])},
    optional={"default": SCALARS.filter(lambda one: one is not None), "nullable": st.booleans()},
)


def _larger(inner: Any) -> Any:
    properties = st.dictionaries(NAMES, inner, max_size=3)
    extra = {"x-kubernetes-preserve-unknown-fields": st.just(True), "nullable": st.booleans(), "default": st.just({})}
    return (
        st.fixed_dictionaries({"type": st.just("object"), "properties": properties}, optional=extra)
        | st.fixed_dictionaries({"type": st.just("object"), "additionalProperties": inner | st.just(True)})
        | st.fixed_dictionaries({"type": st.just("array"), "items": inner})
    )


SCHEMAS = st.recursive(LEAVES, _larger, max_leaves=8)


@given(SCHEMAS, VALUES)
def test_pruning_twice_is_pruning_once(schema: dict[str, Any], value: Any) -> None:
    once = pruned(schema, value, [], DefaultBudget())
    unknown: list[str] = []
    assert pruned(schema, once, unknown, DefaultBudget()) == once
    assert unknown == []


@given(SCHEMAS, VALUES)
def test_the_given_value_is_not_changed(schema: dict[str, Any], value: Any) -> None:
    before = repr(value)
    pruned(schema, value, [], DefaultBudget())
    assert repr(value) == before


TEXT = {"type": "string"}
WITH_DEFAULT = {"type": "object", "properties": {"a": {**TEXT, "default": "x"}, "b": TEXT}}
KEEPS = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
EMBEDDED = {"type": "object", "x-kubernetes-embedded-resource": True}


@pytest.mark.parametrize(
    ("schema", "value", "expected", "unknown"),
    [
        (WITH_DEFAULT, {}, {"a": "x"}, []),
        (WITH_DEFAULT, {"a": "y", "b": "z", "c": {"d": 1}}, {"a": "y", "b": "z"}, ["c"]),
        (WITH_DEFAULT, {"a": None, "b": None}, {"a": "x", "b": None}, []),
        ({"properties": {"a": {"default": "x", "nullable": True}}}, {"a": None}, {"a": None}, []),
        ({"properties": {"a": {"default": {}, **WITH_DEFAULT}}}, {}, {"a": {"a": "x"}}, []),
        ({"properties": {"a": WITH_DEFAULT}}, {"a": {"c": 1}}, {"a": {"a": "x"}}, ["a.c"]),
        ({"items": WITH_DEFAULT}, [{"c": 1}, 1, {}], [{"a": "x"}, 1, {"a": "x"}], ["[0].c"]),
        ({"properties": {"l": {"items": WITH_DEFAULT}}}, {"l": [{}, {"c": 1}]}, {"l": [{"a": "x"}] * 2}, ["l[1].c"]),
        ({}, [{"a": [{"b": 1}]}], [{"a": [{"b": 1}]}], []),
        ({"additionalProperties": WITH_DEFAULT}, {"k": {"c": 1}}, {"k": {"a": "x"}}, ["k.c"]),
        ({"additionalProperties": WITH_DEFAULT, "properties": {"k": TEXT}}, {"k": {}}, {"k": {}}, []),
        ({"additionalProperties": True}, {"k": {"c": 1}}, {"k": {"c": 1}}, []),
        (KEEPS, {"k": {"c": 1}}, {"k": {"c": 1}}, []),
        (EMBEDDED, {"kind": "A", "spec": {}}, {"kind": "A"}, ["spec"]),
        ({"type": "object"}, {"kind": "A"}, {}, ["kind"]),
        (TEXT, "x", "x", []),
    ],
)
def test_an_object_is_pruned_and_defaulted(
    schema: dict[str, Any], value: Any, expected: Any, unknown: list[str]
) -> None:
    noted: list[str] = []
    assert pruned(schema, value, noted, DefaultBudget()) == expected
    assert noted == unknown


def test_a_default_is_copied() -> None:
    default = {"b": [{"c": 1}]}
    made = pruned({"properties": {"a": {**KEEPS, "default": default}}}, {}, [], DefaultBudget())["a"]
    assert made == default
    made["b"][0]["c"] = 2
    made["b"].append(3)
    assert default == {"b": [{"c": 1}]}


@pytest.mark.parametrize(
    ("value", "cost"), [(1, 1), ("", 1), ("abc", 4), ([], 1), ([1, "a"], 4), ({"key": "ab", "other": [1]}, 6)]
)
def test_what_defaults_cost(value: Any, cost: int) -> None:
    budget = DefaultBudget(cost)
    assert budget.copy(value) == value
    assert budget.left == 0
    with pytest.raises(TooManyDefaults, match="make the object too large"):
        DefaultBudget(cost - 1).copy(value)


def test_the_defaults_of_one_object_may_take_a_million_and_a_half() -> None:
    assert DefaultBudget().left == 1_500_000


ANY = Scalar("any")
FIELD = Struct("object", {"f": Field("f", ANY, required=False, drops_zero=False)})
OF_FIELD = {"type": "object", "properties": {"f": TEXT}}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        (TEXT, ANY),
        ({}, ANY),
        (OF_FIELD, FIELD),
        ({**OF_FIELD, "x-kubernetes-map-type": "atomic"}, Struct("object", FIELD.fields, atomic=True)),
        ({**OF_FIELD, "x-kubernetes-map-type": "granular"}, FIELD),
        ({**OF_FIELD, "x-kubernetes-preserve-unknown-fields": True}, ANY),
        ({**OF_FIELD, "x-kubernetes-embedded-resource": True}, ANY),
        ({**OF_FIELD, "x-kubernetes-int-or-string": True}, ANY),
        ({"type": "array", "items": OF_FIELD}, ListOf(FIELD, "atomic", ())),
        (
            {
                "type": "array",
                "items": OF_FIELD,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["f"],
            },
            ListOf(FIELD, "map", ("f",)),
        ),
        ({"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"}, ListOf(ANY, "set", ())),
        ({"type": "array"}, ANY),
        ({"type": "string", "items": OF_FIELD}, ANY),
        ({"type": "object", "additionalProperties": OF_FIELD}, MapOf(FIELD)),
        ({"type": "object", "additionalProperties": True, "x-kubernetes-map-type": "atomic"}, MapOf(ANY, atomic=True)),
    ],
)
def test_the_type_of_a_field(schema: dict[str, Any], expected: Type) -> None:
    made = custom_struct("Widget", {"properties": {"a": schema, "metadata": {"type": "array", "items": TEXT}}})
    metadata = struct(f"{META}.ObjectMeta")
    types = {"apiVersion": ANY, "kind": ANY, "metadata": metadata, "a": expected}
    assert made.fields == {name: Field(name, one, required=False, drops_zero=False) for name, one in types.items()}
    assert made.always == (("metadata", metadata),)


@pytest.mark.parametrize(("schema", "expected"), [(KEEPS, True), ({}, False)])
def test_a_schema_may_keep_unknown_fields(schema: dict[str, Any], expected: bool) -> None:
    assert custom_struct("Widget", schema).keeps_unknown is expected
