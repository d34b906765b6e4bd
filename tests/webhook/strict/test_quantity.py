"""Quantities are rewritten as Go rewrites them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.webhook.strict.quantity import canonical


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("1", "1"),
        ("1000m", "1"),
        ("100m", "100m"),
        ("0.1", "100m"),
        ("1.5", "1500m"),
        ("1.5Gi", "1536Mi"),
        ("1024Ki", "1Mi"),
        ("128Mi", "128Mi"),
        ("1Ki", "1Ki"),
        ("0.5Ki", "512"),
        ("1023Ki", "1023Ki"),
        ("1000Ki", "1000Ki"),
        ("2048", "2048"),
        ("1000M", "1G"),
        ("1000000", "1M"),
        ("1e3", "1e3"),
        ("1E3", "1e3"),
        ("12e2", "1200"),
        ("0", "0"),
        ("0Gi", "0"),
        ("-1.5Gi", "-1536Mi"),
        ("+5", "5"),
        (".5", "500m"),
        ("5.", "5"),
        ("1n", "1n"),
        ("0.1n", "1n"),
        ("1.0001Ki", "1025"),
        ("100E", "9223372036854775807"),
        (" 1 ", "1"),
    ],
)
def test_the_canonical_form(text: str, written: str) -> None:
    assert canonical(text) == written


@pytest.mark.parametrize("text", ["", "abc", "1K", "1ki", "1 Gi", "--1", "1e", "1.2.3", "Gi", "1e+"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(ValueError, match="quantities must match the regular expression"):
        canonical(text)


@given(st.from_regex(r"[0-9]{1,6}(\.[0-9]{1,3})?(m|k|M|Ki|Mi|Gi)?", fullmatch=True))
def test_the_canonical_form_is_its_own(text: str) -> None:
    assert canonical(canonical(text)) == canonical(text)
