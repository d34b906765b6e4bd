"""What is there, as what one would have to want to get it: for ``get -o yaml``, whose output ``apply`` accepts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase

from podrole.iam.arn import parse_arn
from podrole.setup.found import FoundAssociation, FoundRole, FoundServiceAccount
from podrole.setup.names import ATTACHED_POLICY, role_name
from podrole.setup.ownership import MANAGED_BY, PODROLE, PREFIX, ROLE_ARN, is_users
from podrole.setup.role_contents import document_text
from podrole.setup.trust import pattern_subject, trust_of
from podrole.setup.wanted import (
    ExistingRole,
    ServiceAccountName,
    SetupPlace,
    WantedAssociation,
    WantedRole,
    WantedServiceAccount,
)
from podrole.setup.well_known_policies import well_known_of_inline, well_known_policy

_NOT_WANTED = (PREFIX, ROLE_ARN, "kubectl.kubernetes.io/last-applied-configuration")


def service_account_as_wanted(
    cluster: str,
    account: ServiceAccountName,
    role: FoundRole | str,
    there: FoundServiceAccount | None,
    subject_pattern: str | None = None,
) -> WantedServiceAccount:
    """Return the ``iamserviceaccount`` that leads to what is there.

    ``role`` is the role if it is podrole's, and only its ARN if it is somebody else's. A service account that is not
    there, or does not name the role, makes it a role alone. Labels and annotations are wanted only of a service account
    that podrole created: those of others are not podrole's to keep.
    """
    if isinstance(role, str):
        wanted: WantedRole | ExistingRole = ExistingRole(role)
    else:
        wanted = _role(cluster, account, role)
    named = there is not None and there.annotations.get(ROLE_ARN) == (role if isinstance(role, str) else role.arn)
    created = there is not None and there.labels.get(MANAGED_BY) == PODROLE
    return WantedServiceAccount(
        account,
        wanted,
        role_only=not named and isinstance(wanted, WantedRole),
        subject_pattern=subject_pattern if isinstance(wanted, WantedRole) else None,
        labels=_users(there.labels, MANAGED_BY) if there is not None and created else {},
        annotations=_users(there.annotations) if there is not None and created else {},
    )


def subject_pattern_of(role: FoundRole, account: ServiceAccountName, place: SetupPlace) -> str | None:
    """Return the pattern by which a role trusts a service account; None if it trusts it by its name, or not at all.

    A pattern that does not fit the service account's name counts if the namespace has no other one: eksctl's file may
    hold such a pattern.
    """
    trust = trust_of(role.trust_policy, place)
    if account in trust.web_identity:
        return None
    prefix = pattern_subject(account.namespace, "")
    patterns = [pattern.removeprefix(prefix) for pattern in sorted(trust.patterns) if pattern.startswith(prefix)]
    fitting = [pattern for pattern in patterns if fnmatchcase(account.name, pattern)] or patterns
    return fitting[0] if len(fitting) == 1 else None


def association_as_wanted(
    cluster: str, association: FoundAssociation, role: FoundRole | str, there: FoundServiceAccount | None
) -> WantedAssociation:
    """Return the ``podidentityassociation`` that leads to what is there; ``role`` as for a service account.

    The file has one list of tags for the association and its role: those that both have.
    """
    tags = {key: value for key, value in association.tags.items() if is_users(key)}
    wanted: WantedRole | ExistingRole
    if isinstance(role, str):
        wanted = ExistingRole(role)
    else:
        tags = {key: value for key, value in tags.items() if role.tags.get(key) == value}
        wanted = _role(cluster, association.account, role, tags)
    created = there is not None and there.labels.get(MANAGED_BY) == PODROLE and ROLE_ARN not in there.annotations
    return WantedAssociation(
        association.account,
        wanted,
        target_role_arn=association.target_role_arn,
        disable_session_tags=association.disable_session_tags,
        session_policy=association.session_policy,
        create_service_account=created,
        tags=tags,
    )


def _role(
    cluster: str, account: ServiceAccountName, role: FoundRole, tags: Mapping[str, str] | None = None
) -> WantedRole:
    users = {key: value for key, value in role.tags.items() if is_users(key)}
    return WantedRole(
        name=None if role.name == role_name(cluster, account) else role.name,
        managed=role.managed,
        inline=_inline(role),
        boundary=role.boundary,
        tags=users if tags is None else tags,
    )


def _inline(role: FoundRole) -> dict[str, str]:
    """Return podrole's inline policies that the file has a member for.

    A well-known policy is wanted as it is today: if the role has an older one, ``apply`` says so.
    """
    partition = parse_arn(role.arn).partition
    inline: dict[str, str] = {}
    for name, text in role.inline.items():
        well_known = well_known_of_inline(name)
        if name == ATTACHED_POLICY:
            inline[name] = document_text(json.loads(text))
        elif well_known is not None:
            inline |= well_known_policy(well_known).inline(partition)
    return inline


def _users(texts: Mapping[str, str], *without: str) -> dict[str, str]:
    return {key: text for key, text in texts.items() if not key.startswith(_NOT_WANTED) and key not in without}
