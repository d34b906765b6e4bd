"""The condition keys that a policy reads: in its conditions, and in its variables.

Source: AWS, ``GetContextKeysForCustomPolicy``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from podrole.iam.policy import CURRENT_VERSION, Policy
from podrole.iam.variables import Variable, parts

_WITH_VARIABLES = ("Arn", "String")


def context_keys(policies: Iterable[Policy]) -> tuple[str, ...]:
    """Return the keys that the policies read, in order of their first mention, spelt as there."""
    keys: dict[str, str] = {}
    for policy in policies:
        for key in _keys(policy):
            keys.setdefault(key.lower(), key)
    return tuple(keys.values())


def _keys(policy: Policy) -> Iterator[str]:
    variables = policy.version == CURRENT_VERSION
    for statement in policy.statements:
        texts = [] if statement.resources is None else list(statement.resources.resources)
        for condition in statement.conditions:
            yield condition.key
            if condition.base.startswith(_WITH_VARIABLES):
                texts.extend(condition.values)
        if variables:
            for text in texts:
                yield from _variables(text)


def _variables(text: str) -> Iterator[str]:
    for part in parts(text, wildcards=False, variables=True):
        if isinstance(part, Variable) and part.key:
            yield part.text[2:-1].partition(",")[0].strip()
