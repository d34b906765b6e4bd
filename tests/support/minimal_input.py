"""The smallest valid input of an operation, made from botocore's model: the same for the same operation every time."""

from __future__ import annotations

import re
from typing import Any

from botocore.model import OperationModel, Shape

ACCOUNT, REGION = "111122223333", "us-east-1"
NAME = "sweep-name"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/sweep"
_TEXTS = (
    (re.compile(r"role.*arn|executionrole|^role$|servicerole", re.IGNORECASE), ROLE),
    (re.compile(r"arn$", re.IGNORECASE), f"arn:aws:sqs:{REGION}:{ACCOUNT}:{NAME}"),
    (
        re.compile(r"policy|document|template|definition|body", re.IGNORECASE),
        '{"Version": "2012-10-17", "Statement": []}',
    ),
    (re.compile(r"cidr", re.IGNORECASE), "10.0.0.0/16"),
    (re.compile(r"email", re.IGNORECASE), "sweep@example.com"),
    (re.compile(r"url$|uri$", re.IGNORECASE), "http://127.0.0.1:9/"),
    (re.compile(r"account.?id|^accountId$", re.IGNORECASE), ACCOUNT),
    (re.compile(r"region", re.IGNORECASE), REGION),
)
_CANDIDATES = (
    NAME,
    "sweepname",
    "Sweep1",
    "sweep_name",
    "1",
    "12345678",
    "a" * 36,
    "0" * 12,
    "/sweep",
    "sweep.example.com",
)
_DEEPEST = 8


def minimal_input(operation: OperationModel) -> dict[str, Any]:
    """Return the required members, with values that their limits, patterns and names allow."""
    shape = operation.input_shape
    return {} if shape is None else _structure(shape, 0)


def _structure(shape: Shape, depth: int) -> dict[str, Any]:
    members = shape.required_members
    if shape.is_union if hasattr(shape, "is_union") else shape.metadata.get("union"):
        members = list(shape.members)[:1]
    return {name: _value(name, shape.members[name], depth + 1) for name in members}


def _value(name: str, shape: Shape, depth: int) -> Any:
    limits = shape.metadata
    match shape.type_name:
        case "structure":
            if shape.metadata.get("document") or getattr(shape, "is_document_type", False):
                return {}
            return _structure(shape, depth) if depth < _DEEPEST else {}
        case "list":
            return [_value(name, shape.member, depth + 1)] * max(1, limits.get("min", 0)) if depth < _DEEPEST else []
        case "map":
            return {_text(name, shape.key): _value(name, shape.value, depth + 1)} if depth < _DEEPEST else {}
        case "integer" | "long":
            return max(1, limits.get("min", 1))
        case "float" | "double":
            return float(max(1, limits.get("min", 1)))
        case "boolean":
            return True
        case "timestamp":
            return 1767225600
        case "blob":
            return b"sweep"
    return _text(name, shape)


def _text(name: str, shape: Shape) -> str:
    enum = getattr(shape, "enum", None)
    if enum:
        return str(enum[0])
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max", 1 << 20)
    pattern = _compiled(shape.metadata.get("pattern"))
    named = [text for form, text in _TEXTS if form.search(name) or form.search(shape.name)]
    for text in (*named, *_CANDIDATES):
        sized = text.ljust(least, "a")[:most] if len(text) < least or len(text) > most else text
        if pattern is None or pattern.search(sized):
            return sized
    return NAME.ljust(least, "a")[:most]


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern) if pattern else None
    except re.error:
        return None


_ORDER = ("Create", "Register", "Put", "Add", "Allocate", "Run", "Start", "Import", "Attach", "Associate", "Tag")
_LAST = ("Untag", "Disassociate", "Detach", "Stop", "Remove", "Terminate", "Release", "Deregister", "Delete")


def in_order(names: list[str]) -> list[str]:
    """Return operations in an order in which most find what they work on: what creates first, what deletes last."""

    def rank(name: str) -> tuple[int, str]:
        for place, prefix in enumerate(_ORDER):
            if name.startswith(prefix):
                return place, name
        for place, prefix in enumerate(_LAST):
            if name.startswith(prefix):
                return 1000 + place, name
        return 100, name

    return sorted(names, key=rank)
