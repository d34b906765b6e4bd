"""Regular expressions of a schema, evaluated by RE2, whose time is linear in the text. Go's ``regexp`` has its syntax.

RE2 is an optional library (the extra ``podrole[cel]``). If it is missing, a pattern is not evaluated, and the client
that creates a schema with one is warned.
"""

from __future__ import annotations

import functools
import importlib.util
from typing import Any

from podrole.base.short_texts import cached_by_length

MAX_MEMORY = 4 * 1024 * 1024
"""Bytes that one expression may take, which bounds its size, too."""
_KEPT = 500_000
"""Characters of the expressions whose compiled form is kept."""


class BadPattern(ValueError):
    """Not a regular expression of RE2."""


@functools.cache
def available() -> bool:
    """Say whether the optional library is installed."""
    return importlib.util.find_spec("re2") is not None


@cached_by_length(_KEPT)
def compiled(pattern: str) -> Any:
    """Return the compiled expression. Raises BadPattern."""
    import re2  # an optional library, imported only if it is used

    options = re2.Options()
    options.max_mem = MAX_MEMORY
    options.log_errors = False
    try:
        return re2.compile(pattern, options=options)
    except re2.error as problem:
        raise BadPattern(_in_go(problem.args[0].decode())) from None


_GO = {
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "invalid repetition size": "invalid repeat count",
    "no argument for repetition operator": "missing argument to repetition operator",
    "bad repetition operator": "invalid nested repetition operator",
    "pattern too large - compile failed": "expression too large",
}
"""What Go's ``regexp`` calls the faults that RE2 names otherwise."""


def _in_go(text: str) -> str:
    fault, separator, where = text.partition(": ")
    return _GO.get(fault, fault) + (f": `{where}`" if separator else "")


def steps(pattern: str, text: str) -> int:
    """Return what a search costs at most: its steps in units of 256."""
    size: int = compiled(pattern).programsize
    return 1 + size * len(text) // 256


def matches(pattern: str, text: str) -> bool:
    """Say whether the pattern matches anywhere in the text. Raises BadPattern."""
    return compiled(pattern).search(text) is not None
