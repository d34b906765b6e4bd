"""A policy's text with the nearest statement marked, and in it what failed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from podrole.iam.explain import Failure

Mark = Literal["near", "failed"]
_STATEMENT, _ELEMENT = "\u0000statement", "\u0000element"
_PATH = re.compile(r"(?:\$\.)?Statement(?:\[(\d+)\])?")


@dataclass(frozen=True, slots=True)
class PolicyLine:
    """A line of the text. ``near`` is a line of the nearest statement, ``failed`` one of an element that failed."""

    text: str
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class MarkedPolicy:
    """A policy's name and its lines."""

    name: str
    lines: tuple[PolicyLine, ...]


def marked(name: str, document: str, statement: str, failures: Sequence[Failure]) -> MarkedPolicy | None:
    """Mark one statement of a policy, such as ``$.Statement[0]``.

    Returns None if the document is no JSON object or has no such statement: it has changed since the call.
    """
    try:
        policy = json.loads(document)
    except (ValueError, RecursionError):
        return None
    policy_statement = _statement_of(policy, statement)
    if policy_statement is None:
        return None
    renamed = {_STATEMENT: 0, **_with_marks(policy_statement, failures)}
    policy_statement.clear()
    policy_statement.update(renamed)
    return MarkedPolicy(name, tuple(_lines(json.dumps(policy, indent=2, ensure_ascii=False).split("\n"))))


def _statement_of(policy: object, statement: str) -> dict[str, Any] | None:
    match = _PATH.match(statement)
    if match is None or not isinstance(policy, dict):
        return None
    element = policy.get("Statement")
    if isinstance(element, list):
        index = int(match[1] or 0)
        element = element[index] if index < len(element) else None
    return element if isinstance(element, dict) else None


def _with_marks(statement: Mapping[str, Any], failures: Sequence[Failure]) -> dict[str, Any]:
    elements = {failure.element for failure in failures if not failure.operator}
    conditions = {(failure.operator.lower(), failure.key.lower()) for failure in failures if failure.operator}
    members: dict[str, Any] = {}
    for name, value in statement.items():
        if name == "Condition" and isinstance(value, dict):
            members[name] = {
                operator: {
                    (_ELEMENT + key if (operator.lower(), key.lower()) in conditions else key): values
                    for key, values in keys.items()
                }
                if isinstance(keys, dict)
                else keys
                for operator, keys in value.items()
            }
        else:
            members[_ELEMENT + name if name in elements else name] = value
    return members


def _lines(lines: list[str]) -> list[PolicyLine]:
    """Give each line its mark, and take the marks' names out of the text."""
    statement_name, element_name = json.dumps(_STATEMENT)[1:-1], json.dumps(_ELEMENT)[1:-1]
    start = next(number for number, line in enumerate(lines) if statement_name in line) - 1
    end = _end(lines, start)
    policy_lines: list[PolicyLine] = []
    failed_until = -1
    for number, line in enumerate(lines):
        if statement_name in line:
            continue
        if element_name in line:
            failed_until = _end(lines, number)
        mark: Mark | None = "failed" if number <= failed_until else "near" if start <= number <= end else None
        policy_lines.append(PolicyLine(line.replace(element_name, ""), mark))
    return policy_lines


def _end(lines: Sequence[str], start: int) -> int:
    """Return the last line of the value that begins in a line: that line itself, or the bracket that closes it."""
    if not lines[start].endswith(("{", "[")):
        return start
    indent = len(lines[start]) - len(lines[start].lstrip())
    for number in range(start + 1, len(lines)):
        if len(lines[number]) - len(lines[number].lstrip()) == indent:
            return number
    return len(lines) - 1
