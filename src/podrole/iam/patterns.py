"""Matching with ``*`` (any run of characters, also none) and ``?`` (exactly one character).

A pattern is cut at its stars into segments. The first and the last are anchored, and those between are looked for from
left to right, each as early as possible: taking the earliest place never loses a match, so nothing is ever tried twice
and the time is linear in the text. There is no regular expression, and no backtracking for a hostile pattern to
exploit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final


class Wildcard:
    """A token of a pattern that is not literal text."""

    __slots__ = ("symbol",)

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol


ANY_RUN: Final = Wildcard("*")
ANY_ONE: Final = Wildcard("?")

Token = str | Wildcard
"""Literal text, or one of the two wildcards."""

# One segment: the literal pieces around its question marks. "a?b" is ("a", "b"); without question marks it has one
# piece.
_Segment = tuple[str, ...]


def tokens(pattern: str) -> tuple[Token, ...]:
    """Read ``pattern`` with its wildcards."""
    parsed: list[Token] = []
    start = 0
    for index, character in enumerate(pattern):
        if character in "*?":
            if index > start:
                parsed.append(pattern[start:index])
            parsed.append(ANY_RUN if character == "*" else ANY_ONE)
            start = index + 1
    if start < len(pattern):
        parsed.append(pattern[start:])
    return tuple(parsed)


class Glob:
    """A compiled pattern. ``exact`` or ``prefix`` is set where the pattern is only that."""

    __slots__ = ("_segments", "_start", "_suffix", "_tail", "exact", "prefix")

    def __init__(self, pattern: Sequence[Token]) -> None:
        segments: list[list[str]] = [[""]]
        for token in pattern:
            if token is ANY_RUN:
                segments.append([""])
            elif isinstance(token, Wildcard):
                segments[-1].append("")
            else:
                segments[-1][-1] += token
        self._segments: tuple[_Segment, ...] = tuple(map(tuple, segments))
        first, last = self._segments[0], self._segments[-1]
        self._start, self._tail = _length(first), _length(last)
        self.exact = self.prefix = self._suffix = None
        if all(len(segment) == 1 for segment in self._segments):
            if len(segments) == 1:
                self.exact = first[0]
            elif not any(any(segment) for segment in segments[1:]):
                self.prefix = first[0]
            elif not any(any(segment) for segment in segments[:-1]):
                self._suffix = last[0]

    def matches(self, text: str) -> bool:
        """Say whether the whole of ``text`` fits."""
        if self.exact is not None:
            return text == self.exact
        if self.prefix is not None:
            return text.startswith(self.prefix)
        if self._suffix is not None:
            return text.endswith(self._suffix)
        segments = self._segments
        if len(segments) == 1:
            return len(text) == self._start and _stands_at(segments[0], text, 0)
        start, end = self._start, len(text) - self._tail
        if end < start or not _stands_at(segments[0], text, 0) or not _stands_at(segments[-1], text, end):
            return False
        for segment in segments[1:-1]:
            position = _find(segment, text, start, end)
            if position < 0:
                return False
            start = position + _length(segment)
        return True


class GlobSet:
    """Several patterns, of which one has to fit: the plain ones in one look-up, the prefixes in one comparison."""

    __slots__ = ("_exact", "_others", "_prefixes")

    def __init__(self, globs: Iterable[Glob]) -> None:
        exact, prefixes, others = set(), [], []
        for pattern in globs:
            if pattern.exact is not None:
                exact.add(pattern.exact)
            elif pattern.prefix is not None:
                prefixes.append(pattern.prefix)
            else:
                others.append(pattern)
        self._exact = frozenset(exact)
        self._prefixes = tuple(prefixes)
        self._others = tuple(others)

    def matches(self, text: str) -> bool:
        """Say whether ``text`` fits one of the patterns."""
        if text in self._exact or text.startswith(self._prefixes):
            return True
        for pattern in self._others:  # noqa: SIM110  # any() over a generator costs as much again
            if pattern.matches(text):
                return True
        return False


def glob(pattern: str) -> Glob:
    """Compile ``pattern``."""
    return Glob(tokens(pattern))


def overlap(pattern: Sequence[Token], other: Sequence[Token]) -> bool:
    """Say whether some text fits both patterns. Takes time by the product of their lengths, over the machine's word."""
    states = _single(pattern)
    accepts: dict[str, int] = {}
    stars = anything = 0
    for index, token in enumerate(states):
        bit = 1 << index
        if token is ANY_RUN:
            stars |= bit
        elif token is ANY_ONE:
            anything |= bit
        else:
            accepts[str(token)] = accepts.get(str(token), 0) | bit
    end = 1 << len(states)
    reached = 1 | (1 & stars) << 1
    for token in _single(other):
        if token is ANY_RUN:  # whatever the first pattern asks for next, this can be
            reached = (2 * end - 1) & ~((reached & -reached) - 1)
            continue
        steps = end - 1 if token is ANY_ONE else accepts.get(str(token), 0) | anything
        reached = (reached & steps) << 1 | (reached & stars)
        reached |= (reached & stars) << 1
        if not reached:
            return False
    return bool(reached & end)


def _single(pattern: Sequence[Token]) -> list[Token]:
    """Return the pattern character by character, stars that follow each other made one."""
    simplified: list[Token] = []
    for token in pattern:
        if isinstance(token, str):
            simplified.extend(token)
        elif token is not ANY_RUN or not simplified or simplified[-1] is not ANY_RUN:
            simplified.append(token)
    return simplified


def _length(segment: _Segment) -> int:
    return sum(map(len, segment)) + len(segment) - 1


def _stands_at(segment: _Segment, text: str, start: int) -> bool:
    for piece in segment:
        if not text.startswith(piece, start):
            return False
        start += len(piece) + 1
    return True


def _find(segment: _Segment, text: str, start: int, end: int) -> int:
    """Return the first place in ``text[start:end]`` where the segment stands, or -1."""
    if len(segment) == 1:
        return text.find(segment[0], start, end)
    # Shift-And (Baeza-Yates and Gonnet 1992): bit i of the state says that the segment's first i+1 characters end here.
    accepts: dict[str, int] = {}
    anything = 0
    position = 0
    for number, piece in enumerate(segment):
        if number:
            anything |= 1 << position
            position += 1
        for character in piece:
            accepts[character] = accepts.get(character, 0) | 1 << position
            position += 1
    whole = 1 << (position - 1)
    state = 0
    for index in range(start, end):
        state = (state << 1 | 1) & (accepts.get(text[index], 0) | anything)
        if state & whole:
            return index + 1 - position
    return -1


def has_wildcard(text: str) -> bool:
    """Say whether ``text`` would be more than literal as a pattern."""
    return "*" in text or "?" in text
