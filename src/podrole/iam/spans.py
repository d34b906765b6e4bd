"""Where a statement stands in its document."""

from __future__ import annotations

import json
from typing import NamedTuple

from podrole.iam.jsontext import line_and_column, locate
from podrole.iam.policy import Policy, Statement


class Position(NamedTuple):
    """A place in a text; both count from 1."""

    line: int
    column: int


def statement_span(policy: Policy, statement: Statement) -> tuple[Position, Position]:
    """Return where the statement's object begins, and where it has ended."""
    path = ("Statement",) if statement.path == "$.Statement" else ("Statement", statement.index)
    start = locate(policy.text, path)
    _, end = json.JSONDecoder().raw_decode(policy.text, start)
    return Position(*line_and_column(policy.text, start)), Position(*line_and_column(policy.text, end))
