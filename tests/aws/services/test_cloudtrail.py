"""CloudTrail: a trail's bucket and topic let it write."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.aws.interfaces import Bucket
from podrole.aws.services.cloudtrail import RULES
from support.aws_facts import FakeFacts
from support.calls import ACCOUNT, REGION
from support.service_rules import HERE, delivers, lets, receiver, refusal

BUCKET, TOPIC = "arn:aws:s3:::logs", f"arn:aws:sns:{HERE}:news"
TRAIL = f"arn:aws:cloudtrail:{HERE}:trail/all"
FULL = {"s3:x-amz-acl": "bucket-owner-full-control"}
LOGS = f"{BUCKET}/AWSLogs/{ACCOUNT}/CloudTrail/*"
READS_ACL, WRITES = (
    lets("cloudtrail", "s3:GetBucketAcl", BUCKET, TRAIL),
    lets("cloudtrail", "s3:PutObject", LOGS, TRAIL, **FULL),
)
INTO_PREFIX = WRITES | {"Resource": LOGS.replace("AWSLogs", "p/AWSLogs")}
NO_BUCKET, NO_TOPIC = ("InsufficientS3BucketPolicyException", 400), ("InsufficientSnsTopicPolicyException", 400)
TO_LOGS = {"Name": "all", "S3BucketName": "logs"}


@pytest.mark.parametrize(
    ("operation", "given", "statements", "expected"),
    [
        ("CreateTrail", TO_LOGS, [READS_ACL, WRITES], None),
        ("CreateTrail", TO_LOGS | {"Name": TRAIL}, [READS_ACL, WRITES], None),
        ("CreateTrail", TO_LOGS, [READS_ACL], NO_BUCKET),
        ("CreateTrail", TO_LOGS, [WRITES], NO_BUCKET),
        ("CreateTrail", TO_LOGS | {"Name": "other"}, [READS_ACL, WRITES], NO_BUCKET),
        ("CreateTrail", TO_LOGS | {"S3KeyPrefix": "p"}, [READS_ACL, WRITES], NO_BUCKET),
        ("CreateTrail", TO_LOGS | {"S3KeyPrefix": "p"}, [READS_ACL, INTO_PREFIX], None),
        ("CreateTrail", TO_LOGS | {"S3BucketName": "unknown"}, [], None),
        # the prefix of a trail that changes may stay as it is
        ("UpdateTrail", TO_LOGS, [READS_ACL], None),
        ("UpdateTrail", TO_LOGS, [], NO_BUCKET),
        ("UpdateTrail", TO_LOGS | {"S3KeyPrefix": "p"}, [READS_ACL], NO_BUCKET),
        ("UpdateTrail", {"Name": "all"}, [], None),
        ("DeleteTrail", TO_LOGS, [], None),
    ],
)
def test_the_bucket_of_a_trail_lets_it_write(
    operation: str, given: dict[str, Any], statements: list[dict[str, Any]], expected: tuple[str, int] | None
) -> None:
    facts = FakeFacts(
        buckets={"logs": Bucket(BUCKET, ACCOUNT, REGION, blocks_public_policy=False)},
        resources={BUCKET: receiver(*statements)},
    )
    assert refusal(delivers, RULES, operation, facts, **given) == expected


PUBLISHES = lets("cloudtrail", "sns:Publish", TOPIC, TRAIL)


@pytest.mark.parametrize(
    ("topic", "statements", "expected"),
    [
        ("news", [PUBLISHES], None),
        (TOPIC, [PUBLISHES], None),
        ("news", [], NO_TOPIC),
        (TOPIC, [], NO_TOPIC),
        ("unknown", [], None),
        ("", [], None),
    ],
)
def test_the_topic_of_a_trail_lets_it_publish(
    topic: str, statements: list[dict[str, Any]], expected: tuple[str, int] | None
) -> None:
    facts = FakeFacts(resources={TOPIC: receiver(*statements), TOPIC.removesuffix("news"): receiver()})
    assert refusal(delivers, RULES, "UpdateTrail", facts, Name="all", SnsTopicName=topic) == expected
