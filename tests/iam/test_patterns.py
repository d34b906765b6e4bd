"""Wildcards match as the definition says, in time linear in the text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.iam.patterns import ANY_ONE, ANY_RUN, Glob, GlobSet, Token, glob, has_wildcard, overlap, tokens


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


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("", ()),
        ("ab", ("ab",)),
        ("*", (ANY_RUN,)),
        ("*ab?", (ANY_RUN, "ab", ANY_ONE)),
        ("a**b", ("a", ANY_RUN, ANY_RUN, "b")),
    ],
)
def test_a_pattern_is_read_as_texts_and_wildcards(pattern: str, found: tuple[Token, ...]) -> None:
    assert tokens(pattern) == found


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


@pytest.mark.parametrize(
    ("pattern", "exact", "prefix"),
    [
        ("", "", None),
        ("ab", "ab", None),
        ("ab*", None, "ab"),
        ("*", None, ""),
        ("*ab", None, None),
        ("a?", None, None),
        ("a?*", None, None),
        ("a*b", None, None),
        ("a*b*", None, None),
    ],
)
def test_a_pattern_says_if_it_is_no_more_than_a_text_or_a_prefix(
    pattern: str, exact: str | None, prefix: str | None
) -> None:
    assert (glob(pattern).exact, glob(pattern).prefix) == (exact, prefix)


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        pytest.param("*a?c*d", "xabbabcd", True, id="a search takes the first place that fits"),
        pytest.param("*a?c*d", "xabbabdd", False, id="the end is where the text ends"),
        pytest.param("ab*ba", "aba", False, id="beginning and end share no characters"),
        pytest.param("ab*ba", "abba", True, id="but may touch"),
        pytest.param("a?*?a", "aba", False, id="nor do question marks share any"),
        pytest.param("abc*abc", "ab", False, id="the text is shorter than the beginning"),
        pytest.param("*a*a*", "a", False, id="two segments share no character"),
        pytest.param("*a*a*", "aa", True, id="two segments may touch"),
        pytest.param("*a?*b?*", "abb", False, id="nor do segments with question marks share any"),
        pytest.param("*a?*b?*", "axbb", True, id="and may touch as well"),
        pytest.param("*a?b*a?b*", "axbaxb", True, id="also if they are alike"),
        pytest.param("*a?b*a?b*", "axbxb", False, id="each is found whole"),
        pytest.param("*a?b*", "bxb", False, id="a segment begins with its first character"),
        pytest.param("c*a?b*", "cxb", False, id="which the beginning does not give"),
        pytest.param("*a?b*", "ab", False, id="a question mark is one character"),
        pytest.param("*a?b*", "axb", True, id="and only one"),
        pytest.param("a?b", "axb", True, id="also without stars"),
        pytest.param("a?b", "axc", False, id="and the rest must fit"),
        pytest.param("a??b", "axb", False, id="two are two"),
    ],
)
def test_the_segments_of_a_pattern_share_no_characters(pattern: str, text: str, matches: bool) -> None:
    assert glob(pattern).matches(text) is matches
    assert reference(pattern, text) is matches


@pytest.mark.parametrize(("text", "found"), [("a*", True), ("a?", True), ("a", False), ("", False)])
def test_a_wildcard_is_a_star_or_a_question_mark(text: str, found: bool) -> None:
    assert has_wildcard(text) is found


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        ("", "", True),
        ("", "*", True),
        ("", "?", False),
        ("", "a", False),
        ("ab", "ab", True),
        ("ab", "bb", False),
        ("ab", "aa", False),
        ("aba", "aab", False),
        ("ab", "a", False),
        ("?", "a", True),
        ("??", "a", False),
        ("???", "abc", True),
        ("*?a", "a", False),
        ("*?a", "?", False),
        ("?b", "a?", True),
        ("?b", "a*", True),
        ("a*", "*b", True),
        ("a*", "b*", False),
        ("*a", "*b", False),
        ("a*b", "ab", True),
        ("a**b", "a", False),
        ("a*c", "ab*c", True),
        ("a?c", "a*bc", True),
        ("a?c", "a*bbc", False),
    ],
)
def test_two_patterns_overlap_if_some_text_fits_both(one: str, other: str, shared: bool) -> None:
    assert overlap(tokens(one), tokens(other)) is shared
    assert overlap(tokens(other), tokens(one)) is shared
    if "*" not in other and "?" not in other:
        assert reference(one, other) is shared
