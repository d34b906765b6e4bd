"""Base64url without padding: one spelling for each byte string."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.oidc.base64url import decode_base64url, encode_base64url


@given(st.binary(max_size=40))
def test_what_is_encoded_is_decoded(data: bytes) -> None:
    assert decode_base64url(encode_base64url(data)) == data


@given(st.text(alphabet="AQgwE_-Z9+/= é", max_size=6))
def test_a_text_is_refused_or_is_the_one_spelling_of_its_bytes(text: str) -> None:
    try:
        data = decode_base64url(text)
    except ValueError:
        return
    assert encode_base64url(data) == text


@pytest.mark.parametrize(
    "text", ["A", "AAAAA", "AB", "AE", "AAB", "AA==", "AAA=", "A+A", "A/AA", "AA\n", "ÄÄÄÄ", " AAA"]
)
def test_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="base64url"):
        decode_base64url(text)
