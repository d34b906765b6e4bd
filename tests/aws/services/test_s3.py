"""S3: regions, uploads, tags, bucket policies, refused keys, destinations, and what KMS is asked for objects."""

from __future__ import annotations

import json
from typing import Any

import pytest

from podrole.aws.interfaces import Bucket, Encryption
from podrole.aws.protocol.wire import HTTPResponse
from podrole.aws.services.rules import NoSuchPrincipal, Storing
from podrole.aws.services.s3 import MOST_CHARACTERS, RULES, is_public, nothing_deleted, with_refused_keys
from podrole.iam.document import parse_policy
from podrole.iam.errors import PolicyError
from podrole.iam.evaluate import Request
from podrole.iam.policy import Policy, PolicyKind
from podrole.iam.principal import ANONYMOUS, Principal, PrincipalType
from support.aws_facts import FakeFacts, call_of, request
from support.calls import ACCOUNT, REGION
from support.service_rules import HERE, KEY, delivers, key_uses, lets, receiver, refusal, resolved

ARN = "arn:aws:s3:::shop"


def facts(*, region: str = REGION, blocks: bool = False, account: str = ACCOUNT, **more: Any) -> FakeFacts:
    return FakeFacts(buckets={"shop": Bucket(ARN, account, region, blocks_public_policy=blocks)}, **more)


# Regions

SIGNED, PRESIGNED = {"headers": [("authorization", "x")]}, {"query": "X-Amz-Signature=x"}
IN_HEADER, IN_QUERY = ("AuthorizationHeaderMalformed", 400), ("AuthorizationQueryParametersError", 400)


@pytest.mark.parametrize(
    ("name", "region", "http", "bucket", "expected"),
    [
        ("s3:GetObject", "eu-west-1", SIGNED, "shop", IN_HEADER),
        ("s3:GetObject", "eu-west-1", PRESIGNED, "shop", IN_QUERY),
        ("s3:GetObject", "eu-west-1", {}, "shop", None),
        ("s3:GetObject", REGION, SIGNED, "shop", None),
        ("s3:GetObject", "eu-west-1", SIGNED, "unknown", None),
        ("s3:ListBuckets", "eu-west-1", SIGNED, None, None),
        ("s3:CreateBucket", "eu-west-1", SIGNED, "shop", None),
        ("apigateway:GetRestApi", "eu-west-1", SIGNED, "shop", None),
    ],
)
def test_a_call_is_signed_for_the_region_of_its_bucket(
    name: str, region: str, http: dict[str, Any], bucket: str | None, expected: tuple[str, int] | None
) -> None:
    call = call_of(name, request(**http))
    call.region = REGION
    if bucket is not None:
        call.path_parameters = {"Bucket": bucket}
    assert refusal(RULES.before, call, facts(region=region)) == expected


def test_clients_find_out_a_region_in_us_east_1_alone() -> None:
    call = call_of("s3:GetBucketLocation", request(**SIGNED))
    call.path_parameters, call.region = {"Bucket": "shop"}, "us-east-1"
    assert refusal(RULES.before, call, facts(region="eu-west-1")) is None
    call.region = "us-west-2"
    assert refusal(RULES.before, call, facts(region="eu-west-1")) == IN_HEADER


# Uploads and tags


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"Bucket": "shop", "Key": "a", "UploadId": "1"}, None),
        ({"Bucket": "shop", "Key": "b", "UploadId": "1"}, ("NoSuchUpload", 404)),
        ({"Bucket": "shop", "Key": "a", "UploadId": "2"}, ("NoSuchUpload", 404)),
        ({"Key": "a", "UploadId": "1"}, ("NoSuchUpload", 404)),
        ({"Bucket": "shop", "Key": "b"}, None),
        ({"Bucket": "shop", "UploadId": "2"}, None),
    ],
)
def test_an_upload_is_of_its_key(given: dict[str, Any], expected: tuple[str, int] | None) -> None:
    known = FakeFacts(arns={"s3:upload shop/1": f"{ARN}/a"})
    assert refusal(resolved, RULES, "UploadPart", known, **given) == expected


def tag(*keys: str) -> dict[str, Any]:
    return {"TagSet": [{"Key": key, "Value": ""} for key in keys]}


@pytest.mark.parametrize(
    ("tagging", "expected"),
    [
        ("a=1&b=2", None),
        ("a=1&a=2", ("InvalidArgument", 400)),
        ("a=1&%61", ("InvalidArgument", 400)),
        (tag("a", "b"), None),
        (tag("a", "a"), ("InvalidTag", 400)),
        ({}, None),
        (None, None),
    ],
)
def test_tags_with_the_same_key_are_refused(tagging: Any, expected: tuple[str, int] | None) -> None:
    assert refusal(RULES.before, call_of("s3:PutObject", Tagging=tagging), FakeFacts()) == expected


# Bucket policies


def policy(**changed: Any) -> Policy:
    statement = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "s3:GetObject", "Resource": f"{ARN}/*"}
    statement = {name: value for name, value in {**statement, **changed}.items() if value is not None}
    return parse_policy(json.dumps({"Version": "2012-10-17", "Statement": statement}), PolicyKind.RESOURCE)


MALFORMED = ("MalformedPolicy", 400)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, None),
        ({"Resource": ARN, "Action": "*"}, None),
        ({"Action": "S3:ListBucket"}, None),
        ({"Resource": f"{ARN}/a:b"}, None),
        ({"Resource": "*"}, MALFORMED),
        ({"Resource": [f"{ARN}/*", f"{ARN}-2/*"]}, MALFORMED),
        ({"Action": ["s3:GetObject", "sqs:SendMessage"]}, MALFORMED),
        ({"Principal": "*"}, None),
    ],
)
def test_a_bucket_policy_is_about_its_bucket(changed: dict[str, Any], expected: tuple[str, int] | None) -> None:
    storing = Storing(call_of("s3:PutBucketPolicy"), {"Bucket": "shop"}, ACCOUNT, facts())
    assert refusal(RULES.check, storing, policy(**changed)) == expected


def test_a_bucket_policy_has_a_largest_size() -> None:
    storing = Storing(call_of("s3:PutBucketPolicy"), {"Bucket": "shop"}, ACCOUNT, facts())
    room = MOST_CHARACTERS - len("".join(policy(Sid="").text.split()))
    assert refusal(RULES.check, storing, policy(Sid="a" * room)) is None
    assert refusal(RULES.check, storing, policy(Sid="a" * (room + 1))) == ("PolicyTooLarge", 400)
    assert MOST_CHARACTERS == 20 * 1024


@pytest.mark.parametrize(
    ("bucket", "blocks", "principal", "expected"),
    [
        ("shop", True, "*", ("AccessDenied", 403)),
        ("shop", False, "*", None),
        ("shop", True, {"AWS": ACCOUNT}, None),
        ("other", True, "*", None),
    ],
)
def test_public_policies_are_kept_out_where_they_are_blocked(
    bucket: str, blocks: bool, principal: Any, expected: tuple[str, int] | None
) -> None:
    storing = Storing(call_of("s3:PutBucketPolicy"), {"Bucket": bucket}, ACCOUNT, facts(blocks=blocks))
    stored = policy(Principal=principal, Resource=f"arn:aws:s3:::{bucket}/*")
    assert refusal(RULES.check, storing, stored) == expected


def only(operator: str, key: str, value: str) -> dict[str, Any]:
    return {"Principal": "*", "Condition": {operator: {key: value}}}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"Principal": "*"}, True),
        ({"Principal": {"AWS": "*"}}, True),
        ({"Principal": {"AWS": ACCOUNT}}, False),
        ({"Principal": "*", "Effect": "Deny"}, False),
        *(
            (only("StringEquals", f"aws:{name}", ACCOUNT), False)
            for name in ("PrincipalAccount", "PrincipalOrgID", "SourceAccount", "SourceOwner", "userid")
        ),
        *((only("StringEquals", f"aws:{name}", "v"), False) for name in ("SourceVpc", "SourceVpce")),
        *(
            (only("ArnLike", f"aws:{name}", f"arn:aws:iam::{ACCOUNT}:*"), False)
            for name in ("PrincipalArn", "SourceArn")
        ),
        (only("IpAddress", "aws:SourceIp", "192.0.2.0/24"), False),
        (only("StringEquals", "s3:DataAccessPointAccount", ACCOUNT), False),
        (only("StringLike", "s3:DataAccessPointArn", f"arn:aws:s3:{HERE}:accesspoint/*"), False),
        (only("StringNotEquals", "aws:SourceAccount", ACCOUNT), True),
        (only("StringEquals", "s3:prefix", "a"), True),
    ],
)
def test_a_public_policy_allows_everyone(changed: dict[str, Any], expected: bool) -> None:
    assert is_public(policy(**changed)) is expected


# Refusals


def test_refused_keys_stand_in_the_answer() -> None:
    refused = [({"Key": "a&b", "VersionId": "1"}, "no"), ({"Key": "c"}, "no"), ({}, "no")]
    answer = nothing_deleted(call_of("s3:DeleteObjects"), refused)
    assert answer.status == 200
    errors = answer.body.partition(b'2006-03-01/">')[2].decode()
    assert errors == (
        "<Error><Key>a&amp;b</Key><VersionId>1</VersionId><Code>AccessDenied</Code><Message>no</Message></Error>"
        "<Error><Key>c</Key><Code>AccessDenied</Code><Message>no</Message></Error>"
        "<Error><Key></Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>"
    )
    for other in (HTTPResponse(400, [], b"</DeleteResult>"), HTTPResponse(200, [], b"<Error/>")):
        assert with_refused_keys(refused, other) is other
    assert with_refused_keys(refused, HTTPResponse(399, [], b"</DeleteResult>")).body.count(b"<Error>") == 3


def fault_of(text: str) -> PolicyError:
    with pytest.raises(PolicyError) as raised:
        parse_policy(text, PolicyKind.RESOURCE)
    return raised.value


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (NoSuchPrincipal("arn:aws:iam::1:role/r"), "Invalid principal in policy"),
        (fault_of("{"), "Policies must be valid JSON and the first byte must be '{'"),
        (PolicyError("too long", aws_code="x"), "too long"),
    ],
)
def test_what_is_wrong_with_a_document(fault: PolicyError, expected: str) -> None:
    refused = RULES.fault(fault)
    assert (refused.error_code, refused.status, refused.message) == ("MalformedPolicy", 400, expected)


USER = Principal(PrincipalType.USER, ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/u")


@pytest.mark.parametrize(
    ("principal", "action", "owner", "expected"),
    [
        (USER, "s3:GetObject", ACCOUNT, f'denied on resource: "{ARN}"'),
        (USER, "s3:GetObject", "", f'denied on resource: "{ARN}"'),
        (USER, "s3:ListAllMyBuckets", "", "denied"),
        (USER, "s3:GetObject", "444455556666", "Access Denied"),
        (ANONYMOUS, "s3:GetObject", "", "Access Denied"),
    ],
)
def test_refusals_tell_strangers_nothing(principal: Principal, action: str, owner: str, expected: str) -> None:
    assert RULES.spell(f"denied on resource: {ARN}", Request(principal, action, ARN, owner)) == expected


@pytest.mark.parametrize("by", [f" on resource: {ARN} on resource: {ARN}"])
def test_a_refusal_spells_the_first_resource_alone(by: str) -> None:
    first = RULES.spell(by, Request(USER, "s3:GetObject", ARN, ACCOUNT))
    assert first == f' on resource: "{ARN}" on resource: {ARN}'
    assert RULES.spell(by, Request(USER, "s3:ListAllMyBuckets", ARN, ACCOUNT)) == f" on resource: {ARN}"


# Destinations of notifications

QUEUE, TOPIC = f"arn:aws:sqs:{HERE}:orders", f"arn:aws:sns:{HERE}:news"
FUNCTION = f"arn:aws:lambda:{HERE}:function:f"
RECEIVERS = {
    QUEUE: receiver(lets("s3", "sqs:SendMessage", QUEUE, ARN)),
    TOPIC: receiver(lets("s3", "sns:Publish", TOPIC, ARN)),
    FUNCTION: receiver(lets("s3", "lambda:InvokeFunction", FUNCTION, ARN)),
    f"{QUEUE}-2": receiver(),
}
REFUSED = ("InvalidArgument", 400)
NEW, OLD = "PutBucketNotificationConfiguration", "PutBucketNotification"


@pytest.mark.parametrize(
    ("operation", "configuration", "expected"),
    [
        (NEW, {"QueueConfigurations": [{"QueueArn": QUEUE}]}, None),
        (NEW, {"TopicConfigurations": [{"TopicArn": TOPIC}]}, None),
        (NEW, {"LambdaFunctionConfigurations": [{"LambdaFunctionArn": FUNCTION}]}, None),
        (OLD, {"QueueConfiguration": {"Queue": QUEUE}, "TopicConfiguration": {"Topic": TOPIC}}, None),
        (OLD, {"CloudFunctionConfiguration": {"CloudFunction": FUNCTION}}, None),
        (NEW, {"QueueConfigurations": [{"QueueArn": QUEUE}, {"QueueArn": f"{QUEUE}-2"}]}, REFUSED),
        (NEW, {"QueueConfigurations": [{"QueueArn": f"{QUEUE}-unknown"}]}, REFUSED),
        (NEW, {"TopicConfigurations": [{"TopicArn": QUEUE}]}, REFUSED),
        (OLD, {"QueueConfiguration": {"Queue": f"{QUEUE}-2"}}, REFUSED),
        ("PutBucketPolicy", {"QueueConfigurations": [{"QueueArn": f"{QUEUE}-2"}]}, None),
        (NEW, {}, None),
        (NEW, None, None),
    ],
)
def test_destinations_of_notifications_let_s3_deliver(
    operation: str, configuration: Any, expected: tuple[str, int] | None
) -> None:
    known = facts(resources=RECEIVERS)
    given = {"Bucket": "shop", "NotificationConfiguration": configuration}
    assert refusal(delivers, RULES, operation, known, **given) == expected
    for passed in (given | {"SkipDestinationValidation": True}, given | {"Bucket": "unknown"}):
        assert refusal(delivers, RULES, operation, known, **passed) is None


def test_the_account_of_a_notification_is_the_buckets() -> None:
    given = {"Bucket": "shop", "NotificationConfiguration": {"QueueConfigurations": [{"QueueArn": QUEUE}]}}
    assert refusal(delivers, RULES, NEW, facts(account="", resources=RECEIVERS), **given) is None
    assert refusal(delivers, RULES, NEW, facts(account="444455556666", resources=RECEIVERS), **given) == REFUSED


# Keys of objects

K2 = f"{KEY[:-1]}2"
OF_OBJECT, OF_BUCKET = f"aws:s3:arn={ARN}/a", f"aws:s3:arn={ARN}"
OBJECT, UNDER_K1 = {"Bucket": "shop", "Key": "a"}, {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k1"}
BY_BUCKET, BY_OBJECT = Encryption("k2", by_bucket=True), Encryption("k2")


@pytest.mark.parametrize(
    ("operation", "more", "default", "expected"),
    [
        ("PutObject", UNDER_K1, Encryption(), [f"GenerateDataKey k1 {OF_OBJECT}"]),
        ("CopyObject", UNDER_K1, Encryption(), [f"GenerateDataKey k1 {OF_OBJECT}"]),
        (
            "CreateMultipartUpload",
            UNDER_K1,
            Encryption(),
            [f"GenerateDataKey k1 {OF_OBJECT}", f"Decrypt k1 {OF_OBJECT}"],
        ),
        ("PutObject", UNDER_K1, BY_BUCKET, [f"GenerateDataKey k1 {OF_BUCKET}"]),
        ("PutObject", UNDER_K1 | {"BucketKeyEnabled": True}, Encryption(), [f"GenerateDataKey k1 {OF_BUCKET}"]),
        ("PutObject", UNDER_K1 | {"BucketKeyEnabled": "TRUE"}, Encryption(), [f"GenerateDataKey k1 {OF_BUCKET}"]),
        ("PutObject", UNDER_K1 | {"BucketKeyEnabled": False}, BY_BUCKET, [f"GenerateDataKey k1 {OF_OBJECT}"]),
        ("PutObject", {}, BY_OBJECT, [f"GenerateDataKey k2 {OF_OBJECT}"]),
        ("PutObject", {"SSEKMSKeyId": "k1"}, BY_OBJECT, [f"GenerateDataKey k1 {OF_OBJECT}"]),
        ("PutObject", {"ServerSideEncryption": "aws:kms"}, BY_OBJECT, []),
        ("PutObject", UNDER_K1 | {"ServerSideEncryption": "AES256"}, BY_OBJECT, []),
        (
            "PutObject",
            UNDER_K1 | {"ServerSideEncryption": "aws:kms:dsse"},
            BY_OBJECT,
            [f"GenerateDataKey k1 {OF_OBJECT}"],
        ),
        ("DeleteObject", UNDER_K1, BY_OBJECT, []),
    ],
)
def test_writing_an_object_needs_its_key(
    operation: str, more: dict[str, Any], default: Encryption, expected: list[str]
) -> None:
    known = FakeFacts(arns={"kms:key k1": KEY, "kms:key k2": K2}, encrypted={ARN: default})
    assert key_uses(RULES, operation, known, **OBJECT, **more) == expected


STORED = {f"{ARN}/a": Encryption("k1"), f"{ARN}/a 2": Encryption("k2"), f"{ARN}/b c": BY_BUCKET}
TO_OTHER = {"Bucket": "other", "Key": "copy"}


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("GetObject", OBJECT, [f"Decrypt k1 {OF_OBJECT}"]),
        ("SelectObjectContent", OBJECT, [f"Decrypt k1 {OF_OBJECT}"]),
        ("GetObject", OBJECT | {"VersionId": "2"}, [f"Decrypt k2 {OF_OBJECT}"]),
        ("GetObject", OBJECT | {"Key": "b c"}, [f"Decrypt k2 {OF_BUCKET}"]),
        ("CopyObject", TO_OTHER | {"CopySource": "/shop/a"}, [f"Decrypt k1 {OF_OBJECT}"]),
        ("UploadPartCopy", TO_OTHER | {"CopySource": "shop/a?versionId=2"}, [f"Decrypt k2 {OF_OBJECT}"]),
        ("UploadPartCopy", TO_OTHER | {"CopySource": "shop/b%20c"}, [f"Decrypt k2 {OF_BUCKET}"]),
        ("HeadObject", OBJECT, []),
    ],
)
def test_reading_an_object_needs_its_key(operation: str, given: dict[str, Any], expected: list[str]) -> None:
    known = FakeFacts(arns={"kms:key k1": KEY, "kms:key k2": K2}, encrypted=STORED)
    assert key_uses(RULES, operation, known, **given) == expected
