"""``dynamodb:LeadingKeys`` and ``dynamodb:Attributes``: which items and which of their attributes a call touches.

Source: AWS, "Using IAM policy conditions for fine-grained access control" (DynamoDB). A call whose keys cannot be read,
such as a Scan, has no such key: a condition on it then fails, as AWS wants it to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from podrole.iam.actions.call import Call, Resolver, Values

_EQUALS = re.compile(r"(?P<name>#?[A-Za-z0-9_.-]+)\s*=\s*(?P<value>:[A-Za-z0-9_]+)")


def item_keys(call: Call, table: str, resolver: Resolver) -> dict[str, Values]:
    """Return the keys for the table of one permission."""
    found: dict[str, Values] = {}
    given = call.parameters
    parts = table.split(":", 5)[-1].split("/")
    name = parts[1] if len(parts) > 1 else table
    partition_key = resolver.partition_key(call, table)
    requests = list(_requests(given, name))
    if partition_key is not None and len(parts) < 3:  # an index may have another partition key than its table
        leading = [text for one in requests for text in _leading(one, partition_key)]
        if leading:
            found["dynamodb:LeadingKeys"] = list(dict.fromkeys(leading))
    attributes = [text for one in requests for text in _attributes(one)]
    if attributes:
        found["dynamodb:Attributes"] = list(dict.fromkeys(attributes))
    for key, member in (
        ("dynamodb:Select", "Select"),
        ("dynamodb:ReturnValues", "ReturnValues"),
        ("dynamodb:ReturnConsumedCapacity", "ReturnConsumedCapacity"),
    ):
        if isinstance(given.get(member), str):
            found[key] = given[member]
    return found


def _requests(given: Mapping[str, Any], table: str) -> Iterator[Mapping[str, Any]]:
    """Return the parts of a call that concern the table, each with Key or Item and expressions."""
    if "RequestItems" in given:
        for name, entry in given["RequestItems"].items():
            if name.rpartition("/")[2] != table:
                continue
            if isinstance(entry, Mapping):
                yield from ({**entry, "Key": key} for key in entry.get("Keys") or ())
            else:
                yield from (inner for request in entry for inner in request.values())
    elif "TransactItems" in given:
        for item in given["TransactItems"]:
            yield from (one for one in item.values() if str(one.get("TableName", "")).rpartition("/")[2] == table)
    else:
        yield given


def _leading(request: Mapping[str, Any], partition_key: str) -> Iterator[str]:
    for holder in ("Key", "Item"):
        value = (request.get(holder) or {}).get(partition_key)
        if value is not None:
            yield from _text(value)
    condition = (request.get("KeyConditions") or {}).get(partition_key)
    if condition is not None:
        yield from (text for one in condition.get("AttributeValueList") or () for text in _text(one))
    names = request.get("ExpressionAttributeNames") or {}
    values = request.get("ExpressionAttributeValues") or {}
    for found in _EQUALS.finditer(str(request.get("KeyConditionExpression") or "")):
        if names.get(found["name"], found["name"]) == partition_key and found["value"] in values:
            yield from _text(values[found["value"]])


def _text(value: Any) -> Iterator[str]:
    """Return an attribute value as policies write it."""
    if isinstance(value, Mapping):
        for kind, one in value.items():
            if kind in ("S", "N"):
                yield str(one)


def _attributes(request: Mapping[str, Any]) -> Iterator[str]:
    names = request.get("ExpressionAttributeNames") or {}
    yield from map(str, request.get("AttributesToGet") or ())
    yield from map(str, request.get("AttributeUpdates") or ())
    projection = request.get("ProjectionExpression")
    if isinstance(projection, str):
        first = (re.split(r"[.\[]", one.strip())[0] for one in projection.split(","))
        yield from (str(names.get(one, one)) for one in first)
    yield from map(str, request.get("Item") or ())
    yield from map(str, request.get("Key") or ())
    for expression in ("UpdateExpression", "ConditionExpression", "FilterExpression", "KeyConditionExpression"):
        if isinstance(request.get(expression), str):
            yield from (str(name) for alias, name in names.items() if alias in request[expression])
