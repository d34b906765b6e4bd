"""Parameters of a query, whose names have steps: ``Filter.1.Value.2``.

https://smithy.io/2.0/aws/protocols/aws-query-protocol.html and aws-ec2-query-protocol.html beside it.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from podrole.aws.protocol.text_values import from_text

if TYPE_CHECKING:
    from botocore.model import Shape

_MOST_STEPS = 64
"""The largest depth of a query parameter's name. Models need far less."""
_MOST_NODES = 200_000
"""How many structures and values the names of all query parameters may make together."""

_Tree = dict[str, Any]


def query_tree(flat: Mapping[str, str]) -> _Tree:
    """Return the parameters by the steps of their names. Raises ValueError."""
    root: _Tree = {}
    nodes = 0
    for name, value in flat.items():
        steps = name.split(".")
        nodes += len(steps)
        if len(steps) > _MOST_STEPS:
            raise ValueError(f"the parameter name {name[:40]!r}… has too many parts")
        if nodes > _MOST_NODES:
            raise ValueError("the parameters' names have too many parts together")
        node = root
        for step in steps[:-1]:
            node = node.setdefault(step, {})
            if not isinstance(node, dict):
                raise ValueError(f"{name!r} is both a value and a structure")  # noqa: TRY004 - the client's data
        if steps[-1] in node:
            raise ValueError(f"{name!r} is both a value and a structure")
        node[steps[-1]] = value
    return root


def structure_of_query(tree: Any, shape: Shape, *, ec2: bool) -> dict[str, Any]:
    """Return the members of a structure, converted by their types. Raises ValueError, KeyError, TypeError."""
    if tree == "":
        return {}
    if not isinstance(tree, dict):
        raise ValueError("a structure is given as a value")  # noqa: TRY004 - the client's data
    members: dict[str, Any] = {}
    names = query_names(shape, ec2)
    for token, node in tree.items():
        for member, member_shape in names.get(token, ()):
            members[member] = _query_value(node, member_shape, ec2=ec2)
    return members


@functools.cache
def query_names(shape: Shape, ec2: bool) -> dict[str, tuple[tuple[str, Any], ...]]:
    """Return the members of a structure by the names that they have in a query."""
    names: dict[str, tuple[tuple[str, Any], ...]] = {}
    for member, member_shape in shape.members.items():
        token = query_name(member, member_shape, ec2=ec2)
        names[token] = (*names.get(token, ()), (member, member_shape))
    return names


def query_name(member: str, shape: Shape, *, ec2: bool) -> str:
    """Return the name of a member in a query (https://smithy.io/2.0/aws/protocols/aws-query-protocol.html, and
    aws-ec2-query-protocol.html)."""
    where = shape.serialization
    if ec2:
        return str(where.get("queryName") or _capital(where.get("name") or member))
    if shape.type_name == "list" and where.get("flattened"):
        return str(shape.member.serialization.get("name") or where.get("name") or member)
    return str(where.get("name") or member)


def _capital(name: str) -> str:
    return name[0].upper() + name[1:]


def _query_value(node: Any, shape: Shape, *, ec2: bool) -> Any:
    kind = shape.type_name
    if kind == "structure":
        return structure_of_query(node, shape, ec2=ec2)
    if kind == "list":
        if not (ec2 or shape.serialization.get("flattened")) and isinstance(node, dict):
            node = node.get(shape.member.serialization.get("name", "member"), {})
        return [_query_value(element, shape.member, ec2=ec2) for element in _numbered(node)]
    if kind == "map":
        if not shape.serialization.get("flattened") and isinstance(node, dict):
            node = node.get("entry", {})
        key_name = shape.key.serialization.get("name", "key")
        value_name = shape.value.serialization.get("name", "value")
        entries: dict[str, Any] = {}
        for entry in _numbered(node):
            key = entry[key_name]
            if not isinstance(key, str) or key in entries:
                raise ValueError("a key of a map is not a text, or is given twice")
            entries[key] = _query_value(entry.get(value_name, ""), shape.value, ec2=ec2)
        return entries
    if not isinstance(node, str):
        raise ValueError("a value is given as a structure")  # noqa: TRY004 - the client's data
    return from_text(node, shape)


def _numbered(node: Any) -> list[Any]:
    if node in ("", {}):
        return []
    if not isinstance(node, dict) or not all(
        step.isascii() and step.isdigit() and not step.startswith("0") and len(step) < 7 for step in node
    ):
        raise ValueError("the members of a list are not numbered 1, 2, 3 …")
    return [node[step] for step in sorted(node, key=int)]
