"""Reads what is there of one group, before each of its writes."""

from __future__ import annotations

import asyncio

from podrole.setup.found import FoundAssociation, FoundProvider, FoundRole
from podrole.setup.group import GroupFound, RoleGroup
from podrole.setup.ownership import ROLE_ARN
from podrole.setup.plan_role import wanted_trust
from podrole.setup.seams import SetupAccount, SetupCluster
from podrole.setup.trust import trust_of
from podrole.setup.wanted import ServiceAccountName, SetupPlace, WantedRole


class GroupReader:
    """Reads groups of one cluster and one account. Raises CallFailed or one of its kinds."""

    def __init__(self, place: SetupPlace, account: SetupAccount, cluster: SetupCluster) -> None:
        self._place = place
        self._account = account
        self._cluster = cluster
        self._agent: bool | None = None
        self._policies: set[str] = set()
        """The managed policies that are known to exist."""

    async def provider(self) -> FoundProvider | None:
        """Return the provider of the cluster's issuer."""
        return await asyncio.to_thread(self._account.provider, self._place.provider_arn)

    async def found(self, group: RoleGroup) -> GroupFound:
        """Read all that the group's plan depends on."""
        accounts = group.accounts
        role, provider, associations, service_accounts, namespaces = await asyncio.gather(
            self._role(group),
            self.provider(),
            self._associations(group),
            asyncio.gather(*(self._cluster.service_account(account) for account in accounts)),
            self._namespaces(accounts),
        )
        untagged_elsewhere = await self._untagged_elsewhere(group, role)
        return GroupFound(
            provider=provider,
            role=role if role is not None and role.arn == group.role_arn else None,
            namesake=role.arn if role is not None and role.arn != group.role_arn else None,
            namespaces=namespaces,
            service_accounts={account.account: account for account in service_accounts if account is not None},
            associations=associations,
            untagged_elsewhere=untagged_elsewhere,
            missing_policies=await self._missing_policies(group, role),
            named_elsewhere=await self._named_elsewhere(group, role),
            agent=await self._has_agent() if group.associations else True,
        )

    async def _role(self, group: RoleGroup) -> FoundRole | None:
        if not self._place.has_role(group.role_arn):
            return None
        return await asyncio.to_thread(self._account.role, group.role_name)

    async def _untagged_elsewhere(self, group: RoleGroup, role: FoundRole | None) -> bool:
        """Look at the other associations only if the role may lose its trust in all of them."""
        here = {association.account for association in group.associations} | set(group.lost_associations)
        if role is None or not here or wanted_trust(group).untagged:
            return True
        if self._place.cluster_arn is None or not trust_of(role.trust_policy, self._place).untagged:
            return True
        associations = await asyncio.to_thread(self._account.associations, self._place.cluster)
        return any(
            other.role_arn == group.role_arn and other.disable_session_tags and other.account not in here
            for other in associations
        )

    async def _missing_policies(self, group: RoleGroup, role: FoundRole | None) -> tuple[str, ...]:
        """Look only at policies that the role does not have yet: those that it has exist."""
        if not isinstance(group.role, WantedRole):
            return ()
        has = set(self._policies) if role is None else {*self._policies, *role.managed, role.boundary}
        wanted = [arn for arn in (*group.role.managed, group.role.boundary) if arn is not None and arn not in has]
        exist = await asyncio.gather(*(asyncio.to_thread(self._account.has_policy, arn) for arn in wanted))
        self._policies |= {arn for arn, exists in zip(wanted, exist, strict=True) if exists}
        return tuple(arn for arn, exists in zip(wanted, exist, strict=True) if not exists)

    async def _named_elsewhere(self, group: RoleGroup, role: FoundRole | None) -> bool:
        """Look at the other service accounts only if the role may lose its patterns."""
        if role is None or not group.lost_service_accounts or not trust_of(role.trust_policy, self._place).patterns:
            return True
        lost = set(group.lost_service_accounts)
        service_accounts = await self._cluster.service_accounts()
        return any(
            service_account.annotations.get(ROLE_ARN) == group.role_arn and service_account.account not in lost
            for service_account in service_accounts
        )

    async def _namespaces(self, accounts: tuple[ServiceAccountName, ...]) -> frozenset[str]:
        names = sorted({account.namespace for account in accounts})
        there = await asyncio.gather(*(self._cluster.has_namespace(name) for name in names))
        return frozenset(name for name, exists in zip(names, there, strict=True) if exists)

    async def _associations(self, group: RoleGroup) -> dict[ServiceAccountName, FoundAssociation]:
        if self._place.cluster_arn is None:
            return {}
        accounts = [association.account for association in group.associations]
        accounts += [*group.lost_associations, *group.lost_service_accounts]
        each = dict.fromkeys(accounts)
        read = [asyncio.to_thread(self._account.association, self._place.cluster, account) for account in each]
        return {existing.account: existing for existing in await asyncio.gather(*read) if existing is not None}

    async def _has_agent(self) -> bool:
        if self._agent is None:
            self._agent = self._place.cluster_arn is not None and await asyncio.to_thread(
                self._account.has_pod_identity_agent, self._place.cluster
            )
        return self._agent
