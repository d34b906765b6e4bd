"""Plans one group: a pure function of what is wanted and what is there."""

from __future__ import annotations

from dataclasses import replace

from podrole.setup.found import FoundRole
from podrole.setup.group import GroupFound, PlanOptions, PlanPart, PlanRefusal, RoleGroup
from podrole.setup.ownership import ROLE_ARN
from podrole.setup.plan_association import plan_association, plan_lost_association
from podrole.setup.plan_lost_role import plan_lost_role
from podrole.setup.plan_role import is_trust_policy, plan_role
from podrole.setup.plan_service_account import plan_lost_service_account, plan_service_account, plan_unannotated
from podrole.setup.proof import unproven
from podrole.setup.wanted import ExistingRole, ServiceAccountName, SetupPlace
from podrole.sts.circumstances import Circumstances


def plan_group(
    place: SetupPlace, group: RoleGroup, current: GroupFound, options: PlanOptions, at: Circumstances
) -> PlanPart:
    """Return the writes that make the group as it is wanted, in the order in which they must be made; none if it is.

    A role is complete before a service account names it. What is lost goes after what is new is there, and nobody names
    a role any more that goes. Every trust policy is proven with STS's own function at the time and place ``at``. A
    refusal leaves the whole group alone.
    """
    part = _without_provider(place, group, current)
    if not part.refusals:
        part += plan_role(place, group, current, options)
        for service_account in group.service_accounts:
            part += plan_service_account(service_account, group.role_arn, group.file, current, options)
        made = frozenset(
            service_account.account for service_account in group.service_accounts if not service_account.role_only
        )
        for association in group.associations:
            bare = association.create_service_account and association.account not in made
            part += plan_association(
                place,
                replace(association, create_service_account=bare),
                group.role_arn,
                group.file,
                current,
                options,
            )
        associated = {association.account for association in group.associations} | group.kept
        associated |= set(current.associations) - set(group.lost_associations)
        for account in group.unannotated:
            part += plan_unannotated(account, current, options, keep_mark=True)
        for account in group.lost_service_accounts:
            if _names_another_role(current, account, group.role_arn):
                continue
            lose = plan_unannotated if account in associated else plan_lost_service_account
            part += lose(account, current, options)
        for account in group.lost_associations:
            keep = account in group.kept or any(
                service_account.account == account for service_account in group.service_accounts
            )
            part += plan_lost_association(place, account, current, options, keep=keep)
        part += plan_lost_role(place, group, replace(current, role=_role_after(current.role, part)), options)
    if not part.refusals:
        part += PlanPart(refusals=unproven(place, group, part.writes, at))
    return PlanPart((), part.refusals, part.notes) if part.refusals else part


def _names_another_role(current: GroupFound, account: ServiceAccountName, role_arn: str) -> bool:
    there = current.service_accounts.get(account)
    return there is not None and there.annotations.get(ROLE_ARN, role_arn) != role_arn


def _role_after(role: FoundRole | None, part: PlanPart) -> FoundRole | None:
    """Return a role with the last trust policy that a plan gives it."""
    policies = [write.after for write in part.writes if is_trust_policy(write) and write.after is not None]
    return replace(role, trust_policy=policies[-1]) if role is not None and policies else role


def _without_provider(place: SetupPlace, group: RoleGroup, current: GroupFound) -> PlanPart:
    """Refuse a role that nobody could assume."""
    needs_provider = any(not isinstance(account.role, ExistingRole) for account in group.service_accounts)
    if not needs_provider or current.provider is not None:
        return PlanPart()
    return PlanPart(
        refusals=(
            PlanRefusal(
                f"Account {place.account} has no OpenID Connect provider for {place.issuer}: STS would refuse every "
                "token of the cluster.",
                f"podrole utils associate-iam-oidc-provider --cluster {place.cluster} --approve",
            ),
        )
    )
