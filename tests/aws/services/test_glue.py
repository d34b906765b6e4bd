"""Glue: the one policy of the Data Catalog, and the one catalog of an account."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.aws.services.glue import RULES
from podrole.iam.errors import PolicyError
from support.service_rules import HERE, document, refusal, resolved

CATALOG = f"arn:aws:glue:{HERE}:catalog"


@pytest.mark.parametrize("given", [{}, {"ResourceArn": ""}, {"ResourceArn": CATALOG}])
def test_the_policy_is_of_the_data_catalog(given: dict[str, Any]) -> None:
    found = document(RULES, "PutResourcePolicy", PolicyInJson="{}", **given)
    assert found is not None
    assert (found.text, found.resource) == ("{}", CATALOG)
    assert document(RULES, "PutResourcePolicy", **given) is None


def test_policies_of_anything_else_are_refused() -> None:
    given = {"ResourceArn": f"arn:aws:glue:{HERE}:database/shop", "PolicyInJson": "{}"}
    assert refusal(document, RULES, "PutResourcePolicy", **given) == ("NotImplemented", 501)


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, None), ({"CatalogId": "111122223333"}, None), ({"CatalogId": "s3tables"}, ("NotImplemented", 501))],
)
def test_other_catalogs_are_refused(given: dict[str, Any], expected: tuple[str, int] | None) -> None:
    assert refusal(resolved, RULES, "GetTables", **given) == expected


def test_code_of_a_refused_document() -> None:
    fault = RULES.fault(PolicyError("x", aws_code="y"))
    assert (fault.error_code, fault.status) == ("InvalidInputException", 400)
