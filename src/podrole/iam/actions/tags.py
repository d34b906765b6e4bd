"""The tags that a request carries, in the many shapes that services have for them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from podrole.iam.actions.call import Call, find
from podrole.iam.actions.tables import tag_parameters

_HOLDERS = (
    "Tags",
    "tags",
    "Tag",
    "TagList",
    "TagSet",
    "AddTags",
    "tagList",
    "resourceTags",
    "ResourceTags",
    "TagsMap",
    "TagsList",
    "BackupPlanTags",
    "BackupVaultTags",
    "FrameworkTags",
    "IdentityPoolTags",
    "ReportPlanTags",
    "UserPoolTags",
)
_KEYS = ("Key", "key", "TagKey", "tagKey", "Name")
_VALUES = ("Value", "value", "TagValue", "tagValue")
_REMOVED = (
    "TagKeys",
    "tagKeys",
    "TagKeyList",
    "tagKeyList",
    "UntagKeys",
    "RemoveTagsFrom",
    "ResourceTagKeys",
    "resourceTagKeys",
)
_READ = frozenset({*_HOLDERS, *_REMOVED, "Tagging", "TagSpecification", "TagSpecifications"})
_OTHER_TAGS = re.compile(r"tag(s|set|keys?|list|slist|keylist|specifications?|ging)?$", re.IGNORECASE)
_DEEPEST = 5


def request_tags(call: Call) -> dict[str, str]:
    """Return the tags that the call asks to set. Keys that are not well-formed are left to the service."""
    if call.client == "ec2":
        merged: dict[str, str] = _read(call.parameters.get("Tags"))
        for _, tags in specified_tags(call):
            merged.update(tags)
        return merged
    if call.client == "s3":
        return _of_s3(call.parameters)
    listed = tag_parameters(call.client, call.operation)
    if listed:
        return {
            key: value
            for path in listed
            for tags in find(call.parameters, [*path.split(".")[:-1]])
            for key, value in _read(tags.get(path.rpartition(".")[2])).items()
        }
    for name in _HOLDERS:
        tags = _read(call.parameters.get(name))
        if tags:
            return tags
    return {}


def specified_tags(call: Call) -> list[tuple[str, dict[str, str]]]:
    """Return EC2's tag specifications: resource type and tags of each."""
    parameters = call.parameters.get("SpotFleetRequestConfig") or call.parameters
    specifications = parameters.get("TagSpecifications") or parameters.get("PoolTagSpecifications") or ()
    return [
        (str(specification.get("ResourceType", "")), _read(specification.get("Tags")))
        for specification in specifications
    ]


def has_unread_tags(call: Call) -> bool:
    """Say whether the call carries tags in a place that is not read here: the keys about its tags are then unknown."""
    if call.client in ("ec2", "s3") or tag_parameters(call.client, call.operation):
        return False
    return any(
        (bool(_OTHER_TAGS.search(name)) and bool(value)) or _has_tags_within(value)
        for name, value in call.parameters.items()
        if name not in _READ
    )


def _has_tags_within(value: Any, depth: int = 0) -> bool:
    if depth > _DEEPEST:
        return False
    if isinstance(value, Mapping):
        return any(
            (isinstance(name, str) and bool(_OTHER_TAGS.search(name)) and bool(inner))
            or _has_tags_within(inner, depth + 1)
            for name, inner in value.items()
        )
    return isinstance(value, list) and any(_has_tags_within(inner, depth + 1) for inner in value)


def removed_keys(call: Call) -> list[str]:
    """Return the keys that the call asks to remove."""
    for name in _REMOVED:
        keys = call.parameters.get(name)
        if isinstance(keys, list):
            return [entry["Key"] if isinstance(entry, Mapping) else str(entry) for entry in keys if entry]
    if call.client == "ec2" and call.operation == "DeleteTags":
        return list(_read(call.parameters.get("Tags")))
    return []


def _of_s3(parameters: Mapping[str, Any]) -> dict[str, str]:
    header = parameters.get("Tagging")
    if isinstance(header, str):
        return dict(parse_qsl(header, keep_blank_values=True))
    if isinstance(header, Mapping):
        return _read(header.get("TagSet"))
    return _read((parameters.get("CreateBucketConfiguration") or {}).get("Tags"))


def _read(tags: Any) -> dict[str, str]:
    if isinstance(tags, Mapping):
        return {str(key): "" if value is None else str(value) for key, value in tags.items()}
    by_key: dict[str, str] = {}
    for tag in tags if isinstance(tags, list) else ():
        if not isinstance(tag, Mapping):
            continue
        key = next((tag[name] for name in _KEYS if name in tag), None)
        if key is not None:
            value = next((tag[name] for name in _VALUES if name in tag), "")
            by_key[str(key)] = "" if value is None else str(value)
    return by_key
