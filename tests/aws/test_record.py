"""What is recorded of a refusal repeats no token, wherever it came in."""

from __future__ import annotations

import pytest

from podrole.aws.record import without_tokens

TOKEN = f"{'eyJhbGciOiJSUzI1NiJ9'}.{'eyJpc3MiOiJodHRwczovL28ifQ'}.{'c2lnbmF0dXJl' * 4}"


@pytest.mark.parametrize("text", [TOKEN, f"Could not find operation {TOKEN} for version 1", f"a={TOKEN}&b={TOKEN}"])
def test_a_token_within_a_text_is_left_out(text: str) -> None:
    assert without_tokens(text) == text.replace(TOKEN, "(a token)")
    assert without_tokens({"claims": [text], "number": 1}) == {
        "claims": [text.replace(TOKEN, "(a token)")],
        "number": 1,
    }


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:iam::111122223333:oidc-provider/oidc.eks.us-east-1.amazonaws.com/id/ABC",
        "StringEquals on oidc.eks.us-east-1.amazonaws.com/id/ABC:sub expects a and got b.",
        "",
    ],
)
def test_other_texts_are_left_alone(text: str) -> None:
    assert without_tokens(text) == text


def test_a_text_of_any_length_is_read_in_time() -> None:
    for text in ("a" * 2_000_000 + "..", "a.a." * 500_000, ("a" * 16 + ".") * 2 + "a" * 15):
        assert without_tokens(text) == text
