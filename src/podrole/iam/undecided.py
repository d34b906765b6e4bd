"""Why it is unknown whether an element of a statement fits the request, in words. Nothing here decides."""

from __future__ import annotations

from collections.abc import Iterable

from podrole.iam.conditions import Condition
from podrole.iam.elements import ResourceElement
from podrole.iam.request import Facts
from podrole.iam.unknown import UNKNOWN
from podrole.iam.variables import Part, parts, with_unknown_value, without_value


def undecided_condition(condition: Condition, facts: Facts) -> str:
    """Say why it is unknown whether a condition holds; empty where it is known."""
    if condition.holds(facts) is not UNKNOWN:
        return ""
    if condition.found(facts) is UNKNOWN:
        return _not_known([condition.key])
    return _not_known(_unknown_variables((_read(value) for value in condition.values), facts))


def undecided_resource(element: ResourceElement | None, facts: Facts) -> str:
    """Say why it is unknown whether a Resource or NotResource element means the resource; empty where it is known."""
    if element is None or facts.partial or element.matches(facts) is not UNKNOWN:
        return ""
    patterns = [_read(text) for text in element.resources]
    if unknown := _unknown_variables(patterns, facts):
        return _not_known(unknown)
    missing = dict.fromkeys(text for pattern in patterns for text in without_value(pattern, facts))
    if missing:
        return f"{', '.join(missing)} has no value in this request, so it is unknown what NotResource leaves out"
    for pattern in element.patterns:
        if element.negated and pattern.never:
            return f"{pattern.text}: {pattern.never}, so it is unknown what NotResource leaves out"
        if pattern.type_has_wildcard:
            return (
                f"{pattern.text} has a wildcard in the type of the resource: AWS documents that it cannot stand there"
            )
    return ""


def _read(text: str) -> tuple[Part, ...]:
    return parts(text, wildcards=False, variables=True)


def _unknown_variables(patterns: Iterable[tuple[Part, ...]], facts: Facts) -> list[str]:
    return [key for pattern in patterns for key in with_unknown_value(pattern, facts)]


def _not_known(keys: Iterable[str]) -> str:
    return f"podrole does not know the value of {', '.join(dict.fromkeys(keys))}"
