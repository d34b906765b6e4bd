"""The writes that make an issuer's bucket and distribution, each with its operation in botocore's words."""

from __future__ import annotations

from typing import Any

from podrole.hosting.wanted import BLOCKS, CACHE_POLICY, ORIGIN, HostedIssuer
from podrole.setup.account_writes import shown_tags
from podrole.setup.writes import AccountCall, PlannedWrite, WriteKind

OWNERSHIP = "BucketOwnerEnforced"


def create_bucket(wanted: HostedIssuer) -> PlannedWrite:
    """Create the bucket with its tags, without ACLs. S3 blocks public access to it."""
    configuration: dict[str, Any] = {"Tags": _tags(wanted)}
    if wanted.region != "us-east-1":
        configuration["LocationConstraint"] = wanted.region
    call = AccountCall(
        "s3",
        "create_bucket",
        {"Bucket": wanted.bucket, "ObjectOwnership": OWNERSHIP, "CreateBucketConfiguration": configuration},
    )
    after = f"region {wanted.region}\nownership {OWNERSHIP} (no ACLs)\ntags {shown_tags(wanted.tags)}"
    return PlannedWrite(WriteKind.CREATE, _bucket(wanted), "", None, after, call)


def set_ownership(wanted: HostedIssuer, before: str | None) -> PlannedWrite:
    """Turn ACLs off."""
    rules = {"Rules": [{"ObjectOwnership": OWNERSHIP}]}
    call = AccountCall("s3", "put_bucket_ownership_controls", {"Bucket": wanted.bucket, "OwnershipControls": rules})
    return PlannedWrite(WriteKind.CHANGE, _bucket(wanted), "ownership", before, OWNERSHIP, call)


def set_blocks(wanted: HostedIssuer, before: frozenset[str], after: frozenset[str]) -> PlannedWrite:
    """Set the bucket's Block Public Access."""
    settings = {name: name in after for name in BLOCKS}
    call = AccountCall(
        "s3", "put_public_access_block", {"Bucket": wanted.bucket, "PublicAccessBlockConfiguration": settings}
    )
    return PlannedWrite(WriteKind.CHANGE, _bucket(wanted), "Block Public Access", _shown(before), _shown(after), call)


def set_policy(wanted: HostedIssuer, before: str | None, after: str) -> PlannedWrite:
    """Set the bucket's policy."""
    call = AccountCall("s3", "put_bucket_policy", {"Bucket": wanted.bucket, "Policy": after})
    return PlannedWrite(WriteKind.CHANGE, _bucket(wanted), "policy", before, after, call)


def create_control(wanted: HostedIssuer) -> PlannedWrite:
    """Create the origin access control: CloudFront signs each of its requests to the bucket."""
    config = {
        "Name": wanted.control_name,
        "Description": f"Made by podrole for the issuer {wanted.name} in {wanted.bucket}",
        "SigningProtocol": "sigv4",
        "SigningBehavior": "always",
        "OriginAccessControlOriginType": "s3",
    }
    call = AccountCall("cloudfront", "create_origin_access_control", {"OriginAccessControlConfig": config})
    return PlannedWrite(
        WriteKind.CREATE, f"origin access control {wanted.control_name}", "", None, "signs every request", call
    )


def create_distribution(wanted: HostedIssuer, control: str) -> PlannedWrite:
    """Create the distribution. Its caller reference is the bucket's: CloudFront makes it once."""
    request = {
        "DistributionConfig": {
            "CallerReference": f"podrole-{wanted.bucket}",
            "Comment": f"podrole issuer {wanted.name}",
            "Enabled": True,
            "Origins": {
                "Quantity": 1,
                "Items": [
                    {
                        "Id": ORIGIN,
                        "DomainName": wanted.bucket_host,
                        "OriginAccessControlId": control,
                        "S3OriginConfig": {"OriginAccessIdentity": ""},
                    }
                ],
            },
            "DefaultCacheBehavior": {
                "TargetOriginId": ORIGIN,
                "ViewerProtocolPolicy": "https-only",
                "CachePolicyId": CACHE_POLICY,
                "Compress": True,
            },
        },
        "Tags": {"Items": _tags(wanted)},
    }
    call = AccountCall("cloudfront", "create_distribution_with_tags", {"DistributionConfigWithTags": request})
    after = (
        f"origin {wanted.bucket_host}\ncache: what each document's Cache-Control says\ntags {shown_tags(wanted.tags)}"
    )
    return PlannedWrite(WriteKind.CREATE, f"CloudFront distribution of {wanted.bucket}", "", None, after, call)


def _bucket(wanted: HostedIssuer) -> str:
    return f"bucket {wanted.bucket}"


def _shown(blocks: frozenset[str]) -> str:
    return ", ".join(f"{name} {'on' if name in blocks else 'off'}" for name in BLOCKS)


def _tags(wanted: HostedIssuer) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(wanted.tags.items())]
