"""The tags that a request carries, in the many shapes that services have for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from podrole.iam.actions.call import Call

_HOLDERS = ("Tags", "tags", "Tag", "TagList", "TagSet", "AddTags", "tagList", "resourceTags", "ResourceTags", "TagsMap")
_KEYS = ("Key", "key", "TagKey", "tagKey", "Name")
_VALUES = ("Value", "value", "TagValue", "tagValue")
_REMOVED = ("TagKeys", "tagKeys", "TagKeyList", "tagKeyList", "UntagKeys", "RemoveTagsFrom")


def request_tags(call: Call) -> dict[str, str]:
    """Return the tags that the call asks to set. Keys that are not well-formed are left to the service."""
    if call.client == "ec2":
        found: dict[str, str] = _read(call.parameters.get("Tags"))
        for specification in call.parameters.get("TagSpecifications", ()) or call.parameters.get(
            "TagSpecification", ()
        ):
            found.update(_read(specification.get("Tags")))
        return found
    if call.client == "s3":
        return _of_s3(call.parameters)
    for name in _HOLDERS:
        tags = _read(call.parameters.get(name))
        if tags:
            return tags
    return {}


def specified_tags(call: Call) -> list[tuple[str, dict[str, str]]]:
    """Return EC2's tag specifications: resource type and tags of each."""
    given = call.parameters.get("TagSpecifications") or call.parameters.get("TagSpecification") or ()
    return [(str(one.get("ResourceType", "")), _read(one.get("Tags"))) for one in given]


def removed_keys(call: Call) -> list[str]:
    """Return the keys that the call asks to remove."""
    for name in _REMOVED:
        keys = call.parameters.get(name)
        if isinstance(keys, list):
            return [one["Key"] if isinstance(one, Mapping) else str(one) for one in keys if one]
    if call.client == "ec2" and call.operation == "DeleteTags":
        return list(_read(call.parameters.get("Tags")))
    return []


def _of_s3(parameters: Mapping[str, Any]) -> dict[str, str]:
    header = parameters.get("Tagging")
    if isinstance(header, str):
        return dict(parse_qsl(header, keep_blank_values=True))
    if isinstance(header, Mapping):
        return _read(header.get("TagSet"))
    return {}


def _read(tags: Any) -> dict[str, str]:
    if isinstance(tags, Mapping):
        return {str(key): "" if value is None else str(value) for key, value in tags.items()}
    found: dict[str, str] = {}
    for tag in tags if isinstance(tags, list) else ():
        if not isinstance(tag, Mapping):
            continue
        key = next((tag[name] for name in _KEYS if name in tag), None)
        if key is not None:
            value = next((tag[name] for name in _VALUES if name in tag), "")
            found[str(key)] = "" if value is None else str(value)
    return found
