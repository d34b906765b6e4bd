"""Bodies: an upload that breaks off stores nothing; a compressed body is expanded only to a limit; large ones leave
the event loop free."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

import pytest

from podrole.aws.protocol.bodies import MAX_EXPANDED_BYTES, MAX_FORM_BYTES, MAX_STS_FORM_BYTES
from podrole.aws.signature import signed_text
from podrole.base.asgi import Message
from podrole.base.large_work import INLINE_BYTES
from support.aws import LocalAWS, refusal, refused
from support.signing import sign

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


def signed_by_nobody(service: str = "sts") -> str:
    scope = f"20260101/us-east-1/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/{scope}, SignedHeaders=host, Signature=0"


def expanding_to(size: int) -> bytes:
    """Compress a form that expands to ``size`` bytes."""
    return gzip.compress(EXCHANGE + b"x" * (size - len(EXCHANGE)), 9)


@pytest.mark.parametrize("form", ["compressed", "plain"])
def test_a_form_over_the_limit_is_refused_before_it_is_read(aws: LocalAWS, form: str) -> None:
    headers = {"authorization": signed_by_nobody()}
    if form == "compressed":
        answer = aws.post(expanding_to(MAX_EXPANDED_BYTES + 1), **{**headers, "content-encoding": "gzip"})
    else:
        answer = aws.post(b"x" * (MAX_FORM_BYTES + 1), **headers)
    assert refusal(answer)[:2] == (413, "RequestEntityTooLarge")
    event = aws.last_event()
    assert (event.what, event.who, event.outcome) == ("sts:Unknown", "unauthenticated", "refused")


@pytest.mark.services
def test_a_form_of_the_limit_is_read(aws: LocalAWS) -> None:
    form = b"Action=ListTopics&Version=2010-03-31&Padding="
    body = gzip.compress(form + b"x" * (MAX_EXPANDED_BYTES - len(form)), 9)
    headers = {"content-type": "application/x-www-form-urlencoded", "content-encoding": "gzip"}
    assert sign(aws, "sns", headers=headers, body=body).send(aws).status_code == 200


@pytest.mark.parametrize(("more", "code"), [(0, "ValidationError"), (1, "RequestEntityTooLarge")])
def test_a_form_of_sts_has_a_limit_of_its_own(aws: LocalAWS, more: int, code: str) -> None:
    values = len("AssumeRoleWithWebIdentity" + "2011-06-15" + "x")
    padding = MAX_STS_FORM_BYTES - values + more
    answer = aws.post(EXCHANGE + b"x" * padding, authorization=signed_by_nobody())
    assert refusal(answer)[1] == code


def test_a_compressed_body_that_no_operation_reads_is_not_expanded(aws: LocalAWS) -> None:
    aws.client("s3").create_bucket(Bucket="uploads")
    url, body = presigned(aws, "archive"), expanding_to(MAX_EXPANDED_BYTES + 1)
    assert aws.http.put(url, content=body, headers={"content-encoding": "gzip"}).status_code == 200
    assert aws.client("s3").get_object(Bucket="uploads", Key="archive")["Body"].read() == body


def test_a_json_body_expands_to_the_same_limit(aws: LocalAWS) -> None:
    body = gzip.compress(b'{"TableName": "' + b"x" * MAX_EXPANDED_BYTES + b'"}', 9)
    headers = {"x-amz-target": "DynamoDB_20120810.DescribeTable", "content-encoding": "gzip"}
    request = sign(aws, "dynamodb", headers=headers, body=body)
    answer = aws.http.post(aws.url, content=body, headers=request.headers)
    assert answer.status_code == 413
    assert "RequestEntityTooLarge" in answer.text


@pytest.mark.parametrize(
    "body", [b"not gzip", gzip.compress(EXCHANGE)[:-9], gzip.compress(EXCHANGE) + b"more"], ids=["text", "cut", "more"]
)
def test_a_body_that_is_not_the_gzip_that_it_says_is_refused(aws: LocalAWS, body: bytes) -> None:
    answer = aws.post(body, **{"authorization": signed_by_nobody(), "content-encoding": "gzip"})
    assert refusal(answer)[:2] == (400, "MalformedInput")


LARGE = b"x" * (INLINE_BYTES + 1)


@pytest.mark.parametrize(("body", "on_the_loop"), [(b"small", True), (LARGE, False)])
def test_a_large_body_is_hashed_in_a_worker_thread(
    aws: LocalAWS, monkeypatch: pytest.MonkeyPatch, body: bytes, on_the_loop: bool
) -> None:
    aws.client("s3").create_bucket(Bucket="uploads")
    hash_body, threads = signed_text.body_hash, []

    def watched(data: bytes) -> str:
        threads.append(threading.current_thread().name)
        return hash_body(data)

    monkeypatch.setattr(signed_text, "body_hash", watched)
    request = sign(aws, "s3", method="PUT", path="/uploads/key", body=body, signer="S3SigV4Auth")
    assert aws.http.put(f"{aws.url}/uploads/key", content=body, headers=request.headers).status_code == 200
    assert [name == "local aws" for name in threads] == [on_the_loop]
