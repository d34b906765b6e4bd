"""What the schema of a CustomResourceDefinition must be like, in the words of k8s.io/apiextensions-apiserver.

https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from podrole.cluster.core.errors import FieldError, forbidden, invalid, not_supported, required
from podrole.cluster.schema import patterns
from podrole.cluster.schema.structural import DefaultBudget, TooManyDefaults, pruned
from podrole.cluster.schema.values import ABSENT, INT_OR_STRING, TooMuchWork, Work, problems

Schema = Mapping[str, Any]

_PRESERVE, _EMBEDDED = "x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource"
_LIST_TYPE, _MAP_TYPE, _KEYS = "x-kubernetes-list-type", "x-kubernetes-map-type", "x-kubernetes-list-map-keys"
_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_UNSUPPORTED = ("$ref", "$schema", "id", "definitions", "dependencies", "patternProperties", "additionalItems")
_JUNCTORS = ("allOf", "anyOf", "oneOf")
_STRUCTURAL_ONLY = (
    "additionalProperties",
    "default",
    "description",
    "nullable",
    "title",
    "type",
    _EMBEDDED,
    INT_OR_STRING,
    _KEYS,
    _LIST_TYPE,
    _MAP_TYPE,
    _PRESERVE,
    "x-kubernetes-validations",
)
MAX_SCHEMAS = 50_000
"""Schemas that one version may have, each property and item counted."""
MAX_PATTERN_STEPS = 500_000
"""How large the compiled patterns of one version may be together."""


def schema_faults(schema: Any, path: str) -> Iterator[FieldError]:
    """Yield what keeps the schema of a version from being used."""
    fault = _malformed(schema)
    if fault is not None:
        yield invalid(path, "", fault)
        return
    if not schema.get("type"):
        yield required(f"{path}.type", "must not be empty at the root")
    elif schema["type"] != "object":
        yield invalid(f"{path}.type", schema["type"], "must be object at the root")
    elif schema.get("nullable"):
        yield forbidden(f"{path}.nullable", "nullable cannot be true at the root")
    check = _Check()
    try:
        faults = list(check.faults(schema, path, "root"))
        yield from faults or check.faults_of_defaults(schema, path)
    except TooMuchWork:
        yield invalid(path, "", "podrole does not use a schema of this size")


class _Check:
    """The check of one schema, with the work that is left for it."""

    def __init__(self) -> None:
        self._schemas = Work(MAX_SCHEMAS)
        self._patterns = Work(MAX_PATTERN_STEPS)
        self._values = Work()
        self._defaults = DefaultBudget()

    def faults(self, schema: Schema, path: str, place: str) -> Iterator[FieldError]:
        """Yield what is wrong with a schema that says what an object is like; ``place``: root, field or item."""
        self._schemas.spend()
        yield from self._common(schema, path)
        yield from _of_type(schema, path, place)
        yield from _of_extensions(schema, path)
        if place == "root":
            yield from _of_metadata(schema.get("properties", {}).get("metadata"), f"{path}.properties[metadata]")
        for key, field_schema in schema.get("properties", {}).items():
            yield from self.faults(field_schema, f"{path}.properties[{key}]", "field")
        for key, where in (("additionalProperties", "field"), ("items", "item")):
            if isinstance(schema.get(key), dict):
                yield from self.faults(schema[key], f"{path}.{key}", where)
        for below, where in _junctors(schema, path):
            yield from self._junctor(below, where, schema, path)

    def _junctor(self, schema: Schema, path: str, structure: Schema | None, at: str) -> Iterator[FieldError]:
        """Yield what is wrong with a schema below allOf, anyOf, oneOf or not: it restricts, and describes nothing.

        ``structure``, at the path ``at``, describes the same value. None: it is missing, which has been said.
        """
        self._schemas.spend()
        yield from self._common(schema, path)
        outside: Schema = {} if structure is None else structure
        for key in _STRUCTURAL_ONLY:
            if schema.get(key) and not (key == "type" and outside.get(INT_OR_STRING)):
                yield forbidden(f"{path}.{key}", "must be empty to be structural")
        known = outside.get("properties", {})
        parts = [(f"properties[{key}]", part, known.get(key)) for key, part in schema.get("properties", {}).items()]
        if "items" in schema:
            parts.append(("items", schema["items"], outside.get("items")))
        for name, part, described in parts:
            if described is None and structure is not None:
                yield required(f"{at}.{name}", f"because it is defined in {path}.{name}")
            yield from self._junctor(part, f"{path}.{name}", described, f"{at}.{name}")
        for below, where in _junctors(schema, path):
            yield from self._junctor(below, where, structure, at)

    def _common(self, schema: Schema, path: str) -> Iterator[FieldError]:
        for key in _UNSUPPORTED:
            if schema.get(key):
                yield forbidden(f"{path}.{key}", f"{key} is not supported")
        if schema.get("uniqueItems"):
            why = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"
            yield forbidden(f"{path}.uniqueItems", why)
        if schema.get("additionalProperties") is False:
            yield forbidden(f"{path}.additionalProperties", "additionalProperties cannot be set to false")
        elif schema.get("additionalProperties") and schema.get("properties"):
            why = "additionalProperties and properties are mutual exclusive"
            yield forbidden(f"{path}.additionalProperties", why)
        pattern = schema.get("pattern")
        if pattern and patterns.available():
            try:
                self._patterns.spend(patterns.compiled(pattern).programsize)
            except patterns.BadPattern as problem:
                why = f"must be a valid regular expression, but isn't: error parsing regexp: {problem}"
                yield invalid(f"{path}.pattern", pattern, why)

    def faults_of_defaults(self, schema: Schema, path: str) -> Iterator[FieldError]:
        """Yield the defaults that the schema itself refuses."""
        if "default" in schema:
            yield from self._default(schema, schema["default"], f"{path}.default")
        for key, field_schema in schema.get("properties", {}).items():
            yield from self.faults_of_defaults(field_schema, f"{path}.properties[{key}]")
        for key in ("additionalProperties", "items"):
            if isinstance(schema.get(key), dict):
                yield from self.faults_of_defaults(schema[key], f"{path}.{key}")

    def _default(self, schema: Schema, value: Any, path: str) -> Iterator[FieldError]:
        unknown: list[str] = []
        try:
            filled = pruned(schema, value, unknown, self._defaults)
        except TooManyDefaults as problem:
            yield invalid(path, "", str(problem))
            return
        if unknown:
            yield invalid(path, value, "must not have unknown fields")
        yield from problems(schema, filled, path, ABSENT, self._values)


def _junctors(schema: Schema, path: str) -> Iterator[tuple[Schema, str]]:
    for key in _JUNCTORS:
        for index, below in enumerate(schema.get(key, ())):
            yield below, f"{path}.{key}[{index}]"
    if "not" in schema:
        yield schema["not"], f"{path}.not"


def _of_type(schema: Schema, path: str, place: str) -> Iterator[FieldError]:
    kind = schema.get("type")
    if schema.get(INT_OR_STRING):
        if kind:
            yield forbidden(f"{path}.type", f"must be empty if {INT_OR_STRING} is true")
        return
    if not kind:
        if place != "root" and not schema.get(_PRESERVE):
            of = "array items" if place == "item" else "object fields"
            yield required(f"{path}.type", f"must not be empty for specified {of}")
    elif kind not in _TYPES:
        yield not_supported(f"{path}.type", kind, _TYPES)
    elif kind == "array" and not schema.get("items"):
        yield required(f"{path}.items", "must be specified")


def _of_extensions(schema: Schema, path: str) -> Iterator[FieldError]:
    if schema.get(_PRESERVE) is False:
        yield invalid(f"{path}.{_PRESERVE}", value=False, detail="must be true or undefined")
    if schema.get(_EMBEDDED):
        if schema.get("type") != "object":
            yield invalid(f"{path}.type", schema.get("type", ""), f"must be object if {_EMBEDDED} is true")
        if not schema.get(_PRESERVE) and not schema.get("properties"):
            why = f"must not be empty if {_EMBEDDED} is true without {_PRESERVE}"
            yield required(f"{path}.properties", why)
    map_type = schema.get(_MAP_TYPE)
    if map_type and map_type not in ("atomic", "granular"):
        yield not_supported(f"{path}.{_MAP_TYPE}", map_type, ("atomic", "granular"))
    if map_type and schema.get("type") != "object":
        yield invalid(f"{path}.type", schema.get("type", ""), f"must be object if {_MAP_TYPE} is specified")
    yield from _of_list_type(schema, path)


def _of_list_type(schema: Schema, path: str) -> Iterator[FieldError]:
    kind, keys = schema.get(_LIST_TYPE), schema.get(_KEYS) or ()
    if keys and kind != "map":
        yield required(f"{path}.{_LIST_TYPE}", f"must be map if {_KEYS} is non-empty")
    if not kind:
        return
    if schema.get("type") != "array":
        yield invalid(f"{path}.type", schema.get("type", ""), f"must be array if {_LIST_TYPE} is specified")
    items = schema.get("items") or {}
    if kind not in ("atomic", "set", "map"):
        yield not_supported(f"{path}.{_LIST_TYPE}", kind, ("atomic", "set", "map"))
    elif kind == "set":
        yield from _of_set_items(items, f"{path}.items")
    elif kind == "map":
        yield from _of_map_items(items, keys, path)


def _of_set_items(items: Schema, path: str) -> Iterator[FieldError]:
    if items.get("nullable"):
        yield forbidden(f"{path}.nullable", f"cannot be nullable when {_LIST_TYPE} is set")
    if items.get("type") == "object" and items.get(_MAP_TYPE) != "atomic":
        why = f"must be atomic as item of a list with {_LIST_TYPE}=set"
        yield invalid(f"{path}.{_MAP_TYPE}", items.get(_MAP_TYPE, ""), why)
    if items.get("type") == "array" and items.get(_LIST_TYPE, "atomic") != "atomic":
        why = f"must be atomic as item of a list with {_LIST_TYPE}=set"
        yield invalid(f"{path}.{_LIST_TYPE}", items[_LIST_TYPE], why)


def _of_map_items(items: Schema, keys: Any, path: str) -> Iterator[FieldError]:
    if not keys:
        yield required(f"{path}.{_KEYS}", f"must not be empty if {_LIST_TYPE} is map")
    if items.get("type") != "object":
        why = f"must be object if parent array's {_LIST_TYPE} is map"
        yield invalid(f"{path}.items.type", items.get("type", ""), why)
    properties = items.get("properties", {})
    for index, key in enumerate(keys):
        of = properties.get(key)
        if of is None:
            yield invalid(f"{path}.{_KEYS}[{index}]", key, "entries must all be names of item properties")
            continue
        where = f"{path}.items.properties[{key}]"
        if of.get("type") in ("array", "object"):
            why = f"must be a scalar type if parent array's {_LIST_TYPE} is map"
            yield invalid(f"{where}.type", of["type"], why)
        if of.get("nullable"):
            yield forbidden(f"{where}.nullable", f"this property is in {_KEYS}, so it cannot be nullable")
        if key not in items.get("required", ()) and "default" not in of:
            why = f"this property is in {_KEYS}, so it must have a default or be a required property"
            yield required(f"{where}.default", why)
    if len(set(keys)) != len(keys):
        yield invalid(f"{path}.{_KEYS}", list(keys), "must not contain duplicate entries")


def _of_metadata(metadata: Any, path: str) -> Iterator[FieldError]:
    if not isinstance(metadata, dict):
        return
    others = set(metadata) - {"type", "description", "properties"}
    if others or set(metadata.get("properties", {})) - {"name", "generateName"}:
        why = "must not specify anything other than name and generateName, but metadata is implicitly specified"
        yield forbidden(path, why)


def unchecked(schema: Any) -> set[str]:
    """Return which rules of a schema are not checked because a library is missing."""
    if patterns.available():
        return set()
    return {"pattern"} if _has_pattern(schema) else set()


def _has_pattern(schema: Any) -> bool:
    if isinstance(schema, dict):
        return isinstance(schema.get("pattern"), str) or any(_has_pattern(member) for member in schema.values())
    return isinstance(schema, list) and any(_has_pattern(item) for item in schema)


_FORMS: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"), (int,)),
    **dict.fromkeys(("minimum", "maximum", "multipleOf"), (int, float)),
    **dict.fromkeys(("enum", "required", "x-kubernetes-list-map-keys"), (list,)),
    **dict.fromkeys(("type", "description", "x-kubernetes-list-type", "x-kubernetes-map-type"), (str,)),
    **dict.fromkeys(("pattern", "format"), (str,)),
    "x-kubernetes-validations": (list,),
}


def _malformed(schema: Any, path: str = "") -> str | None:
    """Return what keeps a schema from being used, None if nothing. OpenAPI's own type leaves parts of it open."""
    here = path or "the schema"
    if not isinstance(schema, dict):
        return f"{here} must be an object"
    for key, types in _FORMS.items():
        if key in schema and (not isinstance(schema[key], types) or isinstance(schema[key], bool)):
            return f"{path}.{key} has the wrong type"
    if any(
        not isinstance(entry, str)
        for key in ("required", "x-kubernetes-list-map-keys")
        for entry in schema.get(key, ())
    ):
        return f"{here} has a key that is not a string"
    below: list[tuple[str, Any]] = []
    properties, values = schema.get("properties", {}), schema.get("additionalProperties")
    if not isinstance(properties, dict):
        return f"{path}.properties must be an object"
    below += [(f"{path}.{key}", part) for key, part in properties.items()]
    if values is not None and not isinstance(values, bool):
        below.append((f"{path}.additionalProperties", values))
    below += [(f"{path}.{key}", schema[key]) for key in ("items", "not") if key in schema]
    for key in ("allOf", "anyOf", "oneOf"):
        if not isinstance(schema.get(key, []), list):
            return f"{path}.{key} must be a list"
        below += [(f"{path}.{key}", part) for part in schema.get(key, ())]
    return next((why for where, part in below if (why := _malformed(part, where)) is not None), None)
