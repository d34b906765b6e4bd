"""Annotations and flags are read as Go reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.webhook.golang import first_csv_record, parse_bool, parse_duration, parse_int64


@pytest.mark.parametrize("text", ["1", "t", "T", "TRUE", "true", "True"])
def test_six_spellings_are_true(text: str) -> None:
    assert parse_bool(text) is True


@pytest.mark.parametrize("text", ["0", "f", "F", "FALSE", "false", "False"])
def test_six_spellings_are_false(text: str) -> None:
    assert parse_bool(text) is False


@pytest.mark.parametrize("text", ["", "yes", "tRUE", " true", "on", "2"])
def test_no_other_is_a_bool(text: str) -> None:
    assert parse_bool(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("+600", 600),
        ("-5", -5),
        ("0600", 600),
        ("9223372036854775807", (1 << 63) - 1),
        ("9223372036854775808", None),
        ("-9223372036854775808", -(1 << 63)),
        ("", None),
        (" 600", None),
        ("600s", None),
        ("6_00", None),
        ("0x10", None),
        ("１０", None),
        ("9" * 5_000, None),
    ],
)
def test_integers(text: str, value: int | None) -> None:
    assert parse_int64(text) == value


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("300ms", 0.3),
        ("1.5h", 5400.0),
        ("2h45m", 9900.0),
        ("-1m", -60.0),
        (".5s", 0.5),
        ("1us", 1e-6),
        ("1µs", 1e-6),
        ("60", None),
        ("1d", None),
        ("", None),
        (".s", None),
        ("1 s", None),
        ("9999999h", None),
    ],
)
def test_durations(text: str, seconds: float | None) -> None:
    assert parse_duration(text) == (pytest.approx(seconds) if seconds is not None else None)


@pytest.mark.parametrize(
    ("text", "record"),
    [
        ("a", ["a"]),
        ("a,b", ["a", "b"]),
        ("a, b", ["a", " b"]),
        (' a"', None),
        ('"a"', ["a"]),
        ('"a,b",c', ["a,b", "c"]),
        ('"say ""hi"""', ['say "hi"']),
        ("a,,b", ["a", "", "b"]),
        ("a,", ["a", ""]),
        ("", None),
        ("\n\n", None),
        ("\na", ["a"]),
        ("a\nb", ["a"]),
        ("a\r\nb", ["a"]),
        ("a\r", ["a"]),
        ('"a\nb",c', ["a\nb", "c"]),
        ('"a', None),
        ('"a"b', None),
        ('a"b', None),
    ],
)
def test_the_first_line_of_comma_separated_values(text: str, record: list[str] | None) -> None:
    assert first_csv_record(text) == record


@given(st.text())
def test_no_text_makes_a_parser_raise(text: str) -> None:
    parse_bool(text)
    parse_int64(text)
    parse_duration(text)
    first_csv_record(text)


@given(st.lists(st.text(alphabet=st.characters(blacklist_characters="\r")), min_size=1))
def test_quoted_fields_are_read_back(fields: list[str]) -> None:
    line = ",".join('"' + field.replace('"', '""') + '"' for field in fields)
    assert first_csv_record(line) == fields
