"""Places in JSON are found, and what Python's reader lets pass is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.iam.jsontext import InvalidJSON, Number, Path, line_and_column, locate, read, show

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=15,
)


def every_path(value: Any, path: Path = ()) -> list[tuple[Path, Any]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(path, value), *(found for step, one in inner for found in every_path(one, (*path, step)))]


@given(VALUES, st.sampled_from([None, 1, "\t"]))
def test_every_value_is_found_where_it_stands(value: Any, indent: Any) -> None:
    text = json.dumps(value, indent=indent)
    for path, one in every_path(value):
        start = locate(text, path)
        assert json.JSONDecoder().raw_decode(text, start)[0] == one


@given(VALUES)
def test_what_is_read_is_what_was_written(value: Any) -> None:
    def plain(found: Any) -> Any:
        if isinstance(found, Number):
            return int(found.text)
        if isinstance(found, dict):
            return {name: plain(one) for name, one in found.items()}
        return [plain(one) for one in found] if isinstance(found, list) else found

    assert plain(read(json.dumps(value))) == value


@pytest.mark.parametrize(
    ("text", "path", "place"),
    [
        ('{"a": [{"b": 1,\n "c": 2,\n "b": 3}]}', ("a", 0, "b"), (3, 2)),
        ('{"a": 1, "b": 2, "b": 3}', ("b",), (1, 18)),
        ('\n{"b": 2, "b": 3}', ("b",), (2, 10)),
        ('{"a": [0, {"b": 2, "b": 3}]}', ("a", 1, "b"), (1, 20)),
        ('{"a": 1, "b": 2, "b": 3, "a": 4}', ("b",), (1, 18)),
        ('{"a": {"b": 1, "b": 2}, "a": 3}', ("a",), (1, 25)),
    ],
)
def test_a_member_given_twice_is_found_at_its_second_place(text: str, path: Path, place: tuple[int, int]) -> None:
    with pytest.raises(InvalidJSON) as refused:
        read(text)
    assert refused.value.path == path
    assert line_and_column(text, refused.value.offset) == place


def test_members_that_differ_only_by_escapes_are_the_same_member() -> None:
    with pytest.raises(InvalidJSON, match="given twice"):
        read('{"a": 1, "\\u0061": 2}')


@pytest.mark.parametrize(
    "text", ["NaN", "-Infinity", "[1,]", "{'a':1}", "01", "1.", '"\t"', '"\\ud800"', '{"\\udfff":1}', "\ufeff1", ""]
)
def test_what_is_not_strictly_json_is_refused(text: str) -> None:
    with pytest.raises(InvalidJSON):
        read(text)


@pytest.mark.parametrize(
    ("text", "what", "offset"),
    [
        ("[" * 100_000, "nested too deeply", 0),
        ("[NaN]", "NaN is not JSON", 0),
        ("[1 2]", "Expecting ',' delimiter", 3),
        ('[1, "\\ud800"]', "a lone surrogate is not a character", 4),
        ('{"a": {"\\udfff": 1}}', "a lone surrogate is not a character", 6),
    ],
)
def test_a_refusal_says_what_is_wrong_and_where(text: str, what: str, offset: int) -> None:
    with pytest.raises(InvalidJSON) as refused:
        read(text)
    assert (str(refused.value), refused.value.what, refused.value.offset) == (what, what, offset)


@pytest.mark.parametrize(
    ("text", "path", "offset"),
    [
        ('{"a": 1}', ("a",), 6),
        ('{"a": 1}', ("a", "b"), 6),
        ('{"a": "x", "b": 1}', ("a", 0), 6),
        ('{"a": [1]}', ("a", 3), 6),
        ('[{"a": 1}]', (0, "b"), 1),
        (' "x"', ("a",), 1),
        ("[1]", ("a",), 0),
    ],
)
def test_a_path_that_leads_nowhere_ends_at_the_last_value_on_the_way(text: str, path: Path, offset: int) -> None:
    assert locate(text, path) == offset


def test_numbers_keep_their_text() -> None:
    assert read("1.10e1").text == "1.10e1"
    assert read("[true, 1]")[0] is True


def test_paths_are_written_as_jsonpath() -> None:
    assert (
        show(("Statement", 0, "Condition", "StringEquals", "aws:x")) == '$.Statement[0].Condition.StringEquals["aws:x"]'
    )
