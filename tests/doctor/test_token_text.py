"""What is beside a token in a file has a sentence of its own; the bytes that STS would get are judged."""

from __future__ import annotations

import json

import pytest

from podrole.doctor.token_text import token_text
from podrole.oidc.errors import TokenRefused

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl"
REQUEST = json.dumps({"kind": "TokenRequest", "status": {"token": TOKEN}})

# A text, and a part of the sentence about it.
TEXTS: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "There is no token."),
    "white space": (b" \n", "There is no token."),
    "Bearer": (f"Bearer {TOKEN}".encode(), "“Bearer”"),
    "a header": (f"Authorization: bearer {TOKEN}\n".encode(), "“Bearer”"),
    "quotation marks": (f'"{TOKEN}"'.encode(), "quotation marks"),
    "one quotation mark": (f"{TOKEN}'".encode(), "quotation marks"),
    "a byte order mark": (b"\xef\xbb\xbf" + TOKEN.encode(), "byte order mark"),
    "UTF-16": (TOKEN.encode("utf-16"), "byte order mark"),
    "a letter that is not ASCII": (TOKEN.encode() + "é".encode(), "no token has"),
    "a TokenRequest": (REQUEST.encode(), "status.token"),
    "other JSON": (b'{"a": 1}', "a JSON document"),
    "broken JSON": (b"{", "begins like JSON"),
    "other text behind it": (f"{TOKEN}\nexpires tomorrow".encode(), "other text after the token"),
    "other text before it": (f"token: {TOKEN}".encode(), "other text in or before the token"),
    "white space before it": (f" {TOKEN}".encode(), "begins with white space"),
    "a line break at the end of a file": (f"{TOKEN}\n".encode(), "ends with white space"),
    "a line break of Windows": (f"{TOKEN}\r\n".encode(), "ends with white space"),
}


@pytest.mark.parametrize("case", TEXTS)
def test_what_is_beside_the_token_is_said(case: str) -> None:
    raw, sentence = TEXTS[case]
    with pytest.raises(TokenRefused) as refused:
        token_text(raw, piped=False)
    told = refused.value.diagnostics()
    assert sentence in told
    assert TOKEN not in told


def test_bytes_that_are_a_token_are_taken_as_they_are() -> None:
    assert token_text(TOKEN.encode(), piped=False) == TOKEN
    assert token_text(f"{TOKEN}\n".encode(), piped=True) == TOKEN


def test_line_break_of_windows_in_a_pipe_stays() -> None:
    with pytest.raises(TokenRefused):
        token_text(f"{TOKEN}\r\n".encode(), piped=True)
