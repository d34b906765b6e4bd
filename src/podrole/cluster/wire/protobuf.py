"""Request bodies in Kubernetes' protobuf form, which kubectl sends for imperative commands.

The four bytes ``k8s\\0``, then a ``runtime.Unknown`` that names the kind and holds the message
(https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding). Messages are decoded by the field
tables of ``podrole.cluster.wire.messages`` straight into the JSON form; unknown fields are skipped, as protobuf wants.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from podrole.cluster.wire.messages import Message, ProtoField, message, message_name

Object = dict[str, Any]

MAGIC = b"k8s\x00"
_MAX_DEPTH = 40
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_MAX_FIELDS = 100_000
"""Known fields of an object, with those of its messages: what fits the largest object of etcd has fewer."""
_MAX_SECONDS = 253_402_300_799
"""9999-12-31T23:59:59Z, the last time that RFC 3339 can write."""


class ProtobufError(ValueError):
    """The bytes are no message of that type."""


class UnknownMessage(ProtobufError):
    """The kind, or a message inside it, is not one that this server decodes."""


def decode_object(data: bytes) -> Object:
    """Return the object in its JSON form, kind and apiVersion first. Raises ProtobufError or UnknownMessage."""
    if not data.startswith(MAGIC):
        raise ProtobufError("the body does not begin with the protobuf magic number")
    unknown = _last_of_each(memoryview(data)[len(MAGIC) :])
    names = _last_of_each(memoryview(unknown.get(1, b"")))
    api_version, kind = _text(names.get(1, b"")), _text(names.get(2, b""))
    target = message_name(api_version, kind)
    if target is None:
        raise UnknownMessage(f"{api_version}, Kind={kind}")
    body = _decode(memoryview(unknown.get(2, b"")), _message(target), _MAX_DEPTH, [_MAX_FIELDS])
    return {"kind": kind, "apiVersion": api_version, **body}


def _last_of_each(data: memoryview) -> dict[int, bytes]:
    """Return the fields 1 and 2, of bytes: protobuf takes the last of several."""
    fields: dict[int, bytes] = {}
    for number, wire_type, value in _walk(data):
        if number in (1, 2):
            if wire_type != _BYTES:
                raise ProtobufError(f"field {number} is not a message")
            fields[number] = bytes(value)
    return fields


def _walk(data: memoryview) -> Iterator[tuple[int, int, Any]]:
    """Yield field number, wire type and value: an int, or a view of bytes."""
    position, end = 0, len(data)
    while position < end:
        key, position = _varint(data, position)
        number, wire_type = key >> 3, key & 7
        if not number or number > 0x1FFFFFFF:
            raise ProtobufError(f"no field can have the number {number}")
        if wire_type == _VARINT:
            value, position = _varint(data, position)
            yield number, wire_type, value
            continue
        if wire_type == _BYTES:
            size, position = _varint(data, position)
        elif wire_type in (_FIXED64, _FIXED32):
            size = 8 if wire_type == _FIXED64 else 4
        else:
            raise ProtobufError(f"wire type {wire_type} is not used here")
        if position + size > end:
            raise ProtobufError("unexpected EOF")
        yield number, wire_type, data[position : position + size]
        position += size


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if position >= len(data):
            raise ProtobufError("unexpected EOF")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position
        shift += 7
        if shift > 63:
            raise ProtobufError("integer overflow")


def _decode(data: memoryview, of: Message, depth: int, budget: list[int]) -> Object:
    if not depth:
        raise ProtobufError("exceeded max depth")
    result: Object = {}
    for number, wire_type, raw in _walk(data):
        field = of.fields.get(number)
        if field is None:
            continue
        budget[0] -= 1
        if budget[0] < 0:
            raise ProtobufError("the message has too many fields")
        value = _value(field, wire_type, raw, depth, budget)
        if field.map:
            key, entry = value
            result.setdefault(field.name, {})[key] = entry
        elif field.repeated:
            result.setdefault(field.name, []).append(value)
        elif field.inline:
            result.update(value)
        elif value is not None and (field.pointer or value not in ("", 0, False)):
            result[field.name] = value
    return result


def _value(field: ProtoField, wire_type: int, raw: Any, depth: int, budget: list[int]) -> Any:
    if field.map:
        return _map_entry(field, wire_type, raw, depth, budget)
    kind = field.type
    if kind == "int" or kind == "bool":
        if wire_type != _VARINT:
            raise ProtobufError(f"wire type {wire_type} for the integer {field.name}")
        signed = raw - (1 << 64) if raw >= 1 << 63 else raw
        return bool(raw) if kind == "bool" else signed
    if wire_type != _BYTES:
        raise ProtobufError(f"wire type {wire_type} for {field.name}")
    if kind == "":
        return _text(raw)
    if kind == "bytes":
        return base64.b64encode(raw).decode()
    special = _SPECIAL.get(kind)
    if special is not None:
        return special(raw)
    return _decode(raw, _message(kind), depth - 1, budget)


def _message(name: str) -> Message:
    known = message(name)
    if known is None:
        raise UnknownMessage(name)
    return known


def _map_entry(field: ProtoField, wire_type: int, raw: Any, depth: int, budget: list[int]) -> tuple[str, Any]:
    if wire_type != _BYTES:
        raise ProtobufError(f"wire type {wire_type} for {field.name}")
    key, value = "", None
    element = ProtoField(field.name, field.type)
    for number, inner_type, inner in _walk(raw):
        if number == 1:
            if inner_type != _BYTES:
                raise ProtobufError(f"the key in {field.name} is not a string")
            key = _text(inner)
        elif number == 2:
            value = _value(element, inner_type, inner, depth, budget)
    return key, value if value is not None else ""


def _text(raw: Any) -> str:
    try:
        return str(raw, "utf-8")
    except UnicodeDecodeError:
        raise ProtobufError("a string is not UTF-8") from None


def _numbers(raw: memoryview) -> dict[int, Any]:
    return {number: value for number, _, value in _walk(raw)}


def _signed(numbers: dict[int, Any], number: int) -> int:
    value = numbers.get(number, 0)
    if not isinstance(value, int):
        raise ProtobufError("a number is of the wrong type")
    return value - (1 << 64) if value >= 1 << 63 else value


def _moment(raw: memoryview) -> tuple[int, int]:
    numbers = _numbers(raw)
    seconds = _signed(numbers, 1)
    if not 0 <= seconds <= _MAX_SECONDS:
        raise ProtobufError("a time is out of range")
    return seconds, _signed(numbers, 2)


def _time(raw: memoryview) -> str | None:
    if not raw:
        return None
    return datetime.fromtimestamp(_moment(raw)[0], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _micro_time(raw: memoryview) -> str | None:
    if not raw:
        return None
    seconds, nanos = _moment(raw)
    if not 0 <= nanos < 1_000_000_000:
        raise ProtobufError("a time is out of range")
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{nanos // 1000:06}Z"


def _int_or_string(raw: memoryview) -> int | str:
    numbers = _numbers(raw)
    if _signed(numbers, 1) == 0:
        return _signed(numbers, 2)
    text = numbers.get(3, b"")
    if isinstance(text, int):
        raise ProtobufError("a string is of the wrong type")
    return _text(text)


def _quantity(raw: memoryview) -> str:
    text = _numbers(raw).get(1, b"")
    if isinstance(text, int):
        raise ProtobufError("a quantity is of the wrong type")
    return _text(text)


def _embedded_json(raw: memoryview) -> Any:
    data = _numbers(raw).get(1, b"")
    if isinstance(data, int):
        raise ProtobufError("embedded JSON is of the wrong type")
    if not data:
        return None
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ProtobufError("embedded JSON is not valid JSON") from None


_SPECIAL = {
    "meta.Time": _time,
    "meta.MicroTime": _micro_time,
    "meta.FieldsV1": _embedded_json,
    "intstr.IntOrString": _int_or_string,
    "res.Quantity": _quantity,
}
