"""Moves service accounts between annotations and EKS Pod Identity, role by role: a pure function of what is there.

To Pod Identity: the role trusts EKS too, then the association is made; the annotation stays until every pod has been
created again, and goes in a later run. Where a service account has both, EKS's webhook gives new pods the association.
To annotations: the role trusts the tokens too and the service account is annotated, then the association goes. Either
way the role still trusts the way that pods came from when the new way is complete.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from podrole.setup.found import FoundPod, FoundRole
from podrole.setup.found_as_wanted import subject_pattern_of
from podrole.setup.group import RoleGroup
from podrole.setup.inventory import Inventory
from podrole.setup.method import Method
from podrole.setup.ownership import ROLE_ARN
from podrole.setup.plan_role import unchanged
from podrole.setup.wanted import ServiceAccountName, WantedAssociation, WantedServiceAccount

BY_TOKEN, BY_AGENT = "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI"
"""The variables by which a pod's SDK finds its identity."""
CACHED_HOURS = 6
"""How long the Pod Identity agent keeps credentials
(https://docs.aws.amazon.com/eks/latest/userguide/pod-id-assign-target-role.html)."""


@dataclass(frozen=True, slots=True)
class Migration:
    """What has to be planned now. ``notes`` say what comes later and what cannot be moved."""

    groups: tuple[RoleGroup, ...]
    notes: tuple[str, ...]


def migration_of(
    inventory: Inventory,
    roles: Sequence[FoundRole],
    pods: Mapping[ServiceAccountName, Sequence[FoundPod]],
    to: Method,
    namespace: str | None,
) -> Migration:
    """Return the groups and notes of a migration. ``roles`` are those that annotations and associations name, ``pods``
    those of each service account that have not ended."""
    by_arn = {role.arn: role for role in roles}
    move = _to_associations if to is Method.POD_IDENTITY else _to_annotations
    groups, notes = move(inventory, by_arn, pods, namespace)
    return Migration(tuple(groups.values()), tuple(notes))


def _to_associations(
    inventory: Inventory,
    roles: Mapping[str, FoundRole],
    pods: Mapping[ServiceAccountName, Sequence[FoundPod]],
    namespace: str | None,
) -> tuple[dict[str, RoleGroup], list[str]]:
    groups: dict[str, RoleGroup] = {}
    notes: list[str] = []
    associated = {existing.account: existing for existing in inventory.associations}
    for service_account in inventory.service_accounts:
        account, arn = service_account.account, service_account.annotations.get(ROLE_ARN, "")
        if namespace not in (None, account.namespace) or not arn:
            continue
        role = roles.get(arn)
        if role is None:
            notes.append(
                f"{account} stays as it is: its role {arn} is not in account {inventory.place.account}, and EKS "
                "takes only roles of the cluster's own account."
            )
            continue
        association = associated.get(account)
        older = [pod.name for pod in pods.get(account, ()) if BY_AGENT not in pod.environment]
        if association is not None and association.role_arn != arn:
            # New pods have the association's role already, and keep it.
            if older:
                notes.append(_recreate(account, older))
            else:
                group = groups.get(arn, RoleGroup(arn, None))
                groups[arn] = replace(group, unannotated=(*group.unannotated, account))
            continue
        group = groups.get(arn, RoleGroup(arn, None))
        group = replace(group, role=unchanged(role))
        wanted = WantedAssociation(account, unchanged(role))
        if association is not None:
            wanted = replace(
                wanted,
                target_role_arn=association.target_role_arn,
                disable_session_tags=association.disable_session_tags,
                session_policy=association.session_policy,
            )
        group = replace(group, associations=(*group.associations, wanted))
        if association is not None and not older:
            group = replace(group, unannotated=(*group.unannotated, account))
        elif older:
            notes.append(_recreate(account, older))
        else:
            notes.append(f"{account}: run the same command again to remove the annotation.")
        groups[arn] = group
    return groups, notes


def _to_annotations(
    inventory: Inventory,
    roles: Mapping[str, FoundRole],
    pods: Mapping[ServiceAccountName, Sequence[FoundPod]],
    namespace: str | None,
) -> tuple[dict[str, RoleGroup], list[str]]:
    groups: dict[str, RoleGroup] = {}
    notes: list[str] = []
    for association in inventory.associations:
        account, arn = association.account, association.role_arn
        if namespace not in (None, account.namespace):
            continue
        role = roles.get(arn)
        if association.target_role_arn is not None or role is None:
            why = "it has a target role" if role is not None else f"its role {arn} does not exist"
            notes.append(f"The association of {account} stays: {why}, and an annotation names one role.")
            continue
        group = groups.get(arn, RoleGroup(arn, unchanged(role)))
        wanted = WantedServiceAccount(
            account,
            unchanged(role),
            subject_pattern=subject_pattern_of(role, account, inventory.place),
        )
        groups[arn] = replace(
            group,
            service_accounts=(*group.service_accounts, wanted),
            lost_associations=(*group.lost_associations, account),
        )
        older = [pod.name for pod in pods.get(account, ()) if BY_TOKEN not in pod.environment]
        if older:
            notes.append(f"{_recreate(account, older)} Their credentials last {CACHED_HOURS} hours at most.")
    return groups, notes


def _recreate(account: ServiceAccountName, names: Sequence[str]) -> str:
    shown = ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
    return f"{account}: create these pods again, then run the same command once more: {shown}."
