"""Files as values with positions, and what is refused before a value is looked at."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.setup.errors import InvalidSetup
from podrole.setup.yaml_positions import MAX_CHARACTERS, Position, Problems, read_located

JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(st.characters(exclude_categories=["C", "Z"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), inner),
    max_leaves=8,
)


def read(text: str) -> Any:
    return read_located(text, Problems("f.yaml"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 2012-10-17", {"a": "2012-10-17"}),
        ("a: 22:22", {"a": "22:22"}),
        ("a: yes", {"a": True}),
        ("a: !!str 1", {"a": "1"}),
        ("a: ~\nb: 1\nc: 1.5\nd: 010", {"a": None, "b": 1, "c": 1.5, "d": 8}),
        ("---\n# a comment\na: &x [1]\n---\n", {"a": [1]}),
        ("1: a\ntrue: b", {"1": "a", "true": "b"}),
        ('{"a": ["\\u00e9", {}]}', {"a": ["é", {}]}),
        ("a: <<", {"a": "<<"}),
    ],
)
def test_values_are_those_of_kubernetes(text: str, value: object) -> None:
    assert read(text).plain() == value


@given(st.dictionaries(st.from_regex(r"[a-z]{1,5}", fullmatch=True), JSON_VALUES, min_size=1))
def test_json_is_read_as_it_is(value: dict[str, Any]) -> None:
    assert read(json.dumps(value, ensure_ascii=False, indent=1)).plain() == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1:1: the file is empty"),
        ("# nothing\n---\n", "1:1: the file is empty"),
        ("a: 1\n---\nb: 2\n", "3:1: a second document begins here"),
        ("a: 1\n---\nb\n", "3:1: a second document begins here"),
        ("a: 1\n---\n''\n", "3:1: a second document begins here"),
        ("a: &x 1\nb: *x", "2:4: *x is an alias"),
        ("a: 1\nb: 2\na: 3", '3:1: "a" is given twice in one object: it stands on line 1 already'),
        ("a: [1, {b: 1, b: 2}]", '1:15: "b" is given twice'),
        ("a: !Sub x", "1:4: the tag !Sub is not understood"),
        ("a: !!timestamp 2012-10-17", "1:4: the tag tag:yaml.org,2002:timestamp is not understood"),
        ("a: !!int x", "1:4: the value does not fit its tag"),
        ("a: .inf", "1:4: infinity and NaN"),
        ("? [a]\n: b", "1:3: the name of a member is not text"),
        ("a: [1", "2:1: the file is not YAML: did not find expected ',' or ']'"),
        ("a: {{ .Values.x }}", "1:5: the name of a member is not text; if this is a template, render it first"),
        ("{{- if .x }}\na: 1", "the file is not YAML: did not find expected node content; render templates first"),
        ("a: \x00", "the file is not YAML"),
        ("[" * 300 + "]" * 300, "exceeded max depth"),
        (" " * (MAX_CHARACTERS + 1), "1:1: the file is too large"),
    ],
)
def test_a_file_that_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InvalidSetup) as refused:
        read(text)
    assert problem in refused.value.what
    assert refused.value.what.startswith("f.yaml:")


def test_all_problems_are_listed_in_the_order_of_the_file() -> None:
    with pytest.raises(InvalidSetup) as refused:
        read("b: !x 1\na: 1\na: !y 2\n" + "k: 1\n" * 11)
    places = [line.split(": ")[0] for line in refused.value.what.splitlines()]
    assert places == ["f.yaml:1:4", "f.yaml:3:1", "f.yaml:3:4", *(f"f.yaml:{line}:1" for line in range(5, 15))]


@pytest.mark.parametrize(
    ("path", "position"),
    [
        ((), (1, 1)),
        (("a",), (2, 3)),
        (("a", 1), (3, 5)),
        (("a", 1, "b"), (3, 9)),
        (("a", 1, "x"), (3, 5)),
        (("a", 2), (2, 3)),
        (("a", "1"), (2, 3)),
        ((0,), (1, 1)),
        (("x",), (1, 1)),
    ],
)
def test_a_path_leads_to_the_closest_place(path: tuple[str | int, ...], position: tuple[int, int]) -> None:
    located = read("a:\n  - 1\n  - {b: 2}\n")
    assert located.position_at(path) == Position(*position)
