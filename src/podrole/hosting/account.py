"""The account in which an issuer is served: reads what is there, and makes the writes of a plan.

``podrole.hosting.permissions`` lists the actions that this needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podrole.doctor.errors import SourceError
from podrole.doctor.sources.aws_session import AWSRefusal, AWSSession
from podrole.hosting.distribution import found_config
from podrole.hosting.wanted import BLOCKS, FoundBucket, FoundDistribution, HostedIssuer, HostingFound
from podrole.setup.aws_errors import failure
from podrole.setup.errors import CallFailed, NotThere
from podrole.setup.writes import AccountCall


class AWSHosting:
    """Reads and changes an account. Every method raises CallFailed or one of its kinds."""

    def __init__(self, session: AWSSession) -> None:
        self._session = session

    def find(self, wanted: HostedIssuer, issuer: str | None = None) -> HostingFound:
        """Return what is there of an issuer. ``issuer`` is the one that the documents name."""
        bucket = self._bucket(wanted.bucket)
        taken = bucket is None and self._is_taken(wanted.bucket)
        blocks = self._account_blocks(wanted.account) if wanted.public else frozenset()
        if wanted.public:
            return HostingFound(bucket, taken, account_blocks=blocks, issuer=issuer)
        return HostingFound(
            bucket, taken, self._control(wanted.control_name), self._distributions(wanted.bucket_host), issuer=issuer
        )

    def region_of(self, bucket: str) -> str | None:
        """Return the region of a bucket of this account; None if it has no such bucket."""
        listed = self._call("s3", "list_buckets", Prefix=bucket).get("Buckets", ())
        if not any(entry["Name"] == bucket for entry in listed):
            return None
        return self._call("s3", "get_bucket_location", Bucket=bucket).get("LocationConstraint") or "us-east-1"

    def call(self, call: AccountCall) -> None:
        """Execute one write."""
        try:
            self._call(call.service, call.operation, **call.parameters)
        except CallFailed as problem:
            raise _explained(call, problem) from problem

    def _bucket(self, name: str) -> FoundBucket | None:
        region = self.region_of(name)
        if region is None:
            return None
        tags = self._found("s3", "get_bucket_tagging", Bucket=name).get("TagSet", ())
        blocks = self._found("s3", "get_public_access_block", Bucket=name).get("PublicAccessBlockConfiguration", {})
        rules = self._found("s3", "get_bucket_ownership_controls", Bucket=name).get("OwnershipControls", {})
        return FoundBucket(
            region,
            {tag["Key"]: tag["Value"] for tag in tags},
            _on(blocks),
            next((rule["ObjectOwnership"] for rule in rules.get("Rules", ())), None),
            self._found("s3", "get_bucket_policy", Bucket=name).get("Policy"),
        )

    def _is_taken(self, name: str) -> bool:
        """Say whether a bucket of this name exists that the account does not list."""
        try:
            self._session.call("s3", "head_bucket", Bucket=name)
        except AWSRefusal as refused:
            return not refused.not_there
        except SourceError as problem:
            raise failure(problem, self._session.account, self._session.partition, {}) from problem
        return True

    def _account_blocks(self, account: str) -> frozenset[str]:
        answer = self._found("s3control", "get_public_access_block", AccountId=account)
        return _on(answer.get("PublicAccessBlockConfiguration", {}))

    def _control(self, name: str) -> str | None:
        for page in self._pages("list_origin_access_controls", "OriginAccessControlList"):
            if page["Name"] == name:
                return str(page["Id"])
        return None

    def _distributions(self, host: str) -> tuple[FoundDistribution, ...]:
        return tuple(
            FoundDistribution(
                page["Id"],
                page["ARN"],
                page["DomainName"],
                page["Status"],
                self._tags(page["ARN"]),
                found_config(page),
            )
            for page in self._pages("list_distributions", "DistributionList")
            if any(origin["DomainName"] == host for origin in page["Origins"]["Items"])
        )

    def _tags(self, arn: str) -> dict[str, str]:
        listed = self._call("cloudfront", "list_tags_for_resource", Resource=arn)["Tags"].get("Items") or ()
        return {tag["Key"]: tag.get("Value", "") for tag in listed}

    def _pages(self, operation: str, member: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        marker: dict[str, str] = {}
        while True:
            page = self._call("cloudfront", operation, **marker)[member]
            items += page.get("Items") or ()
            if not page.get("IsTruncated"):
                return items
            marker = {"Marker": page["NextMarker"]}

    def _found(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        try:
            return self._call(service, operation, **parameters)
        except NotThere:
            return {}

    def _call(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        try:
            return self._session.call(service, operation, **parameters)
        except SourceError as problem:
            raise failure(problem, self._session.account, self._session.partition, parameters) from problem


def _on(settings: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(name for name in BLOCKS if settings.get(name))


def _explained(call: AccountCall, problem: CallFailed) -> CallFailed:
    """Return the refusal of a write with what is known of its reason."""
    if call.operation == "create_bucket" and problem.got == "BucketAlreadyExists":
        return CallFailed(
            f"Bucket {call.parameters['Bucket']} belongs to another account: names are taken once in the world.",
            next_step="choose another name",
        )
    said = problem.got or ""
    if call.operation == "put_bucket_policy" and (
        "BlockPublic" in said or (said == "Access Denied" and '"Principal": "*"' in call.parameters["Policy"])
    ):
        return CallFailed(
            f"S3 refused the policy of bucket {call.parameters['Bucket']}: it lets everybody read documents.",
            got=problem.got,
            next_step="Block Public Access of the bucket, the account or the organization may forbid it: "
            "leave --public-bucket out, and CloudFront serves a private bucket",
        )
    return problem
