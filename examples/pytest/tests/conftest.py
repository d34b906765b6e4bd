"""What the account has before each test, made by its administrator."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def resources(podrole_admin: Any) -> None:
    """The bucket, the table and the queue."""
    place = {"LocationConstraint": "eu-west-1"}
    podrole_admin.client("s3").create_bucket(Bucket="reports", CreateBucketConfiguration=place)
    podrole_admin.client("sqs").create_queue(QueueName="reports")
    podrole_admin.client("dynamodb").create_table(
        TableName="reports",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
    )
