"""The forms of texts in files and flags."""

from __future__ import annotations

import pytest

from podrole.setup.text_forms import policy_arn, role_arn


@pytest.mark.parametrize(
    ("account", "fits"),
    [("111122223333", True), ("123", False), ("11112222333", False), ("1111222233334", False), ("", False)],
)
def test_account_in_an_arn_has_twelve_digits(account: str, fits: bool) -> None:
    for form, kind in ((role_arn("aws"), "role"), (policy_arn(""), "policy")):
        problem = form(f"arn:aws:iam::{account}:{kind}/x")
        assert (problem is None) is fits
        assert problem is None or "with an ACCOUNT of 12 digits" in problem


@pytest.mark.parametrize("text", ["x", "arn:aws:iam::111122223333:user/x"])
def test_other_texts_are_told_without_the_account(text: str) -> None:
    assert role_arn()(text) == "the ARN of a role: arn:aws:iam::ACCOUNT:role/NAME"
