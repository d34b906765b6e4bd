"""API Gateway: no policy of a REST API or of a domain name comes in unnoticed."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.aws.services.apigateway import RULES
from support.aws_facts import FakeFacts, call_of, request
from support.service_rules import refusal

REFUSED = ("NotImplemented", 501)


@pytest.mark.parametrize(
    ("operation", "path", "expected"),
    [
        ("UpdateRestApi", "/policy", REFUSED),
        ("UpdateRestApi", "/Policy", REFUSED),
        ("UpdateDomainName", "/managementPolicy", REFUSED),
        ("UpdateRestApi", "/name", None),
        ("UpdateStage", "/policy", None),
    ],
)
def test_patches_of_a_policy_are_refused(operation: str, path: str, expected: tuple[str, int] | None) -> None:
    patches: list[dict[str, Any]] = [{"op": "remove"}, {"op": "replace", "path": path, "value": "{}"}]
    call = call_of(f"apigateway:{operation}", patchOperations=patches)
    assert refusal(RULES.before, call, FakeFacts()) == expected


def test_an_update_without_patches_passes() -> None:
    assert refusal(RULES.before, call_of("apigateway:UpdateRestApi"), FakeFacts()) is None


@pytest.mark.parametrize(
    ("operation", "body", "expected"),
    [
        ("ImportRestApi", b"X-Amazon-Apigateway-Policy: {}", REFUSED),
        ("PutRestApi", b'{"x-amazon-apigateway-policy": {}}', REFUSED),
        ("PutRestApi", b'{"paths": {}}', None),
        ("CreateRestApi", b'{"description": "x-amazon-apigateway-policy"}', None),
    ],
)
def test_imports_with_a_policy_are_refused(operation: str, body: bytes, expected: tuple[str, int] | None) -> None:
    call = call_of(f"apigateway:{operation}", request(body=body))
    assert refusal(RULES.before, call, FakeFacts()) == expected
