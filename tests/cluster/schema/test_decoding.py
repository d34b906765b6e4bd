"""From JSON to objects of a type, value by value: each check has a case in which it alone decides."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.schema.decoding import DecodeError, decode, empty
from podrole.cluster.schema.structural import custom_struct
from podrole.cluster.schema.types import Field, ListOf, MapOf, Scalar, ScalarKind, Struct, Type


def field(name: str, kind: Type, *, required: bool = False, drops_zero: bool = False) -> Field:
    return Field(name, kind, required=required, drops_zero=drops_zero)


def of(kind: Type, **more: bool) -> Struct:
    """Return a type with the field ``a``."""
    return Struct("Thing", {"a": field("a", kind, **more)})


TEXT = Scalar("string")
INNER = Struct("Inner", {"b": field("b", TEXT), "n": field("n", Scalar("int32"))})
KINDS: dict[str, Type] = {
    "text": TEXT,
    "list": ListOf(TEXT),
    "map": MapOf(TEXT),
    "struct": INNER,
    "structs": ListOf(INNER),
    "lists": ListOf(ListOf(TEXT)),
}


def value(kind: Type | ScalarKind, given: Any) -> Any:
    """Return what a value of a type becomes."""
    scalar: Type = Scalar(kind) if isinstance(kind, str) else kind
    return decode(of(scalar, required=True), {"a": given}, [])["a"]


def refusal(kind: Type | ScalarKind, given: Any) -> str:
    with pytest.raises(DecodeError) as raised:
        value(kind, given)
    return str(raised.value)


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("string", "x", "x"),
        ("int32", 2_147_483_647, 2_147_483_647),
        ("int32", -2_147_483_648, -2_147_483_648),
        ("int64", 9_223_372_036_854_775_807, 9_223_372_036_854_775_807),
        ("int64", -9_223_372_036_854_775_808, -9_223_372_036_854_775_808),
        ("boolean", True, True),
        ("any", {"x": [1, None]}, {"x": [1, None]}),
        ("int-or-string", "25%", "25%"),
        ("int-or-string", 2_147_483_647, 2_147_483_647),
        ("int-or-string", -2_147_483_647, -2_147_483_647),
        ("number", 1, 1),
        ("number", 1.5, 1.5),
        ("quantity", "1000m", "1"),
        ("quantity", 1, "1"),
        ("quantity", 0.5, "500m"),
        ("bytes", "YQ\r\n==", "YQ=="),
        ("time", "2026-11-23T10:00:00.5+01:00", "2026-11-23T09:00:00Z"),
        ("time", "2026-11-23t09:00:00z", "2026-11-23T09:00:00Z"),
        ("micro-time", "2026-11-23T09:00:00Z", "2026-11-23T09:00:00.000000Z"),
        ("micro-time", "2026-11-23T09:00:00.1234567Z", "2026-11-23T09:00:00.123456Z"),
        ("micro-time", "2026-11-23T09:00:00.5Z", "2026-11-23T09:00:00.500000Z"),
        ("time", "0999-01-01T00:00:00Z", "0999-01-01T00:00:00Z"),
        (KINDS["list"], ["x", None], ["x", ""]),
        (ListOf(Scalar("int32")), [None, 1], [0, 1]),
        (ListOf(Scalar("boolean")), [None, True], [False, True]),
        (KINDS["map"], {"k": "x", "l": None}, {"k": "x", "l": ""}),
        (KINDS["structs"], [{"b": "x"}, None], [{"b": "x"}, {}]),
        (KINDS["lists"], [["x"], []], [["x"], []]),
    ],
)
def test_value_has_one_form(kind: Any, given: Any, expected: Any) -> None:
    assert value(kind, given) == expected


FIELD = "into Go struct field Thing.a of type"


@pytest.mark.parametrize(
    ("kind", "given", "expected"),
    [
        ("string", 1, f"number {FIELD} string"),
        ("string", True, f"bool {FIELD} string"),
        ("string", [], f"array {FIELD} string"),
        ("string", {}, f"object {FIELD} string"),
        ("int32", 2_147_483_648, f"number 2147483648 {FIELD} int32"),
        ("int32", -2_147_483_649, f"number -2147483649 {FIELD} int32"),
        ("int64", 9_223_372_036_854_775_808, f"number 9223372036854775808 {FIELD} int64"),
        ("int64", -9_223_372_036_854_775_809, f"number -9223372036854775809 {FIELD} int64"),
        ("int32", 1.5, f"number 1.5 {FIELD} int32"),
        ("int64", 1.5, f"number 1.5 {FIELD} int64"),
        ("int32", "1", f"string {FIELD} int32"),
        ("int64", True, f"bool {FIELD} int64"),
        ("boolean", 1, f"number {FIELD} bool"),
        ("int-or-string", 2_147_483_648, f"number {FIELD} intstr.IntOrString"),
        ("int-or-string", True, f"bool {FIELD} intstr.IntOrString"),
        ("number", "1", f"string {FIELD} float64"),
        ("number", True, f"bool {FIELD} float64"),
        ("quantity", True, f"bool {FIELD} resource.Quantity"),
        ("quantity", "x", "quantities must match"),
        ("bytes", 1, f"number {FIELD} []uint8"),
        ("bytes", "YWJjZ!", "illegal base64 data at input byte 4"),
        ("bytes", "Y!", "illegal base64 data at input byte 0"),
        ("bytes", "YWJj!", "illegal base64 data at input byte 4"),
        ("time", 1, f"number {FIELD} string"),
        ("micro-time", 1, f"number {FIELD} string"),
        ("time", "today", 'parsing time "today"'),
        ("time", "2026-13-01T00:00:00Z", "parsing time"),
        (KINDS["list"], "x", f"string {FIELD} []string"),
        (KINDS["list"], ["x", 1], f"number {FIELD} string"),
        (KINDS["map"], ["x"], f"array {FIELD} map[string]string"),
        (KINDS["map"], {"k": 1}, f"number {FIELD} string"),
        (KINDS["struct"], "x", f"string {FIELD} v1.Inner"),
        (KINDS["structs"], ["x"], f"string {FIELD} v1.Inner"),
        (KINDS["structs"], {}, f"object {FIELD} []v1.Inner"),
        (KINDS["structs"], [{"b": 1}], "number into Go struct field Inner.a.b of type string"),
        (KINDS["lists"], ["x"], f"string {FIELD} []string"),
        (ListOf(Scalar("boolean")), 1, f"number {FIELD} []bool"),
        (ListOf(Scalar("bytes")), 1, f"number {FIELD} [][]uint8"),
        (ListOf(Scalar("quantity")), 1, f"number {FIELD} []resource.Quantity"),
    ],
)
def test_value_of_another_type_is_refused(kind: Any, given: Any, expected: str) -> None:
    assert expected in refusal(kind, given)


@pytest.mark.parametrize(("given", "word"), [([], "array"), ("x", "string"), (1.5, "number"), (None, "null")])
def test_whole_that_is_no_object_is_refused(given: Any, word: str) -> None:
    with pytest.raises(DecodeError, match=f"cannot unmarshal {word} into Go value of type v1.Thing"):
        decode(of(TEXT), given, [])


def nested(levels: int, *, lists: bool = False) -> Any:
    found: Any = "x"
    for _ in range(levels):
        found = [found] if lists else {"k": found}
    return found


@pytest.mark.parametrize("lists", [True, False])
def test_value_without_a_type_has_at_most_50_levels(lists: bool) -> None:
    assert value("any", nested(49, lists=lists)) == nested(49, lists=lists)
    assert refusal("any", nested(50, lists=lists)) == "exceeded max depth"


# Fields that are left out


@pytest.mark.parametrize(
    ("kind", "given"),
    [("string", ""), (KINDS["list"], []), (KINDS["map"], {}), ("string", None), ("int32", None)],
)
def test_optional_field_with_nothing_in_it_is_left_out(kind: Any, given: Any) -> None:
    scalar = Scalar(kind) if isinstance(kind, str) else kind
    assert decode(of(scalar), {"a": given}, []) == {}


@pytest.mark.parametrize(("kind", "given"), [(Scalar("int32"), 0), (Scalar("boolean"), False), (Scalar("number"), 0.0)])
def test_zero_is_left_out_where_go_leaves_it_out(kind: Type, given: Any) -> None:
    assert decode(of(kind), {"a": given}, []) == {"a": given}
    assert decode(of(kind, drops_zero=True), {"a": given}, []) == {}
    assert decode(of(kind, drops_zero=True, required=True), {"a": given}, []) == {"a": given}
    one: Any = True if given is False else 1
    assert decode(of(kind, drops_zero=True), {"a": one}, []) == {"a": one}


def test_struct_and_untyped_value_stay_if_they_are_empty() -> None:
    assert decode(of(INNER), {"a": {}}, []) == {"a": {}}
    assert decode(of(Scalar("any")), {"a": {}}, []) == {"a": {}}


def test_fields_after_one_that_is_left_out_are_read() -> None:
    fields = {name: field(name, TEXT) for name in ("a", "b", "c")}
    unknown: list[str] = []
    body = {"x": None, "a": None, "y": 1, "b": "", "c": "kept"}
    assert decode(Struct("Thing", fields), body, unknown) == {"c": "kept"}
    assert unknown == ["x", "y"]


def test_path_of_an_unknown_field_is_told() -> None:
    kinds: dict[str, Type] = {"list": KINDS["structs"], "map": MapOf(INNER), "struct": INNER}
    whole = Struct("Thing", {name: field(name, kind) for name, kind in kinds.items()})
    unknown: list[str] = []
    body = {"list": [{}, {"x": 1}], "map": {"k": {"x": None}}, "struct": {"x": 1}, "x": 1}
    decode(whole, body, unknown)
    assert unknown == ["list[1].x", "map[k].x", "struct.x", "x"]


def test_at_most_100_unknown_fields_are_told() -> None:
    unknown: list[str] = []
    decode(of(TEXT), {f"x{number}": 1 for number in range(120)}, unknown)
    assert len(unknown) == 100


def test_what_is_always_written_is_filled_in() -> None:
    inner = Struct("Inner", {"n": field("n", Scalar("int32"))}, always=(("n", 0),))
    whole = Struct("Thing", {"in": field("in", inner)}, always=(("in", inner), ("at", None)))
    assert empty(whole) == {"in": {"n": 0}, "at": None}
    assert decode(whole, {}, []) == {"in": {"n": 0}, "at": None}
    assert decode(whole, {"in": {"n": 1}}, []) == {"in": {"n": 1}, "at": None}


# Custom objects

SCHEMA = {
    "type": "object",
    "properties": {
        "metadata": {"type": "object", "default": {"name": "x"}, "properties": {"name": {"type": "string"}}},
        "spec": {"type": "object", "properties": {"a": {"type": "string", "default": "d"}}},
    },
}
CUSTOM = custom_struct("Thing", SCHEMA)


def test_custom_object_is_pruned_and_defaulted_beside_its_metadata() -> None:
    unknown: list[str] = []
    body = {
        "apiVersion": "example.io/v1",
        "kind": "Thing",
        "metadata": {"labels": {"a": "b"}, "x": 1},
        "spec": {"y": 1},
        "z": 1,
    }
    found = decode(CUSTOM, body, unknown)
    assert found == {"metadata": {"labels": {"a": "b"}}, "spec": {"a": "d"}}
    assert sorted(unknown) == ["metadata.x", "spec.y", "z"]
    for none in ({}, {"metadata": None}):
        assert decode(CUSTOM, none, []) == {"metadata": {}}
    with pytest.raises(DecodeError, match=r"of type v1\.ObjectMeta"):
        decode(CUSTOM, {"metadata": "x"}, [])
    assert decode(custom_struct("Thing", {}), {"metadata": {"name": "n"}}, []) == {"metadata": {"name": "n"}}


def test_custom_object_has_at_most_50_levels() -> None:
    loose = custom_struct("Thing", {"type": "object", "x-kubernetes-preserve-unknown-fields": True})
    assert decode(loose, {"spec": nested(48)}, [])["spec"] == nested(48)
    with pytest.raises(DecodeError, match="exceeded max depth"):
        decode(loose, {"spec": nested(49)}, [])


def test_defaults_that_make_a_custom_object_too_large_are_refused() -> None:
    large = {"type": "string", "default": "x" * 1_000}
    items = {"type": "object", "properties": {"a": large}}
    schema = {"type": "object", "properties": {"list": {"type": "array", "items": items}}}
    kind = custom_struct("Thing", schema)
    assert len(decode(kind, {"list": [{}] * 10}, [])["list"]) == 10
    with pytest.raises(DecodeError, match="the defaults of its schema make the object too large"):
        decode(kind, {"list": [{}] * 2_000}, [])
