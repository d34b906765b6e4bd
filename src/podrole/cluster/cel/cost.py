"""How much an expression may cost at most, told from its text and the size of its variables before it is evaluated.

Google's CEL bounds iterations alone. One iteration may compare two large lists or replace each letter of a text by a
text, and nothing else of podrole runs meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

MAX_ITERATIONS = 10_000
"""After which Google's CEL ends an expression."""
CHEAP = 2_000_000
"""What is evaluated at once: some 0.1 s, and some 32 MB."""
CHARACTERS = 16
"""As many characters of a text count as one value."""
_LOOP = re.compile(r"\.\s*(?:all|exists|exists_one|existsOne|map|filter|optMap|optFlatMap)\s*\(")
_PARTS = re.compile(r"\.\s*(?:split|findAll)\s*\(")
_MULTIPLIES = re.compile(r"\.\s*(?:replace|join)\s*\(")
_LINE = 64


@dataclass(frozen=True, slots=True)
class Extent:
    """How large values are: how many there are, and the characters of their texts and names."""

    values: int
    characters: int

    @property
    def size(self) -> int:
        """Both as one number."""
        return self.values + self.characters // CHARACTERS


def extent_of(values: Iterable[Any]) -> Extent:
    """Measure values with all that they hold."""
    count = characters = 0
    waiting = list(values)
    while waiting:
        value = waiting.pop()
        count += 1
        if isinstance(value, dict):
            characters += sum(map(len, value))
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, str | bytes):
            characters += len(value)
    return Extent(count, characters)


def most_cost(expression: str, extent: Extent) -> int:
    """Return an upper bound of the values that an expression looks at or makes. It is mostly far too high."""
    size = extent.size + len(expression) // CHARACTERS
    items = extent.values + expression.count(",")
    if _PARTS.search(expression):
        items += extent.characters + len(expression)
    loops = len(_LOOP.findall(expression))
    iterations: int = min(MAX_ITERATIONS, items ** min(loops, 4))
    pluses = expression.count("+")
    cost = size * iterations * (1 + len(expression) // _LINE) * (1 + pluses)
    # Each loop may make a text twice as long as the one before it, and each replacement multiplies its length.
    growing: int = 2 ** min(loops * pluses, 64)
    multiplied: int = (extent.characters + len(expression)) ** min(len(_MULTIPLIES.findall(expression)), 4)
    return cost * growing * multiplied
