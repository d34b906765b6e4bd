"""The condition keys of one permission: what the request says, and what is known of the resource.

The keys of the caller and of the connection (``aws:PrincipalArn``, ``aws:SourceIp`` …) are not here.

Source: AWS, "Actions, resources, and condition keys for AWS services", and each service's page of condition keys.
"""

from __future__ import annotations

import functools
from collections.abc import Container, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from podrole.iam.actions import tags
from podrole.iam.actions.arns import plain
from podrole.iam.actions.call import Call, Permission, Resolver, Values
from podrole.iam.actions.leading_keys import item_keys
from podrole.iam.actions.reference import service
from podrole.iam.request import NO_RESOURCE
from podrole.iam.unknown import UnknownKeys

_S3_PARAMETERS = {
    "ACL": "s3:x-amz-acl",
    "CopySource": "s3:x-amz-copy-source",
    "Delimiter": "s3:delimiter",
    "GrantFullControl": "s3:x-amz-grant-full-control",
    "GrantRead": "s3:x-amz-grant-read",
    "GrantReadACP": "s3:x-amz-grant-read-acp",
    "GrantWrite": "s3:x-amz-grant-write",
    "GrantWriteACP": "s3:x-amz-grant-write-acp",
    "MaxKeys": "s3:max-keys",
    "MetadataDirective": "s3:x-amz-metadata-directive",
    "ObjectLockLegalHoldStatus": "s3:object-lock-legal-hold",
    "ObjectLockMode": "s3:object-lock-mode",
    "ObjectLockRetainUntilDate": "s3:object-lock-retain-until-date",
    "ObjectOwnership": "s3:x-amz-object-ownership",
    "Prefix": "s3:prefix",
    "SSECustomerAlgorithm": "s3:x-amz-server-side-encryption-customer-algorithm",
    "SSEKMSKeyId": "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "ServerSideEncryption": "s3:x-amz-server-side-encryption",
    "StorageClass": "s3:x-amz-storage-class",
    "VersionId": "s3:VersionId",
    "WebsiteRedirectLocation": "s3:x-amz-website-redirect-location",
}


class ConditionKeys(NamedTuple):
    """The keys of one permission: their values, and which keys' values are unknown. All others are absent."""

    values: dict[str, Values]
    unknown: Container[str] = frozenset()


def condition_keys(call: Call, permission: Permission, resolver: Resolver) -> ConditionKeys:
    """Return the keys of one permission."""
    found: dict[str, Values] = {}
    unknown = list(permission.unknown)
    prefix, _, name = permission.action.partition(":")
    found.update(_tags(call, permission))
    found.update(_by_name(call, prefix, name))
    found.update(_OF_SERVICE.get(call.client, _nothing)(call))
    if prefix == "ec2":
        found["ec2:Region"] = call.region
    elif prefix == "dynamodb":
        items = item_keys(call, permission, resolver)
        found.update(items.values)
        unknown += items.unknown
    if permission.exists and permission.resource != NO_RESOURCE and not permission.partial:
        kind, asked = _kind(permission), call
        if permission.version:
            asked = replace(call, parameters={**call.parameters, "VersionId": permission.version})
        found.update(resolver.facts_of(asked, kind, permission.resource))
        for key, value in resolver.tags_of(call, permission.resource).items():
            found[f"aws:ResourceTag/{key}"] = value
            found[f"{prefix}:ResourceTag/{key}"] = value
    found.update(permission.keys)
    return ConditionKeys(found, UnknownKeys(unknown))


def _nothing(call: Call) -> Mapping[str, Values]:  # noqa: ARG001 - the signature of all
    return {}


def _kind(permission: Permission) -> str:
    parts = permission.resource.split(":", 5)
    return f"{parts[2]}:{parts[5].partition('/')[0].partition(':')[0]}" if len(parts) == 6 else ""


def _tags(call: Call, permission: Permission) -> Iterator[tuple[str, Values]]:
    given = _tags_for(call, permission)
    removed = tags.removed_keys(call)
    for key, value in given.items():
        yield f"aws:RequestTag/{key}", value
    if given or removed:
        yield "aws:TagKeys", [*given, *removed]
    if call.client == "s3" and given:
        yield "s3:RequestObjectTagKeys", list(given)
        for key, value in given.items():
            yield f"s3:RequestObjectTag/{key}", value


def _tags_for(call: Call, permission: Permission) -> dict[str, str]:
    """Return the tags for the permission's resource: EC2 tags by type of resource."""
    if call.client != "ec2" or "TagSpecifications" not in call.parameters:
        return tags.request_tags(call)
    kind = permission.resource.split(":", 5)[-1].partition("/")[0]
    return {
        key: value
        for wanted, given in tags.specified_tags(call)
        if wanted in ("", kind)
        for key, value in given.items()
    }


@functools.lru_cache(maxsize=4096)
def _named_keys(prefix: str, action: str) -> tuple[tuple[str, str], ...]:
    """Return the action's keys of its own service, each with the name that a parameter would have."""
    reference = service(prefix)
    found = reference.action(action) if reference is not None else None
    keys = sorted(found.keys) if found is not None else ()
    return tuple((key, plain(key.partition(":")[2])) for key in keys if key.startswith(f"{prefix}:") and "$" not in key)


def _by_name(call: Call, prefix: str, action: str) -> Iterator[tuple[str, Values]]:
    wanted = _named_keys(prefix, action)
    if not wanted or not call.parameters or prefix in ("dynamodb", "s3"):
        return
    given = {plain(name): value for name, value in call.parameters.items()}
    for key, name in wanted:
        values = _values(given.get(name))
        if values:
            yield key, values if len(values) > 1 else values[0]


def _values(value: Any) -> list[str]:
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, (str, int, float)):
        return [str(value)]
    if isinstance(value, list):
        return [text for one in value if not isinstance(one, (list, dict)) for text in _values(one)]
    return []


def _s3(call: Call) -> dict[str, Values]:
    found: dict[str, Values] = {}
    for name, value in call.parameters.items():
        key = _S3_PARAMETERS.get(name)
        if key is not None and (values := _values(value)):
            found[key] = values[0]
    configuration = call.parameters.get("CreateBucketConfiguration")
    if isinstance(configuration, Mapping) and configuration.get("LocationConstraint"):
        found["s3:LocationConstraint"] = str(configuration["LocationConstraint"])
    return found


def _kms(call: Call) -> dict[str, Values]:
    found: dict[str, Values] = {"kms:CallerAccount": call.account}
    context = call.parameters.get("EncryptionContext") or call.parameters.get("SourceEncryptionContext") or {}
    if context:
        found["kms:EncryptionContextKeys"] = list(context)
        found.update({f"kms:EncryptionContext:{key}": str(value) for key, value in context.items()})
    return found


def _sns(call: Call) -> dict[str, Values]:
    found: dict[str, Values] = {}
    for key, name in (("sns:Protocol", "Protocol"), ("sns:Endpoint", "Endpoint")):
        if isinstance(call.parameters.get(name), str):
            found[key] = call.parameters[name]
    return found


_OF_SERVICE = {"kms": _kms, "s3": _s3, "sns": _sns}
