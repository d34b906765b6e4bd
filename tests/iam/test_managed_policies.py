"""Every policy that AWS itself publishes is well-formed, in the catalogue that moto carries."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from podrole.iam.document import parse_policy
from podrole.iam.evaluate import NamedPolicy, PolicySet, evaluate
from podrole.iam.policy import PolicyKind
from podrole.iam.principal import principal_of
from podrole.iam.request import Request

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def catalogue() -> dict[str, Any]:
    spec = importlib.util.find_spec("moto")
    assert spec is not None
    assert spec.origin is not None
    text = (Path(spec.origin).parent / "iam" / "aws_managed_policies.py").read_text()
    found: dict[str, Any] = json.loads(text[text.index("{") : text.rindex("}") + 1])
    return found


def test_every_policy_of_aws_is_compiled(catalogue: dict[str, Any]) -> None:
    assert len(catalogue) > 1_000
    for entry in catalogue.values():
        assert parse_policy(json.dumps(entry["Document"]), PolicyKind.IDENTITY).statements


@pytest.mark.parametrize(
    ("name", "action", "allowed"),
    [
        ("AmazonEC2ReadOnlyAccess", "ec2:DescribeInstances", True),
        ("AmazonEC2ReadOnlyAccess", "ec2:RunInstances", False),
        ("ReadOnlyAccess", "glue:GetTable", True),
        ("ReadOnlyAccess", "glue:DeleteTable", False),
        ("AdministratorAccess", "iam:CreateUser", True),
        ("PowerUserAccess", "ec2:RunInstances", True),
        ("PowerUserAccess", "iam:CreateUser", False),
    ],
)
def test_what_policies_of_aws_allow(catalogue: dict[str, Any], name: str, action: str, allowed: bool) -> None:
    compiled = parse_policy(json.dumps(catalogue[name]["Document"]), PolicyKind.IDENTITY)
    caller = principal_of("arn:aws:iam::111122223333:user/bob")
    assert evaluate(Request(caller, action, "*"), PolicySet((NamedPolicy(name, compiled),))).allowed is allowed
