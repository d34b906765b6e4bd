"""Reading files of JSON, with the lines of their faults."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podrole.base.errors import PodroleError
from podrole.iam import jsontext
from podrole.iam.jsontext import InvalidJSON

STANDARD_INPUT = "-"
_MOST_BYTES = 256 * 1024 * 1024


class BadInput(PodroleError):
    """An input cannot be read or used."""

    code = "cli.bad_input"


@dataclass(frozen=True, slots=True)
class Piece:
    """One JSON value of a file: its text, the name of the file and the line on which it begins, from 1."""

    text: str
    source: str
    line: int

    def read(self) -> Any:
        """Return the value; numbers are ``podrole.iam.jsontext.Number``. Raises BadInput."""
        try:
            return jsontext.read(self.text)
        except InvalidJSON as problem:
            line, column = jsontext.line_and_column(self.text, problem.offset)
            raise BadInput(f"{self.source}, line {self.line + line - 1}, column {column}: {problem.what}.") from None

    def place(self, path: jsontext.Path) -> str:
        """Return the file and line of a path of the value."""
        line, _ = jsontext.line_and_column(self.text, jsontext.locate(self.text, path))
        return f"{self.source}, line {self.line + line - 1}"

    def inner(self, path: jsontext.Path) -> Piece:
        """Return the value at a path, as it is written."""
        start = jsontext.locate(self.text, path)
        _, end = json.JSONDecoder().raw_decode(self.text, start)
        line, _ = jsontext.line_and_column(self.text, start)
        return Piece(self.text[start:end], self.source, self.line + line - 1)


def text_of(name: str, *, encoding: str = "utf-8-sig") -> str:
    """Return a file's text, ``-`` being standard input. The default drops a byte order mark. Raises BadInput."""
    shown = "standard input" if name == STANDARD_INPUT else name
    try:
        data = sys.stdin.buffer.read(_MOST_BYTES + 1) if name == STANDARD_INPUT else Path(name).read_bytes()
    except OSError as problem:
        raise BadInput(f"{shown} cannot be read: {problem.strerror}.") from None
    if len(data) > _MOST_BYTES:
        raise BadInput(f"{shown} is larger than {_MOST_BYTES} bytes.")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise BadInput(f"{shown}, line {line}: this is not UTF-8.") from None


def values(name: str) -> Iterator[Piece]:
    """Return a file's values: the elements of an array, or each of several values that follow one another (JSON Lines).

    A line that is not JSON is a piece of its own, which cannot be read. An array that is not valid JSON raises
    BadInput.
    """
    text = text_of(name)
    source = "standard input" if name == STANDARD_INPUT else name
    start = _skip(text, 0)
    if text[start : start + 1] == "[":
        yield from _elements(text, start, source)
        return
    line, counted = 1, 0
    while start < len(text):
        try:
            end = _end(text, start, source)
        except BadInput:  # reading this piece raises again; the next line that begins an object is the next piece
            following = text.find("\n{", start)
            end = len(text) if following < 0 else following
        line, counted = line + text.count("\n", counted, start), start
        yield Piece(text[start:end], source, line)
        start = _skip(text, end)


def _elements(text: str, start: int, source: str) -> Iterator[Piece]:
    at = _skip(text, start + 1)
    line, counted = 1, 0
    while text[at : at + 1] != "]":
        end = _end(text, at, source)
        line, counted = line + text.count("\n", counted, at), at
        yield Piece(text[at:end], source, line)
        at = _skip(text, end)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != "]":
            raise _not_json(text, at, source, "a comma or the end of the array is missing")
    if _skip(text, at + 1) < len(text):
        raise _not_json(text, _skip(text, at + 1), source, "something follows the array")


def _end(text: str, start: int, source: str) -> int:
    try:
        return json.JSONDecoder().raw_decode(text, start)[1]
    except json.JSONDecodeError as problem:
        raise _not_json(text, problem.pos, source, problem.msg) from None
    except RecursionError:
        raise _not_json(text, start, source, "nested too deeply") from None
    except ValueError as problem:  # a number of more digits than Python reads
        raise _not_json(text, start, source, str(problem)) from None


def _not_json(text: str, at: int, source: str, what: str) -> BadInput:
    line, column = jsontext.line_and_column(text, at)
    return BadInput(f"{source}, line {line}, column {column}: this is not JSON: {what}.")


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] in (" ", "\t", "\r", "\n") and at < len(text):
        at += 1
    return at
