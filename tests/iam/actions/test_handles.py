"""What a shard iterator and the id of a query need."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.iam.actions.handles import athena, autoscaling, dynamodb_streams, kinesis
from support.calls import Account, call, text_of

GROUP = "arn:aws:autoscaling:r:1:autoScalingGroup:u:autoScalingGroupName/g"
EVERY = "arn:aws:autoscaling:HERE:autoScalingGroup:*:autoScalingGroupName/*"
KNOWN = {
    "kinesis:iterator i": "arn:aws:kinesis:r:1:stream/s",
    "dynamodb:iterator i": "arn:aws:dynamodb:r:1:table/t/stream/s",
    "athena:query q": "arn:aws:athena:r:1:workgroup/w",
    "athena:query p": "arn:aws:athena:r:1:workgroup/w",
    "autoscaling:instance i-1": GROUP,
    "autoscaling:instance None": GROUP,
    "autoscaling:autoscalinggroup g": GROUP,
}
RULES = {"kinesis": kinesis, "dynamodbstreams": dynamodb_streams, "athena": athena, "autoscaling": autoscaling}
WORKGROUP = "arn:aws:athena:r:1:workgroup/w"


@pytest.mark.parametrize(
    ("client", "operation", "given", "expected"),
    [
        ("kinesis", "GetRecords", {"ShardIterator": "i"}, ["kinesis:GetRecords arn:aws:kinesis:r:1:stream/s"]),
        (
            "kinesis",
            "GetRecords",
            {"ShardIterator": "i", "StreamARN": "arn:aws:kinesis:r:1:stream/other"},
            [
                "kinesis:GetRecords arn:aws:kinesis:r:1:stream/s",
                "kinesis:GetRecords arn:aws:kinesis:r:1:stream/other",
            ],
        ),
        ("kinesis", "GetRecords", {"ShardIterator": "j"}, ["kinesis:GetRecords arn:aws:kinesis:HERE:stream/*?"]),
        ("kinesis", "GetRecords", {}, ["kinesis:GetRecords arn:aws:kinesis:HERE:stream/*?"]),
        ("kinesis", "PutRecord", {"ShardIterator": "i"}, None),
        (
            "dynamodbstreams",
            "GetRecords",
            {"ShardIterator": "i"},
            ["dynamodb:GetRecords arn:aws:dynamodb:r:1:table/t/stream/s"],
        ),
        (
            "dynamodbstreams",
            "GetRecords",
            {"ShardIterator": "j"},
            ["dynamodb:GetRecords arn:aws:dynamodb:HERE:table/*/stream/*?"],
        ),
        ("dynamodbstreams", "DescribeStream", {"ShardIterator": "i"}, None),
        ("athena", "GetQueryExecution", {"QueryExecutionId": "q"}, [f"athena:GetQueryExecution {WORKGROUP}"]),
        ("athena", "GetNamedQuery", {"NamedQueryId": "q"}, [f"athena:GetNamedQuery {WORKGROUP}"]),
        (
            "athena",
            "BatchGetNamedQuery",
            {"NamedQueryIds": ["q", "p"]},
            [f"athena:BatchGetNamedQuery {WORKGROUP}"],
        ),
        (
            "athena",
            "BatchGetQueryExecution",
            {"QueryExecutionIds": ["q", "x"]},
            [
                f"athena:BatchGetQueryExecution {WORKGROUP}",
                "athena:BatchGetQueryExecution arn:aws:athena:HERE:*?",
            ],
        ),
        (
            "autoscaling",
            "TerminateInstanceInAutoScalingGroup",
            {"InstanceId": "i-1"},
            [f"autoscaling:TerminateInstanceInAutoScalingGroup {GROUP}"],
        ),
        (
            "autoscaling",
            "TerminateInstanceInAutoScalingGroup",
            {"InstanceId": "i-1", "AutoScalingGroupName": "g"},
            [f"autoscaling:TerminateInstanceInAutoScalingGroup {GROUP}"],
        ),
        (
            "autoscaling",
            "TerminateInstanceInAutoScalingGroup",
            {"InstanceId": "i-1", "AutoScalingGroupName": "h"},
            [
                f"autoscaling:TerminateInstanceInAutoScalingGroup {GROUP}",
                f"autoscaling:TerminateInstanceInAutoScalingGroup {EVERY}?",
            ],
        ),
        (
            "autoscaling",
            "SetInstanceHealth",
            {"InstanceId": "i-2"},
            [f"autoscaling:SetInstanceHealth {EVERY}?"],
        ),
        ("autoscaling", "SetInstanceHealth", {}, [f"autoscaling:SetInstanceHealth {EVERY}?"]),
        ("autoscaling", "AttachInstances", {"InstanceIds": ["i-1"], "AutoScalingGroupName": "g"}, None),
        ("athena", "ListWorkGroups", {}, None),
        ("athena", "BatchGetNamedQuery", {"NamedQueryIds": [""]}, None),
    ],
)
def test_a_handle_needs(client: str, operation: str, given: dict[str, Any], expected: list[str] | None) -> None:
    found = RULES[client](call(client, operation, given), Account(**KNOWN))
    assert (found and [text_of(one) for one in found]) == expected


def test_a_missing_iterator_is_asked_for_as_nothing() -> None:
    assert text_of((kinesis(call("kinesis", "GetRecords", {}), Account(**{"kinesis:iterator ": "a"})) or [])[0]) == (
        "kinesis:GetRecords a"
    )
