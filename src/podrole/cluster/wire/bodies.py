"""Reads the bytes of a body as plain JSON values; errors have the words of Go's decoders.

Types are not checked here: that is ``podrole.cluster.schema.decoding``. Every body ends as dicts, lists, strings,
numbers, bools and None, or as a BodyError; duplicate fields are reported, the last one counts.
"""

from __future__ import annotations

import contextlib
import json
import math
from typing import Any

import msgspec

from podrole.base.large_work import INLINE_BYTES
from podrole.cluster.schema.decoding import MAX_STRICT_ERRORS

JSON, YAML, PROTOBUF = "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"
ACCEPTED = (JSON, YAML, PROTOBUF)
MAX_BYTES = 3 * 1024 * 1024
"""kube-apiserver's limit on a request's body."""

_MAX_JSON_VALUES = 200_000
_MAX_JSON_QUOTES = 400_000
"""Braces and brackets, commas, and quotes, of a JSON body: no object that is of use has a tenth of them. What is in its
texts does not count."""

_MAX_YAML_NODES = 100_000
"""Values that a YAML body may stand for once its aliases are followed."""


class BodyError(ValueError):
    """The bytes are not in the format of their Content-Type."""


MAX_OBJECT_BYTES = 1536 * 1024
"""etcd's limit on an object: --max-request-bytes."""

_encode = msgspec.json.Encoder().encode


def encoded_size(value: Any) -> int:
    """Return how many bytes a value has as JSON."""
    return len(_encode(value))


def media_type(content_type: str) -> str:
    """Return a Content-Type without its parameters; a body without one is JSON, as some client libraries mean it."""
    return content_type.partition(";")[0].strip().lower() or JSON


def read_json(data: bytes) -> tuple[Any, list[str]]:
    """Return the value, and the paths of fields that appear twice. Raises BodyError."""
    quotes = _quotes(data)
    if quotes > _MAX_JSON_QUOTES or (_values(data) > _MAX_JSON_VALUES and _values(_outside(data)) > _MAX_JSON_VALUES):
        raise BodyError("the document has too many values")
    try:
        value = msgspec.json.decode(data)
    except RecursionError:
        raise BodyError("exceeded max depth") from None
    except UnicodeDecodeError:
        raise BodyError("invalid UTF-8 in the body") from None
    except msgspec.MsgspecError as problem:
        raise BodyError(_go_words(data, str(problem))) from None
    # A key that is given twice is once in the value, and so are its quotes.
    return value, ([] if _quotes(_encode(value)) == quotes else _duplicates(data))


def _values(data: bytes) -> int:
    """Return how many objects and arrays there are, or how many members they have, whichever is more."""
    return max(data.count(b"{") + data.count(b"["), data.count(b","))


def _unescaped(data: bytes) -> bytes:
    """Return the document without the quotes that are in its texts."""
    return data.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in data else data


def _quotes(data: bytes) -> int:
    return _unescaped(data).count(b'"')


def _outside(data: bytes) -> bytes:
    """Return the document without its texts."""
    return b"".join(_unescaped(data).split(b'"')[::2])


def _duplicates(data: bytes) -> list[str]:
    class Pairs(list[tuple[str, Any]]):
        pass

    def walk(value: Any, path: str) -> None:
        if isinstance(value, Pairs):
            seen: set[str] = set()
            for key, below in value:
                here = f"{path}.{key}" if path else key
                if key in seen and len(paths) < MAX_STRICT_ERRORS:
                    paths.append(here)
                seen.add(key)
                walk(below, here)
        elif isinstance(value, list):
            for index, below in enumerate(value):
                walk(below, f"{path}[{index}]")

    paths: list[str] = []
    walk(_decode(data.decode(), object_pairs_hook=Pairs), "")
    return paths


def _decode(text: str, **hooks: Any) -> Any:
    """Decode with Python's decoder: that in C runs no other thread until it is through, however large the text is."""
    decoder = json.JSONDecoder(**hooks)
    if len(text) > INLINE_BYTES:
        decoder.scan_once = json.scanner.py_make_scanner(decoder)  # type: ignore[attr-defined]  # the typeshed lacks it
    return decoder.decode(text)


_EXPECTATIONS = {
    "Expecting value": "looking for beginning of value",
    "Expecting property name enclosed in double quotes": "looking for beginning of object key string",
    "Expecting ':' delimiter": "after object key",
    "Expecting ',' delimiter": "after object key:value pair",
    "Extra data": "after top-level value",
    "Invalid control character at": "in string literal",
    "Invalid \\escape": "in string escape code",
}


def _go_words(data: bytes, fallback: str) -> str:
    try:
        text = data.decode()
        _decode(text)
    except json.JSONDecodeError as problem:
        if problem.pos >= len(text.rstrip()) or problem.msg.startswith("Unterminated"):
            return "unexpected end of JSON input"
        expectation = _EXPECTATIONS.get(problem.msg.partition(":")[0] if ":" not in problem.msg[:12] else problem.msg)
        return f"invalid character {text[problem.pos]!r} {expectation or 'looking for beginning of value'}"
    except (UnicodeDecodeError, RecursionError):
        return "invalid UTF-8 in the body"
    except ValueError:  # a number of thousands of digits
        return fallback
    return fallback  # what Python's decoder takes and JSON does not: NaN, a lone surrogate


def read_yaml(data: bytes) -> tuple[Any, list[str]]:
    """Return the value of the one YAML document, and the keys that appear twice. Raises BodyError."""
    if data.startswith(b"{") and b"<<" not in data:  # kubectl sends JSON; as YAML it takes a hundred times as long
        with contextlib.suppress(BodyError):
            value, repeated = read_json(data)
            if not repeated:  # YAML reports keys, JSON paths
                return value, repeated
    from podrole.cluster.wire.yaml_loader import YamlError, load  # PyYAML takes its time, and few bodies are YAML

    try:
        value, repeated = load(data)
        return _as_json(value, [_MAX_YAML_NODES]), repeated
    except YamlError as problem:
        raise BodyError(str(problem)) from None
    except RecursionError:
        raise BodyError("exceeded max depth") from None


def _as_json(value: Any, budget: list[int]) -> Any:
    """Copy without aliases. What YAML has and JSON has not becomes text, as sigs.k8s.io/yaml makes it."""
    budget[0] -= 1
    if budget[0] < 0:
        raise BodyError("yaml: document contains excessive aliasing")
    if isinstance(value, dict):
        return {_key(key): _as_json(member, budget) for key, member in value.items()}
    if isinstance(value, list):
        return [_as_json(item, budget) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise BodyError(f"json: unsupported value: {value}")
    if value is None or isinstance(value, str | int | float):
        return value
    raise BodyError(f"yaml: cannot use a value of type {type(value).__name__}")


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, bool):
        return "true" if key else "false"
    if isinstance(key, int | float):
        return str(key)
    raise BodyError("yaml: a key is not a string")


def summary(data: bytes) -> str:
    """Return the first bytes of a body as kube-apiserver quotes them beside an error."""
    if not data:
        return "<empty>"
    head, more = data[:30], " ..." if len(data) > 30 else ""
    return (head.decode(errors="replace") if data.startswith(b"{") else head.hex()) + more
