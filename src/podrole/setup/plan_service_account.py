"""Plans one service account of the cluster: that it exists, and that its annotation names the role."""

from __future__ import annotations

from collections.abc import Mapping

from podrole.setup.cluster_writes import (
    create_namespace,
    create_service_account,
    delete_service_account,
    patch_service_account,
)
from podrole.setup.found import FoundServiceAccount
from podrole.setup.group import GroupFound, PlanOptions, PlanPart, foreign
from podrole.setup.ownership import FILE, MANAGED, MANAGED_BY, PODROLE, ROLE_ARN, ObjectOwner, owner_of_service_account
from podrole.setup.wanted import ServiceAccountName, WantedServiceAccount
from podrole.setup.writes import PlannedWrite


def plan_service_account(
    wanted: WantedServiceAccount, role_arn: str, file: str | None, current: GroupFound, options: PlanOptions
) -> PlanPart:
    """Plan that the service account exists with the role's annotation. Other labels and annotations stay."""
    if wanted.role_only:
        return PlanPart()
    account = wanted.account
    own = {ROLE_ARN: role_arn, MANAGED: options.place.cluster} | ({} if file is None else {FILE: file})
    there = current.service_accounts.get(account)
    if there is None:
        labels = {**wanted.labels, MANAGED_BY: PODROLE}
        return _created(account, labels, {**wanted.annotations, **own}, current)
    visible = {**wanted.annotations, ROLE_ARN: role_arn}
    owner = owner_of_service_account(there)
    takes = owner.ours or options.adopt or wanted.override
    writes = _changes(there, wanted.labels, {**visible, **own} if takes else visible)
    if takes:
        return PlanPart(writes, notes=_taken(account, owner, wanted.override) if writes and not owner.ours else ())
    if not writes:
        return PlanPart(notes=(f"The service account {account} serves as it is. It belongs to {owner.what}.",))
    return PlanPart(refusals=(foreign(f"service account {account}", owner, writes),))


def plan_bare_service_account(account: ServiceAccountName, current: GroupFound) -> PlanPart:
    """Plan that a service account exists, for an association."""
    if account in current.service_accounts:
        return PlanPart()
    return _created(account, {MANAGED_BY: PODROLE}, {}, current)


def plan_lost_service_account(account: ServiceAccountName, current: GroupFound, options: PlanOptions) -> PlanPart:
    """Plan that a service account loses its role: it is deleted if podrole created it, else only its annotation."""
    there = current.service_accounts.get(account)
    if there is not None and there.labels.get(MANAGED_BY) == PODROLE:
        return PlanPart((delete_service_account(there),))
    return plan_unannotated(account, current, options)


def plan_unannotated(
    account: ServiceAccountName, current: GroupFound, options: PlanOptions, *, keep_mark: bool = False
) -> PlanPart:
    """Plan that a service account names no role any more; the rest of it stays.

    ``keep_mark`` keeps the annotations that say that podrole may annotate it again.
    """
    there = current.service_accounts.get(account)
    if there is None:
        return PlanPart()
    taken = (ROLE_ARN,) if keep_mark else (ROLE_ARN, MANAGED, FILE)
    gone: dict[str, str | None] = {key: None for key in taken if key in there.annotations}
    if not gone:
        return PlanPart()
    owner = owner_of_service_account(there)
    writes = (patch_service_account(there, {}, gone),)
    if owner.ours or options.adopt:
        return PlanPart(writes)
    return PlanPart(refusals=(foreign(f"service account {account}", owner, writes),))


def _taken(account: ServiceAccountName, owner: ObjectOwner, override: bool) -> tuple[str, ...]:
    option = "--override-existing-serviceaccounts" if override else "--adopt"
    return (f"The service account {account} belongs to {owner.what}; {option} annotates it all the same.",)


def _created(
    account: ServiceAccountName, labels: Mapping[str, str], annotations: Mapping[str, str], current: GroupFound
) -> PlanPart:
    writes: list[PlannedWrite] = []
    if account.namespace not in current.namespaces:
        writes.append(create_namespace(account.namespace))
    writes.append(create_service_account(account, labels, annotations))
    return PlanPart(tuple(writes))


def _changes(
    there: FoundServiceAccount, labels: Mapping[str, str], annotations: Mapping[str, str]
) -> tuple[PlannedWrite, ...]:
    new_labels = {key: value for key, value in labels.items() if there.labels.get(key) != value}
    new_annotations = {key: value for key, value in annotations.items() if there.annotations.get(key) != value}
    return (patch_service_account(there, new_labels, new_annotations),) if new_labels or new_annotations else ()
