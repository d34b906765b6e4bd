"""The schemas of custom resources: what they leave of an object, what they fill in, and what they refuse.

https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from podrole.cluster.core.errors import FieldError, invalid, not_supported, required
from podrole.cluster.schema.types import META, Field, ListOf, MapOf, Scalar, Struct, Type, struct

Schema = Mapping[str, Any]

_ANY = Scalar("any")
_PRESERVE, _INT_OR_STRING = "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"
_EMBEDDED = "x-kubernetes-embedded-resource"
_ALWAYS_KEPT = ("apiVersion", "kind", "metadata")
NOT_CHECKED = ("x-kubernetes-validations", "pattern", "format")
"""What of a schema is not checked: CEL rules, and texts' forms. A pattern could take Python forever."""


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
            return {key: self.copy(one) for key, one in value.items()}
        return [self.copy(one) for one in value] if isinstance(value, list) else value


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
    known |= {name: _compiled(one) for name, one in schema.get("properties", {}).items() if name not in known}
    fields = {name: Field(name, one, required=False, drops_zero=False) for name, one in known.items()}
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
        name: Field(name, _compiled(one), required=False, drops_zero=False)
        for name, one in schema.get("properties", {}).items()
    }
    return Struct("object", fields, atomic=atomic)


def pruned(schema: Schema, value: Any, unknown: list[str], budget: DefaultBudget, path: str = "") -> Any:
    """Return a copy with its defaults, without what the schema does not know; note that in ``unknown``.

    Raises TooManyDefaults.
    """
    if isinstance(value, list):
        items = schema.get("items")
        below = items if isinstance(items, dict) else {_PRESERVE: True}
        return [pruned(below, one, unknown, budget, f"{path}[{index}]") for index, one in enumerate(value)]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties", {})
    values = schema.get("additionalProperties")
    result: dict[str, Any] = {}
    for key, one in value.items():
        here = f"{path}.{key}" if path else key
        below = properties.get(key)
        if below is None and isinstance(values, dict):
            below = values
        if below is not None:
            if one is None and not below.get("nullable") and "default" in below:
                continue
            result[key] = pruned(below, one, unknown, budget, here)
        elif schema.get(_PRESERVE) or values is True or (schema.get(_EMBEDDED) and key in _ALWAYS_KEPT):
            result[key] = one
        else:
            unknown.append(here)
    for key, below in properties.items():
        if key not in result and "default" in below:
            result[key] = pruned(below, budget.copy(below["default"]), [], budget)
    return result


def problems(schema: Schema, value: Any, path: str = "") -> Iterator[FieldError]:
    """Yield what the schema refuses of a value."""
    if value is None and schema.get("nullable"):
        return
    wanted = schema.get("type")
    if schema.get(_INT_OR_STRING):
        if not isinstance(value, int | str) or isinstance(value, bool):
            yield _of_type(path, "integer,string", value)
        return
    if wanted and not _is_of(wanted, value):
        yield _of_type(path, wanted, value)
        return
    if "enum" in schema and value not in schema["enum"]:
        yield not_supported(path, value, [str(one) for one in schema["enum"]])
    yield from _combined(schema, value, path)
    if isinstance(value, dict):
        yield from _of_object(schema, value, path)
    elif isinstance(value, list):
        yield from _of_list(schema, value, path)
    elif isinstance(value, str):
        yield from _bounds(schema, len(value), value, path, "Length", "chars long")
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _of_number(schema, value, path)


_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "number": (int, float),
    "integer": (int,),
}


def _is_of(wanted: str, value: Any) -> bool:
    if isinstance(value, bool):
        return wanted == "boolean"
    return isinstance(value, _TYPES.get(wanted, ())) or (
        wanted == "integer" and isinstance(value, float) and value.is_integer()
    )


def _of_type(path: str, wanted: str, value: Any) -> FieldError:
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    got = names.get(type(value), "null")
    return invalid(path, got, f'{path} in body must be of type {wanted}: "{got}"')


def _combined(schema: Schema, value: Any, path: str) -> Iterator[FieldError]:
    for one in schema.get("allOf", ()):
        yield from problems(one, value, path)
    fits = [not any(problems(one, value, path)) for one in schema.get("anyOf", ())]
    if fits and not any(fits):
        yield invalid(path, _shown(value), f"{path} in body must validate at least one schema (anyOf)")
    fits = [not any(problems(one, value, path)) for one in schema.get("oneOf", ())]
    if fits and sum(fits) != 1:
        yield invalid(path, _shown(value), f"{path} in body must validate one and only one schema (oneOf)")
    if "not" in schema and not any(problems(schema["not"], value, path)):
        yield invalid(path, _shown(value), f"{path} in body must not validate the schema (not)")


def _shown(value: Any) -> Any:
    return value if isinstance(value, str | int | float) else json.dumps(value)[:200]


def _of_object(schema: Schema, value: dict[str, Any], path: str) -> Iterator[FieldError]:
    yield from _bounds(schema, len(value), _shown(value), path, "Properties", "properties")
    for key in schema.get("required", ()):
        if key not in value:
            yield required(f"{path}.{key}" if path else key)
    properties, values = schema.get("properties", {}), schema.get("additionalProperties")
    for key, one in value.items():
        below = properties.get(key, values)
        if isinstance(below, dict):
            yield from problems(below, one, f"{path}.{key}" if path else key)


def _of_list(schema: Schema, value: list[Any], path: str) -> Iterator[FieldError]:
    yield from _bounds(schema, len(value), len(value), path, "Items", "items")
    kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys", ())
    seen: set[str] = set()
    for index, one in enumerate(value):
        if kind in ("set", "map"):
            key = {name: one.get(name) for name in keys} if kind == "map" and isinstance(one, dict) else one
            text = json.dumps(key, sort_keys=True)
            if text in seen:
                yield FieldError("FieldValueDuplicate", f"{path}[{index}]", f"Duplicate value: {text}")
            seen.add(text)
        if isinstance(schema.get("items"), dict):
            yield from problems(schema["items"], one, f"{path}[{index}]")


def _of_number(schema: Schema, value: float, path: str) -> Iterator[FieldError]:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and (value < low or (schema.get("exclusiveMinimum") and value == low)):
        word = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
        yield invalid(path, value, f"{path} in body should be {word} {low}")
    if high is not None and (value > high or (schema.get("exclusiveMaximum") and value == high)):
        word = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
        yield invalid(path, value, f"{path} in body should be {word} {high}")
    if schema.get("multipleOf") and value % schema["multipleOf"]:
        yield invalid(path, value, f"{path} in body should be a multiple of {schema['multipleOf']}")


def _bounds(schema: Schema, size: int, shown: Any, path: str, of: str, unit: str) -> Iterator[FieldError]:
    if size < schema.get(f"min{of}", 0):
        yield invalid(path, shown, f"{path} in body should be at least {schema[f'min{of}']} {unit}")
    if f"max{of}" in schema and size > schema[f"max{of}"]:
        yield invalid(path, shown, f"{path} in body should be at most {schema[f'max{of}']} {unit}")


def unchecked(schema: Any) -> set[str]:
    """Return which of ``NOT_CHECKED`` a schema has anywhere."""
    if isinstance(schema, list):
        return {name for one in schema for name in unchecked(one)}
    if not isinstance(schema, dict):
        return set()
    own = {name for name in NOT_CHECKED if name in schema and (name != "format" or schema.get("type") == "string")}
    return own | {name for one in schema.values() for name in unchecked(one)}


_FORMS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), (int,)),
    **dict.fromkeys(("minimum", "maximum", "multipleOf"), (int, float)),
    **dict.fromkeys(("enum", "required", "x-kubernetes-list-map-keys"), (list,)),
    **dict.fromkeys(("type", "description", "x-kubernetes-list-type", "x-kubernetes-map-type"), (str,)),
}


def malformed(schema: Any, path: str = "") -> str | None:
    """Return what keeps a schema from being used, None if nothing. OpenAPI's own type leaves parts of it open."""
    here = path or "the schema"
    if not isinstance(schema, dict):
        return f"{here} must be an object"
    if "$ref" in schema:
        return f"{here} must not have $ref"
    for key, types in _FORMS.items():
        if key in schema and (not isinstance(schema[key], types) or isinstance(schema[key], bool)):
            return f"{path}.{key} has the wrong type"
    if any(
        not isinstance(one, str) for key in ("required", "x-kubernetes-list-map-keys") for one in schema.get(key, ())
    ):
        return f"{here} has a key that is not a string"
    below: list[tuple[str, Any]] = []
    properties, values = schema.get("properties", {}), schema.get("additionalProperties", True)
    if not isinstance(properties, dict):
        return f"{path}.properties must be an object"
    below += [(f"{path}.{key}", one) for key, one in properties.items()]
    if not isinstance(values, bool):
        below.append((f"{path}.additionalProperties", values))
    below += [(f"{path}.{key}", schema[key]) for key in ("items", "not") if key in schema]
    for key in ("allOf", "anyOf", "oneOf"):
        if not isinstance(schema.get(key, []), list):
            return f"{path}.{key} must be a list"
        below += [(f"{path}.{key}", one) for one in schema.get(key, ())]
    return next((why for where, one in below if (why := malformed(one, where)) is not None), None)
