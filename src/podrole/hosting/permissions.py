"""The least that an issuer on AWS needs: one IAM policy to make it, one to publish its keys.

``docs/issuer.md`` shows both as what an administrator copies; tests run with exactly them.
"""

from __future__ import annotations

from typing import Any

_BUCKET = (
    "s3:CreateBucket",
    "s3:GetBucketLocation",
    "s3:GetBucketOwnershipControls",
    "s3:GetBucketPolicy",
    "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketTagging",
    "s3:ListBucket",
    "s3:PutBucketOwnershipControls",
    "s3:PutBucketPolicy",
    "s3:PutBucketPublicAccessBlock",
    "s3:TagResource",
)
_CLOUDFRONT = (
    "cloudfront:CreateDistribution",
    "cloudfront:CreateOriginAccessControl",
    "cloudfront:ListDistributions",
    "cloudfront:ListOriginAccessControls",
    "cloudfront:ListTagsForResource",
    "cloudfront:TagResource",
)


def publishing_policy(bucket: str, prefix: str = "") -> dict[str, Any]:
    """Return the policy with which keys are published and rotated."""
    objects = "/".join(filter(None, (f"arn:aws:s3:::{bucket}", prefix, "*")))
    return _policy(
        _allow("Documents", ["s3:GetObject", "s3:PutObject"], objects),
        _allow("Missing", ["s3:ListBucket"], f"arn:aws:s3:::{bucket}"),
    )


def hosting_policy(bucket: str, prefix: str = "", *, public: bool = False) -> dict[str, Any]:
    """Return the policy with which the bucket and the distribution are made, and the first documents written."""
    documents = publishing_policy(bucket, prefix)["Statement"][:1]
    others = ["s3:ListAllMyBuckets", "s3:GetAccountPublicAccessBlock"] if public else ["s3:ListAllMyBuckets"]
    return _policy(
        *documents,
        _allow("Bucket", list(_BUCKET), f"arn:aws:s3:::{bucket}"),
        _allow("Account", others + ([] if public else list(_CLOUDFRONT)), "*"),
    )


def _allow(name: str, actions: list[str], resource: str) -> dict[str, Any]:
    return {"Sid": f"PodroleIssuer{name}", "Effect": "Allow", "Action": actions, "Resource": resource}


def _policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}
