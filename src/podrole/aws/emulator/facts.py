"""The facts that authorization needs, read from moto: see ``podrole.aws.interfaces.Facts``.

:class:`IdentityFacts` reads IAM, and the table of control policies that moto's thread publishes; any thread may ask it.
:class:`MotoFacts` reads every service, and is used in moto's thread alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from podrole.aws.emulator.backends import backend, taggable
from podrole.aws.emulator.bound_principals import entity_id, resolve
from podrole.aws.emulator.identity_store import MotoIdentityStore
from podrole.aws.emulator.organizations import ControlPolicies, control_policy_type
from podrole.aws.emulator.readers import (
    autoscaling,
    cloudformation,
    dynamodb,
    ec2,
    ecr,
    glue,
    iam,
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
from podrole.aws.interfaces import Bucket, ControlPolicy, Levels, Resource
from podrole.iam.actions.call import Call, Keys
from podrole.iam.directory import PolicyText

READERS: Mapping[str, Reader] = {
    "autoscaling": autoscaling.READER,
    "cloudformation": cloudformation.READER,
    "dynamodb": dynamodb.READER,
    "ec2": ec2.READER,
    "ecr": ecr.READER,
    "glue": glue.READER,
    "iam": iam.READER,
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


class IdentityFacts:
    """Facts about identities and organizations; other resources have none here. ``control_policies`` returns the
    current table."""

    def __init__(self, control_policies: Callable[[], ControlPolicies]) -> None:
        self._control_policies = control_policies

    def reader(self, service: str) -> Reader:
        """Return what reads a service's resources."""
        return iam.READER if service == "iam" else _NOTHING

    def arn_of(self, call: Call, kind: str, name: str) -> str | None:
        """See Resolver."""
        find = self.reader(kind.partition(":")[0]).arns.get(kind)
        return find(call, name) if find is not None else None

    def tags_of(self, call: Call, arn: str) -> Mapping[str, str]:
        """See Resolver."""
        parts = parts_of(arn)
        if parts is None:
            return {}
        read = self.reader(parts.service).tags
        return read(parts, call) if read is not None else self._listed_tags(parts)

    def facts_of(self, call: Call, kind: str, arn: str) -> Keys:
        """See Resolver."""
        read, parts = self.reader(kind.partition(":")[0]).facts, parts_of(arn)
        return read(parts, call) if read is not None and parts is not None else {}

    def partition_key(self, call: Call, table: str) -> str | None:  # noqa: ARG002 - no tables here
        """See Resolver."""
        return None

    def resource(self, arn: str) -> Resource:
        """See Facts. A role's trust policy is not returned: STS decides about it."""
        parts = parts_of(arn)
        if parts is None:
            return Resource()
        held = self.policy_holder(parts) if parts.service != "iam" else None
        if held is None:
            return Resource(parts.account)
        if held.policy is None:
            return Resource(held.account, None, held.closed, exists=True)
        text = PolicyText(f"the policy of {held.name}", resolve(held.holder, held.policy))
        return Resource(held.account, text, held.closed, exists=True)

    def policies_within(self, arn: str) -> list[PolicyText]:
        """See Facts."""
        parts = parts_of(arn)
        holders = self.reader(parts.service).holders if parts is not None else None
        if parts is None or holders is None:
            return []
        found = (self.resource(one).policy for one in list(holders(parts.account, parts.region)))
        return [policy for policy in found if policy is not None]

    def policy_holder(self, arn: ARNParts) -> PolicyHolder | None:
        """Return the resource that holds the policy for an ARN."""
        find = self.reader(arn.service).policy_holder
        return find(arn) if find is not None else None

    def bucket(self, name: str) -> Bucket | None:  # noqa: ARG002 - no buckets here
        """See Facts."""
        return None

    def object_exists(self, bucket: str, key: str) -> bool:  # noqa: ARG002 - no buckets here
        """See Facts."""
        return False

    def control_policies(self, account: str, kind: ControlPolicy) -> Levels | None:
        """See Facts."""
        return self._control_policies().get((account, kind))

    def control_policy_type(self, policy_id: str) -> str | None:
        """See Facts."""
        return control_policy_type(policy_id)

    def stack_templates(self, account: str, region: str, *, stack: str, change_set: str) -> list[str]:  # noqa: ARG002
        """See Facts."""
        return []

    def cluster_names(self, account: str, region: str) -> list[str]:  # noqa: ARG002 - no clusters here
        """See Facts."""
        return []

    def identities(self, account: str, partition: str) -> MotoIdentityStore:
        """See Facts."""
        return MotoIdentityStore(account, partition)

    def principal_id(self, arn: str) -> str | None:
        """See Facts."""
        return entity_id(arn)

    def account_exists(self, account: str, partition: str) -> bool:
        """See Facts."""
        return backend("iam", account, partition) is not None

    def _listed_tags(self, arn: ARNParts) -> Mapping[str, str]:  # noqa: ARG002 - no other services here
        return {}


class MotoFacts(IdentityFacts):
    """Facts about every service's resources."""

    def reader(self, service: str) -> Reader:
        """Return what reads a service's resources."""
        return READERS.get(service, _NOTHING)

    def partition_key(self, call: Call, table: str) -> str | None:
        """See Resolver."""
        return dynamodb.partition_key(call, table)

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

    def stack_templates(self, account: str, region: str, *, stack: str, change_set: str) -> list[str]:
        """See Facts."""
        return cloudformation.stack_templates(account, region, stack=stack, change_set=change_set)

    def cluster_names(self, account: str, region: str) -> list[str]:
        """See Facts."""
        stored = backend("eks", account, region)
        return sorted(stored.clusters) if stored is not None else []

    def _listed_tags(self, arn: ARNParts) -> Mapping[str, str]:
        for stored in taggable(arn.service, arn.account, arn.region, arn.partition):
            for one in stored.iter_tagged_resources():
                if one.arn == arn.text or f"{one.arn}:*" == arn.text:
                    return dict(one.tags)
        return {}
