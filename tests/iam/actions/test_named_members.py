"""Every member of an operation's input that can name a resource takes part in the decision.

An action of the authorization reference lists the types of resources that it is on. A member of the operation's input
whose name speaks of one of these types can name such a resource. If the resource that it names is not asked for, and
the call is not treated as one on an unknown resource either, the service could act on something that nobody decided
about. ``data/named_members.toml`` lists the members of exactly resolved services that may be ignored all the same, each
with its reason.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from podrole.aws.protocol.catalogue import model, services
from podrole.iam.actions.call import Call, Keys, LaunchVolumes
from podrole.iam.actions.ec2 import TYPES_BY_PREFIX
from podrole.iam.actions.further import EXACT, is_naming, speaks_of
from podrole.iam.actions.operations import permissions
from podrole.iam.actions.reference import ResourceType, prefix_of, service
from podrole.iam.actions.tables import actions_of

ACCOUNT, REGION = "111122223333", "us-east-1"
WORD = "0123456789abcdef0"
"""The name of a resource, in a form that an id of EC2 can have."""


class Everything:
    """A resolver that finds whatever it is asked for."""

    def arn_of(self, call: Call, kind: str, name: str) -> str | None:
        owner, _, noun = kind.partition(":")
        return f"arn:aws:{owner}:{REGION}:{ACCOUNT}:{noun}/{name}"

    def tags_of(self, call: Call, arn: str) -> Mapping[str, str]:
        return {}

    def facts_of(self, call: Call, kind: str, arn: str) -> Keys:
        return {}

    def launch_template(self, call: Call, named: Mapping[str, Any]) -> Mapping[str, Any] | None:
        return None

    def launch_volumes(self, call: Call, image: str) -> LaunchVolumes:
        return LaunchVolumes()

    def partition_key(self, call: Call, table: str) -> str | None:
        return "id"


def members(shape: Any, path: tuple[str, ...] = (), seen: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the paths of all texts in an input; ``[]`` goes through a list."""
    if shape.type_name == "structure" and shape.name not in seen:
        for name, inner in shape.members.items():
            yield from members(inner, (*path, name), (*seen, shape.name))
    elif shape.type_name == "list":
        yield from members(shape.member, (*path, "[]"), seen)
    elif shape.type_name == "string" and not shape.enum:
        yield path


def smallest(shape: Any, depth: int = 0) -> Any:
    """Return an input with what is required."""
    match shape.type_name:
        case "structure":
            return {name: smallest(shape.members[name], depth + 1) for name in shape.required_members if depth < 6}
        case "list":
            return [smallest(shape.member, depth + 1)]
        case "map":
            return {"k": smallest(shape.value, depth + 1)}
        case "string":
            return (shape.enum or ["r"])[0]
        case "blob":
            return b"x"
        case "boolean":
            return True
    return 1


def put(given: Any, path: Sequence[str], value: str) -> Any:
    """Return the input with a value at a path."""
    if not path:
        return value
    if path[0] == "[]":
        return [put(given[0] if isinstance(given, list) and given else None, path[1:], value)]
    return {**(given if isinstance(given, dict) else {}), path[0]: put((given or {}).get(path[0]), path[1:], value)}


def types_of(client: str, operation: str) -> list[ResourceType]:
    names = actions_of(client, operation) or (f"{prefix_of(client, services()[client].signing)}:{operation}",)
    found = []
    for owner, _, name in (one.partition(":") for one in names):
        reference = service(owner)
        action = reference.action(name) if reference is not None else None
        found += [kind for kind, _ in action.on if kind.variables] if action is not None else []
    return found


def values(client: str, member: str, kind: ResourceType) -> list[str]:
    """Return what a client may give for a resource of the type: a name, an ARN, an id of EC2."""
    place = {"Partition": "aws", "Region": REGION, "Account": ACCOUNT}
    arn = kind.fill({**place, **dict.fromkeys(kind.variables, WORD)})
    if re.search(r"(Arn|ARN)s?$", member):
        return [arn]
    if client == "ec2" and re.search(r"Ids?$", member):
        by_type = {name: prefix for prefix, name in TYPES_BY_PREFIX.items()}
        return [f"{by_type.get(kind.name, kind.name)}-{WORD}"]
    return [WORD, arn] if re.search(r"Identifiers?$", member) else [WORD]


def is_decided(client: str, operation: str, given: Any) -> bool:
    call = Call(client, prefix_of(client, services()[client].signing), operation, given, ACCOUNT, REGION)
    needed = permissions(call, Everything())
    return not needed or any(
        one.partial or WORD in one.resource or any(WORD in str(value) for value in one.keys.values()) for one in needed
    )


def unresolved(client: str) -> Iterator[str]:
    """Yield the members of a service that can name a resource and take no part in the decision."""
    for operation in model(client).operation_names:
        shape = model(client).operation_model(operation).input_shape
        types = types_of(client, operation)
        for path in members(shape) if shape is not None and types else ():
            name = next((part for part in reversed(path) if part != "[]"), "")
            meant = [kind for kind in types if speaks_of(name, kind)] if is_naming(name) else []
            if meant and not any(
                is_decided(client, operation, put(smallest(shape), path, value))
                for kind in meant
                for value in values(client, name, kind)
            ):
                yield f"{client}.{operation}: {'.'.join(path)}"


@cache
def listed() -> Mapping[str, Mapping[str, Sequence[str]]]:
    return tomllib.loads((Path(__file__).parent / "data" / "named_members.toml").read_text())


@pytest.mark.parametrize("client", sorted(EXACT))
def test_each_member_that_can_name_a_resource_is_resolved_or_names_nothing_that_is_asked_for(client: str) -> None:
    reviewed = {member for entry in listed().get("no_resource", ()) for member in entry["members"]}  # type: ignore[call-overload]
    found = set(unresolved(client))
    assert sorted(found - reviewed) == []
    assert sorted(one for one in reviewed - found if one.startswith(f"{client}.")) == [], "these can be taken out"


OTHERS = sorted(name for name, entry in services().items() if entry.moto is not None and name not in EXACT)
SOME = ("cloudfront", "docdb", "ecs", "elasticache", "iot", "redshift", "sagemaker")


@pytest.mark.parametrize(
    "client", [name if name in SOME else pytest.param(name, marks=pytest.mark.soak) for name in OTHERS]
)
def test_each_member_of_another_service_that_can_name_a_resource_is_resolved_or_leaves_it_unknown(client: str) -> None:
    assert list(unresolved(client)) == []


@pytest.mark.parametrize("name", ["e", "elastic", "elasticbeanstalk", REGION, ACCOUNT, "configuration"])
def test_name_that_stands_elsewhere_in_an_arn_is_not_taken_for_resolved(name: str) -> None:
    given = {"ApplicationName": "own", "TemplateName": "t", "SourceConfiguration": {"ApplicationName": name}}
    needed = permissions(
        Call("elasticbeanstalk", "elasticbeanstalk", "CreateConfigurationTemplate", given, ACCOUNT, REGION),
        Everything(),
    )
    assert any(one.partial for one in needed)
