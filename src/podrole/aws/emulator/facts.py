"""The facts that authorization needs, read from moto: see ``podrole.aws.interfaces.Facts``. For moto's thread alone."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from podrole.aws.account_facts import AccountFacts
from podrole.aws.emulator.bound_principals import resolve
from podrole.aws.emulator.listed_tags import listed_tags
from podrole.aws.emulator.readers import (
    athena,
    autoscaling,
    cloudformation,
    config,
    dynamodb,
    ec2,
    ecr,
    glue,
    kinesis,
    kms,
    lambda_,
    logs,
    s3,
    secretsmanager,
    sns,
    sqs,
    ssm,
)
from podrole.aws.emulator.readers.reader import ARNParts, PolicyHolder, Reader, parts_of
from podrole.aws.interfaces import Bucket, Encryption, Resource, SecureParameter
from podrole.iam.actions.call import Call, Keys, LaunchVolumes
from podrole.iam.directory import PolicyText

READERS: Mapping[str, Reader] = {
    "athena": athena.READER,
    "autoscaling": autoscaling.READER,
    "cloudformation": cloudformation.READER,
    "config": config.READER,
    "dynamodb": dynamodb.READER,
    "ec2": ec2.READER,
    "ecr": ecr.READER,
    "glue": glue.READER,
    "kinesis": kinesis.READER,
    "kms": kms.READER,
    "lambda": lambda_.READER,
    "logs": logs.READER,
    "s3": s3.READER,
    "secretsmanager": secretsmanager.READER,
    "sns": sns.READER,
    "sqs": sqs.READER,
    "ssm": ssm.READER,
}
"""By the service's name in ARNs."""
_NOTHING = Reader()


_ACCOUNTS = frozenset({"eks", "iam", "organizations"})
"""The services whose records are podrole's own."""


class MotoFacts(AccountFacts):
    """Facts about every service's resources: podrole's own records, and moto's state."""

    def reader(self, service: str) -> Reader:
        """Return what reads a service's resources."""
        return READERS.get(service, _NOTHING)

    def arn_of(self, call: Call, kind: str, name: str) -> str | None:
        """See Resolver."""
        service = kind.partition(":")[0]
        if service in _ACCOUNTS:
            return super().arn_of(call, kind, name)
        find = self.reader(service).arns.get(kind)
        return find(call, name) if find is not None else None

    def tags_of(self, call: Call, arn: str) -> Mapping[str, str] | None:
        """See Resolver."""
        parts = parts_of(arn)
        if parts is None:
            return None
        if parts.service in _ACCOUNTS:
            return super().tags_of(call, arn)
        read = self.reader(parts.service).tags
        return read(parts, call) if read is not None else listed_tags(parts)

    def described(self, kind: str) -> Container[str]:
        """See Resolver."""
        service, _, type_name = kind.partition(":")
        if service in _ACCOUNTS:
            return super().described(kind)
        described = self.reader(service).described
        return described.get(type_name) or described.get("*") or frozenset()

    def facts_of(self, call: Call, kind: str, arn: str) -> Keys:
        """See Resolver."""
        service = kind.partition(":")[0]
        if service in _ACCOUNTS:
            return super().facts_of(call, kind, arn)
        read, parts = self.reader(service).facts, parts_of(arn)
        return read(parts, call) if read is not None and parts is not None else {}

    def partition_key(self, call: Call, table: str) -> str | None:
        """See Resolver."""
        return dynamodb.partition_key(call, table)

    def resource(self, arn: str) -> Resource:
        """See Facts."""
        parts = parts_of(arn)
        held = self.policy_holder(parts) if parts is not None else None
        if held is None:
            return super().resource(arn)
        if held.policy is None:
            return Resource(held.account, None, held.closed, exists=True)
        text = PolicyText(f"the policy of {held.name}", resolve(held.holder, held.policy, self.principal_id))
        return Resource(held.account, text, held.closed, exists=True)

    def policies_within(self, arn: str) -> list[PolicyText]:
        """See Facts."""
        parts = parts_of(arn)
        if parts is None:
            return []
        holders = self.reader(parts.service).holders
        every = [arn] if holders is None else list(holders(parts.account, parts.region))
        policies = (self.resource(holder_arn).policy for holder_arn in every)
        return [policy for policy in policies if policy is not None]

    def policy_holder(self, arn: ARNParts) -> PolicyHolder | None:
        """Return the resource that holds the policy for an ARN."""
        find = self.reader(arn.service).policy_holder
        return find(arn) if find is not None else None

    def bucket(self, name: str) -> Bucket | None:
        """See Facts."""
        bucket = s3.bucket_of(name)
        if bucket is None:
            return None
        blocks = s3.blocks(bucket, "block_public_policy")
        return Bucket(str(bucket.arn), str(bucket.account_id), str(bucket.region_name), blocks)

    def encryption(self, arn: str, version: str = "") -> Encryption:
        """See Facts."""
        parts = parts_of(arn)
        read = self.reader(parts.service).encryption if parts is not None else None
        return read(parts, version) if read is not None and parts is not None else Encryption()

    def secure_parameters(self, account: str, region: str) -> Iterable[SecureParameter]:
        """See Facts."""
        return ssm.secure_parameters(account, region)

    def object_exists(self, bucket: str, key: str) -> bool:
        """See Facts."""
        stored = s3.bucket_of(bucket)
        return stored is not None and key in stored.keys

    def launch_template(self, call: Call, named: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """See Resolver."""
        return ec2.launch_template(call, named)

    def launch_volumes(self, call: Call, image: str) -> LaunchVolumes:
        """See Resolver."""
        return ec2.launch_volumes(call, image)

    def stack_templates(self, account: str, region: str, *, stack: str, change_set: str) -> list[str]:
        """See Facts."""
        return cloudformation.stack_templates(account, region, stack=stack, change_set=change_set)
