"""API Gateway asks for the method on the path, and for tags that are set along."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from podrole.iam.actions.apigateway import permissions
from support.calls import REGION, Account, call, text_of

APIS = f"arn:aws:apigateway:{REGION}::/restapis"


@pytest.mark.parametrize(
    ("operation", "given", "tagged"),
    [
        ("CreateRestApi", {"tags": {"a": "b"}}, True),
        ("CreateRestApi", {}, False),
        ("TagResource", {"tags": {"a": "b"}}, False),
    ],
)
def test_a_call_needs_its_method_and_to_set_its_tags(operation: str, given: dict[str, Any], tagged: bool) -> None:
    found = permissions(replace(call("apigateway", operation, given), path="/restapis"), Account())
    tags = [f"apigateway:PUT arn:aws:apigateway:{REGION}::/tags/*"] if tagged else []
    assert [text_of(one) for one in found] == [f"apigateway:POST {APIS}", *tags]
