"""Input is held against the model: every violation, in AWS's words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from podrole.aws.protocol.validation import message, violations
from support.shapes import INTEGER, STRING, list_of, map_of, shape, structure

NULL = "Member must not be null"
SHORT = "Member must have length greater than or equal to 2"
LONG = "Member must have length less than or equal to 3"
LOW = "Member must have value greater than or equal to 2"
HIGH = "Member must have value less than or equal to 3"
RANGE = {"min": 2, "max": 3}
WORD = {**STRING, **RANGE}
NUMBER = {**INTEGER, **RANGE}
CODE = {**STRING, "pattern": "[a-z]+[0-9]?"}
COLOUR = {**STRING, "enum": ["red", "blue"]}
TAG = {**STRING, "pattern": r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*"}
EMOJI = {**STRING, "pattern": r"[a-z\u10000-\u10FFFF]*"}


@pytest.mark.parametrize(
    ("member", "value", "expected"),
    [
        (WORD, "ab", []),
        (WORD, "abc", []),
        (WORD, "a", [SHORT]),
        (WORD, "abcd", [LONG]),
        ({**STRING, "min": 2}, "abcd", []),
        ({**STRING, "max": 3}, "", []),
        (NUMBER, 2, []),
        (NUMBER, 3, []),
        (NUMBER, 1, [LOW]),
        (NUMBER, 4, [HIGH]),
        ({"type": "long", **RANGE}, 4, [HIGH]),
        ({**INTEGER, "min": 2}, 9, []),
        ({**INTEGER, "max": 3}, 0, []),
        (CODE, "a1", []),
        (CODE, "a12", ["Member must satisfy regular expression pattern: [a-z]+[0-9]?"]),
        (CODE, "\u0661", ["Member must satisfy regular expression pattern: [a-z]+[0-9]?"]),
        (COLOUR, "red", []),
        (COLOUR, "green", ["Member must satisfy enum value set: [red, blue]"]),
        # what Python's expressions lack is not checked, but for the pattern of tags, which services share
        ({**STRING, "pattern": r"\p{L}+"}, "1", []),
        ({**STRING, "pattern": "(?<name>a)"}, "1", []),
        (TAG, "a b", []),
        (TAG, "a*b", [f"Member must satisfy regular expression pattern: {TAG['pattern']}"]),
        (EMOJI, "a\U0001f600", []),
        (EMOJI, "A", [f"Member must satisfy regular expression pattern: {EMOJI['pattern']}"]),
        (list_of(STRING, **RANGE), ["a"], [SHORT]),
        (list_of(STRING, **RANGE), ["a"] * 4, [LONG]),
        (map_of(STRING, **RANGE), {"a": "b"}, [SHORT]),
        (map_of(STRING, **RANGE), dict.fromkeys("abcd", "e"), [LONG]),
        (list_of(WORD), ["ab", "a"], [f"Member must satisfy constraint: [{LONG}, {SHORT}]"]),
        (list_of(WORD), ["ab"], []),
        (
            list_of(CODE),
            ["!"],
            ["Member must satisfy constraint: [Member must satisfy regular expression pattern: [a-z]+[0-9]?]"],
        ),
        (
            list_of(COLOUR),
            ["green"],
            ["Member must satisfy constraint: [Member must satisfy enum value set: [red, blue]]"],
        ),
        # the members of a list that is too long are not looked at
        (list_of(WORD, max=1), ["a", "b"], ["Member must have length less than or equal to 1"]),
        (list_of(WORD, max=1), ["a"], [f"Member must satisfy constraint: [{LONG}, {SHORT}]"]),
        ({"type": "boolean"}, True, []),
        (WORD, None, []),
    ],
)
def test_value_is_held_against_its_shape(member: Mapping[str, Any], value: Any, expected: list[str]) -> None:
    found = violations({"Thing": value}, shape(structure({"Thing": member})))
    assert found == [f"Value at 'thing' failed to satisfy constraint: {one}" for one in expected]


ITEM = structure({"Name": WORD}, "Name")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"Item": {"Name": "ab"}, "Items": [{"Name": "ab"}]}, []),
        ({}, [("item", NULL)]),
        ({"Item": None}, [("item", NULL)]),
        ({"Item": {}}, [("item.name", NULL)]),
        ({"Item": {"Name": "a"}}, [("item.name", SHORT)]),
        (
            {"Item": {"Name": "ab"}, "Items": [{"Name": "ab"}, {}, {"Name": "abcd"}]},
            [("items.2.member.name", NULL), ("items.3.member.name", LONG)],
        ),
    ],
)
def test_violation_names_the_place(given: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    found = violations(given, shape(structure({"Item": ITEM, "Items": list_of(ITEM)}, "Item")))
    assert found == [f"Value at '{path}' failed to satisfy constraint: {text}" for path, text in expected]


def test_one_message_names_all_violations() -> None:
    assert message(["a"]) == "1 validation error detected: a"
    assert message(["a", "b"]) == "2 validation errors detected: a; b"
