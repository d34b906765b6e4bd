"""From JSON values to objects of a type, as kube-apiserver's decoder does it.

The result holds only fields of the type, in canonical form: without nulls and empty optional values, with times and
quantities in one notation, with the structs that are always written. Unknown fields are collected, not fatal: the
request's ``fieldValidation`` decides. Values of a wrong type are fatal, in the words of Go's decoder.
https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation
"""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime
from typing import Any

from podrole.cluster.schema.structural import CustomStruct, DefaultBudget, TooManyDefaults, pruned
from podrole.cluster.schema.types import META, Field, ListOf, MapOf, Scalar, Struct, Type, struct
from podrole.kube.quantity import canonical

Object = dict[str, Any]

MAX_DEPTH = 50
"""Levels of nesting in JSON that has no type (FieldsV1): more than any real type has."""

MAX_STRICT_ERRORS = 100
"""How many unknown and duplicate fields are reported: the limit of sigs.k8s.io/json."""

_INDEX = re.compile(r"\[[^\]]*\]")
_RFC3339 = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|z|[+-]\d\d:\d\d)")
_RANGES = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}


class DecodeError(ValueError):
    """A value of a type that its field does not have."""


def decode(of: Struct, value: Any, unknown: list[str], path: str = "") -> Object:
    """Return ``value`` as an object of the type, a new one throughout; append to ``unknown`` the paths not known.

    Raises DecodeError.
    """
    if type(value) is not dict:
        raise _mismatch(value, of, path, _go_type(of))
    if isinstance(of, CustomStruct):
        return _decode_custom(of, value, unknown)
    result: Object = {}
    fields = of.fields
    prefix = f"{path}." if path else ""
    for key, member in value.items():
        if member is None:
            if key not in fields:
                _note(unknown, f"{prefix}{key}")
            continue
        field = fields.get(key)
        if field is None:
            _note(unknown, f"{prefix}{key}")
            continue
        kind = field.type
        if isinstance(kind, Scalar):
            decoded = _scalar(kind, member, of, f"{prefix}{key}")
        elif isinstance(kind, Struct):
            decoded = _inner(kind, member, unknown, of, f"{prefix}{key}")
        else:
            decoded = _collection(kind, member, unknown, of, f"{prefix}{key}")
        if not field.required and _is_nothing(decoded, field):
            continue
        result[key] = decoded
    for key, filler in of.always:
        if key not in result:
            result[key] = empty(filler) if type(filler) is Struct else filler
    return result


def _decode_custom(of: CustomStruct, value: Object, unknown: list[str]) -> Object:
    """Return a custom object, pruned and defaulted by its schema; its metadata is decoded as every object's."""
    _check_depth(value, MAX_DEPTH)
    own = {key: member for key, member in value.items() if key not in ("apiVersion", "kind", "metadata")}
    schema = {
        **of.schema,
        "properties": {key: below for key, below in of.schema.get("properties", {}).items() if key != "metadata"},
    }
    pruned_paths: list[str] = []
    try:
        result = pruned(schema, own, pruned_paths, DefaultBudget())
    except TooManyDefaults as problem:
        raise DecodeError(str(problem)) from None
    for path in pruned_paths:
        _note(unknown, path)
    metadata = decode(struct(f"{META}.ObjectMeta"), value.get("metadata") or {}, unknown, "metadata")
    return {"metadata": metadata, **result}


def _note(unknown: list[str], path: str) -> None:
    if len(unknown) < MAX_STRICT_ERRORS:
        unknown.append(path)


def empty(of: Struct) -> Object:
    """Return the object that Go's zero value of the type is written as."""
    return {key: empty(filler) if type(filler) is Struct else filler for key, filler in of.always}


def _is_nothing(value: Any, field: Field) -> bool:
    if value == 0:  # or False
        return field.drops_zero
    return value == "" or (not value and type(field.type) in (ListOf, MapOf))


def _inner(kind: Struct, value: Any, unknown: list[str], of: Struct, path: str) -> Object:
    if type(value) is not dict:
        raise _mismatch(value, of, path, _go_type(kind))
    return decode(kind, value, unknown, path)


def _collection(kind: ListOf | MapOf, value: Any, unknown: list[str], of: Struct, path: str) -> Any:
    if isinstance(kind, MapOf):
        if type(value) is not dict:
            raise _mismatch(value, of, path, _go_type(kind))
        return {key: _element(kind.value, member, unknown, of, path, f"[{key}]") for key, member in value.items()}
    if type(value) is not list:
        raise _mismatch(value, of, path, _go_type(kind))
    return [_element(kind.element, item, unknown, of, path, f"[{index}]") for index, item in enumerate(value)]


def _element(kind: Type, value: Any, unknown: list[str], of: Struct, path: str, index: str) -> Any:
    if isinstance(kind, Scalar):
        # Go leaves the zero value where an element is null.
        return _zero(kind) if value is None else _scalar(kind, value, of, path + index)
    if isinstance(kind, Struct):
        return _inner(kind, {} if value is None else value, unknown, of, path + index)
    return _collection(kind, value, unknown, of, path + index)


def _zero(kind: Scalar) -> Any:
    return 0 if kind.kind.startswith("int") else False if kind.kind == "boolean" else ""


def _scalar(kind: Scalar, value: Any, of: Struct, path: str) -> Any:
    name = kind.kind
    if name == "string":
        if type(value) is str:
            return value
    elif name == "int32" or name == "int64":
        if type(value) is int:
            low, high = _RANGES[name]
            if low <= value <= high:
                return value
            raise DecodeError(_text(f"number {value}", of, path, name))
        if type(value) is float:
            raise DecodeError(_text(f"number {value}", of, path, name))
    elif name == "boolean":
        if type(value) is bool:
            return value
    else:
        return _special(name, value, of, path)
    raise _mismatch(value, of, path, {"boolean": "bool"}.get(name, name))


def _special(name: str, value: Any, of: Struct, path: str) -> Any:
    if name == "any":
        _check_depth(value, MAX_DEPTH)
        return value
    if name == "int-or-string":
        if type(value) is str or (type(value) is int and abs(value) < 2**31):
            return value
        raise _mismatch(value, of, path, "intstr.IntOrString")
    if name == "number":
        if type(value) in (int, float):
            return value
        raise _mismatch(value, of, path, "float64")
    if name == "quantity":
        return _quantity(value, of, path)
    if type(value) is not str:
        raise _mismatch(value, of, path, "[]uint8" if name == "bytes" else "string")
    if name == "bytes":
        return _base64(value)
    return _time(value, micro=name == "micro-time")


def _check_depth(value: Any, left: int) -> None:
    if not left:
        raise DecodeError("exceeded max depth")
    if type(value) is dict:
        for member in value.values():
            _check_depth(member, left - 1)
    elif type(value) is list:
        for item in value:
            _check_depth(item, left - 1)


def _quantity(value: Any, of: Struct, path: str) -> str:
    if type(value) not in (str, int, float):
        raise _mismatch(value, of, path, "resource.Quantity")
    try:
        return canonical(str(value).strip())  # apimachinery strips it, too
    except ValueError as problem:
        raise DecodeError(str(problem)) from None


def _base64(value: str) -> str:
    text = value.replace("\r", "").replace("\n", "")
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        good = re.match(r"(?:[A-Za-z0-9+/]{4})*", text)
        raise DecodeError(f"illegal base64 data at input byte {good.end() if good else 0}") from None
    return text


def _time(value: str, *, micro: bool) -> str:
    match = _RFC3339.fullmatch(value)
    if match is None:
        raise _bad_time(value)
    zone = match[8].upper()
    try:
        moment = datetime.fromisoformat(f"{value[:10]}T{value[11:19]}{'+00:00' if zone == 'Z' else zone}").astimezone(
            UTC
        )
    except (ValueError, OverflowError):  # a time near the first or the last year is of another one in UTC
        raise _bad_time(value) from None
    text = moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    return f"{text}.{(match[7] or '')[:6]:0<6}Z" if micro else f"{text}Z"


def _bad_time(value: str) -> DecodeError:
    return DecodeError(f'parsing time "{value}" as "2006-01-02T15:04:05Z07:00": cannot parse "{value}" as "2006"')


def _mismatch(value: Any, of: Struct, path: str, go_type: str) -> DecodeError:
    word = {str: "string", bool: "bool", int: "number", float: "number", list: "array", dict: "object"}.get(
        type(value), "null"
    )
    if not path:
        return DecodeError(f"json: cannot unmarshal {word} into Go value of type {go_type}")
    return DecodeError(_text(word, of, path, go_type))


def _text(word: str, of: Struct, path: str, go_type: str) -> str:
    return f"json: cannot unmarshal {word} into Go struct field {of.name}.{_INDEX.sub('', path)} of type {go_type}"


def _go_type(kind: Type) -> str:
    if isinstance(kind, Struct):
        return f"v1.{kind.name}"
    if isinstance(kind, ListOf):
        return f"[]{_go_type(kind.element)}"
    if isinstance(kind, MapOf):
        return f"map[string]{_go_type(kind.value)}"
    return {"boolean": "bool", "bytes": "[]uint8", "quantity": "resource.Quantity"}.get(kind.kind, kind.kind)
