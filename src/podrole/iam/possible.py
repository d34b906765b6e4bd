"""Decisions about a request of which not every condition key is known: allowed, denied, or dependent on the keys.

A real call is decided strictly (podrole.iam.evaluate). A person who asks beforehand is better served by the truth: a
request is allowed if it is allowed whatever the unknown values are, denied if it is denied whatever they are, and
otherwise depends on them.
"""

from __future__ import annotations

from collections.abc import Container
from typing import NamedTuple

from msgspec.structs import replace

from podrole.iam.evaluate import Decision, PolicySet, Request, evaluate


class Possible(NamedTuple):
    """The strict decision, and the unknown keys that it depends on, in lower case: empty if they change nothing."""

    decision: Decision
    depends_on: tuple[str, ...] = ()


def evaluate_possible(request: Request, policies: PolicySet) -> Possible:
    """Decide a request with unknown condition keys. Raises as ``evaluate``."""
    decision = evaluate(request, policies)
    if decision.allowed:
        return Possible(decision)
    asked = _Asked(request.unknown)
    if not evaluate(replace(request, unknown=asked), policies, in_favor=True).allowed:
        return Possible(decision)
    evaluate(replace(request, unknown=asked), policies)  # what the strict reading asks for counts too
    return Possible(decision, tuple(sorted(asked.found)))


class _Asked(Container[str]):
    """Unknown keys, with those that a policy has asked for."""

    def __init__(self, unknown: Container[str]) -> None:
        self._unknown = unknown
        self.found: set[str] = set()

    def __contains__(self, key: object) -> bool:
        if key not in self._unknown:
            return False
        self.found.add(str(key))
        return True
