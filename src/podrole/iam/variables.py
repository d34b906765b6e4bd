"""Policy variables: ``${key}``, ``${key, 'default'}``, and ``${*}``, ``${?}``, ``${$}`` for the characters themselves.

Only under Version 2012-10-17; before it, ``${…}`` is ordinary text. What a variable brings in is literal: a ``*`` in a
tag's value is an asterisk, never a wildcard. A variable without value, and one that is not written as above, makes the
whole text null: it matches nothing. What a variable stands for whose value is unknown may be any text, or null.

Source: AWS, "IAM policy elements: Variables and tags".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from podrole.iam.patterns import ANY_RUN, Token, tokens
from podrole.iam.request import Facts
from podrole.iam.unknown import UNKNOWN, UnknownValue

# Keys that hold a set by definition can have no place in a variable, also when the set has one member. Source: AWS,
# "AWS global condition context keys".
_MULTIVALUED = frozenset(
    {
        "aws:calledvia",
        "aws:principalorgpaths",
        "aws:principalservicenameslist",
        "aws:resourceorgpaths",
        "aws:sourceorgpaths",
        "aws:tagkeys",
        "aws:vpcesourceorgpaths",
        "sts:transitivetagkeys",
    }
)

# A brace inside the quotes of a default does not end the variable.
_VARIABLE = re.compile(r"\$\{([^'}]*(?:'[^']*'[^}]*)?)\}")
_KEY = re.compile(r"[^\s${}']+")
_DEFAULT = re.compile(r"'([^']*)'")


class Variable:
    """One ``${…}``. ``key`` is in lower case; it is empty where the variable is not well-formed."""

    __slots__ = ("default", "key", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        key, comma, rest = text[2:-1].partition(",")
        key, default = key.strip(), _DEFAULT.fullmatch(rest.strip())
        formed = _KEY.fullmatch(key) is not None and (default is not None or not comma)
        self.key = key.lower() if formed else ""
        self.default = default[1] if formed and default is not None else None

    def value(self, facts: Facts) -> str | UnknownValue | None:
        """Return what the variable stands for in this request; ``None`` if it has no value."""
        key = self.key
        values = facts.values_of(key) if key else None
        if values is None:
            return self.default
        if values is UNKNOWN:
            return UNKNOWN if key not in _MULTIVALUED else self.default
        return values[0] if len(values) == 1 and key not in _MULTIVALUED else None


Part = Token | Variable


def parts(text: str, *, wildcards: bool, variables: bool) -> tuple[Part, ...]:
    """Read ``text`` as a pattern with variables, either of which may be switched off."""
    pattern: list[Part] = []
    start = 0
    while variables and (opened := text.find("${", start)) >= 0:
        variable = _VARIABLE.match(text, opened)
        if variable is None:
            break  # never closed: ordinary text to its end
        pattern.extend(_literal(text[start:opened], wildcards))
        pattern.append(variable[1] if variable[1] in ("*", "?", "$") else Variable(variable[0]))
        start = variable.end()
    pattern.extend(_literal(text[start:], wildcards))
    return tuple(pattern)


class PartlyUnknown(list[Token]):
    """A pattern in which a wildcard stands in the place of an unknown value.

    What it does not match, the pattern does not match whatever the value is. What it does match is unknown.
    """


def expand(pattern: Sequence[Part], facts: Facts) -> list[Token] | None:
    """Put values in the place of variables; ``None`` where one has no value, :class:`PartlyUnknown` where one is not
    known."""
    expanded: list[Token] = []
    known = True
    for part in pattern:
        if isinstance(part, Variable):
            value = part.value(facts)
            if value is None:
                return None
            if value is UNKNOWN:
                known = False
            expanded.append(ANY_RUN if value is UNKNOWN else value)
        else:
            expanded.append(part)
    return expanded if known else PartlyUnknown(expanded)


def fixed(pattern: Sequence[Part]) -> list[Token] | None:
    """Return the pattern where it holds no variable, else ``None``."""
    texts = [part for part in pattern if not isinstance(part, Variable)]
    return texts if len(texts) == len(pattern) else None


def without_value(pattern: Sequence[Part], facts: Facts) -> tuple[str, ...]:
    """Return the variables, as written, that have no value in this request."""
    return tuple(part.text for part in pattern if isinstance(part, Variable) and part.value(facts) is None)


def with_unknown_value(pattern: Sequence[Part], facts: Facts) -> tuple[str, ...]:
    """Return the keys, in lower case, of the variables whose value in this request is unknown."""
    return tuple(part.key for part in pattern if isinstance(part, Variable) and part.value(facts) is UNKNOWN)


def _literal(text: str, wildcards: bool) -> tuple[Token, ...]:
    if wildcards:
        return tokens(text)
    return (text,) if text else ()
