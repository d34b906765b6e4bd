"""What podrole, and eksctl, made for one cluster: found by tags, annotations and associations, never by a file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from podrole.setup.found import FoundAssociation, FoundRole, FoundServiceAccount
from podrole.setup.group import RoleGroup
from podrole.setup.groups import lost_groups
from podrole.setup.ownership import FILE, MANAGED, ROLE_ARN, ObjectOwner, owner_of, owner_of_service_account
from podrole.setup.plan_role import wanted_trust
from podrole.setup.seams import SetupAccount, SetupCluster
from podrole.setup.trust import trust_of
from podrole.setup.wanted import ServiceAccountName, SetupPlace


@dataclass(frozen=True, slots=True)
class Inventory:
    """The roles that carry this cluster's tag, all service accounts and all associations."""

    place: SetupPlace
    roles: tuple[FoundRole, ...]
    service_accounts: tuple[FoundServiceAccount, ...]
    associations: tuple[FoundAssociation, ...]

    def role(self, arn: str) -> FoundRole | None:
        """Return a tagged role by its ARN."""
        return next((role for role in self.roles if role.arn == arn), None)


@dataclass(frozen=True, slots=True)
class SetUpServiceAccount:
    """A service account that has, or should have, a role by its annotation. ``found`` is None if it does not exist."""

    account: ServiceAccountName
    role_arn: str
    role: FoundRole | None
    found: FoundServiceAccount | None
    owner: ObjectOwner


async def read_inventory(place: SetupPlace, account: SetupAccount, cluster: SetupCluster) -> Inventory:
    """Read the inventory of a cluster. Raises CallFailed."""
    roles, service_accounts, associations = await asyncio.gather(
        asyncio.to_thread(account.tagged_roles, place.cluster),
        cluster.service_accounts(),
        _associations(place, account),
    )
    return Inventory(place, tuple(roles), tuple(service_accounts), associations)


async def _associations(place: SetupPlace, account: SetupAccount) -> tuple[FoundAssociation, ...]:
    if place.cluster_arn is None:
        return ()
    return tuple(await asyncio.to_thread(account.associations, place.cluster))


def set_up_service_accounts(inventory: Inventory) -> tuple[SetUpServiceAccount, ...]:
    """Return the service accounts of the inventory: those that podrole keeps, those that name a tagged role, and those
    that only the trust policy of a tagged role still names.

    A service account that podrole keeps and that names no role has moved to an association: it is not among them.
    """
    set_up: dict[ServiceAccountName, SetUpServiceAccount] = {}
    moved = set()
    for service_account in inventory.service_accounts:
        arn = service_account.annotations.get(ROLE_ARN, "")
        role = inventory.role(arn)
        if not arn and MANAGED in service_account.annotations:
            moved.add(service_account.account)
        elif role is not None or MANAGED in service_account.annotations:
            owner = owner_of_service_account(service_account) if role is None else owner_of(role, inventory.place)
            set_up[service_account.account] = SetUpServiceAccount(
                service_account.account, arn, role, service_account, owner
            )
    for role in inventory.roles:
        for account in trust_of(role.trust_policy, inventory.place).web_identity:
            if account not in set_up and account not in moved:
                owner = owner_of(role, inventory.place)
                set_up[account] = SetUpServiceAccount(account, role.arn, role, None, owner)
    return tuple(sorted(set_up.values(), key=lambda entry: entry.account))


def lost_of_file(inventory: Inventory, file: str, groups: Iterable[RoleGroup]) -> tuple[RoleGroup, ...]:
    """Return the groups of what a file made once and no longer names: ``--prune``. ``groups`` are what it names."""
    named = list(groups)
    wanted = {wanted_account.account for group in named for wanted_account in group.service_accounts}
    wanted_associations = {association.account for group in named for association in group.associations}
    lost: dict[ServiceAccountName, str] = {}
    others = {
        service_account.account
        for service_account in inventory.service_accounts
        if MANAGED in service_account.annotations and service_account.annotations.get(FILE) != file
    }
    for service_account in inventory.service_accounts:
        if (
            service_account.annotations.get(FILE) == file
            and service_account.annotations.get(MANAGED) == inventory.place.cluster
        ):
            lost[service_account.account] = service_account.annotations.get(ROLE_ARN, "")
    for role in inventory.roles:
        if owner_of(role, inventory.place).ours and role.tags.get(FILE) == file:
            trusted = trust_of(role.trust_policy, inventory.place)
            lost |= {account: role.arn for account in trusted.web_identity - others if account not in lost}
    unbound = {
        association.account: association.role_arn
        for association in inventory.associations
        if owner_of(association, inventory.place).ours and association.tags.get(FILE) == file
    }
    gone = lost_groups(
        {account: arn for account, arn in lost.items() if account not in wanted and arn},
        {account: arn for account, arn in unbound.items() if account not in wanted_associations},
    )
    patterns = _lost_patterns(inventory, file, {group.role_arn: wanted_trust(group).patterns for group in named})
    alone = [RoleGroup(arn, None) for arn in patterns if arn not in {group.role_arn for group in gone}]
    kept = frozenset(wanted | wanted_associations)
    return tuple(
        replace(group, kept=kept & frozenset(group.accounts), lost_patterns=patterns.get(group.role_arn, frozenset()))
        for group in (*gone, *alone)
    )


def _lost_patterns(
    inventory: Inventory, file: str, wanted: Mapping[str, frozenset[str]]
) -> Mapping[str, frozenset[str]]:
    """Return the patterns that roles of a file trust and the file no longer names, by the roles' ARNs.

    The patterns of a role that a service account of another file names stay: whose they are is not known.
    """
    shared = {
        account.annotations.get(ROLE_ARN)
        for account in inventory.service_accounts
        if account.annotations.get(FILE) != file
    }
    lost = {
        role.arn: trust_of(role.trust_policy, inventory.place).patterns - wanted.get(role.arn, frozenset())
        for role in inventory.roles
        if owner_of(role, inventory.place).ours and role.tags.get(FILE) == file and role.arn not in shared
    }
    return {arn: patterns for arn, patterns in lost.items() if patterns}
