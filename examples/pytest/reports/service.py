"""Store, list and delete reports: the objects in S3, an index in DynamoDB, a message for each in SQS."""

from __future__ import annotations

import asyncio
from typing import Any

import boto3


class ReportsClosed(Exception):
    """The service may not store reports."""


class Reports:
    """The reports of one bucket; ``table`` and ``queue`` have its name."""

    def __init__(self, bucket: str) -> None:
        session = boto3.Session()
        self._bucket = bucket
        self._s3: Any = session.client("s3")
        self._table: Any = session.resource("dynamodb").Table(bucket)
        self._sqs: Any = session.client("sqs")

    def upload(self, name: str, content: bytes) -> None:
        """Store a report. Raises ReportsClosed if AWS refuses to."""
        try:
            self._s3.put_object(Bucket=self._bucket, Key=name, Body=content)
        except self._s3.exceptions.ClientError as problem:
            raise ReportsClosed(name) from problem
        self._table.put_item(Item={"name": name, "size": len(content)})
        queue = self._sqs.get_queue_url(QueueName=self._bucket)["QueueUrl"]
        self._sqs.send_message(QueueUrl=queue, MessageBody=name)

    async def upload_all(self, reports: dict[str, bytes]) -> None:
        """Store several reports at the same time."""
        await asyncio.gather(*(asyncio.to_thread(self.upload, name, content) for name, content in reports.items()))

    def names(self) -> list[str]:
        """List the reports."""
        return sorted(str(item["name"]) for item in self._table.scan()["Items"])

    def delete(self, name: str) -> None:
        """Delete a report."""
        self._s3.delete_object(Bucket=self._bucket, Key=name)
        self._table.delete_item(Key={"name": name})
