"""Policies that hang on resources take part: they grant, they deny, and they are judged before they are stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore import UNSIGNED
from botocore.exceptions import ClientError

from support.authorization import allow, archive, grant, refused
from support.aws import ACCOUNT, READER, REGION, LocalAWS

BUCKET = "shop-logs"
OBJECTS = f"arn:aws:s3:::{BUCKET}/*"


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def let(principal: Any, action: Any, resource: Any, **condition: Any) -> dict[str, Any]:
    found = {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource}
    return found | ({"Condition": condition} if condition else {})


@pytest.fixture
def bucket(aws: LocalAWS) -> Any:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"content")
    return s3


def test_a_bucket_policy_that_names_the_role_is_enough(aws: LocalAWS, bucket: Any) -> None:
    aws.set_up_role()
    bucket.put_bucket_policy(Bucket=BUCKET, Policy=document(let({"AWS": READER}, "s3:GetObject", OBJECTS)))
    mine = aws.client("s3", aws.credentials())
    assert mine.get_object(Bucket=BUCKET, Key="a")["Body"].read() == b"content"
    assert refused(mine.put_object, Bucket=BUCKET, Key="a", Body=b"x")[0] == "AccessDenied"


def test_a_bucket_policy_can_deny_the_administrator(aws: LocalAWS, bucket: Any) -> None:
    deny = let("*", "s3:GetObject", OBJECTS) | {"Effect": "Deny"}
    bucket.put_bucket_policy(Bucket=BUCKET, Policy=document(deny))
    code, message = refused(bucket.get_object, Bucket=BUCKET, Key="a")
    assert code == "AccessDenied"
    assert message.endswith("with an explicit deny in a resource-based policy")


def test_a_recreated_role_is_not_the_one_that_the_bucket_policy_named(aws: LocalAWS, bucket: Any) -> None:
    aws.set_up_role()
    bucket.put_bucket_policy(Bucket=BUCKET, Policy=document(let({"AWS": READER}, "s3:GetObject", OBJECTS)))
    aws.client("iam").delete_role(RoleName="reader")
    aws.set_up_role()
    mine = aws.client("s3", aws.credentials())
    assert refused(mine.get_object, Bucket=BUCKET, Key="a")[0] == "AccessDenied"
    bucket.put_bucket_policy(Bucket=BUCKET, Policy=document(let({"AWS": READER}, "s3:GetObject", OBJECTS)))
    assert mine.get_object(Bucket=BUCKET, Key="a")["Body"].read() == b"content"


def test_everybody_may_read_what_a_public_policy_grants_once_public_access_is_unblocked(
    aws: LocalAWS, bucket: Any
) -> None:
    public = document(let("*", "s3:GetObject", OBJECTS))
    assert refused(bucket.put_bucket_policy, Bucket=BUCKET, Policy=public)[0] == "AccessDenied"
    bucket.delete_public_access_block(Bucket=BUCKET)
    nobody = aws.client("s3", signature_version=UNSIGNED)
    assert refused(nobody.get_object, Bucket=BUCKET, Key="a") == ("AccessDenied", "Access Denied")
    bucket.put_bucket_policy(Bucket=BUCKET, Policy=public)
    assert nobody.get_object(Bucket=BUCKET, Key="a")["Body"].read() == b"content"
    assert refused(nobody.put_object, Bucket=BUCKET, Key="a", Body=b"x") == ("AccessDenied", "Access Denied")
    bucket.put_public_access_block(
        Bucket=BUCKET, PublicAccessBlockConfiguration={"BlockPublicPolicy": False, "RestrictPublicBuckets": True}
    )
    assert refused(nobody.get_object, Bucket=BUCKET, Key="a") == ("AccessDenied", "Access Denied")


ROOT, ADMIN = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, {"AWS": f"arn:aws:iam::{ACCOUNT}:user/admin"}
ANY = "*"
KEY_POLICIES: dict[str, tuple[list[dict[str, Any]], bool]] = {
    "the account": ([let(ROOT, "kms:*", ANY)], True),
    "the caller": ([let(ADMIN, "kms:PutKeyPolicy", ANY)], True),
    "another principal": ([let({"AWS": READER}, "kms:*", ANY)], False),
    "another action": ([let(ADMIN, ["kms:GetKeyPolicy", "kms:Encrypt"], ANY)], False),
    "a condition that holds": (
        [let(ADMIN, "kms:*", ANY, StringEquals={"kms:CallerAccount": ACCOUNT})],
        True,
    ),
    "a condition that does not hold": (
        [let(ADMIN, "kms:*", ANY, StringEquals={"kms:CallerAccount": "444455556666"})],
        False,
    ),
    "a Deny": ([let(ROOT, "kms:*", ANY), {**let(ADMIN, "kms:Put*", ANY), "Effect": "Deny"}], False),
}
LOCKED_OUT = (
    "MalformedPolicyDocumentException",
    "The new key policy will not allow you to update the key policy in the future.",
)


@pytest.mark.parametrize("case", KEY_POLICIES)
@pytest.mark.parametrize("operation", ["create_key", "put_key_policy"])
def test_a_key_policy_that_locks_the_caller_out_is_refused(aws: LocalAWS, case: str, operation: str) -> None:
    statements, accepted = KEY_POLICIES[case]
    aws.set_up_role()
    kms, given = aws.client("kms"), {"Policy": document(*statements)}
    if operation == "put_key_policy":
        given["KeyId"] = kms.create_key()["KeyMetadata"]["KeyId"]
        before = kms.get_key_policy(KeyId=given["KeyId"])["Policy"]
    store = getattr(kms, operation)
    if accepted:
        store(**given)
        return
    assert refused(store, **given) == LOCKED_OUT
    if operation == "put_key_policy":
        assert kms.get_key_policy(KeyId=given["KeyId"])["Policy"] == before
    store(**given, BypassPolicyLockoutSafetyCheck=True)


def block_in_account(aws: LocalAWS, **settings: bool) -> None:
    """Set Block Public Access of the account. S3 Control's client puts the account before the endpoint's host."""
    client = aws.client("s3control")

    def call_endpoint(request: Any, **_: Any) -> None:
        request.url = request.url.replace(f"{ACCOUNT}.127.0.0.1", "127.0.0.1")

    client.meta.events.register_first("before-sign.s3-control", call_endpoint, unique_id="endpoint")
    client.put_public_access_block(AccountId=ACCOUNT, PublicAccessBlockConfiguration=settings)


def test_an_accounts_block_of_public_access_counts_beside_the_buckets(aws: LocalAWS, bucket: Any) -> None:
    public = document(let("*", "s3:GetObject", OBJECTS))
    bucket.delete_public_access_block(Bucket=BUCKET)
    nobody = aws.client("s3", signature_version=UNSIGNED)
    block_in_account(aws, BlockPublicPolicy=True)
    assert refused(bucket.put_bucket_policy, Bucket=BUCKET, Policy=public)[0] == "AccessDenied"
    block_in_account(aws, BlockPublicPolicy=False)
    bucket.put_bucket_policy(Bucket=BUCKET, Policy=public)
    assert nobody.get_object(Bucket=BUCKET, Key="a")["Body"].read() == b"content"
    block_in_account(aws, RestrictPublicBuckets=True)
    assert refused(nobody.get_object, Bucket=BUCKET, Key="a") == ("AccessDenied", "Access Denied")
    assert bucket.get_object(Bucket=BUCKET, Key="a")["Body"].read() == b"content"


def test_a_missing_key_is_only_told_to_who_may_list(aws: LocalAWS, bucket: Any) -> None:
    credentials = grant(aws, allow("s3:GetObject", OBJECTS))
    assert refused(aws.client("s3", credentials).get_object, Bucket=BUCKET, Key="b")[0] == "AccessDenied"
    credentials = grant(aws, allow(["s3:GetObject", "s3:ListBucket"], "*"), name="lister")
    assert refused(aws.client("s3", credentials).get_object, Bucket=BUCKET, Key="b")[0] == "NoSuchKey"


def test_objects_are_deleted_key_by_key(aws: LocalAWS, bucket: Any) -> None:
    bucket.put_object(Bucket=BUCKET, Key="keep", Body=b"x")
    credentials = grant(aws, allow("s3:DeleteObject", f"arn:aws:s3:::{BUCKET}/a"))
    mine = aws.client("s3", credentials)
    answer = mine.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "a"}, {"Key": "keep"}]})
    assert [one["Key"] for one in answer["Deleted"]] == ["a"]
    assert [(one["Key"], one["Code"]) for one in answer["Errors"]] == [("keep", "AccessDenied")]
    answer = mine.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "keep"}]})
    assert [one["Key"] for one in answer["Errors"]] == ["keep"]
    assert [one["Key"] for one in bucket.list_objects_v2(Bucket=BUCKET)["Contents"]] == ["keep"]


def test_a_copy_needs_the_source_too(aws: LocalAWS, bucket: Any) -> None:
    credentials = grant(aws, allow("s3:PutObject", OBJECTS))
    mine = aws.client("s3", credentials)
    code, message = refused(mine.copy_object, Bucket=BUCKET, Key="b", CopySource={"Bucket": BUCKET, "Key": "a"})
    assert code == "AccessDenied"
    assert f's3:GetObject on resource: "arn:aws:s3:::{BUCKET}/a"' in message


def test_headers_ask_for_more_than_the_operation(aws: LocalAWS, bucket: Any) -> None:
    credentials = grant(aws, allow("s3:PutObject", OBJECTS))
    mine = aws.client("s3", credentials)
    for more, action in (({"ACL": "public-read"}, "s3:PutObjectAcl"), ({"Tagging": "a=b"}, "s3:PutObjectTagging")):
        assert action in refused(mine.put_object, Bucket=BUCKET, Key="b", Body=b"", **more)[1]


def test_a_key_policy_has_the_first_word(aws: LocalAWS) -> None:
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:user/admin"}
    key = aws.client("kms").create_key(Policy=document(let(root, "kms:*", "*")))["KeyMetadata"]
    credentials = grant(aws, allow("kms:*", "*"))
    mine = aws.client("kms", credentials)
    code, message = refused(mine.encrypt, KeyId=key["KeyId"], Plaintext=b"x")
    assert code == "AccessDeniedException"
    assert message.endswith("because no resource-based policy allows the kms:Encrypt action")
    policy = document(let(root, "kms:*", "*"), let({"AWS": READER}, "kms:Encrypt", "*"))
    aws.client("kms").put_key_policy(KeyId=key["KeyId"], Policy=policy, PolicyName="default")
    sealed = mine.encrypt(KeyId=key["KeyId"], Plaintext=b"x", EncryptionContext={"app": "shop"})["CiphertextBlob"]
    assert "kms:Decrypt" in refused(mine.decrypt, CiphertextBlob=sealed)[1]


def test_a_queue_policy_a_topic_policy_and_a_secret_policy_deny(aws: LocalAWS) -> None:
    admin = f"arn:aws:iam::{ACCOUNT}:user/admin"
    url = aws.client("sqs").create_queue(QueueName="orders")["QueueUrl"]
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders"
    deny = {"Effect": "Deny"}
    policy = document(let({"AWS": admin}, "sqs:SendMessage", queue) | deny)
    aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    told = "with an explicit deny in a resource-based policy"
    assert told in refused(aws.client("sqs").send_message, QueueUrl=url, MessageBody="m")[1]
    topic = aws.client("sns").create_topic(Name="news")["TopicArn"]
    policy = document(let({"AWS": admin}, "sns:Publish", topic) | deny)
    aws.client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=policy)
    assert told in refused(aws.client("sns").publish, TopicArn=topic, Message="m")[1]
    secret = aws.client("secretsmanager").create_secret(Name="db", SecretString="s")["ARN"]
    policy = document(let({"AWS": admin}, "secretsmanager:GetSecretValue", "*") | deny)
    aws.client("secretsmanager").put_resource_policy(SecretId=secret, ResourcePolicy=policy)
    assert told in refused(aws.client("secretsmanager").get_secret_value, SecretId="db")[1]


def test_a_function_policy_and_a_repository_policy_grant(aws: LocalAWS) -> None:
    aws.set_up_role()
    service = document(
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    )
    aws.client("iam").create_role(RoleName="service", AssumeRolePolicyDocument=service)
    aws.client("lambda").create_function(
        FunctionName="resize",
        Runtime="python3.11",
        Role=f"arn:aws:iam::{ACCOUNT}:role/service",
        Handler="app.handler",
        Code={"ZipFile": archive()},
    )
    mine = aws.client("lambda", aws.credentials())
    assert refused(mine.get_function, FunctionName="resize")[0] == "AccessDeniedException"
    aws.client("lambda").add_permission(
        FunctionName="resize", StatementId="s", Action="lambda:GetFunction", Principal=READER
    )
    assert mine.get_function(FunctionName="resize")["Configuration"]["FunctionName"] == "resize"
    aws.client("ecr").create_repository(repositoryName="shop/web")
    images = aws.client("ecr", aws.credentials())
    assert refused(images.describe_images, repositoryName="shop/web")[0] == "AccessDeniedException"
    policy = document({"Effect": "Allow", "Principal": {"AWS": READER}, "Action": "ecr:DescribeImages"})
    aws.client("ecr").set_repository_policy(repositoryName="shop/web", policyText=policy)
    assert images.describe_images(repositoryName="shop/web")["imageDetails"] == []


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "code", "message"),
    [
        (
            "iam",
            "create_policy",
            {"PolicyName": "p", "PolicyDocument": document(allow("s3get", "*"))},
            "MalformedPolicyDocument",
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        (
            "iam",
            "create_role",
            {"RoleName": "r", "AssumeRolePolicyDocument": document(let("*", "sts:AssumeRole", "*"))},
            "MalformedPolicyDocument",
            "Has prohibited field Resource",
        ),
        (
            "iam",
            "create_role",
            {
                "RoleName": "r",
                "AssumeRolePolicyDocument": document(
                    {
                        "Effect": "Allow",
                        "Principal": {"AWS": ACCOUNT},
                        "Action": "sts:AssumeRole",
                        "Condition": {"StringEquals": {"https://issuer.example.com/id/A:sub": "x"}},
                    }
                ),
            },
            "MalformedPolicyDocument",
            "Condition can contain only one colon.",
        ),
        (
            "iam",
            "create_policy",
            {"PolicyName": "p", "PolicyDocument": document(allow("s3:*", "arn:aws-cn:s3:::b"))},
            "MalformedPolicyDocument",
            'Partition "aws-cn" is not valid for resource "arn:aws-cn:s3:::b".',
        ),
        (
            "sts",
            "get_federation_token",
            {"Name": "fed", "Policy": document(allow("s3:*", "arn:aws-cn:s3:::b"))},
            "MalformedPolicyDocument",
            'Partition "aws-cn" is not valid for resource "arn:aws-cn:s3:::b".',
        ),
        (
            "sqs",
            "create_queue",
            {
                "QueueName": "q",
                "Attributes": {
                    "Policy": document(
                        let({"AWS": f"arn:aws-cn:iam::{ACCOUNT}:root"}, "sqs:SendMessage", "*"),
                    )
                },
            },
            "InvalidAttributeValue",
            "Invalid value for the parameter Policy.",
        ),
        (
            "iam",
            "create_role",
            {
                "RoleName": "r",
                "AssumeRolePolicyDocument": document(
                    {
                        "Effect": "Allow",
                        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:role/nope"},
                        "Action": "sts:AssumeRole",
                    }
                ),
            },
            "MalformedPolicyDocument",
            f'Invalid principal in policy: "AWS":"arn:aws:iam::{ACCOUNT}:role/nope"',
        ),
        (
            "iam",
            "put_user_policy",
            {"UserName": "admin", "PolicyName": "p", "PolicyDocument": document(allow("s3:Get" + "x" * 2_100, "*"))},
            "LimitExceeded",
            "Maximum policy size of 2048 bytes exceeded for user admin",
        ),
        (
            "s3",
            "put_bucket_policy",
            {"Bucket": BUCKET, "Policy": "nothing"},
            "MalformedPolicy",
            "Policies must be valid JSON and the first byte must be '{'",
        ),
        (
            "s3",
            "put_bucket_policy",
            {"Bucket": BUCKET, "Policy": document(let({"AWS": ACCOUNT}, "s3:GetObject", "arn:aws:s3:::other/*"))},
            "MalformedPolicy",
            "Policy has invalid resource",
        ),
        (
            "sqs",
            "create_queue",
            {"QueueName": "q", "Attributes": {"Policy": "{}"}},
            "InvalidAttributeValue",
            "Invalid value for the parameter Policy.",
        ),
        (
            "kms",
            "create_key",
            {"Policy": "{}"},
            "MalformedPolicyDocumentException",
            "Could not parse the policy: Statement is empty!",
        ),
    ],
)
def test_a_malformed_document_is_not_stored(
    aws: LocalAWS, service: str, operation: str, arguments: dict[str, Any], code: str, message: str
) -> None:
    if service == "s3":
        aws.client("s3").create_bucket(Bucket=BUCKET)
    assert refused(getattr(aws.client(service), operation), **arguments) == (code, message)


def test_numbers_and_booleans_stand_in_conditions_without_quotes(aws: LocalAWS) -> None:
    condition = {"NumericLessThan": {"s3:max-keys": 10}, "Bool": {"aws:SecureTransport": [False, "true"]}}
    text = document(allow("s3:ListBucket", "*") | {"Condition": condition})
    iam = aws.client("iam")
    arn = iam.create_policy(PolicyName="p", PolicyDocument=text)["Policy"]["Arn"]
    stored = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
    assert stored["Statement"][0]["Condition"] == condition


def test_aws_managed_policies_are_there_by_arn_and_in_the_list(aws: LocalAWS) -> None:
    iam = aws.client("iam")
    arn = "arn:aws:iam::aws:policy/aws-service-role/AmazonEKSServiceRolePolicy"
    assert iam.get_policy(PolicyArn=arn)["Policy"]["PolicyName"] == "AmazonEKSServiceRolePolicy"
    boundary = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
    aws.set_up_role(PermissionsBoundary=boundary)
    assert iam.get_role(RoleName="reader")["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == boundary
    listed = [one for page in iam.get_paginator("list_policies").paginate(Scope="AWS") for one in page["Policies"]]
    assert len(listed) > 1_500
    assert iam.list_policies(Scope="Local")["Policies"] == []
    with pytest.raises(ClientError, match="NoSuchPolicy was not found"):
        iam.get_policy(PolicyArn="arn:aws:iam::aws:policy/NoSuchPolicy")
