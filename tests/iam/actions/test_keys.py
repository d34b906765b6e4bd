"""The condition keys of a permission: from the request, from the resource as it is, and which of the two wins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from podrole.iam.actions.call import Call, Keys, Permission
from podrole.iam.actions.keys import condition_keys
from support.calls import ACCOUNT, REGION, Account, call

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
VOLUME = f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/v"
OBJECT = "arn:aws:s3:::b/k"
USER = f"arn:aws:iam::{ACCOUNT}:user/u"
TAGS = [{"Key": "a", "Value": "b"}]
SPECIFIED = {"TagSpecifications": [{"ResourceType": "volume", "Tags": TAGS}, {"Tags": [{"Key": "any", "Value": "1"}]}]}
OLD = "arn:aws:iam::aws:policy/old"


class Facts(Account):
    """An account whose resources all have the same tags and facts."""

    def tags_of(self, call: Call, arn: str) -> Mapping[str, str] | None:
        return None if arn.endswith("untold") else {"team": "blue"}

    def facts_of(self, call: Call, kind: str, arn: str) -> Keys:
        read = {"s3:read": call.parameters["VersionId"]} if "VersionId" in call.parameters else {}
        return {"iam:PermissionsBoundary": OLD, "sqs:kind": kind, **read}


def values(client: str, operation: str, given: dict[str, Any], permission: Permission) -> dict[str, Any]:
    return condition_keys(call(client, operation, given), permission, Facts()).values


HELD = {"aws:ResourceTag/team", "sqs:ResourceTag/team", "sqs:kind", "iam:PermissionsBoundary"}


@pytest.mark.parametrize(
    ("permission", "expected"),
    [
        (Permission("sqs:SendMessage", QUEUE), HELD),
        (Permission("sqs:SendMessage", QUEUE, partial=True), set()),
        (Permission("sqs:SendMessage", QUEUE, exists=False), set()),
        (Permission("sqs:ListQueues"), set()),
        (Permission("sqs:SendMessage", f"{QUEUE}-untold"), {"sqs:kind", "iam:PermissionsBoundary"}),
    ],
)
def test_resource_that_is_known_gives_its_tags_and_facts(permission: Permission, expected: set[str]) -> None:
    assert set(values("sqs", "SendMessage", {}, permission)) == expected


@pytest.mark.parametrize(
    ("permission", "unknown"),
    [
        (Permission("sqs:SendMessage", QUEUE), False),
        (Permission("sqs:SendMessage", QUEUE, partial=True), True),
        (Permission("sqs:SendMessage", f"{QUEUE}-untold"), True),
        (Permission("sqs:SendMessage", QUEUE, exists=False), False),
    ],
)
def test_tags_of_a_resource_that_is_not_known_are_unknown(permission: Permission, unknown: bool) -> None:
    keys = condition_keys(call("sqs", "SendMessage", {}), permission, Facts())
    assert ("aws:resourcetag/cost" in keys.unknown) is unknown


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, OLD), ({"PermissionsBoundary": "arn:new"}, "arn:new")],
)
def test_boundary_that_is_asked_for_counts_and_not_the_present_one(given: dict[str, Any], expected: str) -> None:
    found = values("iam", "PutUserPermissionsBoundary", given, Permission("iam:PutUserPermissionsBoundary", USER))
    assert found["iam:PermissionsBoundary"] == expected


class Subscribed(Account):
    """An account whose topics have a protocol."""

    def facts_of(self, call: Call, kind: str, arn: str) -> Keys:
        return {"sns:Protocol": "https"}


@pytest.mark.parametrize(("keys", "expected"), [({}, "https"), ({"sns:Protocol": "sms"}, "sms")])
def test_facts_win_over_the_request_and_keys_of_the_permission_over_both(keys: Keys, expected: str) -> None:
    permission = Permission("sns:Subscribe", "arn:aws:sns:r:1:t", keys=keys)
    found = condition_keys(call("sns", "Subscribe", {"Protocol": "sqs"}), permission, Subscribed())
    assert found.values["sns:Protocol"] == expected


@pytest.mark.parametrize(
    ("given", "version", "expected"),
    [({"VersionId": "1"}, "", "1"), ({"VersionId": "1"}, "2", "2"), ({}, "2", "2"), ({}, "", None)],
)
def test_facts_are_of_the_version_that_is_read(given: dict[str, str], version: str, expected: str | None) -> None:
    permission = Permission("s3:GetObjectTagging", OBJECT, version=version)
    assert values("s3", "GetObjectTagging", given, permission).get("s3:read") == expected


@pytest.mark.parametrize(
    ("client", "permission", "expected"),
    [
        ("s3", Permission("s3:CreateBucket", "arn:aws:s3:::b", exists=False), ACCOUNT),
        ("s3", Permission("s3:GetObject", OBJECT), None),
        ("sqs", Permission("sqs:CreateQueue", QUEUE, exists=False), None),
    ],
)
def test_new_bucket_is_of_the_callers_account(client: str, permission: Permission, expected: str | None) -> None:
    operation = permission.action.partition(":")[2]
    assert values(client, operation, {}, permission).get("s3:ResourceAccount") == expected


@pytest.mark.parametrize(
    ("client", "operation", "given", "permission", "expected"),
    [
        ("sqs", "CreateQueue", {"tags": {"a": "b"}}, Permission("sqs:CreateQueue", QUEUE, exists=False), {"a"}),
        ("sqs", "UntagQueue", {"TagKeys": ["c"]}, Permission("sqs:UntagQueue", QUEUE, exists=False), {"c"}),
        ("sqs", "SendMessage", {}, Permission("sqs:SendMessage", QUEUE), None),
        # EC2's tags are for types of resources
        ("ec2", "CreateVolume", SPECIFIED, Permission("ec2:CreateVolume", VOLUME, exists=False), {"a", "any"}),
        ("ec2", "CreateVolume", SPECIFIED, Permission("ec2:CreateVolume", f"{VOLUME}:x", exists=False), {"a", "any"}),
        (
            "ec2",
            "CreateVolume",
            SPECIFIED,
            Permission("ec2:CreateVolume", VOLUME.replace("volume", "snapshot"), exists=False),
            {"any"},
        ),
        ("ec2", "CreateTags", {"Tags": TAGS}, Permission("ec2:CreateTags", VOLUME), {"a"}),
        ("sqs", "CreateQueue", {**SPECIFIED, "tags": {"c": "d"}}, Permission("sqs:CreateQueue", QUEUE), {"c"}),
    ],
)
def test_tags_of_the_request(
    client: str, operation: str, given: dict[str, Any], permission: Permission, expected: set[str] | None
) -> None:
    found = condition_keys(Call(client, client, operation, given, ACCOUNT, REGION), permission, Facts()).values
    assert found.get("aws:TagKeys") == (sorted(expected) if expected is not None else None)
    set_keys = {key.partition("/")[2] for key in found if key.startswith("aws:RequestTag/")}
    assert set_keys == (expected or set()) - set(given.get("TagKeys", ()))
    assert not [key for key in found if key.startswith("s3:")]


@pytest.mark.parametrize("given", [{"Tagging": "a=b"}, {}])
def test_tags_of_an_object_have_keys_of_s3_too(given: dict[str, str]) -> None:
    found = values("s3", "PutObject", {"Bucket": "b", "Key": "k", **given}, Permission("s3:PutObject", OBJECT))
    tags = {key: value for key, value in found.items() if "RequestObjectTag" in key}
    assert tags == ({"s3:RequestObjectTag/a": "b", "s3:RequestObjectTagKeys": ["a"]} if given else {})


COPIED = Permission("ec2:CopyVolumes", VOLUME)


@pytest.mark.parametrize(
    ("client", "operation", "given", "permission", "unknown"),
    [
        ("ec2", "CopyVolumes", SPECIFIED, COPIED, True),
        ("ec2", "CopyVolumes", {}, COPIED, False),
        ("ec2", "CreateVolume", SPECIFIED, COPIED, False),
        ("ec2", "CopyVolumes", SPECIFIED, COPIED._replace(exists=False), False),
        ("ec2", "CopyVolumes", SPECIFIED, COPIED._replace(partial=True), False),
        (
            "rds",
            "CopyDBSnapshot",
            {"Tags": TAGS},
            Permission("rds:CopyDBSnapshot", f"arn:aws:rds:{REGION}:{ACCOUNT}:snapshot:s"),
            False,
        ),
    ],
)
def test_tags_for_a_copy_are_unknown_for_its_source(
    client: str, operation: str, given: dict[str, Any], permission: Permission, unknown: bool
) -> None:
    found = condition_keys(call(client, operation, given), permission, Facts())
    assert ("aws:requesttag/a" in found.unknown) is unknown
    assert ("aws:TagKeys" in found.values) is (bool(given) and not unknown)


@pytest.mark.parametrize(
    ("client", "given", "permission", "key", "expected"),
    [
        ("sns", {"Protocol": "sqs"}, Permission("sns:Subscribe", "arn:aws:sns:r:1:t"), "sns:Protocol", "sqs"),
        (
            "secretsmanager",
            {"VersionStage": "s"},
            Permission("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:r:1:secret:s"),
            "secretsmanager:VersionStage",
            "s",
        ),
        (
            "elbv2",
            {"Scheme": "internal"},
            Permission(
                "elasticloadbalancing:CreateLoadBalancer", "arn:aws:elasticloadbalancing:r:1:loadbalancer/app/l/1"
            ),
            "elasticloadbalancing:Scheme",
            "internal",
        ),
        ("ec2", {"VpcIds": ["a", "b"]}, Permission("ec2:CreateVolume", VOLUME), "ec2:VpcIds", None),
        ("ec2", {}, Permission("ec2:CreateVolume", VOLUME), "ec2:Region", REGION),
        (
            "cognito-identity",
            {"AccountId": "1"},
            Permission("cognito-identity:GetId"),
            "cognito-identity-auth:AccountId",
            None,
        ),
        # DynamoDB and S3 have keys for which a parameter of the name says nothing
        ("s3", {"prefix": "p"}, Permission("s3:ListBucket", "arn:aws:s3:::b"), "s3:prefix", None),
        # a key of the connection, or of another service, is not a parameter
        ("sqs", {"SourceIp": "1"}, Permission("sqs:SendMessage", QUEUE), "aws:SourceIp", None),
        (
            "cloudformation",
            {"PermissionsBoundary": "p"},
            Permission("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/r", exists=False),
            "iam:PermissionsBoundary",
            None,
        ),
        (
            "kendra",
            {"ReturnConsumedCapacity": "TOTAL"},
            Permission("kendra:Query", "arn:aws:kendra:r:1:index/i"),
            "dynamodb:ReturnConsumedCapacity",
            None,
        ),
        # a default is of the types that the reference lists the key for
        (
            "ec2",
            {},
            Permission("ec2:RunInstances", VOLUME.replace("volume", "instance"), exists=False),
            "ec2:InstanceType",
            "m1.small",
        ),
        (
            "ec2",
            {},
            Permission("ec2:RunInstances", VOLUME.replace("volume", "subnet"), exists=False),
            "ec2:InstanceType",
            None,
        ),
        ("sqs", {"A": "b"}, Permission("sqs:Imagine", QUEUE), "sqs:A", None),
    ],
)
def test_parameter_fills_a_key_of_its_name(
    client: str, given: dict[str, Any], permission: Permission, key: str, expected: str | None
) -> None:
    prefix = {"elbv2": "elasticloadbalancing"}.get(client, client)
    asked = Call(client, prefix, permission.action.partition(":")[2], given, ACCOUNT, REGION)
    assert condition_keys(asked, permission, Facts()).values.get(key) == expected


@pytest.mark.parametrize(("subnets", "expected"), [(["a"], "a"), (["a", "b"], ["a", "b"]), ([], None)])
def test_one_value_is_a_text_and_several_are_a_list(subnets: list[str], expected: object) -> None:
    asked = Call("eks", "eks", "CreateAccessEntry", {"kubernetesGroups": subnets}, ACCOUNT, REGION)
    permission = Permission("eks:CreateAccessEntry", f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/c")
    assert condition_keys(asked, permission, Facts()).values.get("eks:kubernetesGroups") == expected


def test_keys_of_a_launch_are_those_of_the_call_that_it_is() -> None:
    launch = call("ec2", "RunInstances", {"InstanceType": "t3.nano"})
    permission = Permission("ec2:RunInstances", VOLUME.replace("volume", "instance"), exists=False, call=launch)
    assert values("autoscaling", "CreateAutoScalingGroup", {}, permission)["ec2:InstanceType"] == "t3.nano"
