"""A page token is one that a list gave out, or it is refused."""

from __future__ import annotations

import base64

import pytest

from podrole.aws.protocol.paging import page_start, page_token


@pytest.mark.parametrize("position", [1, 2, 99])
def test_a_token_leads_to_its_page(position: int) -> None:
    assert page_start(page_token(position), 100) == position


@pytest.mark.parametrize("text", ["-1", "0", "100", "x", "", "1.0", "9" * 5_000, "²"])
def test_a_position_outside_the_list_is_refused(text: str) -> None:
    assert page_start(base64.b64encode(text.encode()).decode(), 100) is None


@pytest.mark.parametrize("token", ["", "5", "!", "é", "MQ", "MQ==\n"])
def test_a_text_that_is_not_base64_is_refused(token: str) -> None:
    assert page_start(token, 100) is None
