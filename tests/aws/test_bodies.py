"""Bodies: an upload that breaks off stores nothing; a compressed body is expanded only to a limit; large ones leave
the event loop free."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import pytest

from podrole.base.asgi import Message
from support.aws import LocalAWS, refused

FORM = "application/x-www-form-urlencoded"
EXCHANGE = b"Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=x&Padding="


def request(chunk: bytes, *, more: bool) -> Message:
    return {"type": "http.request", "body": chunk, "more_body": more}


DISCONNECT: Message = {"type": "http.disconnect"}


def send_to_endpoint(aws: LocalAWS, url: str, messages: Iterable[Message], method: str = "PUT") -> list[Message]:
    """Call the endpoint as its server would, with these messages of the client; return what it answers."""
    parts = urlsplit(url)
    scope: dict[str, Any] = {
        "type": "http",
        "method": method,
        "scheme": "http",
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "headers": [(b"host", parts.netloc.encode())],
        "client": ("127.0.0.1", 1),
    }
    incoming, sent = list(messages), []

    async def receive() -> Message:
        return incoming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    async def call() -> None:
        assert aws.endpoint is not None
        await aws.endpoint(scope, receive, send)

    aws.run(call)
    return sent


def presigned(aws: LocalAWS, key: str) -> str:
    return str(
        aws.client("s3", signature_version="s3v4").generate_presigned_url(
            "put_object", Params={"Bucket": "uploads", "Key": key}
        )
    )


@pytest.mark.parametrize(
    "messages",
    [
        [request(b"half of ", more=True), DISCONNECT],
        [DISCONNECT],
    ],
)
def test_an_upload_that_breaks_off_stores_nothing(aws: LocalAWS, messages: list[Message]) -> None:
    aws.client("s3").create_bucket(Bucket="uploads")
    aws.events.clear()
    assert send_to_endpoint(aws, presigned(aws, "cut"), messages) == []
    assert refused(aws.client("s3").head_object, Bucket="uploads", Key="cut")[1] == 404
    assert [event.what for event in aws.events.recent()] == ["s3:HeadObject"]


def test_an_upload_that_is_whole_is_stored(aws: LocalAWS) -> None:
    aws.client("s3").create_bucket(Bucket="uploads")
    messages = [request(b"half of ", more=True), request(b"it", more=False), DISCONNECT]
    assert send_to_endpoint(aws, presigned(aws, "whole"), messages)[0]["status"] == 200
    assert aws.client("s3").get_object(Bucket="uploads", Key="whole")["Body"].read() == b"half of it"
