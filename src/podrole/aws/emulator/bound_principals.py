"""Principals are bound when a policy is stored: AWS keeps the unique id of a role or user, not its ARN.

A role that is deleted and created again is another role, and a policy that named the first does not mean it
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html). The document stays as it
was written. The ids are kept on moto's own object that holds the policy, so they live exactly as long as it does, and
for each statement, so that a call which adds a statement does not bind the others again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from podrole.iam.arn import parse_arn
from podrole.iam.errors import InvalidARN

_ATTRIBUTE = "_podrole_bound_principals"
_Ids = dict[str, str]
"""Unique ids by the ARNs that a statement names."""

PrincipalId = Callable[[str], str | None]
"""Returns the unique id of the role or user with an ARN, None if it does not exist."""


def bind(holder: Any, policy: str, stored: str, principal_id: PrincipalId) -> None:
    """Remember the unique ids of the roles and users that the holder's policy names.

    The statements of ``stored`` name those of this moment. Other statements of the policy keep the ids that they have.
    """
    before: dict[str, _Ids] = getattr(holder, _ATTRIBUTE, {})
    new = set(map(_key, _statements(json.loads(stored))))
    after: dict[str, _Ids] = {}
    for statement in _statements(json.loads(policy)):
        key = _key(statement)
        after[key] = before[key] if key in before and key not in new else dict(_named(statement, principal_id))
    setattr(holder, _ATTRIBUTE, after)


def resolve(holder: Any, document: str, principal_id: PrincipalId) -> str:
    """Return the holder's policy with the unique id of each deleted role or user in place of its ARN."""
    bound: dict[str, _Ids] | None = getattr(holder, _ATTRIBUTE, None)
    if not bound or all(principal_id(arn) == unique for ids in bound.values() for arn, unique in ids.items()):
        return document
    read = json.loads(document)
    for statement in _statements(read):
        ids = bound.get(_key(statement), {})
        gone = {arn: unique for arn, unique in ids.items() if principal_id(arn) != unique}
        for element in ("Principal", "NotPrincipal"):
            named = statement.get(element)
            if isinstance(named, dict) and "AWS" in named:
                named["AWS"] = _replaced(named["AWS"], gone)
    return json.dumps(read)


def _is_entity(text: str) -> bool:
    try:
        arn = parse_arn(text)
    except InvalidARN:
        return False
    return arn.is_role or arn.is_user


def _statements(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    statements = document["Statement"]
    return [statements] if isinstance(statements, dict) else list(statements)


def _key(statement: Mapping[str, Any]) -> str:
    return json.dumps(statement, sort_keys=True)


def _named(statement: Mapping[str, Any], principal_id: PrincipalId) -> Iterator[tuple[str, str]]:
    for element in ("Principal", "NotPrincipal"):
        named = statement.get(element)
        texts = named.get("AWS") if isinstance(named, dict) else None
        for text in [texts] if isinstance(texts, str) else texts or ():
            unique_id = principal_id(text) if _is_entity(text) else None
            if unique_id is not None:
                yield text, unique_id


def _replaced(texts: str | list[str], gone: Mapping[str, str]) -> str | list[str]:
    return gone.get(texts, texts) if isinstance(texts, str) else [gone.get(text, text) for text in texts]
