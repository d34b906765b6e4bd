"""The types of Kubernetes objects, compiled one by one from the extract when they are first asked for.

Lists and maps carry what server-side apply and strategic merge need: which lists merge, and by which keys
(https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy).
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Literal, TypeAlias

import msgspec

from podrole.cluster.core.resources import Resource
from podrole.cluster.schema.presence import DROPPED_ZEROS, EMBEDDED, NULLS

META = "io.k8s.apimachinery.pkg.apis.meta.v1"

ScalarKind = Literal[
    "string", "int32", "int64", "boolean", "number", "int-or-string", "quantity", "time", "micro-time", "bytes", "any"
]


@dataclass(frozen=True, slots=True)
class Scalar:
    """A value without parts; ``any`` is JSON of any form (FieldsV1)."""

    kind: ScalarKind


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list. ``relation`` says how it merges: as a whole, as a set of scalars, or by the ``keys`` of its items."""

    element: Type
    relation: Literal["atomic", "set", "map"] = "atomic"
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map from any string."""

    value: Type
    atomic: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a struct. The last three are for strategic merge patches."""

    name: str
    type: Type
    required: bool
    drops_zero: bool
    merges: bool = False
    merge_key: str = ""
    retains_keys: bool = False


@dataclass(slots=True)
class Struct:
    """An object with known fields. ``always`` are the fields that are written even if they are not set."""

    name: str
    fields: dict[str, Field] = field(default_factory=dict)
    atomic: bool = False
    always: tuple[tuple[str, Any], ...] = ()

    def __repr__(self) -> str:
        return f"Struct({self.name})"


Type: TypeAlias = Scalar | ListOf | MapOf | Struct

_STRING = Scalar("string")
_SPECIAL: Mapping[str, Type] = {
    f"{META}.Time": Scalar("time"),
    f"{META}.MicroTime": Scalar("micro-time"),
    f"{META}.FieldsV1": Scalar("any"),
    **{
        f"io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.{name}": Scalar("any")
        for name in ("JSON", "JSONSchemaPropsOrArray", "JSONSchemaPropsOrBool", "JSONSchemaPropsOrStringArray")
    },
    "io.k8s.apimachinery.pkg.api.resource.Quantity": Scalar("quantity"),
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": Scalar("int-or-string"),
}


@functools.cache
def extract() -> Mapping[str, Any]:
    """Return the definitions by their full name. The first call reads and unpacks them (some 5 ms)."""
    packed = resources.files("podrole.cluster.schema").joinpath("kubernetes-1.36.json.z").read_bytes()
    definitions: Mapping[str, Any] = msgspec.json.decode(zlib.decompress(packed))["definitions"]
    return definitions


_structs: dict[str, Struct] = {}


def struct(name: str) -> Struct:
    """Return the type of a full name, ``io.k8s.api.core.v1.Pod``."""
    known = _structs.get(name)
    if known is not None:
        return known
    definition = extract()[name]
    short = name.rpartition(".")[2]
    result = _structs[name] = Struct(short, atomic=definition.get("x-kubernetes-map-type") == "atomic")
    required = frozenset(definition.get("required", ()))
    dropped = DROPPED_ZEROS.get(short, ())
    properties = definition.get("properties", {})
    for key, schema in properties.items():
        strategy = schema.get("x-kubernetes-patch-strategy", "").split(",")
        result.fields[key] = Field(
            key,
            _compile(schema),
            required=key in required,
            drops_zero=key in dropped,
            merges="merge" in strategy,
            merge_key=schema.get("x-kubernetes-patch-merge-key", ""),
            retains_keys="retainKeys" in strategy,
        )
    result.always = tuple(_always(result, is_kind="x-kubernetes-group-version-kind" in definition))
    return result


def type_of(resource: Resource) -> Struct:
    """Return the type of a resource's objects."""
    if resource.custom is not None:
        custom: Struct = resource.custom.struct
        return custom
    return struct(resource.schema)


def _always(of: Struct, *, is_kind: bool) -> list[tuple[str, Any]]:
    embedded = EMBEDDED.get(of.name, ())
    if is_kind and "metadata" in of.fields:
        embedded = ("metadata", *embedded)
    # Two packages may have a type of the same name: storage.k8s.io's TokenRequest has no spec.
    filled: list[tuple[str, Any]] = [(name, of.fields[name].type) for name in embedded if name in of.fields]
    filled.extend((name, None) for name in NULLS.get(of.name, ()))
    filled.extend(
        (struct_field.name, _ZEROS[struct_field.type.kind])
        for struct_field in of.fields.values()
        if struct_field.required and isinstance(struct_field.type, Scalar) and struct_field.type.kind in _ZEROS
    )
    return filled


_ZEROS: Mapping[str, Any] = {"string": "", "int32": 0, "int64": 0, "boolean": False}


def _compile(schema: Mapping[str, Any]) -> Type:
    reference = schema.get("$ref")
    if reference is not None:
        special = _SPECIAL.get(reference)
        if special is not None:
            return special
        target = struct(reference)
        if schema.get("x-kubernetes-map-type") == "atomic" and not target.atomic:
            return Struct(target.name, target.fields, atomic=True, always=target.always)
        return target
    match schema.get("type"):
        case "array":
            relation = schema.get("x-kubernetes-list-type", "atomic")
            return ListOf(_compile(schema["items"]), relation, tuple(schema.get("x-kubernetes-list-map-keys", ())))
        case "object":
            values = schema.get("additionalProperties")
            if values is None:
                return Scalar("any")
            return MapOf(_compile(values), atomic=schema.get("x-kubernetes-map-type") == "atomic")
        case "string":
            return Scalar("bytes") if schema.get("format") == "byte" else _STRING
        case "integer":
            return Scalar("int32") if schema.get("format") == "int32" else Scalar("int64")
        case "boolean":
            return Scalar("boolean")
        case "number":
            return Scalar("number")
        case _:
            return Scalar("any")
