"""Edits the text of a policy document: statements are added, replaced and taken out, and every other byte stays."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from podrole.iam.jsontext import locate

Statement = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PlacedStatement:
    """A statement and where its object stands in the text."""

    value: Statement
    start: int
    end: int


def new_document(statements: Sequence[Statement]) -> str:
    """Return the text of a document with these statements."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)}, indent=2)


def statements_of(text: str) -> tuple[PlacedStatement, ...]:
    """Return the statements of a document that IAM stores. Raises ValueError if it is not such a document."""
    document = json.loads(text)
    if not isinstance(document, dict) or not isinstance(document.get("Statement"), (list, dict)):
        raise ValueError("the document has no statements")  # noqa: TRY004 - what is wrong is the text
    stored = document["Statement"]
    paths: list[tuple[str | int, ...]] = [("Statement",)]
    if isinstance(stored, list):
        paths = [("Statement", index) for index in range(len(stored))]
    return tuple(_placed(text, path) for path in paths)


def _placed(text: str, path: tuple[str | int, ...]) -> PlacedStatement:
    start = locate(text, path)
    value, end = json.JSONDecoder().raw_decode(text, start)
    if not isinstance(value, dict):
        raise ValueError("a statement is not an object")  # noqa: TRY004 - what is wrong is the text
    return PlacedStatement(value, start, end)


def edited(text: str, replaced: Mapping[int, Statement | None], added: Sequence[Statement] = ()) -> str | None:
    """Return ``text`` with statements replaced by their index (None takes one out) and others added at the end.

    Returns None if no statement would be left. Raises ValueError as ``statements_of``.
    """
    placed = statements_of(text)
    pieces = [
        text[original.start : original.end] if index not in replaced else _written(replaced[index])
        for index, original in enumerate(placed)
    ]
    kept = [piece for piece in pieces if piece] + [_written(statement) for statement in added]
    if not kept:
        return None
    if not any(statement is None for statement in replaced.values()) and not added:
        # Only replaced: what stands between the statements stays too.
        result, at = "", 0
        for original, piece in zip(placed, pieces, strict=True):
            result, at = result + text[at : original.start] + piece, original.end
        return result + text[at:]
    start = locate(text, ("Statement",))
    _, end = json.JSONDecoder().raw_decode(text, start)
    return f"{text[:start]}[{', '.join(kept)}]{text[end:]}"


def _written(statement: Statement | None) -> str:
    return "" if statement is None else json.dumps(statement)
