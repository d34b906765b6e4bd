"""The cache by text that clients send is bounded."""

from __future__ import annotations

from podrole.base.short_texts import cached_for_short_texts

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
