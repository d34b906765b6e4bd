"""Write src/podrole/iam/actions/data/passed_roles.json: the parameters with which a call hands a role to a service.

Usage: python scripts/passed_roles.py

botocore's models of all services that moto simulates are read. A parameter that looks like a role is in the table or in
scripts/passed_roles.yaml, which a person has reviewed: it holds the services' principals, roles in parameters whose
names do not tell, and what looks like a role and is none.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from podrole.aws.protocol.catalogue import model, services

TARGET = Path(__file__).parent.parent / "src/podrole/iam/actions/data/passed_roles.json"
REVIEWED = Path(__file__).with_suffix(".yaml")
# What only names a role does not pass one.
READING = ("Delete", "Deregister", "Describe", "Disassociate", "Get", "List", "Remove", "Search", "Untag")
# These are podrole's own, or decide about roles themselves.
OTHERS = frozenset({"iam", "sts", "organizations"})
WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
IN_PATTERN = re.compile(r":role\b|role/|:iam:")
IN_DOCUMENTATION = re.compile(r"(ARN|Amazon Resource Name)\W[^.]{0,60}\b[Rr]oles?\b")
NAMES_A_RESOURCE = re.compile(r"(Arn|ARN|ARNs|Arns|Credentials|credentials)$")


class Member(NamedTuple):
    """A parameter: its operation, its path with ``[]`` for lists and ``{}`` for maps, and its shape."""

    client: str
    operation: str
    path: str
    shape: Any

    @property
    def name(self) -> str:
        return re.sub(r"[\[\]{}]", "", self.path.rpartition(".")[2])


def members(client: str) -> Iterator[Member]:
    """Yield the texts, and the structures of instance profiles, in the inputs of a service's operations."""
    described = model(client)
    for operation in described.operation_names:
        shape = described.operation_model(operation).input_shape
        if shape is not None:
            for path, found in _inside(shape, "", ()):
                yield Member(client, operation, path, found)


def _inside(shape: Any, path: str, around: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if shape.type_name == "structure" and re.search(r"InstanceProfile(Specification)?$", path):
        yield path, shape
    elif shape.type_name == "structure" and shape.name not in around:
        for name, member in shape.members.items():
            yield from _inside(member, f"{path}.{name}" if path else name, (*around, shape.name))
    elif shape.type_name == "list":
        yield from _inside(shape.member, f"{path}[]", around)
    elif shape.type_name == "map":
        yield from _inside(shape.value, f"{path}{{}}", around)
    elif shape.type_name == "string":
        yield path, shape


def looks_like_role(member: Member) -> bool:
    """Say whether a parameter may hold a role or an instance profile, by its name, its pattern or its documentation."""
    if getattr(member.shape, "enum", ()):
        return False
    words = [word.lower() for word in WORD.findall(member.name)]
    if {"role", "roles"} & set(words) or "instance profile" in " ".join(words):
        return True
    if IN_PATTERN.search(str(member.shape.metadata.get("pattern", ""))):
        return True
    text = re.sub(r"<[^>]+>", "", member.shape.documentation or "")
    return bool(NAMES_A_RESOURCE.search(member.name)) and bool(IN_DOCUMENTATION.search(text))


@functools.cache
def reviewed() -> dict[str, Any]:
    return dict(yaml.safe_load(REVIEWED.read_text()))


@functools.cache
def candidates() -> list[Member]:
    """Return every parameter that looks like a role, of all services that moto simulates."""
    simulated = [name for name, service in sorted(services().items()) if service.moto and name not in OTHERS]
    return [member for client in simulated for member in members(client) if looks_like_role(member)]


def exception_of(member: Member) -> str | None:
    """Return the entry by which a person said that the parameter hands no role to a service; None without one."""
    excepted = reviewed()["not_passed"].get(member.client, {})
    names = (f"{member.operation}.{member.name}", member.name, "*")
    return next((name for name in names if name in excepted), None)


def principal(member: Member) -> str:
    """Return the service that gets the role."""
    named = reviewed()["principals"].get(member.client, {})
    if isinstance(named, str):
        return named
    for name in (f"{member.operation}.{member.name}", member.operation, member.name, "*"):
        if name in named:
            return str(named[name])
    return f"{services()[member.client].signing}.amazonaws.com"


def table() -> dict[str, dict[str, dict[str, str]]]:
    """Return client, operation, path of the parameter and principal."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for member in candidates():
        if not member.operation.startswith(READING) and exception_of(member) is None:
            paths = found.setdefault(member.client, {}).setdefault(member.operation, {})
            paths[member.path] = principal(member)
    for client, operations in reviewed()["also_passed"].items():
        for operation, paths in operations.items():
            found.setdefault(client, {}).setdefault(operation, {}).update(paths)
    return found


def written() -> str:
    return json.dumps(table(), separators=(",", ":"), sort_keys=True).replace('},"', '},\n"') + "\n"


if __name__ == "__main__":
    TARGET.write_text(written())
