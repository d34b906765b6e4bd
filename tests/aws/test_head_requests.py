"""What HEAD says of an object is what GET would send: its length too, through a real socket."""

from __future__ import annotations

import pytest

from support.aws import LocalAWS

pytestmark = pytest.mark.services
BODY = b"hello\n"


@pytest.fixture
def bucket(aws: LocalAWS) -> str:
    aws.client("s3").create_bucket(Bucket="uploads")
    aws.client("s3").put_object(Bucket="uploads", Key="a", Body=BODY)
    aws.client("s3").put_object(Bucket="uploads", Key="empty", Body=b"")
    return "uploads"


@pytest.mark.parametrize(
    ("arguments", "length"),
    [({"Key": "a"}, 6), ({"Key": "empty"}, 0), ({"Key": "a", "Range": "bytes=1-3"}, 3)],
)
def test_an_object_has_its_length(aws: LocalAWS, bucket: str, arguments: dict[str, str], length: int) -> None:
    head = aws.client("s3").head_object(Bucket=bucket, **arguments)
    got = aws.client("s3").get_object(Bucket=bucket, **arguments)
    assert (head["ContentLength"], got["ContentLength"]) == (length, length)
    assert head["ETag"] == got["ETag"]


def test_the_connection_serves_the_next_request(aws: LocalAWS, bucket: str) -> None:
    """The length is that of a body which is not sent: a client that waited for it, or read the next answer as it, would
    hang."""
    client = aws.client("s3", signature_version="s3v4")
    url = client.generate_presigned_url("head_object", Params={"Bucket": bucket, "Key": "a"})
    head = aws.http.head(url)
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "6", b"")
    url = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a"})
    assert aws.http.get(url).content == BODY
