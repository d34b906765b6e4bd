"""Validates input by botocore's model: required members, lengths, ranges, patterns, enums.

All violations of a request go into one message, in the form that AWS's services share. A pattern that Python's ``re``
cannot express is not checked. STS's parameters are validated by podrole.sts.parameters instead.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from podrole.sts.parameters import is_tag_text

if TYPE_CHECKING:
    from botocore.model import Shape

_TAG_TEXT = re.compile(r"\[\\p\{L\}\\p\{Z\}\\p\{N\}_\.:/=\+\\-@\][+*]")


def violations(call_input: Mapping[str, Any], shape: Shape) -> list[str]:
    """Return every violation of the model, in AWS's words."""
    return list(_structure(call_input, shape, ""))


def message(faults: list[str]) -> str:
    """Return the one message that names all violations."""
    noun = "error" if len(faults) == 1 else "errors"
    return f"{len(faults)} validation {noun} detected: " + "; ".join(faults)


def _structure(members: Mapping[str, Any], shape: Shape, prefix: str) -> Iterator[str]:
    for member in shape.required_members:
        if members.get(member) is None:
            yield _fault(prefix + _lower(member), "Member must not be null")
    for member, value in members.items():
        if value is not None:
            yield from _value(value, shape.members[member], prefix + _lower(member))


def _value(value: Any, shape: Shape, path: str) -> Iterator[str]:
    limits = shape.metadata
    match shape.type_name:
        case "structure":
            yield from _structure(value, shape, path + ".")
        case "list":
            yield from _length(len(value), limits, path)
            if len(value) <= limits.get("max", len(value)):  # the members of a list that is too long do not matter
                yield from _elements(value, shape.member, path)
        case "map":
            yield from _length(len(value), limits, path)
        case "string":
            yield from _text(value, shape, path)
        case "integer" | "long":
            if "min" in limits and value < limits["min"]:
                yield _fault(path, f"Member must have value greater than or equal to {limits['min']}")
            if "max" in limits and value > limits["max"]:
                yield _fault(path, f"Member must have value less than or equal to {limits['max']}")


def _elements(values: list[Any], shape: Shape, path: str) -> Iterator[str]:
    if shape.type_name == "structure":
        for number, value in enumerate(values, 1):
            yield from _structure(value, shape, f"{path}.{number}.member.")
        return
    # For plain values the message names the list, once, with all constraints of its members.
    if any(next(_value(value, shape, path), None) is not None for value in values):
        yield _fault(path, f"Member must satisfy constraint: [{', '.join(_constraints(shape))}]")


def _constraints(shape: Shape) -> Iterator[str]:
    limits = shape.metadata
    if "max" in limits:
        yield f"Member must have length less than or equal to {limits['max']}"
    if "min" in limits:
        yield f"Member must have length greater than or equal to {limits['min']}"
    if "pattern" in limits:
        yield f"Member must satisfy regular expression pattern: {limits['pattern']}"
    if getattr(shape, "enum", None):
        yield f"Member must satisfy enum value set: [{', '.join(shape.enum)}]"


def _text(value: str, shape: Shape, path: str) -> Iterator[str]:
    limits = shape.metadata
    pattern = limits.get("pattern")
    if pattern is not None and not _fits(pattern, value):
        yield _fault(path, f"Member must satisfy regular expression pattern: {pattern}")
    yield from _length(len(value), limits, path)
    enum = getattr(shape, "enum", None)
    if enum and value not in enum:
        yield _fault(path, f"Member must satisfy enum value set: [{', '.join(enum)}]")


def _length(length: int, limits: Mapping[str, Any], path: str) -> Iterator[str]:
    if "min" in limits and length < limits["min"]:
        yield _fault(path, f"Member must have length greater than or equal to {limits['min']}")
    if "max" in limits and length > limits["max"]:
        yield _fault(path, f"Member must have length less than or equal to {limits['max']}")


def _fits(pattern: str, value: str) -> bool:
    if _TAG_TEXT.fullmatch(pattern):
        return is_tag_text(value)
    compiled = _compiled(pattern)
    return compiled is None or compiled.fullmatch(value) is not None


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """Return a model's pattern, which is written for Java, compiled; None if Python cannot express it."""
    try:
        return re.compile(pattern.replace(r"\u10000-\u10FFFF", r"\U00010000-\U0010ffff"), re.ASCII)
    except re.error:
        return None


def _fault(path: str, constraint: str) -> str:
    return f"Value at '{path}' failed to satisfy constraint: {constraint}"


def _lower(name: str) -> str:
    return name[0].lower() + name[1:]
