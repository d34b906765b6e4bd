"""What calls of S3 need, case by case: each parameter that asks for more has a case in which it alone does."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.iam.actions.call import Call, Keys
from podrole.iam.actions.s3 import Source, copy_source, object_arn, permissions
from support.calls import REGION, Account, call, text_of

B, K = "arn:aws:s3:::b", "arn:aws:s3:::b/k"
POINT = f"arn:aws:s3:{REGION}:1:accesspoint/p"
TAGS_OF_REQUEST = ("aws:RequestTag/*", "aws:TagKeys", "s3:RequestObjectTag/*", "s3:RequestObjectTagKeys")


class Tagged(Account):
    """Knows that the version ``tagged`` of an object has a tag."""

    def facts_of(self, call: Call, kind: str, arn: str) -> Keys:
        tagged = kind == "s3:object" and call.parameters["VersionId"] == "tagged"
        return {"s3:ExistingObjectTag/a": "b"} if tagged else {"s3:other": "x"}


def needed(operation: str, **given: Any) -> list[str]:
    found = permissions(call("s3", operation, given), Tagged()) or []
    assert all(one.action.startswith("s3:") for one in found)
    return [text_of(one, new=True).removeprefix("s3:") for one in found]


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("ListBuckets", {}, ["ListAllMyBuckets *"]),
        ("GetBucketAcl", {"Bucket": "b"}, [f"GetBucketAcl {B}"]),
        ("ListObjectsV2", {"Bucket": POINT}, [f"ListBucket {POINT}"]),
        ("GetObject", {"Bucket": POINT, "Key": "k"}, [f"GetObject {POINT}/object/k"]),
        ("ListObjectsV2", {"Bucket": "b", "Key": 1}, [f"ListBucket {B}"]),
        ("CreateBucket", {"Bucket": "b"}, [f"CreateBucket {B}!"]),
        ("CreateBucket", {"Bucket": "b", "ACL": "private"}, [f"CreateBucket {B}!", f"PutBucketAcl {B}!"]),
        ("CreateBucket", {"Bucket": "b", "GrantWriteACP": "id=1"}, [f"CreateBucket {B}!", f"PutBucketAcl {B}!"]),
        (
            "CreateBucket",
            {"Bucket": "b", "ObjectLockEnabledForBucket": True},
            [f"CreateBucket {B}!", f"PutBucketObjectLockConfiguration {B}!", f"PutBucketVersioning {B}!"],
        ),
        (
            "CreateBucket",
            {"Bucket": "b", "ObjectOwnership": "ObjectWriter"},
            [f"CreateBucket {B}!", f"PutBucketOwnershipControls {B}!"],
        ),
        (
            "CreateBucket",
            {"Bucket": "b", "CreateBucketConfiguration": {"Tags": [{"Key": "a", "Value": "b"}]}},
            [f"CreateBucket {B}!", f"TagResource {B}!"],
        ),
        ("CreateBucket", {"Bucket": "b", "CreateBucketConfiguration": {}}, [f"CreateBucket {B}!"]),
        ("PutBucketAcl", {"Bucket": "b", "ACL": "private", "ObjectOwnership": "x"}, [f"PutBucketAcl {B}"]),
    ],
)
def test_a_call_on_a_bucket_needs(operation: str, given: dict[str, Any], expected: list[str]) -> None:
    assert needed(operation, **given) == expected


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("GetObject", {}, ["GetObject"]),
        ("GetObject", {"VersionId": "1"}, ["GetObjectVersion"]),
        ("GetObject", {"VersionId": ""}, ["GetObject"]),
        ("HeadObject", {}, ["GetObject"]),
        ("UploadPart", {"VersionId": "1"}, ["PutObject"]),
        ("GetObjectAttributes", {}, ["GetObject", "GetObjectAttributes"]),
        ("GetObjectAttributes", {"VersionId": "1"}, ["GetObjectVersion", "GetObjectVersionAttributes"]),
        ("PutObject", {}, ["PutObject"]),
        ("PutObject", {"ACL": "private"}, ["PutObject", "PutObjectAcl"]),
        ("PutObject", {"GrantRead": "id=1"}, ["PutObject", "PutObjectAcl"]),
        ("PutObject", {"Tagging": "a=b"}, ["PutObject", "PutObjectTagging"]),
        ("PutObject", {"ObjectLockMode": "GOVERNANCE"}, ["PutObject", "PutObjectRetention"]),
        ("PutObject", {"ObjectLockRetainUntilDate": "2030-01-01"}, ["PutObject", "PutObjectRetention"]),
        ("PutObject", {"ObjectLockLegalHoldStatus": "ON"}, ["PutObject", "PutObjectLegalHold"]),
        ("CreateMultipartUpload", {"ACL": "private"}, ["PutObject", "PutObjectAcl"]),
        ("CopyObject", {"ACL": "private"}, ["PutObject", "PutObjectAcl"]),
        ("CopyObject", {"Tagging": "a=b"}, ["PutObject"]),
        ("CopyObject", {"Tagging": "a=b", "TaggingDirective": "COPY"}, ["PutObject"]),
        ("CopyObject", {"Tagging": "a=b", "TaggingDirective": "REPLACE"}, ["PutObject", "PutObjectTagging"]),
        ("PutObject", {"Tagging": "a=b", "TaggingDirective": "COPY"}, ["PutObject", "PutObjectTagging"]),
        ("PutObjectAcl", {"ACL": "private"}, ["PutObjectAcl"]),
        ("PutObjectTagging", {"Tagging": {"TagSet": []}}, ["PutObjectTagging"]),
        ("DeleteObject", {"BypassGovernanceRetention": True}, ["DeleteObject", "BypassGovernanceRetention"]),
    ],
)
def test_a_call_on_an_object_needs(operation: str, given: dict[str, Any], expected: list[str]) -> None:
    assert needed(operation, Bucket="b", Key="k", **given) == [f"{name} {K}" for name in expected]


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("CopyObject", {"CopySource": "c/d"}, ["GetObject arn:aws:s3:::c/d"]),
        ("UploadPartCopy", {"CopySource": "c/d"}, ["GetObject arn:aws:s3:::c/d"]),
        ("PutObject", {"CopySource": "c/d"}, []),
        ("CopyObject", {"CopySource": 1}, []),
        ("CopyObject", {"CopySource": "c"}, ["GetObject arn:aws:s3:::*?"]),
        ("CopyObject", {"CopySource": "c/d?versionId=1"}, ["GetObjectVersion arn:aws:s3:::c/d"]),
        (
            "CopyObject",
            {"CopySource": "c/d?versionId=tagged"},
            [
                "GetObjectVersion arn:aws:s3:::c/d",
                "GetObjectVersionTagging arn:aws:s3:::c/d",
                f"PutObjectTagging {K}",
            ],
        ),
        (
            "CopyObject",
            {"CopySource": "c/d?versionId=tagged", "TaggingDirective": "REPLACE"},
            ["GetObjectVersion arn:aws:s3:::c/d"],
        ),
        ("UploadPartCopy", {"CopySource": "c/d?versionId=tagged"}, ["GetObjectVersion arn:aws:s3:::c/d"]),
    ],
)
def test_a_copy_needs_its_source(operation: str, given: dict[str, Any], expected: list[str]) -> None:
    assert needed(operation, Bucket="b", Key="k", **given) == [f"PutObject {K}", *expected]


def test_a_copy_reads_the_version_that_it_names_and_may_set_its_tags() -> None:
    asked = call("s3", "CopyObject", {"Bucket": "b", "Key": "k", "CopySource": "c/d?versionId=tagged"})
    put, read, read_tags, put_tags = permissions(asked, Tagged()) or []
    assert [one.version for one in (put, read, read_tags, put_tags)] == ["", "tagged", "tagged", ""]
    assert put_tags.unknown == TAGS_OF_REQUEST


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("b/k", Source("b", "k", "")),
        ("/b/k/l", Source("b", "k/l", "")),
        ("b/k%20l?versionId=1", Source("b", "k l", "1")),
        ("b/k?versionId=1&versionId=2", Source("b", "k", "1")),
        ("b/k?other=1", Source("b", "k", "")),
        (f"{POINT}/object/k", Source(POINT, "k", "")),
        (f"{POINT}/k", None),
        ("arn:aws:s3-outposts:r:1:outpost/o/accesspoint/p/object/k", None),
        ("b", None),
        ("b/", None),
        ("/k", None),
        ("//k", None),
        ("", None),
    ],
)
def test_the_source_of_a_copy_is_read(text: str, source: Source | None) -> None:
    assert copy_source(text) == source


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"Delete": {"Objects": [{"Key": "1"}]}}, ["DeleteObject arn:aws:s3:::b/1"]),
        ({"Delete": {"Objects": [{"Key": "1", "VersionId": "v"}]}}, ["DeleteObjectVersion arn:aws:s3:::b/1"]),
        (
            {"Delete": {"Objects": [{"Key": "1"}, {}]}, "BypassGovernanceRetention": True},
            [
                "DeleteObject arn:aws:s3:::b/1",
                "BypassGovernanceRetention arn:aws:s3:::b/1",
                "DeleteObject arn:aws:s3:::b/",
                "BypassGovernanceRetention arn:aws:s3:::b/",
            ],
        ),
        ({"Delete": {}}, []),
        ({}, []),
    ],
)
def test_each_key_of_a_deletion_needs(given: dict[str, Any], expected: list[str]) -> None:
    assert needed("DeleteObjects", Bucket="b", **given) == expected


def test_the_version_of_a_deleted_key_is_kept() -> None:
    objects = [{"Key": "1", "VersionId": "v"}, {"Key": "1"}]
    found = permissions(call("s3", "DeleteObjects", {"Bucket": "b", "Delete": {"Objects": objects}}), Account()) or []
    assert [one.version for one in found] == ["v", ""]


def test_an_object_is_named_by_its_bucket_or_an_access_point() -> None:
    asked = call("s3", "GetObject", {})
    assert object_arn(asked, "b", "k/l") == "arn:aws:s3:::b/k/l"
    assert object_arn(asked, POINT, "k") == f"{POINT}/object/k"
