"""Pruning and defaulting are idempotent, and what they leave has no unknown fields."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from podrole.cluster.schema.structural import DefaultBudget, pruned

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
