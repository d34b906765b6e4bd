"""Wildcards match as the definition says, in time linear in the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.iam.patterns import ANY_RUN, Glob, GlobSet, glob


def reference(pattern: str, text: str) -> bool:
    """The definition, by tabulation: row i says which beginnings of the text the first i characters match."""
    row = [True] + [False] * len(text)
    for character in pattern:
        if character == "*":
            following = [any(row[: end + 1]) for end in range(len(text) + 1)]
        else:
            following = [False] + [row[i] and character in ("?", text[i]) for i in range(len(text))]
        row = following
    return row[-1]


FEW = st.text(alphabet="ab:/", max_size=12)
PATTERNS = st.text(alphabet="ab:/**??", max_size=10)


@given(PATTERNS, FEW)
def test_a_pattern_matches_what_the_definition_matches(pattern: str, text: str) -> None:
    assert glob(pattern).matches(text) is reference(pattern, text)


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_text_without_wildcards_matches_itself_alone(literal: str, text: str) -> None:
    assert Glob([literal]).matches(text) is (literal == text)


@given(st.lists(PATTERNS, max_size=6), FEW)
def test_a_set_matches_when_one_of_its_patterns_does(patterns: list[str], text: str) -> None:
    assert GlobSet(map(glob, patterns)).matches(text) is any(reference(pattern, text) for pattern in patterns)


@given(st.text(alphabet="ab*?$", max_size=8), FEW)
def test_literal_tokens_are_never_wildcards(value: str, text: str) -> None:
    assert Glob([value, ANY_RUN]).matches(text) is text.startswith(value)


@pytest.mark.parametrize(
    "pattern",
    [
        "*a" * 2_000 + "b",
        "a*" * 2_000 + "b",
        "?*" * 2_000 + "b",
        "*" + "?a" * 2_000 + "b*",
        "*" * 5_000 + "b",
        "*?" * 5_000,
    ],
    ids=lambda pattern: pattern[:6],
)
def test_a_hostile_pattern_is_answered_at_once(pattern: str) -> None:
    assert glob(pattern).matches("a" * 4_000) is False


def test_a_search_for_question_marks_takes_the_first_place_that_fits() -> None:
    assert glob("*a?c*d").matches("xabbabcd") is True
    assert glob("*a?c*d").matches("xabbabdd") is False


def test_beginning_and_end_of_a_pattern_do_not_share_characters() -> None:
    assert glob("ab*ba").matches("aba") is False
    assert glob("ab*ba").matches("abba") is True
    assert glob("a?*?a").matches("aba") is False
    assert glob("abc*abc").matches("ab") is False
