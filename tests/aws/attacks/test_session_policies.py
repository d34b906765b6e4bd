"""Policies that a caller passes for the session it asks for: they only ever take away."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.aws import ACCOUNT, LocalAWS, allow, policy, refusal, refused

EC2_READ_ONLY = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"
S3_READ_ONLY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"


def reader(aws: LocalAWS, *statements: dict[str, Any]) -> None:
    aws.set_up_role()
    aws.client("iam").put_role_policy(RoleName="reader", PolicyName="own", PolicyDocument=policy(*statements))


def may_describe(aws: LocalAWS, credentials: dict[str, str]) -> bool:
    try:
        aws.client("ec2", credentials).describe_instances()
    except ClientError as problem:
        if problem.response["Error"]["Code"] != "UnauthorizedOperation":
            raise
        return False
    return True


GIVEN: dict[str, tuple[dict[str, Any], bool]] = {
    "none": ({}, True),
    "an inline policy that allows it": ({"Policy": policy(allow("ec2:*"))}, True),
    "an inline policy that allows something else": ({"Policy": policy(allow("s3:*"))}, False),
    "an inline policy that denies it": (
        {"Policy": policy(allow("*"), {**allow("ec2:DescribeInstances"), "Effect": "Deny"})},
        False,
    ),
    "a managed policy that allows it": ({"PolicyArns": [{"arn": EC2_READ_ONLY}]}, True),
    "a managed policy that allows something else": ({"PolicyArns": [{"arn": S3_READ_ONLY}]}, False),
    "one managed policy of two": ({"PolicyArns": [{"arn": S3_READ_ONLY}, {"arn": EC2_READ_ONLY}]}, True),
    "a managed policy, beside an inline one that does not": (
        {"Policy": policy(allow("s3:*")), "PolicyArns": [{"arn": EC2_READ_ONLY}]},
        True,
    ),
    "a condition that fails": (
        {"Policy": policy(allow("*", Condition={"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}))},
        False,
    ),
}


@pytest.mark.parametrize(("given", "allowed"), GIVEN.values(), ids=GIVEN.keys())
def test_a_session_has_what_role_and_session_policies_both_give(
    aws: LocalAWS, given: dict[str, Any], allowed: bool
) -> None:
    reader(aws, allow("ec2:Describe*"))
    know_managed(aws)
    assert may_describe(aws, aws.credentials(**given)) is allowed


def know_managed(aws: LocalAWS) -> None:
    """Have the account use both managed policies."""
    aws.role("other", {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
    for arn in (EC2_READ_ONLY, S3_READ_ONLY):
        aws.client("iam").attach_role_policy(RoleName="other", PolicyArn=arn)


def test_a_session_policy_allows_nothing_beyond_the_role(aws: LocalAWS) -> None:
    reader(aws, allow("s3:*"))
    assert not may_describe(aws, aws.credentials(Policy=policy(allow("*"))))


def test_a_deleted_managed_session_policy_allows_nothing(aws: LocalAWS) -> None:
    reader(aws, allow("ec2:*"))
    iam = aws.client("iam")
    arn = iam.create_policy(PolicyName="edge", PolicyDocument=policy(allow("ec2:*")))["Policy"]["Arn"]
    credentials = aws.credentials(PolicyArns=[{"arn": arn}])
    assert may_describe(aws, credentials)
    iam.delete_policy(PolicyArn=arn)
    assert not may_describe(aws, credentials), "no policy is left, and that is not the same as no limit"


def test_an_answer_says_how_full_the_session_is(aws: LocalAWS) -> None:
    reader(aws, allow("*"))
    assert "PackedPolicySize" not in aws.exchange().text
    small = aws.exchange(Policy=policy(allow("s3:*"))).text
    large = aws.exchange(Policy=policy(allow([f"s3:Get{n}" for n in range(100)]))).text
    sizes = [int(text.partition("<PackedPolicySize>")[2].partition("<")[0]) for text in (small, large)]
    assert 1 <= sizes[0] < sizes[1] <= 100


REFUSED: dict[str, tuple[dict[str, str], str, str]] = {
    "no JSON": ({"Policy": "{"}, "MalformedPolicyDocument", ""),
    "an empty object": ({"Policy": "{}"}, "MalformedPolicyDocument", ""),
    "a principal": (
        {"Policy": policy({**allow("*"), "Principal": "*"})},
        "MalformedPolicyDocument",
        "",
    ),
    "an unknown effect": ({"Policy": policy({**allow("*"), "Effect": "Permit"})}, "MalformedPolicyDocument", ""),
    "a duplicate member": (
        {"Policy": policy(allow("*")).replace('"Version"', '"Version": "2012-10-17", "Version"')},
        "MalformedPolicyDocument",
        "",
    ),
    "2049 characters": (
        {"Policy": policy(allow("*")) + " " * 2_000},
        "ValidationError",
        "1 validation error detected: Value",
    ),
    "a character beyond Latin": (
        {"Policy": policy(allow("s3:*")).replace("s3", "s\u0663")},
        "ValidationError",
        "1 validation error detected: Value",
    ),
    "a managed policy that is not there": (
        {"PolicyArns.member.1.arn": f"arn:aws:iam::{ACCOUNT}:policy/none"},
        "ValidationError",
        f"Policy arn:aws:iam::{ACCOUNT}:policy/none does not exist or is not attachable.",
    ),
    "a managed policy of another account": (
        {"PolicyArns.member.1.arn": "arn:aws:iam::444455556666:policy/none"},
        "ValidationError",
        "Policy arn:aws:iam::444455556666:policy/none does not exist",
    ),
    "a role as a managed policy": (
        {"PolicyArns.member.1.arn": f"arn:aws:iam::{ACCOUNT}:role/reader"},
        "ValidationError",
        f"Policy arn:aws:iam::{ACCOUNT}:role/reader does not exist",
    ),
    "an invalid ARN": (
        {"PolicyArns.member.1.arn": "x" * 20},
        "ValidationError",
        "Policy xxxx",
    ),
    "a list misspelt": (
        {"PolicyArns.1.arn": EC2_READ_ONLY},
        "MalformedInput",
        "Unexpected list element termination",
    ),
    "text and ARNs too long together": (
        {
            "Policy": policy(allow("s3:*")) + " " * 1_400,
            **{f"PolicyArns.member.{n}.arn": f"arn:aws:iam::{ACCOUNT}:policy/{'x' * 90}{n}" for n in range(1, 10)},
        },
        "PackedPolicyTooLarge",
        "Serialized token too large for session",
    ),
}


@pytest.mark.parametrize(("given", "code", "start"), REFUSED.values(), ids=REFUSED.keys())
def test_a_session_policy_is_refused_with(aws: LocalAWS, given: dict[str, str], code: str, start: str) -> None:
    reader(aws, allow("*"))
    status, found, message = refusal(aws.exchange(**given))
    assert (status, found) == (400, code)
    assert message.startswith(start)


def test_tags_and_policies_over_the_budget_are_refused(aws: LocalAWS) -> None:
    reader(aws, allow("*"))
    document = {"Version": "2012-10-17", "Statement": [_anything()]}
    aws.store_trust(document)
    import random

    letters = random.Random(7)
    pairs = {f"key-{n}": ["".join(letters.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=200))] for n in range(30)}
    token = aws.token(**{"https://aws.amazon.com/tags": {"principal_tags": pairs}})
    status, code, message = refusal(aws.exchange(token))
    assert (status, code) == (400, "PackedPolicyTooLarge")
    assert message.startswith("Packed size of session tags consumes ")
    assert message.endswith("% of allotted space.")


def _anything() -> dict[str, Any]:
    from support.aws import PROVIDER_ARN

    return {"Effect": "Allow", "Principal": {"Federated": PROVIDER_ARN}, "Action": "sts:*"}


def test_a_session_lasts_from_fifteen_minutes_to_what_the_role_allows(aws: LocalAWS) -> None:
    aws.set_up_role(MaxSessionDuration=7_200)
    for seconds in (900, 3_600, 7_200):
        answer = aws.exchange(DurationSeconds=str(seconds))
        assert answer.status_code == 200
        assert expiry_of(aws, answer.text) == pytest.approx(aws.now() + seconds, abs=30)
    assert expiry_of(aws, aws.exchange().text) == pytest.approx(aws.now() + 3_600, abs=30), "the default is an hour"
    assert refusal(aws.exchange(DurationSeconds="7201")) == (
        400,
        "ValidationError",
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
    )


def expiry_of(aws: LocalAWS, text: str) -> float:
    import datetime

    stated = text.partition("<Expiration>")[2].partition("<")[0]
    return datetime.datetime.fromisoformat(stated).timestamp()


def test_a_token_is_as_long_as_was_asked_for(aws: LocalAWS) -> None:
    aws.set_up_role()
    text = aws.exchange(MinimumSessionTokenSize="4096").text
    token = text.partition("<SessionToken>")[2].partition("<")[0]
    assert 4_096 <= len(token) < 4_200
    key, secret = (text.partition(f"<{name}>")[2].partition("<")[0] for name in ("AccessKeyId", "SecretAccessKey"))
    identity = aws.client("sts", {"AccessKeyId": key, "SecretAccessKey": secret, "SessionToken": token})
    assert identity.get_caller_identity()["Arn"].endswith("/reader/web")


def test_a_denial_by_a_session_policy_says_so(aws: LocalAWS) -> None:
    reader(aws, allow("ec2:*"))
    session = aws.credentials(Policy=policy(allow("s3:*")))
    message = refused(aws.client("ec2", session).describe_instances)[2]
    assert "because no session policy allows the ec2:DescribeInstances action" in message
    assert "session" in json.dumps(aws.last_event().explanation)
