"""Resources that a call names deep inside its input, or in a member whose name does not tell.

An action lists the types of resources that it is on. Where a call names several of one type (the VPC to peer with, the
subnets to add), all of them are asked for. That is worked out exactly for the services in EXACT. In a call of any other
service, a member whose name speaks of such a type and that was not resolved leaves the resource unknown.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from podrole.base.short_texts import cached_for_short_texts
from podrole.iam.actions.arns import plain
from podrole.iam.actions.call import Call, Permission, Resolver, find
from podrole.iam.actions.ec2 import TYPES_BY_PREFIX
from podrole.iam.actions.reference import Action, ResourceType

EXACT = frozenset(
    {
        "athena",
        "autoscaling",
        "cloudformation",
        "cloudwatch",
        "dynamodb",
        "ebs",
        "ec2",
        "ecr",
        "efs",
        "eks",
        "elbv2",
        "events",
        "firehose",
        "glue",
        "iam",
        "kinesis",
        "kms",
        "lambda",
        "logs",
        "organizations",
        "rds",
        "route53",
        "s3",
        "scheduler",
        "secretsmanager",
        "sns",
        "sqs",
        "ssm",
        "stepfunctions",
        "sts",
    }
)
"""The services whose calls are resolved exactly: those that pods really use. tests/iam/actions/test_named_members.py
reviews each member of theirs."""

_MEMBERS: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("athena", "PutCapacityAssignmentConfiguration"): {"CapacityAssignments.WorkGroupNames": "workgroup"},
    ("dynamodb", "ImportTable"): {"TableCreationParameters.TableName": "table"},
    ("dynamodb", "RestoreTableToPointInTime"): {"SourceTableArn": "table"},
    ("lambda", "PutFunctionCodeSigningConfig"): {"CodeSigningConfigArn": "code signing config"},
    ("logs", "PutSubscriptionFilter"): {"destinationArn": "destination"},
    ("rds", "CopyDBClusterParameterGroup"): {"TargetDBClusterParameterGroupIdentifier": "cluster-pg"},
    ("rds", "CopyDBClusterSnapshot"): {"TargetDBClusterSnapshotIdentifier": "cluster-snapshot"},
    ("rds", "CopyDBParameterGroup"): {"TargetDBParameterGroupIdentifier": "pg"},
    ("rds", "CopyDBSnapshot"): {"TargetDBSnapshotIdentifier": "snapshot"},
    ("rds", "CopyOptionGroup"): {"TargetOptionGroupIdentifier": "og"},
    ("rds", "CreateBlueGreenDeployment"): {
        "TargetDBClusterParameterGroupName": "cluster-pg",
        "TargetDBParameterGroupName": "pg",
    },
    ("rds", "CreateGlobalCluster"): {"SourceDBClusterIdentifier": "cluster"},
    ("rds", "FailoverDBCluster"): {"TargetDBInstanceIdentifier": "db"},
    ("rds", "ModifyDBCluster"): {"DBInstanceParameterGroupName": "pg"},
}
"""Paths of members, with the type of resource that they name."""

_EC2_ID = re.compile(r"([a-z]+(?:-[a-z]+)*)-[0-9a-f]{8,17}")
_NOT_ASKED_FOR = frozenset({"UserIdGroupPairs"})
"""EC2's rules name other security groups, which AWS does not ask for."""


def further(
    call: Call, name: str, action: Action, permissions: Collection[Permission], resolver: Resolver
) -> list[Permission]:
    """Return the action on the resources that the call names and that ``permissions`` lacks."""
    if not action.on:
        return []
    if call.client not in EXACT:
        return _unknown(call, name, action, permissions)
    types = {kind.name: kind for kind, _ in action.on}
    named = {permission.resource for permission in permissions if permission.action == name}
    missing: dict[str, Permission] = {}
    for kind_name, text in (*_by_member(call), *(_in_ec2(call, resolver) if call.client == "ec2" else ())):
        kind = types.get(kind_name)
        arn = _arn(call, kind, text) if kind is not None else None
        if arn is not None and arn not in named:
            missing.setdefault(arn, Permission(name, arn, partial=text == "*"))
    return list(missing.values())


def _unknown(call: Call, name: str, action: Action, permissions: Collection[Permission]) -> list[Permission]:
    """Return the action on all resources of each type that the call may name in a way that was not understood."""
    place = {"Partition": call.partition, "Region": call.region, "Account": call.account}
    missing: dict[str, Permission] = {}
    for member, text in _texts("", call.parameters):
        for kind, _ in action.on if is_naming(member) else ():
            if speaks_of(member, kind) and not any(_is_named(permission.resource, text) for permission in permissions):
                missing.setdefault(kind.name, Permission(name, kind.fill(place), partial=True))
    return list(missing.values())


def _is_named(resource: str, text: str) -> bool:
    """Say whether a text is the ARN of a resource, or whole parts of the ARN behind its account."""
    inside = resource.split(":", 5)[-1]
    return resource == text or f"/{text}/".replace(":", "/") in f"/{inside}/".replace(":", "/")


_NAMING = re.compile(r"(?:Name|Id|Arn|ARN|Identifier|Url|Handle|Iterator|Alias)s?$")
_SUFFIX = re.compile(r"(?:name|id|arn|identifier|url|handle)s?$")
_OF_VARIABLE = re.compile(r"(?:name|id|arn|identifier|withpath|withoutleadingslash)$")


def is_naming(member: str) -> bool:
    """Say whether a member's name is that of a name, an id, an ARN, a URL or a handle."""
    return _NAMING.search(member) is not None


@cached_for_short_texts(4096)
def speaks_of(member: str, kind: ResourceType) -> bool:
    """Say whether a member's name has the name of a type in it, or of what tells resources of the type apart."""
    words = {plain(kind.name), *(_OF_VARIABLE.sub("", plain(variable)) for variable in kind.variables)}
    core = _SUFFIX.sub("", plain(member))
    return any(len(word) > 2 and (word in core or (len(core) > 3 and core in word)) for word in words)


def _by_member(call: Call) -> Iterator[tuple[str, str]]:
    for path, kind in _MEMBERS.get((call.client, call.operation), {}).items():
        yield from ((kind, text) for text in find(call.parameters, path.split(".")) if isinstance(text, str))


def _in_ec2(call: Call, resolver: Resolver) -> Iterator[tuple[str, str]]:
    for member, text in _texts("", call.parameters):
        if member == "LaunchTemplateName":
            known = resolver.arn_of(call, "ec2:launch-template", text)
            yield "launch-template", known.rpartition("/")[2] if known is not None else "*"
        form = _EC2_ID.fullmatch(text)
        if form is not None:
            yield TYPES_BY_PREFIX.get(form[1], form[1]), text


def _texts(member: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield member, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in _NOT_ASKED_FOR:
                yield from _texts(name, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(member, inner)


def _arn(call: Call, kind: ResourceType, text: str) -> str | None:
    if text.startswith("arn:"):
        return text if kind.is_of(text) else None
    place = {"Partition": call.partition, "Region": call.region, "Account": call.account}
    return kind.fill({**place, kind.variables[-1]: text})
