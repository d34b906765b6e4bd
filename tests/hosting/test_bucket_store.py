"""Documents in a bucket, written with conditional requests."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from podrole.base.certificates import Authority
from podrole.hosting.bucket_store import BucketStore
from podrole.issuer.errors import InvalidIssuer, IssuerError, StoreConflict
from podrole.issuer.publishing import KEYS, IssuerPublisher
from podrole.issuer.record import IssuerRecord
from podrole.oidc.keys import SigningKey
from support.aws import LocalAWS, allow, local_aws

pytestmark = pytest.mark.services
BUCKET = "issuer-of-prod"


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAWS]:
    with local_aws(SigningKey.generate("RS256"), Authority.create("tests", now=time.time())) as local:
        local.reset()
        local.client("s3").create_bucket(Bucket=BUCKET)
        yield local


@pytest.fixture
def store(aws: LocalAWS) -> BucketStore:
    return BucketStore(aws.client("s3"), BUCKET, "prod/", 300)


def test_object_is_written_once_and_replaced_only_as_it_was_read(store: BucketStore, aws: LocalAWS) -> None:
    assert store.read(KEYS) is None
    store.write(KEYS, b"{}", None)
    first = store.read(KEYS)
    assert first is not None
    assert first.content == b"{}"
    head = aws.client("s3").head_object(Bucket=BUCKET, Key=f"prod/{KEYS}")
    assert (head["ContentType"], head["CacheControl"]) == ("application/json", "public, max-age=300")
    with pytest.raises(StoreConflict):
        store.write(KEYS, b"[]", None)
    store.write(KEYS, b"[1]", first.version)
    with pytest.raises(StoreConflict):
        store.write(KEYS, b"[2]", first.version)
    now = store.read(KEYS)
    assert now is not None
    assert now.content == b"[1]"


def test_read_says_what_time_s3_has(store: BucketStore) -> None:
    store.read("missing")
    assert store.time is not None
    assert abs(store.time - time.time()) < 30
    store.write("there", b"{}", None)
    store.time = None
    store.read("there")
    assert store.time is not None


def test_issuer_is_published_with_the_permissions_that_the_documentation_prints(aws: LocalAWS) -> None:
    objects, bucket = f"arn:aws:s3:::{BUCKET}/small/*", f"arn:aws:s3:::{BUCKET}"
    session = aws.user("publisher", allow(["s3:GetObject", "s3:PutObject"], objects), allow("s3:ListBucket", bucket))
    store = BucketStore(aws.client("s3", session), BUCKET, "small", 300)
    record = IssuerRecord("https://oidc.example.com")
    assert IssuerPublisher(store, lambda: 0.0).create(record) == record


def test_missing_permission_is_named(aws: LocalAWS) -> None:
    session = aws.user("reader", allow("s3:ListBucket", f"arn:aws:s3:::{BUCKET}"))
    with pytest.raises(IssuerError) as refused:
        BucketStore(aws.client("s3", session), BUCKET, "x", 300).write(KEYS, b"", None)
    resource = f"arn:aws:s3:::{BUCKET}/x/{KEYS}"
    assert refused.value.what.endswith(f"The permission s3:PutObject on {resource} is missing.")
    assert json.loads((refused.value.next_step or "").partition("\n")[2])["Statement"] == [
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": resource}
    ]


def test_missing_bucket_is_named(aws: LocalAWS) -> None:
    with pytest.raises(InvalidIssuer, match="There is no bucket missing-bucket"):
        BucketStore(aws.client("s3"), "missing-bucket", "x", 300).read(KEYS)
