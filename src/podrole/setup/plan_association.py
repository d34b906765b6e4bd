"""Plans one Pod Identity association."""

from __future__ import annotations

from typing import Any

from podrole.setup import account_writes as write
from podrole.setup.cluster_writes import delete_service_account
from podrole.setup.found import FoundAssociation
from podrole.setup.group import GroupFound, PlanOptions, PlanPart, PlanRefusal, foreign
from podrole.setup.ownership import MANAGED_BY, PODROLE, ROLE_ARN, own_tags, owner_of
from podrole.setup.plan_role import same_document
from podrole.setup.plan_service_account import plan_bare_service_account
from podrole.setup.trust import target_trust_policy
from podrole.setup.wanted import ServiceAccountName, SetupPlace, WantedAssociation, WantedRole
from podrole.setup.writes import PlannedWrite


def plan_association(
    place: SetupPlace,
    wanted: WantedAssociation,
    role_arn: str,
    file: str | None,
    current: GroupFound,
    options: PlanOptions,
) -> PlanPart:
    """Plan that the association exists with this role. EKS alone has associations."""
    account = wanted.account
    if place.cluster_arn is None:
        return PlanPart(refusals=(no_eks(place),))
    if not current.agent:
        return PlanPart(refusals=(_no_agent(place),))
    before = plan_bare_service_account(account, current) if wanted.create_service_account else PlanPart()
    before += PlanPart(notes=_notes(place, wanted, role_arn))
    tags = {**wanted.tags, **own_tags(options.place, file)}
    there = current.associations.get(account)
    if there is None:
        return before + PlanPart((write.create_association(place.cluster, wanted, role_arn, tags),))
    writes = _changes(place, wanted, role_arn, there)
    owner = owner_of(there, options.place)
    if not owner.ours and (owner.fixed or not options.adopt):
        if not writes:
            return before + PlanPart(
                notes=(f"The association of {account} serves as it is. It belongs to {owner.what}.",)
            )
        return PlanPart(refusals=(foreign(f"association of {account}", owner, writes),))
    missing = {key: value for key, value in tags.items() if there.tags.get(key) != value}
    tagging = [write.tag_association(there, missing)] if missing else []
    return before + PlanPart((*tagging, *writes))


def plan_lost_association(
    place: SetupPlace, account: ServiceAccountName, current: GroupFound, options: PlanOptions, *, keep: bool
) -> PlanPart:
    """Plan that the association is deleted, and the service account that was created for it unless it is to be kept."""
    there = current.associations.get(account)
    if there is None:
        return PlanPart()
    owner = owner_of(there, options.place)
    writes = (write.delete_association(place.cluster, there),)
    if owner.ours or (options.adopt and not owner.fixed):
        bound = current.service_accounts.get(account)
        made = (
            not keep
            and bound is not None
            and bound.labels.get(MANAGED_BY) == PODROLE
            and ROLE_ARN not in bound.annotations
        )
        return PlanPart((*writes, delete_service_account(bound)) if bound is not None and made else writes)
    return PlanPart(refusals=(foreign(f"association of {account}", owner, writes),))


def no_eks(place: SetupPlace) -> PlanRefusal:
    """Return why a cluster that is not EKS's has no associations."""
    return PlanRefusal(
        f"Pod Identity associations are EKS's, and account {place.account} has no EKS cluster {place.cluster} in "
        f"{place.region}.",
        "use podrole create iamserviceaccount, which works on every cluster",
    )


def _no_agent(place: SetupPlace) -> PlanRefusal:
    return PlanRefusal(
        f"The cluster {place.cluster} does not have the add-on eks-pod-identity-agent: its pods would get nothing.",
        f"aws eks create-addon --cluster-name {place.cluster} --addon-name eks-pod-identity-agent",
    )


def _changes(
    place: SetupPlace, wanted: WantedAssociation, role_arn: str, there: FoundAssociation
) -> tuple[PlannedWrite, ...]:
    """Return one write for each member that differs."""
    changes: list[PlannedWrite] = []

    def change(field: str, before: str | None, after: str | None, **members: Any) -> None:
        changes.append(write.update_association(place.cluster, there, field, before, after, **members))

    if there.role_arn != role_arn:
        change("role", there.role_arn, role_arn, roleArn=role_arn)
    policy = (
        {} if _same_policy(there.session_policy, wanted.session_policy) else {"policy": wanted.session_policy or ""}
    )
    if there.disable_session_tags != wanted.disable_session_tags:
        # EKS takes a session policy only without session tags, so both change in one call.
        now, then = (str(not association.disable_session_tags).lower() for association in (there, wanted))
        field = "session tags and session policy" if policy else "session tags"
        if policy:
            now, then = (
                f"{tags}\n{association.session_policy or ''}" for tags, association in ((now, there), (then, wanted))
            )
        change(field, now, then, disableSessionTags=wanted.disable_session_tags, **policy)
        policy = {}
    if there.target_role_arn != wanted.target_role_arn:
        target = wanted.target_role_arn or ""  # empty removes it
        change("target role", there.target_role_arn, wanted.target_role_arn, targetRoleArn=target)
    if policy:
        change("session policy", there.session_policy, wanted.session_policy, **policy)
    return tuple(changes)


def _notes(place: SetupPlace, wanted: WantedAssociation, role_arn: str) -> tuple[str, ...]:
    notes = []
    if wanted.disable_session_tags and isinstance(wanted.role, WantedRole):
        notes.append(
            f"Without session tags EKS does not tell a role which service account comes: role {role_arn} trusts every "
            f"association of cluster {place.cluster}."
        )
    if wanted.target_role_arn is not None:
        document = target_trust_policy(
            place, role_arn, wanted.account, disable_session_tags=wanted.disable_session_tags
        )
        notes.append(f"The target role {wanted.target_role_arn} needs this trust policy:\n{document}")
    return tuple(notes)


def _same_policy(policy: str | None, other: str | None) -> bool:
    return policy is other or (policy is not None and other is not None and same_document(policy, other))
