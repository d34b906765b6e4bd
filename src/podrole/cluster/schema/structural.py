"""The schemas of custom resources: what they leave of an object, and what they fill in.

https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from podrole.cluster.schema.types import META, Field, ListOf, MapOf, Scalar, Struct, Type, struct

Schema = Mapping[str, Any]

_ANY = Scalar("any")
_PRESERVE, _INT_OR_STRING = "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"
_EMBEDDED = "x-kubernetes-embedded-resource"
_ALWAYS_KEPT = ("apiVersion", "kind", "metadata")


class TooManyDefaults(ValueError):
    """The defaults of a schema make an object too large."""


@dataclass(slots=True)
class DefaultBudget:
    """How much defaults may add to one object: characters and values together."""

    left: int = 1_500_000

    def copy(self, value: Any) -> Any:
        """Return a copy of a default. Raises TooManyDefaults."""
        self.left -= 1 + (len(value) if isinstance(value, str) else 0)
        if self.left < 0:
            raise TooManyDefaults("the defaults of its schema make the object too large")
        if isinstance(value, dict):
            return {key: self.copy(member) for key, member in value.items()}
        return [self.copy(item) for item in value] if isinstance(value, list) else value


@dataclass(slots=True)
class CustomStruct(Struct):
    """The type of a custom resource. Its objects are pruned and defaulted by ``schema``."""

    schema: Schema = field(default_factory=dict)

    @property
    def keeps_unknown(self) -> bool:
        """Whether an object may have fields that the schema does not name."""
        return bool(self.schema.get(_PRESERVE))


def custom_struct(kind: str, schema: Schema) -> CustomStruct:
    """Return the type of a custom resource with that schema."""
    metadata = struct(f"{META}.ObjectMeta")
    known: dict[str, Type] = {"apiVersion": _ANY, "kind": _ANY, "metadata": metadata}
    known |= {name: _compiled(below) for name, below in schema.get("properties", {}).items() if name not in known}
    fields = {name: Field(name, field_type, required=False, drops_zero=False) for name, field_type in known.items()}
    return CustomStruct(kind, fields, always=(("metadata", metadata),), schema=schema)


def _compiled(schema: Schema) -> Type:
    if schema.get(_PRESERVE) or schema.get(_INT_OR_STRING) or schema.get(_EMBEDDED):
        return _ANY
    if schema.get("type") == "array" and isinstance(schema.get("items"), dict):
        keys = tuple(schema.get("x-kubernetes-list-map-keys", ()))
        return ListOf(_compiled(schema["items"]), schema.get("x-kubernetes-list-type", "atomic"), keys)
    if schema.get("type") != "object":
        return _ANY
    atomic = schema.get("x-kubernetes-map-type") == "atomic"
    values = schema.get("additionalProperties")
    if values:
        return MapOf(_compiled(values) if isinstance(values, dict) else _ANY, atomic=atomic)
    fields = {
        name: Field(name, _compiled(below), required=False, drops_zero=False)
        for name, below in schema.get("properties", {}).items()
    }
    return Struct("object", fields, atomic=atomic)


def pruned(schema: Schema, value: Any, unknown: list[str], budget: DefaultBudget, path: str = "") -> Any:
    """Return a copy with its defaults, without what the schema does not know; note that in ``unknown``.

    Raises TooManyDefaults.
    """
    if isinstance(value, list):
        items = schema.get("items")
        below = items if isinstance(items, dict) else {_PRESERVE: True}
        return [pruned(below, item, unknown, budget, f"{path}[{index}]") for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties", {})
    values = schema.get("additionalProperties")
    result: dict[str, Any] = {}
    for key, member in value.items():
        here = f"{path}.{key}" if path else key
        below = properties.get(key)
        if below is None and isinstance(values, dict):
            below = values
        if below is not None:
            if member is None and not below.get("nullable") and "default" in below:
                continue
            result[key] = pruned(below, member, unknown, budget, here)
        elif schema.get(_PRESERVE) or values is True or (schema.get(_EMBEDDED) and key in _ALWAYS_KEPT):
            result[key] = member
        else:
            unknown.append(here)
    for key, below in properties.items():
        if key not in result and "default" in below:
            result[key] = pruned(below, budget.copy(below["default"]), [], budget)
    return result
