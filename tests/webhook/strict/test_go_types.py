"""JSON is read and written as Go's ``encoding/json`` does with structs."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.webhook.strict.go_types import (
    BOOL,
    INT32,
    INT64,
    INT_OR_STRING,
    QUANTITY,
    STRING,
    GoType,
    NotDecodable,
    map_of,
    pointer,
    slice_of,
    struct,
    to_json,
)

INNER = struct("v1.Inner", name=STRING)
OUTER = struct(
    "v1.Outer",
    text=STRING,
    always=(STRING,),
    count=INT32,
    on=BOOL,
    inner=INNER,
    nil=pointer(INT64),
    nilAlways=(pointer(INT64),),
    nilStruct=(pointer(INNER),),
    list=slice_of(INNER),
    listAlways=(slice_of(STRING),),
    map=map_of(INT64),
    mapAlways=(map_of(STRING),),
    size=QUANTITY,
)
NOTHING = {
    "always": "",
    "inner": {},
    "nilAlways": None,
    "nilStruct": None,
    "listAlways": None,
    "mapAlways": None,
    "size": "0",
}


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (STRING, "a", "a"),
        (INT32, 5, 5),
        (BOOL, False, False),
        (QUANTITY, " 1000m ", "1"),
        (QUANTITY, 5, "5"),
        (INT_OR_STRING, 5, 5),
        (INT_OR_STRING, "80%", "80%"),
        (pointer(STRING), "a", "a"),
        (slice_of(STRING), ["a", None], ["a", ""]),
        (slice_of(INT64), [None], [0]),
        (map_of(STRING), {"k": "v", "l": None}, {"k": "v", "l": ""}),
        (OUTER, {"text": "a", "other": 1, "COUNT": 5, "inner": None}, {"text": "a", "count": 5}),
        (struct("v1.Two", a=STRING, A=INT32), {"a": "x", "A": 5}, {"a": "x", "A": 5}),
    ],
)
def test_value_is_read(kind: GoType, value: Any, expected: Any) -> None:
    assert kind.read(value, "") == expected


@pytest.mark.parametrize(
    ("kind", "value", "where", "message"),
    [
        (STRING, 5, "", "json: cannot unmarshal number into Go value of type string"),
        (STRING, 5, "Pod.name", "json: cannot unmarshal number into Go struct field Pod.name of type string"),
        (INT32, 1.5, "", "json: cannot unmarshal number 1.5 into Go value of type int32"),
        (INT32, True, "", "json: cannot unmarshal bool into Go value of type int32"),
        (INT64, "5", "", "json: cannot unmarshal string into Go value of type int64"),
        (INT_OR_STRING, True, "", "json: cannot unmarshal bool into Go value of type int32"),
        (INT_OR_STRING, 1.5, "", "json: cannot unmarshal number 1.5 into Go value of type int32"),
        (slice_of(STRING), {}, "", "json: cannot unmarshal object into Go value of type []string"),
        (map_of(STRING), [], "", "json: cannot unmarshal array into Go value of type map[string]string"),
        (OUTER, "a", "", "json: cannot unmarshal string into Go value of type v1.Outer"),
        (
            OUTER,
            {"inner": {"name": 1}},
            "",
            "json: cannot unmarshal number into Go struct field Inner.inner.name of type string",
        ),
        (
            OUTER,
            {"list": [{"name": 1}]},
            "",
            "json: cannot unmarshal number into Go struct field Inner.list.name of type string",
        ),
        (OUTER, {"size": "x"}, "", "quantities must match"),
    ],
)
def test_value_of_another_type_is_refused_in_gos_words(kind: GoType, value: Any, where: str, message: str) -> None:
    with pytest.raises(NotDecodable) as raised:
        kind.read(value, where)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("value", "more"),
    [
        ({}, {}),
        ({"text": "", "count": 0, "on": False, "list": [], "map": {}, "nil": None}, {}),
        ({"text": "a", "count": 1, "on": True}, {"text": "a", "count": 1, "on": True}),
        ({"nil": 0, "nilAlways": 0}, {"nil": 0, "nilAlways": 0}),
        ({"list": [{"name": "a"}, {}], "listAlways": []}, {"list": [{"name": "a"}, {}], "listAlways": []}),
        ({"map": {"b": 1, "a": 0}, "mapAlways": {}}, {"map": {"a": 0, "b": 1}, "mapAlways": {}}),
    ],
)
def test_struct_is_written_without_what_omitempty_omits(value: dict[str, Any], more: dict[str, Any]) -> None:
    written = OUTER.write(value)
    assert written == NOTHING | more
    assert list(written.get("map", {})) == sorted(value.get("map", {}))


def test_zero_values() -> None:
    kinds = (
        STRING,
        BOOL,
        INT32,
        INT64,
        QUANTITY,
        INT_OR_STRING,
        pointer(STRING),
        slice_of(STRING),
        map_of(STRING),
        INNER,
    )
    assert [kind.zero() for kind in kinds] == ["", False, 0, 0, "0", 0, None, None, None, {}]


def test_json_is_escaped_as_go_does() -> None:
    assert to_json({"a": "<é>&\u2028\u2029"}) == '{"a":"\\u003cé\\u003e\\u0026\\u2028\\u2029"}'.encode()
