"""Actions that list are asked on the ARN that AWS asks about, so that policies which AWS honors grant here too."""

from __future__ import annotations

from typing import Any

import pytest

from support.aws import ACCOUNT, REGION, LocalAWS, allow, policy, refused

pytestmark = pytest.mark.services


@pytest.fixture
def ann(aws: LocalAWS) -> dict[str, str]:
    """Make a user, and return her keys."""
    aws.client("iam").create_user(UserName="ann")
    key = aws.client("iam").create_access_key(UserName="ann")["AccessKey"]
    return {"AccessKeyId": key["AccessKeyId"], "SecretAccessKey": key["SecretAccessKey"]}


def grant(aws: LocalAWS, *statements: dict[str, Any]) -> None:
    aws.client("iam").put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=policy(*statements))


LISTS = [
    ("s3", "list_buckets", "s3:ListAllMyBuckets", "arn:aws:s3:::*", "arn:aws:s3:::mine"),
    ("iam", "list_roles", "iam:ListRoles", "arn:aws:iam::*:role/*", "arn:aws:iam::*:role/mine"),
    ("iam", "list_users", "iam:ListUsers", f"arn:aws:iam::{ACCOUNT}:*", "arn:aws:iam::*:user/ann"),
    ("eks", "list_clusters", "eks:ListClusters", "arn:aws:eks:*:*:cluster/*", "arn:aws:eks:*:*:cluster/mine"),
    ("logs", "describe_log_groups", "logs:DescribeLogGroups", "arn:aws:logs:*:*:*", "arn:aws:logs:*:*:log-group:/a*"),
    ("sqs", "list_queues", "sqs:ListQueues", f"arn:aws:sqs:{REGION}:{ACCOUNT}:*", "arn:aws:sqs:*:*:mine"),
    ("dynamodb", "list_tables", "dynamodb:ListTables", "arn:aws:dynamodb:*:*:table/*", "arn:aws:dynamodb:*:*:table/t"),
]


@pytest.mark.parametrize(("service", "operation", "action", "everything", "one"), LISTS)
def test_a_list_is_granted_and_denied_by_the_arn_of_everything(
    aws: LocalAWS, ann: dict[str, str], service: str, operation: str, action: str, everything: str, one: str
) -> None:
    call = getattr(aws.client(service, ann), operation)
    grant(aws, allow(action, everything))
    assert call()["ResponseMetadata"]["HTTPStatusCode"] == 200
    grant(aws, allow(action, one))
    assert "AccessDenied" in refused(call)[0]
    grant(aws, allow(action), {"Effect": "Deny", "Action": action, "Resource": everything})
    assert "explicit deny" in refused(call)[2]
    grant(aws, allow(action), {"Effect": "Deny", "Action": action, "Resource": one})
    assert call()["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_refusal_names_the_resource_as_aws_does(aws: LocalAWS, ann: dict[str, str]) -> None:
    who = f"User: arn:aws:iam::{ACCOUNT}:user/ann is not authorized to perform:"
    assert refused(aws.client("s3", ann).list_buckets)[2] == (
        f"{who} s3:ListAllMyBuckets because no identity-based policy allows the s3:ListAllMyBuckets action"
    )
    assert refused(aws.client("iam", ann).list_roles)[2] == (
        f"{who} iam:ListRoles on resource: arn:aws:iam::{ACCOUNT}:role/ because no identity-based policy allows the "
        "iam:ListRoles action"
    )
