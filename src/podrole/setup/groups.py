"""Sorts what is wanted into groups: each role with all that uses it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from podrole.setup.errors import InvalidSetup
from podrole.setup.group import RoleGroup
from podrole.setup.names import role_name
from podrole.setup.wanted import (
    ExistingRole,
    ServiceAccountName,
    SetupPlace,
    WantedAssociation,
    WantedRole,
    WantedServiceAccount,
    WantedSetup,
)


def groups_of(wanted: WantedSetup, place: SetupPlace) -> tuple[RoleGroup, ...]:
    """Return the groups of a set-up, each role once; an existing role once for each service account.

    Raises InvalidSetup if two users of one role want different things of it.
    """
    groups: dict[str, RoleGroup] = {}
    everything: list[WantedServiceAccount | WantedAssociation] = [*wanted.service_accounts, *wanted.associations]
    for user in everything:
        arn = arn_of(user, place)
        key = f"{arn} {user.account}" if isinstance(user.role, ExistingRole) else arn
        group = groups.get(key, RoleGroup(arn, None, file=wanted.file))
        groups[key] = _with(group, user)
    return tuple(groups.values())


def lost_groups(
    service_accounts: Mapping[ServiceAccountName, str], associations: Mapping[ServiceAccountName, str]
) -> tuple[RoleGroup, ...]:
    """Return the groups of what is deleted; the maps hold the roles' ARNs."""
    groups: dict[str, RoleGroup] = {}
    for account, arn in service_accounts.items():
        group = groups.get(arn, RoleGroup(arn, None))
        groups[arn] = replace(group, lost_service_accounts=(*group.lost_service_accounts, account))
    for account, arn in associations.items():
        group = groups.get(arn, RoleGroup(arn, None))
        groups[arn] = replace(group, lost_associations=(*group.lost_associations, account))
    return tuple(groups.values())


def with_lost(groups: Iterable[RoleGroup], lost: Iterable[RoleGroup]) -> tuple[RoleGroup, ...]:
    """Return groups together with what is deleted; a role that is wanted by some and lost by others is one group."""
    merged = list(groups)
    for lost_group in lost:
        same = next((index for index, group in enumerate(merged) if group.role_arn == lost_group.role_arn), None)
        if same is None:
            merged.append(lost_group)
        else:
            merged[same] = replace(
                merged[same],
                lost_service_accounts=lost_group.lost_service_accounts,
                lost_associations=lost_group.lost_associations,
                lost_patterns=lost_group.lost_patterns,
                kept=lost_group.kept,
            )
    return tuple(merged)


def arn_of(user: WantedServiceAccount | WantedAssociation, place: SetupPlace) -> str:
    """Return the ARN of the role that a service account or association gets."""
    if isinstance(user.role, ExistingRole):
        return user.role.arn
    return place.role_arn(user.role.name or role_name(place.cluster, user.account))


def _with(group: RoleGroup, user: WantedServiceAccount | WantedAssociation) -> RoleGroup:
    if group.role is not None and _plain(group.role) != _plain(user.role):
        raise InvalidSetup(
            f"Two service accounts want different things of role {group.role_name}.",
            got=f"{user.account} differs from {group.accounts[0]}",
            expected="the same policies, boundary and tags, or another role name for one of them",
        )
    if isinstance(user, WantedServiceAccount):
        return replace(group, role=user.role, service_accounts=(*group.service_accounts, user))
    return replace(group, role=user.role, associations=(*group.associations, user))


def _plain(role: WantedRole | ExistingRole) -> WantedRole | ExistingRole:
    return role if isinstance(role, ExistingRole) else replace(role, name=None, managed=tuple(sorted(role.managed)))
