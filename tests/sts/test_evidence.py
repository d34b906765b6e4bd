"""What a client sent is kept in a form that is bounded and that JSON can write."""

from __future__ import annotations

import json
from typing import Any

import pytest

from podrole.sts.evidence import shown


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("x" * 1_024, "x" * 1_024),
        ("x" * 1_025, "x" * 1_024),
        ("\ud800", "?"),
        (2**63 - 1, 2**63 - 1),
        (2**63, "an integer of 64 bits"),
        (-(2**63), "an integer of 64 bits"),
        (None, None),
        (True, True),
        (1.5, 1.5),
        (list(range(65)), list(range(64))),
        ({str(n): n for n in range(65)}, {str(n): n for n in range(64)}),
        ({"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}, {"a": {"b": {"c": {"d": {"e": {"f": "…"}}}}}}),
        ([[[[[[[1]]]]]]], [[[[[["…"]]]]]]),
        ({"\ud800" * 2_000: 1}, {"?" * 1_024: 1}),
    ],
)
def test_evidence_is_bounded(value: Any, kept: Any) -> None:
    assert shown(value) == kept
    json.dumps(shown(value)).encode()
