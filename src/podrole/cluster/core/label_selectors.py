"""Label selectors.

https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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
        if value is None or not _INTEGER.fullmatch(value):
            return False
        limit = int(next(iter(self.values)))
        return int(value) > limit if self.operator == "Gt" else int(value) < limit


_INTEGER = re.compile(r"[0-9]{1,63}")


@dataclass(frozen=True, slots=True)
class LabelSelector:
    """Conditions that must all hold; an empty selector selects everything.

    It takes time with the labels of an object, not with the number of conditions. ``needed`` are the conditions that
    only a label fulfils, on ``keys`` different keys; ``refusing`` are those that only a label can break, by its key.
    """

    needed: tuple[Requirement, ...] = ()
    keys: int = 0
    refusing: Mapping[str, tuple[Requirement, ...]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether every object is selected."""
        return not self.needed and not self.refusing

    def matches(self, labels: Mapping[str, str] | None) -> bool:
        """Say whether an object with these labels is selected."""
        labels = labels or {}
        if self.keys > len(labels) or not all(requirement.holds(labels) for requirement in self.needed):
            return False
        if not self.refusing:
            return True
        return all(requirement.holds(labels) for key in labels for requirement in self.refusing.get(key, ()))


def _selector(requirements: Iterable[Requirement]) -> LabelSelector:
    """Return a selector with one requirement for each key and operator, whose values are those of all together."""
    values_of: dict[tuple[str, str], list[frozenset[str]]] = {}
    for requirement in requirements:
        values_of.setdefault((requirement.key, requirement.operator), []).append(requirement.values)
    needed: list[Requirement] = []
    refusing: dict[str, tuple[Requirement, ...]] = {}
    for (key, operator), sets in values_of.items():
        requirement = Requirement(key, operator, _together(operator, sets))
        if operator in ("NotIn", "DoesNotExist"):
            refusing[key] = (*refusing.get(key, ()), requirement)
        else:
            needed.append(requirement)
    return LabelSelector(tuple(needed), len({requirement.key for requirement in needed}), refusing)


def _together(operator: str, sets: list[frozenset[str]]) -> frozenset[str]:
    if operator == "NotIn":
        return frozenset().union(*sets)
    if operator in ("Gt", "Lt"):
        most = max if operator == "Gt" else min
        return frozenset((most((value for values in sets for value in values), key=int),))
    return frozenset.intersection(*sets)


@cached_for_short_texts(1024)
def parse_labels(text: str) -> LabelSelector:
    """Read the form that ``labelSelector`` has in a URL. Raises StatusError (400)."""
    tokens = _tokens(text)
    requirements: list[Requirement] = []
    while tokens:
        requirements.append(_requirement(tokens))
        if tokens and (tokens.popleft() != "," or not tokens):
            raise _unparsable("found '', expected: identifier after ','")
    return _selector(requirements)


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
        return Requirement(
            key, "Gt" if operator == ">" else "Lt", frozenset((_integer(tokens.popleft() if tokens else ""),))
        )
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


def _integer(text: str) -> str:
    if not _INTEGER.fullmatch(text) or int(text) >= 2**63:
        raise _unparsable(f"<nil>: Invalid value: {text!r}: for 'Gt', 'Lt' operators, the value must be an integer")
    return text


def _unparsable(why: str) -> Exception:
    return bad_request(f"unable to parse requirement: {why}")


def label_selector(selector: Mapping[str, Any] | None) -> LabelSelector:
    """Return a LabelSelector object (``matchLabels``, ``matchExpressions``) as a selector; None selects nothing."""
    if selector is None:
        return _selector([Requirement("", "In")])
    requirements = [
        Requirement(key, "In", frozenset((value,))) for key, value in selector.get("matchLabels", {}).items()
    ]
    requirements.extend(
        Requirement(expression["key"], expression["operator"], frozenset(expression.get("values", ())))
        for expression in selector.get("matchExpressions", ())
    )
    return _selector(requirements)
