"""Principals are bound when a policy is stored: AWS keeps the unique id of a role or user, not its ARN.

A role that is deleted and made again is another one, and a policy that named the first does not mean it. The document
stays as it was written; what was bound is kept beside it, and an ARN whose owner has changed reads as the old one's
unique id (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html).
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from podrole.aws.emulator.backends import backend
from podrole.iam.arn import parse_arn
from podrole.iam.errors import InvalidARN
from podrole.iam.policy import Policy


class BoundPrincipals:
    """Whom each stored policy named when it was stored. ``where`` is the ARN of what the policy hangs on."""

    def __init__(self) -> None:
        self._bound: dict[tuple[str, str], Mapping[str, str]] = {}

    def bind(self, where: str, policy: Policy) -> None:
        """Keep who is named now."""
        found = {}
        for arn in named_entities(policy):
            unique_id = entity_id(arn)
            if unique_id is not None:
                found[arn] = unique_id
        self._bound[where, policy.text] = found

    def resolve(self, where: str, document: str) -> str:
        """Return the document with the unique id of whoever is gone in the place of their ARN."""
        for arn, unique_id in self._bound.get((where, document), {}).items():
            if entity_id(arn) != unique_id:
                document = document.replace(json.dumps(arn), json.dumps(unique_id))
        return document

    def forget(self) -> None:
        """Forget everything, as the account is."""
        self._bound.clear()


def named_entities(policy: Policy) -> list[str]:
    """Return the ARNs of roles and users that a policy names as principals."""
    found = {arn for one in policy.statements if one.principal is not None for arn in one.principal.arns}
    return sorted(arn for arn in found if _is_entity(arn))


def _is_entity(text: str) -> bool:
    try:
        arn = parse_arn(text)
    except InvalidARN:
        return False
    return arn.is_role or arn.is_user


def entity_id(text: str) -> str | None:
    """Return the unique id of the role or user with that ARN, None where there is none."""
    arn = parse_arn(text)
    found = backend("iam", arn.account, arn.partition)
    entities = (found.roles if arn.is_role else found.users) if found is not None else {}
    return next((str(one.id) for one in list(entities.values()) if one.arn == text), None)


def is_of_this_world(text: str) -> bool:
    """Say whether the account of that ARN is one of this world, so that who is not there does not exist."""
    arn = parse_arn(text)
    return backend("iam", arn.account, arn.partition) is not None
