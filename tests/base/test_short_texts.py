"""The caches by text that clients send are bounded."""

from __future__ import annotations

from podrole.base.short_texts import cached_by_length, cached_for_short_texts

calls: list[str] = []


@cached_for_short_texts(2, longest=4)
def measured(text: str, *, unit: str = "") -> str:
    calls.append(text)
    return f"{len(text)}{unit}"


def test_a_short_text_is_worked_out_once() -> None:
    calls.clear()
    assert [measured("abcd"), measured("abcd")] == ["4", "4"]
    assert measured("abcd", unit="m") == "4m"
    assert calls == ["abcd", "abcd"]


def test_a_long_text_is_not_kept() -> None:
    calls.clear()
    assert [measured("abcde"), measured("abcde")] == ["5", "5"]
    assert calls == ["abcde", "abcde"]


def test_the_least_used_text_is_forgotten() -> None:
    calls.clear()
    for text in ("x", "y", "z", "x"):
        measured(text)
    assert calls == ["x", "y", "z", "x"]


@cached_by_length(6)
def copied(text: str, kind: int = 0) -> str:
    calls.append(text)
    return f"{text}{kind}"


def test_results_are_kept_while_their_texts_are_short_together() -> None:
    calls.clear()
    assert [copied("abc", 1), copied("abc", 2), copied("abc", 1)] == ["abc1", "abc2", "abc1"]
    assert calls == ["abc", "abc"]
    copied("d", 1)  # the least used one is forgotten
    copied("abc", 1)
    assert calls == ["abc", "abc", "d"]
    copied("abc", 2)
    assert calls == ["abc", "abc", "d", "abc"]


def test_a_text_longer_than_all_together_is_not_kept_and_keeps_the_others() -> None:
    copied("abc", 1)
    calls.clear()
    assert [copied("x" * 7), copied("x" * 7), copied("abc", 1)] == ["x" * 7 + "0"] * 2 + ["abc1"]
    assert calls == ["x" * 7] * 2
