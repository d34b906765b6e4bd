"""``dynamodb:LeadingKeys``, ``dynamodb:Attributes`` and their like: which items, and which of their attributes, a call
touches.

What cannot be read makes its key unknown: a binary partition key, an expression that is not written as documented, a
table whose partition key is not known.

Source: AWS, "Using IAM policy conditions for fine-grained access control" (DynamoDB).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from podrole.iam.actions import partiql
from podrole.iam.actions.call import Call, Permission, Resolver, Values
from podrole.iam.actions.expressions import (
    EXPRESSIONS,
    UnreadableExpression,
    attributes,
    equalities,
    placeholders,
)

LEADING_KEYS, ATTRIBUTES, SELECT = "dynamodb:LeadingKeys", "dynamodb:Attributes", "dynamodb:Select"
ENCLOSING, FULL_SCAN = "dynamodb:EnclosingOperation", "dynamodb:FullTableScan"
RETURN_VALUES, CAPACITY = "dynamodb:ReturnValues", "dynamodb:ReturnConsumedCapacity"
FILLED = frozenset({LEADING_KEYS, ATTRIBUTES, SELECT, ENCLOSING, FULL_SCAN, RETURN_VALUES, CAPACITY})
"""Every key that this module fills, or says to be unknown."""

_READS = frozenset({"BatchGetItem", "GetItem", "Query", "Scan"})
_RETURNING = frozenset({"DeleteItem", "PutItem", "UpdateItem"})
_ON_ITEMS = _READS | _RETURNING | {"BatchWriteItem", "ConditionCheckItem"}
_IN_TRANSACTIONS = {
    "ConditionCheck": "ConditionCheckItem",
    "Delete": "DeleteItem",
    "Get": "GetItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
}
_BY_ATTRIBUTE = ("AttributeUpdates", "Expected", "Item", "Key", "KeyConditions", "QueryFilter", "ScanFilter")
"""Parameters whose members are attributes."""
_Unreadable = (UnreadableExpression, partiql.UnreadableStatement)


class ItemKeys(NamedTuple):
    """The keys of one permission, and those of them whose value is unknown."""

    values: dict[str, Values]
    unknown: tuple[str, ...] = ()


def item_keys(call: Call, permission: Permission, resolver: Resolver) -> ItemKeys:
    """Return the keys for the table or index of one permission."""
    action = permission.action.partition(":")[2]
    if action.startswith("PartiQL"):
        return _of_statements(call, permission, resolver)
    if action not in _ON_ITEMS:
        return ItemKeys({})
    filled: dict[str, Values] = {}
    unknown: list[str] = []
    requests = list(_requests(call, action, permission.resource))
    if action != "Scan":  # returns the items of every partition key, and so has none
        _put(filled, unknown, LEADING_KEYS, lambda: _leading_keys(call, permission, resolver, requests))
    _put(filled, unknown, ATTRIBUTES, lambda: [name for request in requests for name in _attributes(request)])
    if action in _READS:
        _put(filled, unknown, SELECT, lambda: [_select(call, permission, requests)])
    if action in _RETURNING:
        filled[RETURN_VALUES] = str(call.parameters.get("ReturnValues") or "NONE")
    if isinstance(call.parameters.get("ReturnConsumedCapacity"), str):
        filled[CAPACITY] = call.parameters["ReturnConsumedCapacity"]
    if call.operation.startswith("Transact"):
        filled[ENCLOSING] = call.operation
    return ItemKeys(filled, tuple(unknown))


def _put(filled: dict[str, Values], unknown: list[str], key: str, read: Any) -> None:
    """Fill a key, unless it cannot be read."""
    try:
        values = list(dict.fromkeys(read()))
    except _Unreadable:
        unknown.append(key)
        return
    if values:
        filled[key] = values


def _requests(call: Call, action: str, arn: str) -> Iterator[Mapping[str, Any]]:
    """Return the parts of a call that concern the table, each with Key or Item and expressions."""
    parameters = call.parameters
    table = arn.split(":", 5)[-1].removeprefix("table/").partition("/")[0]
    if "RequestItems" in parameters:
        for name, entry in parameters["RequestItems"].items():
            if name.rpartition("/")[2] != table:
                continue
            if isinstance(entry, Mapping):
                yield from ({**entry, "Key": key} for key in entry.get("Keys") or ())
            else:
                yield from (inner for request in entry for inner in request.values())
    elif "TransactItems" in parameters:
        for item in parameters["TransactItems"]:
            for kind, operation in item.items():
                if (
                    _IN_TRANSACTIONS.get(kind) == action
                    and str(operation.get("TableName", "")).rpartition("/")[2] == table
                ):
                    yield operation
    else:
        yield parameters


# Partition keys


def _leading_keys(
    call: Call, permission: Permission, resolver: Resolver, requests: list[Mapping[str, Any]]
) -> Iterator[str]:
    partition_key = None if permission.partial else resolver.partition_key(call, permission.resource)
    if partition_key is None or not requests:
        raise UnreadableExpression("the partition key of the table is not known")
    for request in requests:
        values = list(_partition_values(request, partition_key))
        if not values:
            raise UnreadableExpression("the request names no value of the partition key")
        yield from map(_text, values)


def _partition_values(request: Mapping[str, Any], partition_key: str) -> Iterator[Any]:
    for holder in ("Key", "Item"):
        value = (request.get(holder) or {}).get(partition_key)
        if value is not None:
            yield value
    condition = (request.get("KeyConditions") or {}).get(partition_key)
    if condition is not None:
        if condition.get("ComparisonOperator") != "EQ":
            raise UnreadableExpression("the condition on the partition key is not an equality")
        yield from condition.get("AttributeValueList") or ()
    if request.get("KeyConditionExpression"):
        known = placeholders(request)
        compared = equalities(str(request["KeyConditionExpression"]), known)
        yield from (value for name, value in compared if name == partition_key)


def _text(value: Any) -> str:
    """Return an attribute value as policies write it. Raises UnreadableExpression for all but texts and numbers."""
    if isinstance(value, Mapping) and len(value) == 1:
        ((kind, content),) = value.items()
        if kind == "S":
            return str(content)
        if kind == "N":
            return _number(str(content))
    raise UnreadableExpression("a partition key that is neither text nor number")


def _number(text: str) -> str:
    """Return a number as DynamoDB stores it: ``1`` for ``01``, ``1.0`` and ``1e0``."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise UnreadableExpression("a partition key that is not a number") from None
    if not number.is_finite() or abs(number.adjusted()) > 130:
        raise UnreadableExpression("a partition key that is not a number of DynamoDB")
    short = f"{number:f}"
    short = short.rstrip("0").rstrip(".") if "." in short else short
    return "0" if number == 0 else short


# Attributes


def _attributes(request: Mapping[str, Any]) -> Iterator[str]:
    known = placeholders(request)
    yield from map(str, request.get("AttributesToGet") or ())
    for holder in _BY_ATTRIBUTE:
        yield from map(str, request.get(holder) or ())
    for kind in EXPRESSIONS:
        if isinstance(request.get(kind), str):
            yield from attributes(kind, request[kind], known)


def _select(call: Call, permission: Permission, requests: list[Mapping[str, Any]]) -> str:
    """Return the Select of a request, or what DynamoDB takes for one that has none."""
    specific = bool(requests) and all(
        request.get("ProjectionExpression") or request.get("AttributesToGet") for request in requests
    )
    written = call.parameters.get("Select")
    if isinstance(written, str):
        if written == "SPECIFIC_ATTRIBUTES" and not specific:
            raise UnreadableExpression("no specific attributes are named")
        return written
    if specific:
        return "SPECIFIC_ATTRIBUTES"
    return "ALL_PROJECTED_ATTRIBUTES" if "/index/" in permission.resource else "ALL_ATTRIBUTES"


# PartiQL


def _of_statements(call: Call, permission: Permission, resolver: Resolver) -> ItemKeys:
    """Return the keys of all statements of a call that need the same permission."""
    filled: dict[str, Values] = {}
    if call.operation == "ExecuteTransaction":
        filled[ENCLOSING] = call.operation
    concerned = [entry for entry in partiql.statements(call) if partiql.permission_of(call, entry[0]) == permission]
    partition_key = None if permission.partial else resolver.partition_key(call, permission.resource)
    try:
        read = [partiql.read(*entry) for entry in concerned]
        keyed = [[_text(value) for name, value in statement.equalities if name == partition_key] for statement in read]
    except _Unreadable:
        return ItemKeys(filled, tuple(sorted(FILLED - {ENCLOSING, CAPACITY})))
    every = [name for statement in read for name in statement.attributes]
    if every:
        filled[ATTRIBUTES] = list(dict.fromkeys(every))
    action = permission.action.removeprefix("dynamodb:PartiQL")
    if action == "Select":
        all_attributes = "ALL_PROJECTED_ATTRIBUTES" if "/index/" in permission.resource else "ALL_ATTRIBUTES"
        filled[SELECT] = all_attributes if any(statement.selects_all for statement in read) else "SPECIFIC_ATTRIBUTES"
    elif action in ("Delete", "Update"):
        filled[RETURN_VALUES] = list(dict.fromkeys(statement.returned for statement in read))
    if partition_key is None:
        return ItemKeys(filled, (LEADING_KEYS, FULL_SCAN))
    if action == "Select":
        filled[FULL_SCAN] = "false" if all(keyed) else "true"
    if not all(keyed):  # a statement on the items of every partition key
        return ItemKeys(filled, (LEADING_KEYS,))
    filled[LEADING_KEYS] = list(dict.fromkeys(text for texts in keyed for text in texts))
    return ItemKeys(filled)
