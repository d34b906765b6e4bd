"""Lambda: the statement that AddPermission makes of its parameters."""

from __future__ import annotations

import json
from typing import Any

import pytest

from podrole.aws.services.lambda_ import RULES
from podrole.iam.errors import PolicyError
from support.service_rules import document


@pytest.mark.parametrize(
    ("principal", "element"),
    [
        ("s3.amazonaws.com", {"Service": "s3.amazonaws.com"}),
        ("111122223333", {"AWS": "111122223333"}),
        ("arn:aws:iam::111122223333:user/a.b", {"AWS": "arn:aws:iam::111122223333:user/a.b"}),
        ("svc.name:plain", {"AWS": "svc.name:plain"}),
        ("*", "*"),
        (None, None),
    ],
)
def test_a_permission_is_one_statement(principal: Any, element: Any) -> None:
    found = document(RULES, "AddPermission", Principal=principal, Action="lambda:InvokeFunction")
    assert found is not None
    expected = {"Effect": "Allow", "Principal": element, "Action": "lambda:InvokeFunction", "Resource": "*"}
    assert json.loads(found.text)["Statement"] == expected


def test_code_of_a_refused_principal() -> None:
    fault = RULES.fault(PolicyError("x", aws_code="y"))
    assert (fault.error_code, fault.status) == ("InvalidParameterValueException", 400)
