"""Tags that are sent along need the service's tagging action, on what the call makes."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

from podrole.iam.actions.keys import condition_keys
from podrole.iam.actions.operations import permissions
from support.calls import Account, call, short

SCRIPT = Path(__file__).parents[3] / "scripts" / "tags_on_create.py"
TAGS = [{"Key": "team", "Value": "blue"}]


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def test_the_table_is_of_todays_reference_and_models(script: dict[str, Any]) -> None:
    assert script["written"]() == script["TARGET"].read_text(), "run: python scripts/tags_on_create.py, and review"


TAGGED: list[tuple[str, str, dict[str, Any], str]] = [
    (
        "efs",
        "CreateAccessPoint",
        {"FileSystemId": "fs-1", "Tags": TAGS},
        "elasticfilesystem:TagResource arn:aws:elasticfilesystem:HERE:access-point/*",
    ),
    ("sagemaker", "CreateModel", {"ModelName": "m", "Tags": TAGS}, "sagemaker:AddTags arn:aws:sagemaker:HERE:model/m"),
    (
        "rds",
        "CreateDBCluster",
        {"DBClusterIdentifier": "c", "DBSubnetGroupName": "s", "Tags": TAGS},
        "rds:AddTagsToResource arn:aws:rds:HERE:cluster:c",
    ),
    (
        "rds",
        "CreateDBInstance",
        {"DBInstanceIdentifier": "d", "DBClusterIdentifier": "c", "Tags": TAGS},
        "rds:AddTagsToResource arn:aws:rds:HERE:db:d",
    ),
    (
        "elasticache",
        "CreateCacheCluster",
        {"CacheClusterId": "c", "Tags": TAGS},
        "elasticache:AddTagsToResource arn:aws:elasticache:HERE:cluster:c",
    ),
    (
        "cognito-idp",
        "CreateUserPool",
        {"PoolName": "p", "UserPoolTags": {"team": "blue"}},
        "cognito-idp:TagResource arn:aws:cognito-idp:HERE:userpool/*",
    ),
    (
        "autoscaling",
        "CreateAutoScalingGroup",
        {"AutoScalingGroupName": "g", "Tags": TAGS},
        "autoscaling:CreateOrUpdateTags arn:aws:autoscaling:HERE:autoScalingGroup:*:autoScalingGroupName/g",
    ),
    (
        "ec2",
        "RequestSpotFleet",
        {"SpotFleetRequestConfig": {"TagSpecifications": [{"ResourceType": "spot-fleet-request", "Tags": TAGS}]}},
        "ec2:CreateTags arn:aws:ec2:HERE:spot-fleet-request/*",
    ),
    (
        "efs",
        "CreateFileSystem",
        {"CreationToken": "t", "Tags": TAGS},
        "elasticfilesystem:TagResource arn:aws:elasticfilesystem:HERE:file-system/*",
    ),
    (
        "s3",
        "CreateBucket",
        {"Bucket": "b", "CreateBucketConfiguration": {"Tags": TAGS}},
        "s3:TagResource arn:aws:s3:::b",
    ),
]


@pytest.mark.parametrize(("client", "operation", "given", "expected"), TAGGED)
def test_what_tags_need(client: str, operation: str, given: dict[str, Any], expected: str) -> None:
    asked = call(client, operation, given)
    needed = permissions(asked, Account())
    assert expected in [f"{one.action} {short(one.resource)}" for one in needed]
    tagging = next(one for one in needed if expected.startswith(f"{one.action} "))
    assert condition_keys(asked, tagging, Account()).values["aws:RequestTag/team"] == "blue"


@pytest.mark.parametrize(
    ("client", "operation", "given", "value"),
    [
        ("efs", "CreateAccessPoint", {"FileSystemId": "fs-1", "Tags": TAGS}, "blue"),
        ("efs", "CreateFileSystem", {"CreationToken": "t", "Tags": TAGS}, "blue"),
        ("iam", "CreateInstanceProfile", {"InstanceProfileName": "p", "Tags": TAGS}, "blue"),
        ("rds", "CreateDBInstance", {"DBInstanceIdentifier": "d", "Tags": TAGS}, None),
    ],
)
def test_new_tags_are_held_tags_where_a_published_policy_depends_on_it(
    client: str, operation: str, given: dict[str, Any], value: str | None
) -> None:
    asked = call(client, operation, given)
    making, *_, tagging = permissions(asked, Account())
    assert condition_keys(asked, tagging, Account()).values.get("aws:ResourceTag/team") == value
    assert "aws:ResourceTag/team" not in condition_keys(asked, making, Account()).values


UNTAGGED: list[tuple[str, str, dict[str, Any]]] = [
    ("efs", "CreateAccessPoint", {"FileSystemId": "fs-1", "Tags": []}),
    ("ses", "SendEmail", {"Tags": [{"Name": "campaign", "Value": "1"}]}),
    ("batch", "CreateComputeEnvironment", {"computeResources": {"tags": {"team": "blue"}}}),
]


@pytest.mark.parametrize(("client", "operation", "given"), UNTAGGED)
def test_what_needs_no_tagging_action(client: str, operation: str, given: dict[str, Any]) -> None:
    actions = [one.action for one in permissions(call(client, operation, given), Account())]
    assert not [one for one in actions if "Tag" in one]


def test_every_exception_is_about_tags_of_an_operation(script: dict[str, Any]) -> None:
    reviewed = yaml.safe_load(script["REVIEWED"].read_text())
    for client, paths in reviewed["not_tags"].items():
        described = script["model"](client)
        shapes = (described.operation_model(name).input_shape for name in described.operation_names)
        present = {path for shape in shapes if shape is not None for path in script["tags_in"](shape)}
        assert set(paths) <= present, client
