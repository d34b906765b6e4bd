"""What AWS's refusals of an issuer's writes mean."""

from __future__ import annotations

from typing import Any, cast

import pytest

from podrole.doctor.sources.aws_session import AWSRefusal, AWSSession
from podrole.hosting.account import AWSHosting
from podrole.setup.errors import CallFailed
from podrole.setup.writes import AccountCall


def xform(operation: str) -> str:
    return "".join(word.capitalize() for word in operation.split("_"))


class Refusing:
    """A session whose calls are all refused."""

    account, partition = "111122223333", "aws"

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message

    def call(self, service: str, operation: str, **_: Any) -> dict[str, Any]:
        raise AWSRefusal(f"{service}:{xform(operation)}", self.code, self.message)


BLOCKED = (
    "User: arn:aws:iam::111122223333:user/eve is not authorized to perform: s3:PutBucketPolicy on resource: "
    '"arn:aws:s3:::documents" because public policies are prevented by the BlockPublicPolicy setting in S3 '
    "Block Public Access."
)

PUBLIC = '{"Statement": [{"Principal": "*"}]}'


@pytest.mark.parametrize(
    ("operation", "code", "message", "policy", "what", "step"),
    [
        ("create_bucket", "BucketAlreadyExists", "No.", "{}", "belongs to another account", "choose another name"),
        ("put_bucket_policy", "AccessDenied", BLOCKED, PUBLIC, "S3 refused the policy", "leave --public-bucket out"),
        ("put_bucket_policy", "AccessDenied", "Access Denied", PUBLIC, "S3 refused the policy", "--public-bucket"),
        (
            "put_bucket_policy",
            "AccessDenied",
            "Access Denied",
            "{}",
            "The permission s3:PutBucketPolicy on",
            "add this",
        ),
        (
            "put_public_access_block",
            "AccessDenied",
            "Access Denied",
            "{}",
            "s3:PutBucketPublicAccessBlock on",
            "add this",
        ),
    ],
)
def test_refusal_says_what_to_do(operation: str, code: str, message: str, policy: str, what: str, step: str) -> None:
    hosting = AWSHosting(cast("AWSSession", Refusing(code, message)))
    with pytest.raises(CallFailed) as refused:
        hosting.call(AccountCall("s3", operation, {"Bucket": "documents", "Policy": policy}))
    assert what in refused.value.what
    assert step in str(refused.value.next_step)
