"""The tags of resources in conditions: those that are there count, and what is not known spares nothing from a Deny."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from podrole.aws.emulator.readers.reader import parts_of
from podrole.aws.emulator.readers.s3 import READER
from podrole.iam.actions.call import Call
from support.authorization import grant
from support.aws import ACCOUNT, REGION, LocalAWS, allow

pytestmark = pytest.mark.services

TAGS = [{"Key": "team", "Value": "blue"}]
BLUE = {"StringEquals": {"aws:ResourceTag/team": "blue"}}
ALL_BUT_BLUE = (allow("*"), allow("*", Condition=BLUE) | {"Effect": "Deny"})
REFUSED = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")


Used = tuple[Callable[..., Any], dict[str, Any]]
"""A call of a role's client, and its parameters."""


def is_served(call: Callable[..., Any], given: dict[str, Any]) -> bool:
    try:
        call(**given)
    except ClientError as problem:
        if problem.response["Error"]["Code"] not in REFUSED:
            raise
        return False
    return True


def key_pair(aws: LocalAWS, key: Any, tags: list[dict[str, str]]) -> Used:
    specified = [{"ResourceType": "key-pair", "Tags": tags}] if tags else []
    aws.client("ec2").create_key_pair(KeyName="login", TagSpecifications=specified)
    return aws.client("ec2", key).delete_key_pair, {"KeyName": "login"}


def rule(aws: LocalAWS, key: Any, tags: list[dict[str, str]]) -> Used:
    aws.client("events").put_rule(Name="nightly", ScheduleExpression="rate(1 day)", Tags=tags)
    return aws.client("events", key).delete_rule, {"Name": "nightly"}


def listener(aws: LocalAWS, key: Any, tags: list[dict[str, str]]) -> Used:
    ec2, elb = aws.client("ec2"), aws.client("elbv2")
    subnets = [one["SubnetId"] for one in ec2.describe_subnets()["Subnets"]][:2]
    arn = elb.create_load_balancer(Name="web", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    action = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}
    given = {"Tags": tags} if tags else {}
    made = elb.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=[action], **given)
    return aws.client("elbv2", key).delete_listener, {"ListenerArn": made["Listeners"][0]["ListenerArn"]}


def queue(aws: LocalAWS, key: Any, tags: list[dict[str, str]]) -> Used:
    given = {one["Key"]: one["Value"] for one in tags}
    url = aws.client("sqs").create_queue(QueueName="orders", tags=given)["QueueUrl"]
    return aws.client("sqs", key).purge_queue, {"QueueUrl": url}


def subnet_group(aws: LocalAWS, key: Any, tags: list[dict[str, str]]) -> Used:
    subnets = [one["SubnetId"] for one in aws.client("ec2").describe_subnets()["Subnets"]][:2]
    aws.client("rds").create_db_subnet_group(
        DBSubnetGroupName="db", DBSubnetGroupDescription="d", SubnetIds=subnets, Tags=tags
    )
    return aws.client("rds", key).delete_db_subnet_group, {"DBSubnetGroupName": "db"}


def log_stream(aws: LocalAWS, key: Any, tags: list[dict[str, str]]) -> Used:
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="app", tags={one["Key"]: one["Value"] for one in tags})
    logs.create_log_stream(logGroupName="app", logStreamName="one")
    given = {"logGroupName": "app", "logStreamName": "one"}
    return aws.client("logs", key).delete_log_stream, given


KNOWN = {"a key pair": key_pair, "a rule": rule, "a listener": listener, "a queue": queue}
UNKNOWN = {"a type that moto does not list": subnet_group, "a part of a listed resource": log_stream}


@pytest.mark.parametrize("make", KNOWN.values(), ids=KNOWN.keys())
def test_a_known_tag_counts(aws: LocalAWS, make: Callable[..., Used]) -> None:
    call, given = make(aws, grant(aws, *ALL_BUT_BLUE), TAGS)
    assert not is_served(call, given)


@pytest.mark.parametrize("make", KNOWN.values(), ids=KNOWN.keys())
def test_a_resource_without_tags_has_none(aws: LocalAWS, make: Callable[..., Used]) -> None:
    call, given = make(aws, grant(aws, *ALL_BUT_BLUE), [])
    assert is_served(call, given)


@pytest.mark.parametrize("make", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_a_deny_by_tags_that_are_not_known_applies(aws: LocalAWS, make: Callable[..., Used]) -> None:
    call, given = make(aws, grant(aws, *ALL_BUT_BLUE), TAGS)
    assert not is_served(call, given)


@pytest.mark.parametrize("make", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_an_allow_by_tags_that_are_not_known_does_not_apply(aws: LocalAWS, make: Callable[..., Used]) -> None:
    without = {"StringNotEquals": {"aws:ResourceTag/team": "blue"}}
    call, given = make(aws, grant(aws, allow("*", Condition=without)), TAGS)
    assert not is_served(call, given)


def test_the_tags_of_an_access_point_are_not_known() -> None:
    arn = parts_of(f"arn:aws:s3:{REGION}:{ACCOUNT}:accesspoint/shared")
    assert READER.tags is not None
    assert arn is not None
    assert READER.tags(arn, Call("s3", "s3", "GetObject", {}, ACCOUNT, REGION)) is None


@pytest.mark.parametrize("in_the_bucket", ["", "/report"])
def test_the_tags_of_a_bucket_do_not_count_while_its_abac_is_disabled(aws: LocalAWS, in_the_bucket: str) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="uploads")
    s3.put_bucket_tagging(Bucket="uploads", Tagging={"TagSet": TAGS})
    s3.put_object(Bucket="uploads", Key="report", Body=b"1")
    denied_blue, allowed_blue = grant(aws, *ALL_BUT_BLUE), grant(aws, allow("*", Condition=BLUE), name="blue")
    for key, expected in ((denied_blue, True), (allowed_blue, False)):
        client = aws.client("s3", key)
        call = client.get_object if in_the_bucket else client.list_objects_v2
        given = {"Key": "report"} if in_the_bucket else {}
        assert is_served(call, {"Bucket": "uploads", **given}) is expected
