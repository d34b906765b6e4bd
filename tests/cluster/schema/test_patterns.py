"""The regular expressions of schemas: what they match, what they cost, and how a bad one is refused."""

from __future__ import annotations

import importlib.util

import pytest

from podrole.cluster.schema.patterns import MAX_MEMORY, BadPattern, available, compiled, matches, steps


def test_the_library_is_optional(monkeypatch: pytest.MonkeyPatch) -> None:
    assert available.__wrapped__() is True
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert available.__wrapped__() is False


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [("b", "abc", True), ("^b", "abc", False), ("", "", True), (r"^\d+$", "12", True), (r"^\d+$", "٣", False)],
)
def test_a_pattern_matches_anywhere(pattern: str, text: str, expected: bool) -> None:
    assert matches(pattern, text) is expected


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("[a", "missing closing ]: `[a`"),
        ("(a", "missing closing ): `(a`"),
        ("a{1001}", "invalid repeat count: `{1001}`"),
        ("*a", "missing argument to repetition operator: `*`"),
        ("a**", "invalid nested repetition operator: `**`"),
        (r"\8", r"invalid escape sequence: `\8`"),
        ("((a{100}){100}){100}", "invalid repeat count: `{100}`"),
        ("a{1000}" * 600, "expression too large"),
        ("[ü", "missing closing ]: `[ü`"),
    ],
)
def test_a_bad_pattern_is_refused_as_by_go(capfd: pytest.CaptureFixture[str], pattern: str, message: str) -> None:
    with pytest.raises(BadPattern) as caught:
        compiled(pattern)
    assert str(caught.value) == message
    assert capfd.readouterr() == ("", "")  # RE2 would write to stderr


def test_an_expression_may_take_4_mib() -> None:
    assert MAX_MEMORY == 4_194_304


def test_a_search_costs_its_size_times_the_text() -> None:
    size = compiled("a+b").programsize
    assert [steps("a+b", "x" * length) for length in (0, 255, 256, 2560)] == [
        1,
        1 + size * 255 // 256,
        1 + size,
        1 + size * 10,
    ]
