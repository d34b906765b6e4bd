"""x-kubernetes-validations: what the rules of a schema refuse, which cannot be evaluated, and what they may cost."""

from __future__ import annotations

import time
from typing import Any

import pytest

from podrole.cluster.cel.rules import KEY, SchemaRules, faults, unchecked
from podrole.cluster.schema.values import ABSENT, TooMuchWork, Work

TEXT = {"type": "string"}


def schema(*rules: str | dict[str, Any], **properties: Any) -> dict[str, Any]:
    given = [one if isinstance(one, dict) else {"rule": one} for one in rules]
    return {"type": "object", "properties": properties, KEY: given}


def broken(of: dict[str, Any], value: Any, old: Any = ABSENT) -> list[str]:
    return [f"{one.field}|{one.message}" for one in SchemaRules(of).broken(value, old, Work())]


OBJECT = {"apiVersion": "a/v1", "kind": "A", "metadata": {"name": "x", "labels": {"l": "1"}}}
NUMBERS = {"type": "array", "items": {"type": "integer"}}


@pytest.mark.parametrize(
    ("rule", "properties", "value", "expected"),
    [
        ("self.a <= self.b", {"a": {"type": "integer"}, "b": {"type": "integer"}}, {"a": 1, "b": 2}, None),
        ("self.a <= self.b", {"a": {"type": "integer"}, "b": {"type": "integer"}}, {"a": 3, "b": 2}, "failed rule"),
        ("has(self.a)", {"a": TEXT}, {}, 'Invalid value: "object": failed rule: has(self.a)'),
        ("!has(self.a)", {"a": {**TEXT, "nullable": True}}, {"a": None}, None),
        ("self.a == 'x'", {"a": TEXT}, {}, "no such key: a evaluating rule: self.a == 'x'"),
        ("self.metadata.name == 'x'", {}, OBJECT, None),
        ("has(self.metadata.labels)", {}, OBJECT, "failed rule"),
        ("self.kind == 'A' && self.apiVersion == 'a/v1'", {}, OBJECT, None),
        ("self.__namespace__ == 'n'", {"namespace": TEXT}, {"namespace": "n"}, None),
        ("self.a__dash__b == 'n' && self.c__dot__d == 'm'", {"a-b": TEXT, "c.d": TEXT}, {"a-b": "n", "c.d": "m"}, None),
        ("self.a__underscores__b == 'n'", {"a__b": TEXT}, {"a__b": "n"}, None),
        ("self.a == 1.0", {"a": {"type": "number"}}, {"a": 1}, None),
        ("type(self.a) == int", {"a": {"type": "integer"}}, {"a": 1.0}, None),
        ("self.a == b'abc'", {"a": {**TEXT, "format": "byte"}}, {"a": "YWJj"}, None),
        ("self.a.all(k, self.a[k] > 0)", {"a": {"type": "object", "additionalProperties": {"type": "integer"}}},
         {"a": {"x-y": 1}}, None),
        ("self.a.find('^[^/]+') == 'x'", {"a": TEXT}, {"a": "x/y"}, None),
        ("self.a.findAll('[0-9]').size() == 2", {"a": TEXT}, {"a": "1x2"}, None),
        ("self.a.isSorted() && self.a.sum() == 3", {"a": NUMBERS}, {"a": [1, 2]}, None),
        ("self.a.matches('^[a-z]+$')", {"a": TEXT}, {"a": "A"}, "failed rule"),
        ("self.a.split(',').size() == 2", {"a": TEXT}, {"a": "x,y"}, None),
        ("self.?a.orValue(3) == 3", {"a": {"type": "integer"}}, {}, None),
        ("has(self.secret)", {"a": TEXT}, {"secret": 1}, "failed rule"),
        ("self.a.all(x, self.a.all(y, self.a.all(z, x + y + z > 0)))", {"a": NUMBERS}, {"a": [1] * 50},
         "call cost exceeds limit"),
    ],
)  # fmt: skip
def test_a_rule(rule: str, properties: dict[str, Any], value: Any, expected: str | None) -> None:
    of = schema(rule, **properties)
    assert (list(faults(of, "s")), unchecked(of)) == ([], set())
    found = broken(of, value)
    assert found == [] if expected is None else expected in found[0]


NESTED = {
    "type": "object",
    "properties": {"spec": schema({"rule": "self.a != ''", "message": "a must be set", "fieldPath": ".a"}, a=TEXT)},
}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, 'spec.a|Invalid value: "object": a must be set'),
        ({"reason": "FieldValueRequired"}, "spec.a|Required value: a must be set"),
        ({"reason": "FieldValueForbidden"}, "spec.a|Forbidden: a must be set"),
        ({"reason": "FieldValueDuplicate"}, 'spec.a|Duplicate value: "object"'),
        ({"messageExpression": "'got ' + self.a + '!'"}, 'spec.a|Invalid value: "object": got !'),
        ({"messageExpression": "self.b"}, 'spec.a|Invalid value: "object": a must be set'),
    ],
)
def test_how_a_rule_words_its_refusal(more: dict[str, str], expected: str) -> None:
    rule = {"rule": "self.a != ''", "message": "a must be set", "fieldPath": ".a", **more}
    of = {"type": "object", "properties": {"spec": schema(rule, a=TEXT)}}
    assert broken(of, {"spec": {"a": ""}}) == [expected]


@pytest.mark.parametrize(
    ("old", "new", "refused"),
    [
        (ABSENT, {"a": "x"}, False),
        ({"a": "x"}, {"a": "x"}, False),
        ({"a": "x"}, {"a": "y"}, True),
        ({}, {"a": "y"}, True),
    ],
)
def test_a_transition_rule_needs_an_old_value(old: Any, new: Any, refused: bool) -> None:
    assert bool(broken(schema("has(oldSelf.a) && self.a == oldSelf.a", a=TEXT), new, old)) is refused


def test_a_transition_rule_follows_the_items_of_a_map_list() -> None:
    item = schema("self.size >= oldSelf.size", name=TEXT, size={"type": "integer"})
    keys = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
    of = {"type": "object", "properties": {"a": {"type": "array", **keys, "items": item}}}
    old = {"a": [{"name": "x", "size": 1}, {"name": "y", "size": 5}]}
    assert broken(of, {"a": [{"name": "y", "size": 6}, {"name": "x", "size": 2}, {"name": "z", "size": 0}]}, old) == []
    assert [one.partition("|")[0] for one in broken(of, {"a": [{"name": "y", "size": 4}]}, old)] == ["a[0]"]


def test_a_broken_rule_does_not_refuse_an_update_that_leaves_its_value() -> None:
    of = {"type": "object", "properties": {"spec": schema("self.a == 'x'", a=TEXT), "other": TEXT}}
    assert broken(of, {"spec": {"a": "y"}, "other": "2"}, {"spec": {"a": "y"}, "other": "1"}) == []
    assert broken(of, {"spec": {"a": "z"}}, {"spec": {"a": "y"}})


@pytest.mark.parametrize(
    ("rule", "field", "message"),
    [
        ({"rule": ""}, "s.x-kubernetes-validations[0].rule", "Required value: rule is not specified"),
        ({"rule": "self.a =="}, "s.x-kubernetes-validations[0].rule", "compilation failed: "),
        ({"rule": "unknown > 1"}, "s.x-kubernetes-validations[0].rule", "undeclared reference to 'unknown'"),
        ({"rule": "'x' + 'y'"}, "s.x-kubernetes-validations[0].rule", "must evaluate to bool"),
        ({"rule": "true", "reason": "Because"}, "s.x-kubernetes-validations[0].reason", "Unsupported value"),
        ({"rule": "true", "message": "a\nb"}, "s.x-kubernetes-validations[0].message", "must not contain line breaks"),
        ({"rule": "true", "fieldPath": "a b"}, "s.x-kubernetes-validations[0].fieldPath", "must be a valid path"),
        ({"rule": "true", "messageExpression": "1"}, "s.x-kubernetes-validations[0].messageExpression",
         "must evaluate to string"),
        (1, "s.x-kubernetes-validations[0]", "must be an object"),
    ],
)  # fmt: skip
def test_a_rule_is_refused(rule: Any, field: str, message: str) -> None:
    found = list(faults({"type": "object", KEY: [rule]}, "s"))
    assert [one.field for one in found] == [field]
    assert message in found[0].message


def test_old_values_of_a_list_without_keys_cannot_be_asked_for() -> None:
    of = {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {**TEXT, KEY: [{"rule": "self == oldSelf"}]}}},
    }
    assert "uncorrelatable portion of the schema" in next(faults(of, "s")).message


@pytest.mark.parametrize(
    "of",
    [
        schema("quantity(self.a).isLessThan(quantity('1Gi'))", a=TEXT),
        schema("self.a.all(k, v, v > 0)", a={"type": "object", "additionalProperties": {"type": "integer"}}),
        schema("sets.contains(self.a, ['x'])", a=NUMBERS),
        schema("self.a.matches(self.b)", a=TEXT, b=TEXT),
        schema(f"self.a.matches('{'(x{1000})' * 60}')".replace("1000", "{1000}"), a=TEXT),
        schema("self.when < timestamp('2030-01-01T00:00:00Z')", when={**TEXT, "format": "date-time"}),
        schema({"rule": "self == oldSelf.orValue(self)", "optionalOldSelf": True}),
    ],
)
def test_a_rule_that_is_not_evaluated_is_named_and_refuses_nothing(of: dict[str, Any]) -> None:
    assert list(faults(of, "s")) == []
    assert unchecked(of) == {f"{KEY} (some, first at the object)"}
    assert broken(of, {"a": "x", "b": "y", "when": "2031-01-01T00:00:00Z"}) == []


def test_a_time_that_no_rule_reads_does_not_matter() -> None:
    of = schema("self.a == 'x'", a=TEXT, when={**TEXT, "format": "date-time"})
    assert unchecked(of) == set()
    assert broken(of, {"a": "y", "when": "2031-01-01T00:00:00Z"})


def test_the_rules_of_one_object_cost_a_bounded_amount() -> None:
    of = schema(*["size(self.a) > 0"] * 60, a=NUMBERS)
    with pytest.raises(TooMuchWork):
        broken(of, {"a": [1] * 10_000})


LISTS = {"a": [1] * 30_000, "b": [1] * 30_000}


@pytest.mark.parametrize(
    ("rule", "properties", "value"),
    [
        ("[1,2,3,4,5,6,7,8,9].all(x, self.b.map(y, y).all(z, self.a == self.b))", {"a": NUMBERS, "b": NUMBERS}, LISTS),
        ("self.a.replace('a', self.a).size() > 0", {"a": TEXT}, {"a": "a" * 30_000}),
        ("self.a.split('').join(self.a).size() > 0", {"a": TEXT}, {"a": "a" * 30_000}),
        ("['x'].all(p, [self.a]" + ".map(a, a + a)" * 12 + ".size() > 0)", {"a": TEXT}, {"a": "a" * 200_000}),
    ],
)
def test_a_rule_that_would_take_seconds_or_a_gigabyte_is_ended(
    rule: str, properties: dict[str, Any], value: Any
) -> None:
    assert "call cost exceeds limit" in next(iter(broken(schema(rule, **properties), value)), "")


@pytest.mark.parametrize(
    ("rule", "old", "expected"),
    [
        ("self.a.all(x, x < 7000 && x in self.a)", ABSENT, None),
        ("self.a.all(x, x < 6999)", ABSENT, "failed rule"),
        ({"rule": "self.a.all(x, x < size(self.a) - 1)",
          "messageExpression": "'last of ' + string(self.a.filter(x, x > 6998)[0] + 1)"}, ABSENT, "last of 7000"),
        ("self.a.all(x, self.a.size() > size(oldSelf.a))", {"a": [1], "b": "eA=="}, None),
        ("self.a.all(x, self.b == b'x')", ABSENT, None),
        ("self.a.all(x, self.c == 'x')", ABSENT, "no such key: c"),
    ],
)  # fmt: skip
def test_a_rule_that_may_cost_much_has_its_value(rule: Any, old: Any, expected: str | None) -> None:
    of = schema(rule, a=NUMBERS, b={**TEXT, "format": "byte"}, c=TEXT)
    found = broken(of, {"a": list(range(7000)), "b": "eA=="}, old)
    assert found == [] if expected is None else expected in found[0]


def test_many_rules_beside_many_times_take_time_in_proportion() -> None:
    times = {f"a{number}": {**TEXT, "format": "date"} for number in range(4_000)}
    of = schema(*[f"self.x == {number}" for number in range(400)], x={"type": "integer"}, **times)
    began = time.process_time()
    assert unchecked(of) == set()
    assert time.process_time() - began < 5  # a look at each time for each rule took 25 s
