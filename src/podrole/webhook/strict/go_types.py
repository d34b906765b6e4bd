"""JSON read and written as Go's ``encoding/json`` does with structs: unknown fields are lost.

Reading keeps the fields of the struct and makes quantities canonical. Writing omits what ``omitempty`` omits. Like Go
it writes an empty struct, and a nil pointer without ``omitempty``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from podrole.kube.quantity import canonical


class NotDecodable(ValueError):
    """A value that does not fit its type. The message is that of Go's decoder."""


@dataclass(frozen=True, slots=True)
class GoType:
    """A Go type: how it is read from JSON, its zero value, and how it is written."""

    name: str
    read: Callable[[Any, str], Any]
    zero: Callable[[], Any]
    write: Callable[[Any], Any] = lambda value: value


def _mismatch(value: Any, where: str, type_name: str) -> NotDecodable:
    kinds = {bool: "bool", int: "number", float: "number", str: "string", list: "array", dict: "object"}
    kind = kinds[type(value)]
    if kind == "number" and type_name.startswith(("int", "*int")):
        kind = f"number {json.dumps(value)}"
    target = f"struct field {where} of type" if where else "value of type"
    return NotDecodable(f"json: cannot unmarshal {kind} into Go {target} {type_name}")


def _scalar(name: str, python: type, zero: Any) -> GoType:
    def read(value: Any, where: str) -> Any:
        if type(value) is not python:
            raise _mismatch(value, where, name)
        return value

    return GoType(name, read, lambda: zero)


STRING = _scalar("string", str, "")
BOOL = _scalar("bool", bool, False)
INT32 = _scalar("int32", int, 0)
INT64 = _scalar("int64", int, 0)


def _read_quantity(value: Any, _where: str) -> str:
    try:
        return canonical((value if isinstance(value, str) else json.dumps(value)).strip())
    except ValueError as problem:
        raise NotDecodable(str(problem)) from problem


QUANTITY = GoType("resource.Quantity", _read_quantity, lambda: "0")


def _read_int_or_string(value: Any, where: str) -> Any:
    if type(value) not in (int, str):
        raise _mismatch(value, where, "int32")
    return value


INT_OR_STRING = GoType("intstr.IntOrString", _read_int_or_string, lambda: 0)


def pointer(to: GoType) -> GoType:
    """A Go pointer. ``omitempty`` omits it if it is nil, but not if it points to a zero value."""
    return GoType(f"*{to.name}", to.read, lambda: None, lambda value: None if value is None else to.write(value))


def slice_of(element: GoType) -> GoType:
    """A Go slice. A null element becomes the zero value of the element type."""
    name = f"[]{element.name}"

    def read(value: Any, where: str) -> list[Any]:
        if not isinstance(value, list):
            raise _mismatch(value, where, name)
        return [element.zero() if item is None else element.read(item, where) for item in value]

    def write(value: list[Any] | None) -> list[Any] | None:
        return None if value is None else [element.write(item) for item in value]

    return GoType(name, read, lambda: None, write)


def map_of(element: GoType) -> GoType:
    """A Go map with string keys, written in the order of the keys."""
    name = f"map[string]{element.name}"

    def read(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _mismatch(value, where, name)
        return {key: element.zero() if item is None else element.read(item, where) for key, item in value.items()}

    def write(value: dict[str, Any] | None) -> dict[str, Any] | None:
        return None if value is None else {key: element.write(value[key]) for key in sorted(value)}

    return GoType(name, read, lambda: None, write)


def struct(name: str, /, **fields: GoType | tuple[GoType]) -> GoType:
    """A Go struct. A field whose type is in a tuple is always written; the others have ``omitempty``.

    Names of fields are matched exactly or else, as in Go, without regard to case.
    """
    types = {key: kind[0] if isinstance(kind, tuple) else kind for key, kind in fields.items()}
    always = frozenset(key for key, kind in fields.items() if isinstance(kind, tuple))
    folded = {key.lower(): key for key in fields}
    structs = frozenset(key for key, kind in types.items() if kind.name in _STRUCTS)
    short = name.rpartition(".")[2]

    def read(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _mismatch(value, where, name)
        path = where.partition(".")[2] + "." if where else ""
        result: dict[str, Any] = {}
        for key, item in value.items():
            field = key if key in types else folded.get(key.lower())
            if field is not None and item is not None:
                result[field] = types[field].read(item, f"{short}.{path}{field}")
        return result

    def write(value: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, kind in types.items():
            item = value[key] if key in value else kind.zero()
            # omitempty omits false, 0, "", nil and empty lists and maps, but never a struct or the target of a pointer.
            if key in always or key in structs or item or (item is not None and kind.name.startswith("*")):
                result[key] = kind.write(item)
        return result

    _STRUCTS.add(name)
    return GoType(name, read, dict, write)


_STRUCTS: set[str] = set()


def to_json(value: Any) -> bytes:
    """Write JSON as Go's ``json.Marshal`` does: without spaces, with ``<``, ``>``, ``&`` and two separators escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode()
