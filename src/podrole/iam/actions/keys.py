"""The condition keys of one permission: what the request says, and what is known of the resource.

The keys of the caller and of the connection (``aws:PrincipalArn``, ``aws:SourceIp`` …) are not here.

Source: AWS, "Actions, resources, and condition keys for AWS services", and each service's page of condition keys.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from podrole.base.short_texts import cached_for_short_texts
from podrole.iam.actions import tags
from podrole.iam.actions.arns import plain
from podrole.iam.actions.call import Call, Permission, Resolver, Values
from podrole.iam.actions.leading_keys import item_keys
from podrole.iam.actions.service_keys import by_path, defaults, of_service, texts
from podrole.iam.actions.unfilled import LONGEST_ARN, UnfilledKeys, kind_of, listed_keys
from podrole.iam.request import NO_RESOURCE
from podrole.iam.unknown import UnknownKeys


class ConditionKeys(NamedTuple):
    """The keys of one permission: their values, and which keys' values are unknown. All others are absent."""

    values: dict[str, Values]
    unknown: Container[str] = frozenset()


def condition_keys(call: Call, permission: Permission, resolver: Resolver) -> ConditionKeys:
    """Return the keys of one permission. Of several sources the facts about the resource win."""
    call = permission.call or call
    prefix, _, name = permission.action.partition(":")
    undetermined = list(permission.unknown)
    values: dict[str, Values] = {}
    if prefix == call.prefix:
        listed = _listed(permission.resource, prefix, name)
        of_action = {**defaults(call, permission.action), **by_path(call, permission.action)}
        values.update((key, value) for key, value in of_action.items() if key.lower() in listed)
        values.update(_by_name(call, prefix, permission))
        values.update(of_service(call, prefix))
    if _is_source(call, permission):
        undetermined += _TAGS_OF_REQUEST
    else:
        values.update(_tags(call, permission))
    if prefix == "dynamodb":
        items = item_keys(call, permission, resolver)
        values.update(items.values)
        undetermined += items.unknown
    if prefix == "s3" and not permission.exists:
        values["s3:ResourceAccount"] = call.account
    if permission.exists and permission.resource != NO_RESOURCE:
        undetermined += _of_resource(call, permission, resolver, values)
    values.update(permission.keys)
    return ConditionKeys(values, UnfilledKeys(call, permission, resolver, UnknownKeys(undetermined)))


def _of_resource(call: Call, permission: Permission, resolver: Resolver, values: dict[str, Values]) -> tuple[str, ...]:
    """Fill in what is known of an existing resource. Return the families of keys that cannot be told."""
    prefix = permission.action.partition(":")[0]
    unknown_tags = ("aws:ResourceTag/*", f"{prefix}:ResourceTag/*")
    if permission.partial:
        return unknown_tags
    asked = call
    if permission.version:
        asked = replace(call, parameters={**call.parameters, "VersionId": permission.version})
    facts = resolver.facts_of(asked, kind_of(permission), permission.resource)
    # A boundary that the request asks for counts, not the one that it replaces.
    values.update({key: value for key, value in facts.items() if key != _BOUNDARY or key not in values})
    resource_tags = resolver.tags_of(call, permission.resource)
    if resource_tags is None:
        return unknown_tags
    for key, value in resource_tags.items():
        values[f"aws:ResourceTag/{key}"] = value
        values[f"{prefix}:ResourceTag/{key}"] = value
    return ()


_BOUNDARY = "iam:PermissionsBoundary"


def _tags(call: Call, permission: Permission) -> Iterator[tuple[str, Values]]:
    new_tags = _tags_for(call, permission)
    removed = tags.removed_keys(call)
    for key, value in new_tags.items():
        yield f"aws:RequestTag/{key}", value
    if new_tags or removed:
        yield "aws:TagKeys", [*new_tags, *removed]
    if call.client == "s3" and new_tags:
        yield "s3:RequestObjectTagKeys", list(new_tags)
        for key, value in new_tags.items():
            yield f"s3:RequestObjectTag/{key}", value


_TAGS_OF_REQUEST = ("aws:RequestTag/*", "aws:TagKeys")


def _is_source(call: Call, permission: Permission) -> bool:
    """Say whether a permission is on what EC2 copies, while the call has tags for the copy.

    AWS does not document whether the source is evaluated with them. Its policy for the EBS CSI driver expects not:
    https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonEBSCSIDriverPolicyV2.html
    """
    if call.client != "ec2" or not call.operation.startswith("Copy"):
        return False
    return permission.exists and not permission.partial and bool(_tags_for(call, permission))


def _tags_for(call: Call, permission: Permission) -> dict[str, str]:
    """Return the tags for the permission's resource: EC2 tags by type of resource."""
    if call.client != "ec2" or "TagSpecifications" not in call.parameters:
        return tags.request_tags(call)
    kind = permission.resource.split(":", 5)[-1].partition("/")[0]
    return {
        key: value
        for wanted, new_tags in tags.specified_tags(call)
        if wanted in ("", kind)
        for key, value in new_tags.items()
    }


@cached_for_short_texts(4096, longest=LONGEST_ARN)
def _named_keys(arn: str, prefix: str, action: str) -> tuple[tuple[str, str], ...]:
    """Return the action's keys of its own service, each with the name that a parameter would have."""
    keys = _listed(arn, prefix, action).values()
    return tuple((key, plain(key.partition(":")[2])) for key in sorted(keys) if key.startswith(f"{prefix}:"))


def _listed(arn: str, prefix: str, action: str) -> Mapping[str, str]:
    return listed_keys(arn, prefix, action) or {}


def _by_name(call: Call, prefix: str, permission: Permission) -> Iterator[tuple[str, Values]]:
    if prefix in ("dynamodb", "s3"):
        return
    wanted = _named_keys(permission.resource, prefix, permission.action.partition(":")[2])
    parameters = {plain(name): value for name, value in call.parameters.items()}
    for key, name in wanted:
        values = texts(parameters.get(name))
        if values:
            yield key, values if len(values) > 1 else values[0]
