"""The facts that authorization needs, read from moto: see ``podrole.aws.interfaces.Facts``. For moto's thread alone."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from podrole.aws.account_facts import AccountFacts
from podrole.aws.emulator.backends import taggable
from podrole.aws.emulator.bound_principals import resolve
from podrole.aws.emulator.readers import (
    athena,
    autoscaling,
    cloudformation,
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
)
from podrole.aws.emulator.readers.reader import ARNParts, PolicyHolder, Reader, parts_of
from podrole.aws.interfaces import Bucket, Resource
from podrole.iam.actions.call import Call, Keys
from podrole.iam.directory import PolicyText

READERS: Mapping[str, Reader] = {
    "athena": athena.READER,
    "autoscaling": autoscaling.READER,
    "cloudformation": cloudformation.READER,
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
}
"""By the service's name in ARNs."""
_NOTHING = Reader()


_ACCOUNTS = frozenset({"eks", "iam", "organizations"})
"""The services whose records are podrole's own."""


TAGGABLE = frozenset(
    {
        "acm",
        "appsync",
        "athena",
        "autoscaling",
        "backup",
        "catalog",
        "cleanrooms",
        "clouddirectory",
        "cloudformation",
        "cloudfront",
        "cloudwatch",
        "codedeploy",
        "comprehend",
        "connect",
        "connect-campaigns",
        "directconnect",
        "dms",
        "dsql",
        "dynamodb",
        "ec2",
        "ecs",
        "elasticache",
        "elasticbeanstalk",
        "elasticfilesystem",
        "elasticloadbalancing",
        "events",
        "firehose",
        "fsx",
        "glue",
        "kafka",
        "kinesisanalyticsv2",
        "kms",
        "lambda",
        "lex",
        "logs",
        "quicksight",
        "rds",
        "s3",
        "sagemaker",
        "secretsmanager",
        "ses",
        "sns",
        "sqs",
        "ssm",
        "states",
        "swf",
        "vpc-lattice",
        "workspaces",
        "workspaces-web",
    }
)
"""The services whose tagged resources moto can list."""


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
            return {}
        if parts.service in _ACCOUNTS:
            return super().tags_of(call, arn)
        read = self.reader(parts.service).tags
        return read(parts, call) if read is not None else _listed_tags(parts)

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
        holders = self.reader(parts.service).holders if parts is not None else None
        if parts is None or holders is None:
            return []
        policies = (self.resource(one).policy for one in list(holders(parts.account, parts.region)))
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
        block = bucket.public_access_block
        blocks = block is not None and bool(block.block_public_policy)
        return Bucket(str(bucket.arn), str(bucket.account_id), str(bucket.region_name), blocks)

    def object_exists(self, bucket: str, key: str) -> bool:
        """See Facts."""
        stored = s3.bucket_of(bucket)
        return stored is not None and key in stored.keys

    def launch_template(self, account: str, region: str, named: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """See Facts."""
        return ec2.launch_template(account, region, named)

    def stack_templates(self, account: str, region: str, *, stack: str, change_set: str) -> list[str]:
        """See Facts."""
        return cloudformation.stack_templates(account, region, stack=stack, change_set=change_set)


def _listed_tags(arn: ARNParts) -> Mapping[str, str] | None:
    """Return the tags that moto lists for a resource; None if it lists none of the service's."""
    if arn.service not in TAGGABLE:
        return None
    for stored in taggable(arn.service, arn.account, arn.region, arn.partition):
        for one in stored.iter_tagged_resources():
            if one.arn == arn.text or f"{one.arn}:*" == arn.text:
                return dict(one.tags)
    return {}
