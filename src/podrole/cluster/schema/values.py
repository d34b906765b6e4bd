"""What the schema of a custom resource refuses of an object, in the words of kube-openapi's validator.

An update is not refused for what it leaves as it was ("ratcheting"): values that are equal to the old ones are not
checked again. The work for one object is bounded, whatever the schema.
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-ratcheting
"""

from __future__ import annotations

import decimal
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from podrole.cluster.core.errors import FieldError, invalid, not_supported, required
from podrole.cluster.schema import patterns
from podrole.cluster.schema.formats import FORMATS

Schema = Mapping[str, Any]


class Absent:
    """The type of ``ABSENT``: there is no old value."""


ABSENT: Final = Absent()
INT_OR_STRING = "x-kubernetes-int-or-string"
_RANGES = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}
_SHOWN = 200


class TooMuchWork(ValueError):
    """An object takes more steps to check than podrole allows."""

    def __init__(self) -> None:
        super().__init__("podrole does not check an object that takes so many steps by its schema")


@dataclass(slots=True)
class Work:
    """The steps that the check of one object may still take: schemas looked at, and what patterns read."""

    left: int = 500_000

    def spend(self, steps: int = 1) -> None:
        """Raises TooMuchWork."""
        self.left -= steps
        if self.left < 0:
            raise TooMuchWork


def problems(schema: Schema, value: Any, path: str, old: Any, work: Work) -> Iterator[FieldError]:
    """Yield what the schema refuses of a value; ``old`` is what was there before, or ABSENT. Raises TooMuchWork."""
    work.spend()
    if is_unchanged(old, value):
        return
    if value is None and schema.get("nullable"):
        return
    wanted = schema.get("type")
    if schema.get(INT_OR_STRING):
        if not isinstance(value, int | str) or isinstance(value, bool):
            yield _of_type(path, "integer,string", value)
            return
    elif wanted and not _is_of(wanted, value):
        yield _of_type(path, wanted, value)
        return
    if "enum" in schema and not _among(value, schema["enum"], work):
        yield not_supported(path, value, [_text(choice) for choice in schema["enum"]])
    yield from _combined(schema, value, path, work)
    if isinstance(value, dict):
        yield from _of_object(schema, value, path, old, work)
    elif isinstance(value, list):
        yield from _of_list(schema, value, path, old, work)
    elif isinstance(value, str):
        yield from _of_text(schema, value, path, work)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _of_number(schema, value, path)


def is_unchanged(old: Any, value: Any) -> bool:
    """Say whether a value is what was there before."""
    return bool(old == value) and _same(old, value)


def _same(left: Any, right: Any) -> bool:
    """Say whether equal values are of the same types, too: Python takes 1, 1.0 and True for equal."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return all(_same(member, right[key]) for key, member in left.items())
    if isinstance(left, list):
        return all(map(_same, left, right))
    return True


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


def _among(value: Any, allowed: list[Any], work: Work) -> bool:
    work.spend(len(allowed))
    is_bool = isinstance(value, bool)
    return any(choice == value and isinstance(choice, bool) == is_bool for choice in allowed)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _combined(schema: Schema, value: Any, path: str, work: Work) -> Iterator[FieldError]:
    def fits(part: Schema) -> bool:
        return not any(problems(part, value, path, ABSENT, work))

    for part in schema.get("allOf", ()):
        yield from problems(part, value, path, ABSENT, work)
    if schema.get("anyOf") and not any(fits(part) for part in schema["anyOf"]):
        yield invalid(path, _shown(value), f"{path} in body must validate at least one schema (anyOf)")
    if schema.get("oneOf") and sum(fits(part) for part in schema["oneOf"]) != 1:
        yield invalid(path, _shown(value), f"{path} in body must validate one and only one schema (oneOf)")
    if "not" in schema and fits(schema["not"]):
        yield invalid(path, _shown(value), f"{path} in body must not validate the schema (not)")


def _shown(value: Any) -> Any:
    if isinstance(value, dict | list):
        return "object" if isinstance(value, dict) else "array"
    return value[:_SHOWN] if isinstance(value, str) else value


def _of_object(schema: Schema, value: dict[str, Any], path: str, old: Any, work: Work) -> Iterator[FieldError]:
    yield from _bounds(schema, len(value), len(value), path, "Properties", "properties")
    names = schema.get("required", ())
    work.spend(len(names))
    for key in names:
        if key not in value:
            yield required(f"{path}.{key}" if path else key)
    properties, values = schema.get("properties", {}), schema.get("additionalProperties")
    before = old if isinstance(old, dict) else {}
    for key, member in value.items():
        below = properties.get(key, values)
        if isinstance(below, dict):
            yield from problems(below, member, f"{path}.{key}" if path else key, before.get(key, ABSENT), work)


def _of_list(schema: Schema, value: list[Any], path: str, old: Any, work: Work) -> Iterator[FieldError]:
    yield from _bounds(schema, len(value), len(value), path, "Items", "items")
    unique, keys = schema.get("x-kubernetes-list-type") in ("set", "map"), map_keys(schema)
    before = {item_key(old_item, keys): old_item for old_item in old} if keys and isinstance(old, list) else {}
    seen: set[str] = set()
    for index, item in enumerate(value):
        key = item_key(item, keys) if unique else ""
        if unique and key in seen:
            yield FieldError("FieldValueDuplicate", f"{path}[{index}]", f"Duplicate value: {key}")
        seen.add(key)
        if isinstance(schema.get("items"), dict):
            yield from problems(schema["items"], item, f"{path}[{index}]", before.get(key, ABSENT), work)


def map_keys(schema: Schema) -> tuple[str, ...]:
    """Return the keys by which the items of a list are told apart; none if it is no list of type map."""
    return tuple(schema.get("x-kubernetes-list-map-keys", ())) if schema.get("x-kubernetes-list-type") == "map" else ()


def item_key(item: Any, keys: tuple[str, ...]) -> str:
    """Return what identifies an item of a list: its keys, or all of it."""
    value = {name: item.get(name) for name in keys if name in item} if keys and isinstance(item, dict) else item
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _of_text(schema: Schema, value: str, path: str, work: Work) -> Iterator[FieldError]:
    yield from _bounds(schema, len(value), value[:_SHOWN], path, "Length", "chars long")
    pattern = schema.get("pattern")
    if pattern and patterns.available():
        work.spend(patterns.steps(pattern, value))
        if not patterns.matches(pattern, value):
            yield invalid(path, value[:_SHOWN], f"{path} in body should match '{pattern}'")
    check = FORMATS.get(schema.get("format", ""))
    if check is not None:
        work.spend(len(value) // 256)
        if not check(value):
            shown = value[:_SHOWN]
            yield invalid(path, shown, f'{path} in body must be of type {schema["format"]}: "{shown}"')


def _of_number(schema: Schema, value: float, path: str) -> Iterator[FieldError]:
    low, high = schema.get("minimum"), schema.get("maximum")
    bounds = _RANGES.get(schema.get("format", ""))
    if bounds is not None and not bounds[0] <= value <= bounds[1]:
        kind = schema.get("type", "integer")
        yield invalid(path, value, f"Checked value must be of type {kind} with format {schema['format']} in {path}")
    if low is not None and (value < low or (schema.get("exclusiveMinimum") and value == low)):
        word = "greater than" if schema.get("exclusiveMinimum") else "greater than or equal to"
        yield invalid(path, value, f"{path} in body should be {word} {low}")
    if high is not None and (value > high or (schema.get("exclusiveMaximum") and value == high)):
        word = "less than" if schema.get("exclusiveMaximum") else "less than or equal to"
        yield invalid(path, value, f"{path} in body should be {word} {high}")
    if schema.get("multipleOf") and not _is_multiple(value, schema["multipleOf"]):
        yield invalid(path, value, f"{path} in body should be a multiple of {schema['multipleOf']}")


def _is_multiple(value: float, of: float) -> bool:
    """Compare in decimal: 0.3 is a multiple of 0.1."""
    if isinstance(value, int) and isinstance(of, int):
        return value % of == 0
    try:
        return decimal.Decimal(repr(value)) % decimal.Decimal(repr(of)) == 0
    except decimal.InvalidOperation:  # the quotient has more digits than a decimal keeps
        return False


def _bounds(schema: Schema, size: int, shown: Any, path: str, of: str, unit: str) -> Iterator[FieldError]:
    if size < schema.get(f"min{of}", 0):
        yield invalid(path, shown, f"{path} in body should be at least {schema[f'min{of}']} {unit}")
    if f"max{of}" in schema and size > schema[f"max{of}"]:
        yield invalid(path, shown, f"{path} in body should be at most {schema[f'max{of}']} {unit}")
