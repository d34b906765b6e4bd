"""The tags that a call sets and removes, and whether it carries tags that are not read."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.iam.actions.tags import has_unread_tags, removed_keys, request_tags, specified_tags
from support.calls import call

AB, TAGS = {"a": "b"}, [{"Key": "a", "Value": "b"}]
SPECIFIED = [{"ResourceType": "instance", "Tags": TAGS}]


def nested(levels: int) -> Any:
    """Return a structure with tags below that many others."""
    return {"x": nested(levels - 1)} if levels else {"Tags": AB}


def listed(levels: int) -> Any:
    return [listed(levels - 1)] if levels else {"Tags": AB}


@pytest.mark.parametrize(
    ("client", "operation", "given", "expected"),
    [
        ("sqs", "TagQueue", {"Tags": AB}, AB),
        ("sqs", "TagQueue", {"Tags": {"a": None, "n": 1}}, {"a": "", "n": "1"}),
        ("iam", "TagRole", {"Tags": TAGS}, AB),
        ("iam", "TagRole", {"Tags": [{"key": "a", "value": "b"}, {"TagKey": "c", "TagValue": "d"}]}, AB | {"c": "d"}),
        ("iam", "TagRole", {"Tags": ["Key", *TAGS]}, AB),
        ("iam", "TagRole", {"Tags": [{"Value": "b"}, *TAGS]}, AB),
        ("iam", "TagRole", {"Tags": [{"Key": "a"}]}, {"a": ""}),
        ("iam", "TagRole", {"Tags": [{"Key": "a", "Value": None}]}, {"a": ""}),
        ("iam", "TagRole", {"Tags": "a"}, {}),
        ("iam", "TagRole", {"Tags": [], "tags": AB}, AB),
        ("iam", "TagRole", {}, {}),
        ("ec2", "CreateTags", {"Tags": TAGS}, AB),
        ("ec2", "RunInstances", {"TagSpecifications": SPECIFIED}, AB),
        ("ec2", "CreateTags", {"tags": AB, "Tagging": "c=d"}, {}),
        ("s3", "PutObject", {"Tagging": "a=b&c="}, AB | {"c": ""}),
        ("s3", "PutBucketTagging", {"Tagging": {"TagSet": TAGS}}, AB),
        ("s3", "PutObject", {"Tagging": 1}, {}),
        ("s3", "CreateBucket", {"CreateBucketConfiguration": {"Tags": TAGS}}, AB),
        ("s3", "CreateBucket", {"Tags": TAGS}, {}),
        ("pinpoint", "CreateSegment", {"WriteSegmentRequest": {"tags": AB}, "tags": {"c": "d"}}, AB),
        (
            "mediaconnect",
            "AddFlowSources",
            {"Sources": [{"SourceTags": AB}, {"SourceTags": {"c": "d"}}]},
            AB | {"c": "d"},
        ),
        ("lexv2-models", "StartImport", {"resourceSpecification": {"botImportSpecification": {"botTags": AB}}}, AB),
    ],
)
def test_the_tags_that_a_call_sets(
    client: str, operation: str, given: dict[str, Any], expected: dict[str, str]
) -> None:
    assert request_tags(call(client, operation, given)) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"TagSpecifications": SPECIFIED}, [("instance", AB)]),
        ({"TagSpecifications": [{"Tags": TAGS}]}, [("", AB)]),
        ({"PoolTagSpecifications": SPECIFIED}, [("instance", AB)]),
        ({"SpotFleetRequestConfig": {"TagSpecifications": SPECIFIED}}, [("instance", AB)]),
        ({"TagSpecifications": SPECIFIED, "PoolTagSpecifications": [{}]}, [("instance", AB)]),
        ({}, []),
    ],
)
def test_tags_are_specified_for_a_type_of_resource(given: dict[str, Any], expected: list[Any]) -> None:
    assert specified_tags(call("ec2", "RunInstances", given)) == expected


@pytest.mark.parametrize(
    ("client", "operation", "given", "expected"),
    [
        ("sqs", "UntagQueue", {"TagKeys": ["a", "b"]}, ["a", "b"]),
        ("sqs", "UntagQueue", {"TagKeys": ["", "b"]}, ["b"]),
        ("route53", "ChangeTagsForResource", {"UntagKeys": [{"Key": "a"}]}, ["a"]),
        ("sqs", "UntagQueue", {"TagKeys": "a"}, []),
        ("ec2", "DeleteTags", {"Tags": [{"Key": "a"}]}, ["a"]),
        ("ec2", "CreateTags", {"Tags": TAGS}, []),
        ("elb", "DeleteTags", {"Tags": TAGS}, []),
    ],
)
def test_the_tags_that_a_call_removes(client: str, operation: str, given: dict[str, Any], expected: list[str]) -> None:
    assert removed_keys(call(client, operation, given)) == expected


@pytest.mark.parametrize(
    ("client", "operation", "given", "unread"),
    [
        ("sqs", "SendMessage", {"tags": AB, "TagKeys": ["a"], "Tagging": "a=b"}, False),
        ("sqs", "SendMessage", {"TagSpecification": SPECIFIED, "TagSpecifications": SPECIFIED}, False),
        ("sqs", "SendMessage", {"QueueTags": AB}, True),
        ("sqs", "SendMessage", {"QueueTags": {}}, False),
        ("sqs", "SendMessage", {"QueueName": "q", "DelaySeconds": 7}, False),
        ("sqs", "SendMessage", {"Queue": {"Tags": AB}}, True),
        ("sqs", "SendMessage", {"Queue": {"Tags": {}}}, False),
        ("sqs", "SendMessage", {"Queue": {1: AB}}, False),
        ("sqs", "SendMessage", {"Queue": {"Name": "q"}}, False),
        ("sqs", "SendMessage", {"Queues": [{"Name": "q"}]}, False),
        ("sqs", "SendMessage", {"Queues": [{"Name": "q"}, {"Tags": AB}]}, True),
        ("sqs", "SendMessage", {"Queue": nested(5)}, True),
        ("sqs", "SendMessage", {"Queue": nested(6)}, False),
        ("sqs", "SendMessage", {"Queues": listed(5)}, True),
        ("sqs", "SendMessage", {"Queues": listed(6)}, False),
        ("ec2", "RunInstances", {"QueueTags": AB}, False),
        ("s3", "PutObject", {"QueueTags": AB}, False),
        ("pinpoint", "CreateSegment", {"QueueTags": AB}, False),
    ],
)
def test_tags_in_other_places_are_not_read(client: str, operation: str, given: dict[str, Any], unread: bool) -> None:
    assert has_unread_tags(call(client, operation, given)) is unread
