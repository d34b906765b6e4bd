"""Label selectors.

https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from podrole.base.short_texts import cached_for_short_texts
from podrole.cluster.core.errors import bad_request

Object = dict[str, Any]

_TOKEN = re.compile(r"\s*(?:(==|!=|=|!|,|\(|\)|>|<)|([^\s=!,()<>]+))")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One condition on one label. ``operator`` is In, NotIn, Exists, DoesNotExist, Gt or Lt."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Say whether the condition holds for these labels."""
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value is not None and value in self.values
            case "NotIn":
                return value is None or value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
            case _:
                return self._compares(value)

    def _compares(self, value: str | None) -> bool:
        try:
            left, right = int(value or ""), int(next(iter(self.values)))
        except ValueError:
            return False
        return left > right if self.operator == "Gt" else left < right


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """Conditions that must all hold; an empty selector selects everything."""

    requirements: tuple[Requirement, ...] = ()

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        """Say whether an object with these labels is selected."""
        return all(one.holds(labels or {}) for one in self.requirements)


@cached_for_short_texts(1024)
def parse_labels(text: str) -> LabelSelector:
    """Read the form that ``labelSelector`` has in a URL. Raises StatusError (400)."""
    tokens = _tokens(text)
    requirements: list[Requirement] = []
    while tokens:
        requirements.append(_requirement(tokens))
        if tokens and (tokens.popleft() != "," or not tokens):
            raise _unparsable("found '', expected: identifier after ','")
    return LabelSelector(tuple(requirements))


_Tokens = deque[str]


def _tokens(text: str) -> _Tokens:
    tokens: _Tokens = deque()
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unparsable(f"found {text[position]!r}")
        tokens.append(match[1] or match[2])
        position = match.end()
    return tokens


def _requirement(tokens: _Tokens) -> Requirement:
    first = tokens.popleft()
    if first == "!":
        return Requirement(_key(tokens.popleft() if tokens else ""), "DoesNotExist")
    key = _key(first)
    if not tokens or tokens[0] == ",":
        return Requirement(key, "Exists")
    operator = tokens.popleft()
    if operator in ("=", "==", "!="):
        value = tokens.popleft() if tokens and tokens[0] != "," else ""
        return Requirement(key, "NotIn" if operator == "!=" else "In", frozenset((_value(value),)))
    if operator in (">", "<"):
        return Requirement(key, "Gt" if operator == ">" else "Lt", frozenset((tokens.popleft() if tokens else "",)))
    if operator in ("in", "notin"):
        return Requirement(key, "In" if operator == "in" else "NotIn", _values(tokens))
    raise _unparsable(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")


def _values(tokens: _Tokens) -> frozenset[str]:
    if not tokens or tokens.popleft() != "(":
        raise _unparsable("found '', expected: '('")
    values = set()
    while tokens and tokens[0] != ")":
        word = tokens.popleft()
        values.add("" if word == "," else _value(word))
        if tokens and word != "," and tokens[0] == ",":
            tokens.popleft()
    if not tokens:
        raise _unparsable("found '', expected: ',', ')' or identifier")
    tokens.popleft()
    return frozenset(values or {""})


_NAME = re.compile(r"(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]")


def _key(text: str) -> str:
    prefix, slash, name = text.rpartition("/")
    if not _NAME.fullmatch(name) or len(name) > 63 or (slash and not prefix):
        raise _unparsable(f"<nil>: Invalid value: {text!r}: not a label key")
    return text


def _value(text: str) -> str:
    if text and (not _NAME.fullmatch(text) or len(text) > 63):
        raise _unparsable(f"<nil>: Invalid value: {text!r}: not a label value")
    return text


def _unparsable(why: str) -> Exception:
    return bad_request(f"unable to parse requirement: {why}")


def label_selector(selector: Mapping[str, Any] | None) -> LabelSelector:
    """Return a LabelSelector object (``matchLabels``, ``matchExpressions``) as a selector; None selects nothing."""
    if selector is None:
        return LabelSelector((Requirement("", "In"),))
    requirements = [
        Requirement(key, "In", frozenset((value,))) for key, value in selector.get("matchLabels", {}).items()
    ]
    requirements.extend(
        Requirement(one["key"], one["operator"], frozenset(one.get("values", ())))
        for one in selector.get("matchExpressions", ())
    )
    return LabelSelector(tuple(requirements))
