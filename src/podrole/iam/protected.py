"""What only AWS itself may change, whatever the policies allow.

Source: AWS, "AWS managed policies", "Create a service-linked role", and "Aliases in AWS KMS".
"""

from __future__ import annotations

import re

_ON_POLICY = frozenset(
    {
        "createpolicyversion",
        "deletepolicy",
        "deletepolicyversion",
        "setdefaultpolicyversion",
        "tagpolicy",
        "untagpolicy",
    }
)
_ON_LINKED_ROLE = frozenset(
    {
        "attachrolepolicy",
        "deleterole",
        "deleterolepermissionsboundary",
        "deleterolepolicy",
        "detachrolepolicy",
        "putrolepermissionsboundary",
        "putrolepolicy",
        "tagrole",
        "untagrole",
        "updateassumerolepolicy",
    }
)
_ON_RESERVED_ROLE = _ON_LINKED_ROLE | {"passrole", "updaterole", "updateroledescription"}
_ON_ALIAS = frozenset({"createalias", "deletealias", "updatealias"})
_PROTECTED = tuple(
    (re.compile(pattern, re.DOTALL), service, actions, reason)
    for pattern, service, actions, reason in (
        (r"arn:[^:]*:iam::aws:policy/.*", "iam", _ON_POLICY, "nobody can change a policy that AWS manages"),
        (
            r"arn:[^:]*:iam::[^:]*:role/aws-service-role/.*",
            "iam",
            _ON_LINKED_ROLE,
            "only its service can change a service-linked role",
        ),
        (
            r"arn:[^:]*:iam::[^:]*:role/aws-reserved/.*",
            "iam",
            _ON_RESERVED_ROLE,
            "only AWS can change or pass a role under /aws-reserved/",
        ),
        (
            r"arn:[^:]*:kms:[^:]*:[^:]*:alias/aws/.*",
            "kms",
            _ON_ALIAS,
            "the aliases that begin with alias/aws/ are AWS's",
        ),
    )
)
SERVICES_WITH_PROTECTION = frozenset(service for _, service, _, _ in _PROTECTED)


def protection(service: str, name: str, resource: str) -> str:
    """Say why nobody may do an action on a resource; empty where the policies decide.

    ``service`` and ``name`` are the action's, in lower case.
    """
    for pattern, of_service, actions, reason in _PROTECTED:
        if service == of_service and name in actions and pattern.fullmatch(resource):
            return reason
    return ""
