"""A policy that a call would store: checked, refused, or handed on to be bound to the principals that it names."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest

from podrole.aws.documents import check_documents
from podrole.aws.errors import AWSError
from podrole.aws.interfaces import Facts, StoredPolicy
from podrole.aws.protocol.call import IdentifiedCall
from support.aws_facts import FakeFacts, call_of

ACCOUNT, UNUSED = "111122223333", "444455556666"
BUCKET = "arn:aws:s3:::shop"
TILL = f"arn:aws:iam::{ACCOUNT}:role/till"


class OneRole(FakeFacts):
    """The account has one role; the other account has never been used."""

    def principal_id(self, arn: str) -> str | None:
        return "AROATILL" if arn == TILL else None

    def account_exists(self, account: str, partition: str) -> bool:
        return (account, partition) == (ACCOUNT, "aws")


def policy(principal: Any = "*", *, resource: str = f"{BUCKET}/*", action: str = "s3:GetObject") -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def put(document: str) -> IdentifiedCall:
    return call_of("s3:PutBucketPolicy", Bucket="shop", Policy=document)


def checked(call: IdentifiedCall) -> StoredPolicy | None:
    return check_documents(call, ACCOUNT, BUCKET, cast("Facts", OneRole()))


@pytest.mark.parametrize(
    "principal",
    [
        "*",
        {"AWS": TILL},
        {"AWS": ACCOUNT},
        {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        {"Service": "lambda.amazonaws.com"},
        # of an account that nobody here has used nothing is known
        {"AWS": f"arn:aws:iam::{UNUSED}:role/any"},
        {"AWS": f"arn:aws:iam::{UNUSED}:user/any"},
        {"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/gone/s"},
    ],
)
def test_policy_is_handed_on_with_its_resource(principal: Any) -> None:
    document = policy(principal)
    assert checked(put(document)) == StoredPolicy(BUCKET, document)


@pytest.mark.parametrize("kind", ["role", "user"])
def test_principal_that_does_not_exist_is_refused(kind: str) -> None:
    with pytest.raises(AWSError) as raised:
        checked(put(policy({"AWS": [TILL, f"arn:aws:iam::{ACCOUNT}:{kind}/gone"]})))
    assert (raised.value.error_code, raised.value.status) == ("MalformedPolicy", 400)
    assert f"{kind}/gone" in str(raised.value.why)


@pytest.mark.parametrize(
    "document",
    ["{}", "not JSON", policy(resource="arn:aws:s3:::other/*"), json.dumps({"Version": "2012-10-17", "Statement": []})],
)
def test_document_that_the_service_does_not_take_is_refused_in_its_words(document: str) -> None:
    with pytest.raises(AWSError) as raised:
        checked(put(document))
    assert (raised.value.error_code, raised.value.status) == ("MalformedPolicy", 400)


def test_policy_in_an_attribute_is_found() -> None:
    topic = f"arn:aws:sns:us-east-1:{ACCOUNT}:t"
    document = policy(resource=topic, action="sns:Publish")
    call = call_of("sns:SetTopicAttributes", TopicArn=topic, AttributeName="Policy", AttributeValue=document)
    stored = check_documents(call, ACCOUNT, topic, cast("Facts", OneRole()))
    assert stored == StoredPolicy(topic, document)


def test_policy_may_be_of_another_resource_than_the_call() -> None:
    catalog = f"arn:aws:glue:us-east-1:{ACCOUNT}:catalog"
    document = policy({"AWS": ACCOUNT}, resource=catalog, action="glue:GetTable")
    call = call_of("glue:PutResourcePolicy", PolicyInJson=document)
    assert check_documents(call, ACCOUNT, "*", cast("Facts", OneRole())) == StoredPolicy(catalog, document)


@pytest.mark.parametrize(
    "call",
    [
        call_of("s3:GetBucketPolicy", Bucket="shop"),
        call_of("sns:SetTopicAttributes", TopicArn="t", AttributeName="DisplayName", AttributeValue="n"),
        call_of("backup:CreateBackupAccessPoint"),
        call_of("backup:CreateBackupVault", BackupVaultName="v"),
    ],
)
def test_call_that_stores_no_policy_is_let_through(call: IdentifiedCall) -> None:
    assert checked(call) is None


@pytest.mark.parametrize(
    "call",
    [
        call_of("backup:PutBackupVaultAccessPolicy", BackupVaultName="v"),
        call_of("backup:CreateBackupAccessPoint", AccessPointPolicy="{}"),
    ],
)
def test_policy_that_would_not_be_judged_is_refused(call: IdentifiedCall) -> None:
    with pytest.raises(AWSError) as raised:
        checked(call)
    assert (raised.value.error_code, raised.value.status) == ("NotImplemented", 501)
