"""DynamoDB's expressions, read as far as authorization needs: the attributes that they name, the values of the key.

What is read must be what DynamoDB acts on. So the tokens are those of DynamoDB's grammar and nothing else, and an
expression that has anything else is not read at all: :class:`UnreadableExpression`.

Source: AWS, "Using expressions in DynamoDB", "Key condition expressions", "Update expressions".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_TOKEN = re.compile(
    r" *(?:(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<alias>#[A-Za-z0-9_]+)|(?P<value>:[A-Za-z0-9_]+)|(?P<index>\[[0-9]+\])"
    r"|(?P<sign><=|>=|<>|[=<>(),.+-])|(?P<end>$))"
)
_ALIAS = re.compile(r"#[A-Za-z0-9_]+")
_VALUE = re.compile(r":[A-Za-z0-9_]+")
_SPACES = re.compile(r"[\t\n\r ]+")
_FUNCTIONS = frozenset(
    {
        "attribute_exists",
        "attribute_not_exists",
        "attribute_type",
        "begins_with",
        "contains",
        "if_not_exists",
        "list_append",
        "size",
    }
)
_KEYWORDS = {
    "ConditionExpression": frozenset({"AND", "BETWEEN", "IN", "NOT", "OR"}),
    "FilterExpression": frozenset({"AND", "BETWEEN", "IN", "NOT", "OR"}),
    "KeyConditionExpression": frozenset({"AND", "BETWEEN"}),
    "ProjectionExpression": frozenset[str](),
    "UpdateExpression": frozenset({"ADD", "DELETE", "REMOVE", "SET"}),
}
EXPRESSIONS = tuple(_KEYWORDS)
"""The parameters that hold an expression."""
_ORDERINGS = frozenset({"<", "<=", ">", ">="})


class UnreadableExpression(ValueError):
    """An expression, or a name or value in it, that is not written as DynamoDB documents it."""


class Placeholders(NamedTuple):
    """What ``#name`` and ``:value`` stand for in the expressions of one request."""

    names: Mapping[str, str]
    values: Mapping[str, Any]

    def name(self, alias: str) -> str:
        """Return the attribute that ``#alias`` stands for."""
        if alias not in self.names:
            raise UnreadableExpression(f"{alias} stands for no attribute")
        return self.names[alias]


class _Token(NamedTuple):
    kind: str
    text: str


def placeholders(request: Mapping[str, Any]) -> Placeholders:
    """Read ExpressionAttributeNames and ExpressionAttributeValues. Raises UnreadableExpression."""
    names = request.get("ExpressionAttributeNames") or {}
    values = request.get("ExpressionAttributeValues") or {}
    for alias, name in names.items():
        if not _ALIAS.fullmatch(alias) or not isinstance(name, str):
            raise UnreadableExpression(f"{alias!r} is not a placeholder for a name")
    for alias in values:
        if not _VALUE.fullmatch(alias):
            raise UnreadableExpression(f"{alias!r} is not a placeholder for a value")
    return Placeholders(names, values)


def attributes(kind: str, expression: str, known: Placeholders) -> list[str]:
    """Return the top-level attributes that an expression names. Raises UnreadableExpression.

    ``kind`` is the parameter that holds it: ``UpdateExpression``, ``FilterExpression`` …
    """
    names: list[str] = []
    tokens = list(_tokens(expression))
    for index, (category, text) in enumerate(tokens):
        after_dot = index > 0 and tokens[index - 1].text == "."
        if text in ("+", "-") and kind != "UpdateExpression":
            raise UnreadableExpression(f"{text} stands in {kind}")
        if category == "alias" and not after_dot:
            names.append(known.name(text))
        elif category == "word" and not after_dot and text.upper() not in _KEYWORDS[kind]:
            if tokens[index + 1].text != "(":
                names.append(text)
            elif text not in _FUNCTIONS:
                raise UnreadableExpression(f"{text} is not a function")
    return names


def equalities(expression: str, known: Placeholders) -> list[tuple[str, Any]]:
    """Return the attributes that a KeyConditionExpression compares by ``=``, each with its value.

    Raises UnreadableExpression for all but comparisons that are joined with AND, for a value that is not given, and for
    line breaks and tabs: moto takes them for a part of a name.
    """
    if set(expression) & set("\t\n\r"):
        raise UnreadableExpression("the key condition has line breaks or tabs")
    return _KeyCondition(list(_tokens(expression)), known).read()


class _KeyCondition:
    """``a = :b AND c BETWEEN :d AND :e``, also in parentheses."""

    def __init__(self, tokens: list[_Token], known: Placeholders) -> None:
        self._tokens = tokens
        self._next = 0
        self._known = known

    def read(self) -> list[tuple[str, Any]]:
        pairs = self._conjunction()
        if self._tokens[self._next].kind != "end":
            raise self._unreadable()
        return pairs

    def _conjunction(self) -> list[tuple[str, Any]]:
        pairs = self._term()
        while self._tokens[self._next].text.upper() == "AND":
            self._next += 1
            pairs += self._term()
        return pairs

    def _term(self) -> list[tuple[str, Any]]:
        if self._take("("):
            pairs = self._conjunction()
            self._expect(")")
            return pairs
        if self._tokens[self._next].text == "begins_with" and self._tokens[self._next + 1].text == "(":
            self._next += 2
            self._name()
            self._expect(",")
            self._value()
            self._expect(")")
            return []
        name = self._name()
        if self._take("="):
            return [(name, self._value())]
        if self._take("BETWEEN"):
            self._value()
            self._expect("AND")
            self._value()
            return []
        if self._tokens[self._next].text not in _ORDERINGS:
            raise self._unreadable()
        self._next += 1
        self._value()
        return []

    def _name(self) -> str:
        kind, text = self._tokens[self._next]
        self._next += 1
        if kind == "alias":
            return self._known.name(text)
        if kind != "word":
            raise self._unreadable()
        return text

    def _value(self) -> Any:
        text = self._tokens[self._next].text
        if text not in self._known.values:
            raise self._unreadable()
        self._next += 1
        return self._known.values[text]

    def _take(self, text: str) -> bool:
        taken = self._tokens[self._next].text.upper() == text
        self._next += taken
        return taken

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise self._unreadable()

    def _unreadable(self) -> UnreadableExpression:
        return UnreadableExpression(f"the key condition cannot be read at {self._tokens[self._next :][:1]}")


def _tokens(expression: str) -> Iterator[_Token]:
    """Cut an expression into tokens. The last is of the kind ``end``, with an empty text."""
    position = 0
    text = _SPACES.sub(" ", expression)
    while True:
        match = _TOKEN.match(text, position)
        if match is None or match.lastgroup is None:
            raise UnreadableExpression(f"{text[position : position + 20]!r} is not part of an expression")
        yield _Token(match.lastgroup, match[match.lastgroup])
        if match.lastgroup == "end":
            return
        position = match.end()
