"""What holds of an account's records after every operation, every restart and every crash."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator
from typing import Any

from podrole.account.eks.records import AssociationRecord
from podrole.account.eks.state import EKSState
from podrole.account.iam.records import (
    RECORDS,
    AccessKeyRecord,
    GroupRecord,
    InstanceProfileRecord,
    ManagedPolicyRecord,
    MFADeviceRecord,
    NamedRecord,
    PolicyHolder,
    RoleRecord,
    SigningCertificateRecord,
    SSHKeyRecord,
    UserRecord,
)
from podrole.account.iam.state import IAMState
from podrole.account.store import AccountStore

_OWNED = (AccessKeyRecord, SSHKeyRecord, SigningCertificateRecord)


def contents(store: AccountStore) -> dict[Any, Any]:
    """Return every record by what it is of, its kind and its id; what is empty is left out."""
    kept = {scope: {(record.table, record.id): record for record in state.all()} for scope, state in store.scopes()}
    return {scope: records for scope, records in kept.items() if records}


def check(store: AccountStore) -> None:
    """Fail unless names are unique, references lead somewhere, and the indexes are those of a rebuilt state."""
    for _, state in store.scopes():
        if isinstance(state, IAMState):
            problems = list(_problems(state, store))
            assert not problems, problems
        if isinstance(state, EKSState):
            _check_associations(state)


def _problems(state: IAMState, store: AccountStore) -> Iterator[str]:
    records = list(state.all())
    named = [record for record in records if isinstance(record, NamedRecord)]
    counts = collections.Counter((record.table, record.name.lower()) for record in named)
    yield from (f"{name} is there {number} times" for name, number in counts.items() if number > 1)
    users = {record.id for record in records if isinstance(record, UserRecord)}
    groups = {record.id for record in records if isinstance(record, GroupRecord)}
    roles = {record.id for record in records if isinstance(record, RoleRecord)}
    for record in records:
        if isinstance(record, _OWNED) and record.user_id not in users:
            yield f"{record.table} {record.id} has no user"
        if isinstance(record, MFADeviceRecord) and record.user_id not in {None, *users}:
            yield f"{record.id} has no user"
        if isinstance(record, UserRecord):
            yield from (f"{record.name} is in no group {group}" for group in record.groups if group not in groups)
        if isinstance(record, UserRecord | RoleRecord) and record.boundary is not None:
            yield from _missing_policies(state, store, record.name, [record.boundary])
        if isinstance(record, PolicyHolder):
            yield from _missing_policies(state, store, record.name, record.attached)
        if isinstance(record, InstanceProfileRecord) and record.role_id not in {None, *roles}:
            yield f"{record.name} has no role {record.role_id}"
        if isinstance(record, ManagedPolicyRecord):
            numbers = [version.number for version in record.versions]
            if record.default not in numbers or len(set(numbers)) != len(numbers) or max(numbers) > record.last_number:
                yield f"{record.name} has the versions {numbers} and the default {record.default}"
    yield from _stale_indexes(state, records)


def _missing_policies(state: IAMState, store: AccountStore, holder: str, arns: Iterable[str]) -> Iterator[str]:
    for arn in arns:
        if state.policy(arn) is None and store.catalogue.get(arn) is None:
            yield f"{holder} has the policy {arn}, which does not exist"


def _stale_indexes(state: IAMState, records: list[Any]) -> Iterator[str]:
    rebuilt = IAMState(state.account, state.partition, {})
    for record in records:
        rebuilt.put(record)
    for record in records:
        if isinstance(record, NamedRecord) and state.named(type(record), record.name) != record:
            yield f"{record.name} is not found by its name"
    for kind in RECORDS.values():
        if len(state.records(kind)) != len(rebuilt.records(kind)):
            yield f"{kind.table}: {len(state.records(kind))} records instead of {len(rebuilt.records(kind))}"
    holders = [record for record in records if isinstance(record, PolicyHolder)]
    for arn in {arn for holder in holders for arn in holder.attached} | {
        state.arn(record) for record in records if isinstance(record, ManagedPolicyRecord)
    }:
        if len({state.uses(arn), rebuilt.uses(arn), sum(arn in holder.attached for holder in holders)}) != 1:
            yield f"{arn} is attached {state.uses(arn)} times"


def _check_associations(state: EKSState) -> None:
    associations = [record for record in state.all() if isinstance(record, AssociationRecord)]
    places = [(record.cluster, record.namespace, record.service_account) for record in associations]
    assert len(set(places)) == len(places)
    for record, place in zip(associations, places, strict=True):
        assert state.association_of(*place) == record
