"""What the tables beside AWS's reference say, and that they say nothing of what they do not list."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from podrole.iam.actions.tables import (
    actions_of,
    parameters_of,
    passed_roles,
    services_given_roles,
    tag_action,
    tag_parameters,
)


@pytest.mark.parametrize(
    ("client", "operation", "expected"),
    [("s3", "HeadBucket", ["s3:ListBucket"]), ("s3", "CreateBucket", None), ("shop", "HeadBucket", None)],
)
def test_actions_of_an_operation(client: str, operation: str, expected: Sequence[str] | None) -> None:
    assert actions_of(client, operation) == expected


@pytest.mark.parametrize(
    ("client", "variable", "expected"),
    [("ec2", "KeyPairName", ["KeyName"]), ("ec2", "Nothing", ()), ("shop", "KeyPairName", ())],
)
def test_parameters_of_a_variable(client: str, variable: str, expected: Sequence[str]) -> None:
    assert parameters_of(client, variable) == expected


def test_roles_that_are_passed_and_the_services_that_get_them() -> None:
    assert passed_roles("lambda", "CreateFunction") == {"Role": "lambda.amazonaws.com"}
    assert passed_roles("lambda", "Invoke") == {}
    assert services_given_roles()["lambda"]["Role"] == {"lambda.amazonaws.com"}
    assert services_given_roles()["eks"]["roleArn"] == {"eks.amazonaws.com", "pods.eks.amazonaws.com"}
    assert services_given_roles()["ssm"]["ExecutionRoleName"] == {"ssm.amazonaws.com"}


@pytest.mark.parametrize(
    ("client", "operation", "action", "parameters"),
    [
        ("iam", "CreateRole", "iam:TagRole", ()),
        ("iam", "GetRole", None, ()),
        ("ec2", "CreateVolume", "ec2:CreateTags", ()),
        ("sagemaker", "CreateModel", "sagemaker:AddTags", ["Tags"]),
        ("acm", "CreateAcmeEndpoint", "acm:TagResource", ["Tags", "CertificateTags"]),
        ("sagemaker", "GetModel", None, ()),
        ("shop", "CreateModel", None, ()),
    ],
)
def test_action_that_tags_need(client: str, operation: str, action: str | None, parameters: Sequence[str]) -> None:
    assert (tag_action(client, operation), tag_parameters(client, operation)) == (action, parameters)
