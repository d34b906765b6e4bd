"""Every policy that AWS itself publishes is well-formed."""

from __future__ import annotations

import pytest

from podrole.account.managed_policies import ManagedPolicies
from podrole.iam.document import parse_policy
from podrole.iam.evaluate import NamedPolicy, PolicySet, evaluate
from podrole.iam.policy import PolicyKind
from podrole.iam.principal import principal_of
from podrole.iam.request import Request

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def catalogue() -> dict[str, str]:
    return {policy.name: policy.document for policy in ManagedPolicies().all("aws")}


def test_every_policy_of_aws_is_compiled(catalogue: dict[str, str]) -> None:
    assert len(catalogue) > 1_000
    for document in catalogue.values():
        assert parse_policy(document, PolicyKind.IDENTITY).statements


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
def test_what_policies_of_aws_allow(catalogue: dict[str, str], name: str, action: str, allowed: bool) -> None:
    compiled = parse_policy(catalogue[name], PolicyKind.IDENTITY)
    caller = principal_of("arn:aws:iam::111122223333:user/bob")
    assert evaluate(Request(caller, action, "*"), PolicySet((NamedPolicy(name, compiled),))).allowed is allowed
