"""Strict JSON that can say where something stands.

Stricter than Python's reader: a member given twice is refused rather than overwritten, and so are NaN, Infinity and
lone surrogates. Numbers stay as they were written, in a type of their own, so that neither a size nor a precision is
lost and none is taken for a boolean.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

Path = tuple[str | int, ...]
"""The members and indexes from the root to a value."""

_BLANKS = frozenset(" \t\r\n")
_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Number:
    """A JSON number, as written."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class InvalidJSON(ValueError):
    """The text is not JSON, or not as strict as is asked here; ``offset`` is where."""

    def __init__(self, what: str, offset: int, path: Path = ()) -> None:
        super().__init__(what)
        self.what = what
        self.offset = offset
        self.path = path


class _Repeated(dict[str, Any]):
    """An object with a member given twice."""

    member = ""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) == len(pairs):
        return members
    repeated = _Repeated(members)
    for name, _ in pairs:
        if name not in members:
            repeated.member = name
            break
        del members[name]
    return repeated


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")


_reader = json.JSONDecoder(object_pairs_hook=_object, parse_int=Number, parse_float=Number, parse_constant=_no_constant)
_skipper = json.JSONDecoder(parse_int=str, parse_float=str)


def read(text: str) -> Any:
    """Read one JSON value that fills ``text``. Raises :class:`InvalidJSON`."""
    try:
        value = _reader.decode(text)
    except json.JSONDecodeError as problem:
        raise InvalidJSON(problem.msg, problem.pos) from None
    except RecursionError:
        raise InvalidJSON("nested too deeply", 0) from None
    except ValueError as problem:
        raise InvalidJSON(str(problem), 0) from None
    for link, node in _walk(value):
        if isinstance(node, _Repeated):
            where = (*_path(link), node.member)
            raise InvalidJSON(f"the member {node.member!r} is given twice", locate(text, where, member=True), where)
        for word in node if isinstance(node, dict) else (node,):
            if isinstance(word, str) and _SURROGATE.search(word):
                raise InvalidJSON("a lone surrogate is not a character", locate(text, _path(link)), _path(link))
    return value


def locate(text: str, path: Path, *, member: bool = False) -> int:
    """Return the offset of the value at ``path`` in valid JSON; with ``member``, of the name it stands under.

    Where a member is given twice the second counts. A path that leads nowhere ends at the last value on the way.
    """
    at = _skip(text, 0)
    for step in path:
        places = dict(_members(text, at))
        if step not in places:
            return at
        name, value = places[step]
        at = name if member and step is path[-1] else value
    return at


def line_and_column(text: str, offset: int) -> tuple[int, int]:
    """Return the line and column of an offset, both from 1."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def show(path: Path) -> str:
    """Write a path as JSONPath does: ``$.Statement[0].Condition.StringEquals["aws:username"]``."""
    shown = "$"
    for step in path:
        if isinstance(step, int):
            shown += f"[{step}]"
        else:
            shown += f".{step}" if _PLAIN_NAME.fullmatch(step) else f"[{json.dumps(step)}]"
    return shown


def _skip(text: str, index: int) -> int:
    while text[index : index + 1] in _BLANKS:
        index += 1
    return index


def _members(text: str, at: int) -> Iterator[tuple[str | int, tuple[int, int]]]:
    """Yield what an object or array holds: its name or index, where the name stands and where the value does."""
    closing = {"{": "}", "[": "]"}.get(text[at])
    index = _skip(text, at + 1)
    number = 0
    while closing and text[index] != closing:
        step: str | int = number
        name = index
        if closing == "}":
            step, index = _skipper.raw_decode(text, index)
            index = _skip(text, _skip(text, index) + 1)
        yield step, (name, index)
        index = _skip(text, _skipper.raw_decode(text, index)[1])
        if text[index] == ",":
            index = _skip(text, index + 1)
        number += 1


# A way to a value, innermost step last. (A recursive alias needs the quotes until Python 3.12's "type" statement.)
_Link: TypeAlias = "tuple[_Link, str | int] | None"


def _walk(value: Any) -> Iterator[tuple[_Link, Any]]:
    """Yield every value, outermost first, with the way to it.

    Neither recursion nor a path for each value: depth and number of values are not ours to choose.
    """
    waiting: list[tuple[_Link, Any]] = [(None, value)]
    while waiting:
        link, node = waiting.pop()
        yield link, node
        if isinstance(node, dict):
            waiting.extend(((link, name), inner) for name, inner in reversed(node.items()))
        elif isinstance(node, list):
            waiting.extend(((link, index), node[index]) for index in reversed(range(len(node))))


def _path(link: _Link) -> Path:
    steps: list[str | int] = []
    while link is not None:
        link, step = link
        steps.append(step)
    return tuple(reversed(steps))
