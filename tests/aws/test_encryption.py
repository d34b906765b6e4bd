"""S3 and Secrets Manager use a customer's KMS key with the caller's permissions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from support.authorization import allow, grant, refused
from support.aws import ACCOUNT, REGION, LocalAWS

BUCKET = "shop-data"
OBJECT = f"arn:aws:s3:::{BUCKET}/a"
ALL_OF_S3 = allow("s3:*", "*")
ALL_OF_SECRETS = allow("secretsmanager:*", "*")
THROUGH_S3 = {"StringEquals": {"kms:ViaService": f"s3.{REGION}.amazonaws.com", "kms:CallerAccount": ACCOUNT}}
THROUGH_SECRETS = {"StringEquals": {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}}
OF_THE_OBJECT = {"StringEquals": {"kms:EncryptionContext:aws:s3:arn": OBJECT}}
OF_ANOTHER_OBJECT = {"StringEquals": {"kms:EncryptionContext:aws:s3:arn": f"{OBJECT}b"}}
OF_THE_BUCKET = {"StringEquals": {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{BUCKET}"}}


@pytest.fixture
def key(aws: LocalAWS) -> str:
    """A key's ARN; its policy leaves the decision to IAM. There is a bucket, too."""
    aws.client("s3").create_bucket(Bucket=BUCKET)
    return str(aws.client("kms").create_key()["KeyMetadata"]["Arn"])


def put(client: Any, **more: Any) -> Callable[[], Any]:
    return lambda: client.put_object(Bucket=BUCKET, Key="a", Body=b"x", **more)


def under(key: str, **more: Any) -> dict[str, Any]:
    return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key, **more}


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({}, True),
        (THROUGH_S3, True),
        (OF_THE_OBJECT, True),
        (THROUGH_SECRETS, False),
        (OF_ANOTHER_OBJECT, False),
        (OF_THE_BUCKET, False),
    ],
)
def test_an_object_under_a_customers_key_needs_the_key(
    aws: LocalAWS, key: str, condition: dict[str, Any], allowed: bool
) -> None:
    admin = aws.client("s3")
    put(admin, **under(key))()
    for action, call in (
        ("kms:GenerateDataKey", lambda client: put(client, **under(key))),
        ("kms:Decrypt", lambda client: lambda: client.get_object(Bucket=BUCKET, Key="a")),
    ):
        client = aws.client("s3", grant(aws, ALL_OF_S3, allow(action, key, **condition), name=action[4:]))
        if allowed:
            call(client)()
        else:
            code, message = refused(call(client))
            assert code == "AccessDenied"
            assert f'{action} on resource: "{key}"' in message


def test_without_the_key_neither_reading_nor_writing_nor_copying_is_allowed(aws: LocalAWS, key: str) -> None:
    put(aws.client("s3"), **under(key))()
    client = aws.client("s3", grant(aws, ALL_OF_S3))
    source = {"Bucket": BUCKET, "Key": "a"}
    for call in (
        put(client, **under(key)),
        lambda: client.get_object(**source),
        lambda: client.copy_object(**{**source, "Key": "b"}, CopySource=source),
        lambda: client.create_multipart_upload(**source, **under(key)),
    ):
        assert refused(call)[0] == "AccessDenied"


@pytest.mark.parametrize("more", [{}, {"ServerSideEncryption": "AES256"}, {"ServerSideEncryption": "aws:kms"}])
def test_awss_own_keys_need_nothing(aws: LocalAWS, key: str, more: dict[str, Any]) -> None:
    client = aws.client("s3", grant(aws, ALL_OF_S3))
    put(client, **more)()
    assert client.get_object(Bucket=BUCKET, Key="a")["Body"].read() == b"x"


@pytest.mark.parametrize(("by_bucket", "context"), [(False, OF_THE_OBJECT), (True, OF_THE_BUCKET)])
def test_the_default_encryption_of_a_bucket_counts(
    aws: LocalAWS, key: str, by_bucket: bool, context: dict[str, Any]
) -> None:
    rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    aws.client("s3").put_bucket_encryption(
        Bucket=BUCKET,
        ServerSideEncryptionConfiguration={
            "Rules": [{"ApplyServerSideEncryptionByDefault": rule, "BucketKeyEnabled": by_bucket}]
        },
    )
    assert refused(put(aws.client("s3", grant(aws, ALL_OF_S3))))[0] == "AccessDenied"
    with_key = aws.client("s3", grant(aws, ALL_OF_S3, allow("kms:GenerateDataKey", key, **context), name="with-key"))
    put(with_key)()
    put(aws.client("s3", grant(aws, ALL_OF_S3, name="plain")), ServerSideEncryption="AES256")()


def test_a_key_for_use_through_s3_cannot_be_used_directly(aws: LocalAWS, key: str) -> None:
    client = aws.client("kms", grant(aws, allow("kms:GenerateDataKey", key, **THROUGH_S3)))
    assert refused(client.generate_data_key, KeyId=key, KeySpec="AES_256")[0] == "AccessDeniedException"


def test_a_name_that_only_contains_that_of_awss_own_keys_needs_a_key(aws: LocalAWS, key: str) -> None:
    client = aws.client("s3", grant(aws, ALL_OF_S3))
    assert refused(put(client, **under("alias/mine/alias/aws/s3")))[0] == "AccessDenied"


def test_an_alias_means_its_key(aws: LocalAWS, key: str) -> None:
    aws.client("kms").create_alias(AliasName="alias/shop", TargetKeyId=key)
    client = aws.client("s3", grant(aws, ALL_OF_S3, allow("kms:GenerateDataKey", key)))
    put(client, **under("alias/shop"))()
    without = aws.client("s3", grant(aws, ALL_OF_S3, name="without-key"))
    assert refused(put(without, **under("alias/shop")))[0] == "AccessDenied"


@pytest.mark.parametrize(("condition", "allowed"), [({}, True), (THROUGH_SECRETS, True), (THROUGH_S3, False)])
def test_a_secret_under_a_customers_key_needs_the_key(
    aws: LocalAWS, key: str, condition: dict[str, Any], allowed: bool
) -> None:
    aws.client("secretsmanager").create_secret(Name="shop", SecretString="x", KmsKeyId=key)
    aws.client("secretsmanager").create_secret(Name="plain", SecretString="x")
    granted = grant(aws, ALL_OF_SECRETS, allow("kms:Decrypt", key, **condition))
    client = aws.client("secretsmanager", granted)
    assert client.get_secret_value(SecretId="plain")["SecretString"] == "x"
    if allowed:
        assert client.get_secret_value(SecretId="shop")["SecretString"] == "x"
    else:
        assert refused(client.get_secret_value, SecretId="shop")[0] == "AccessDeniedException"
    assert refused(client.put_secret_value, SecretId="shop", SecretString="y")[0] == "AccessDeniedException"
    assert client.describe_secret(SecretId="shop")["Name"] == "shop"
