"""One account's IAM: its records, found by id, by name and by what refers to them."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Mapping
from typing import TypeVar, cast

from podrole.account.iam.records import (
    AccessKeyRecord,
    AccountSettingsRecord,
    GroupRecord,
    InstanceProfileRecord,
    ManagedPolicyRecord,
    NamedRecord,
    OwnedRecord,
    PolicyHolder,
    RoleRecord,
    UserRecord,
)
from podrole.account.records import Record, Scope, State
from podrole.iam.directory import PrincipalPolicies

R = TypeVar("R", bound=Record)
N = TypeVar("N", bound=NamedRecord)
W = TypeVar("W", bound=OwnedRecord)

_HOLDERS: tuple[type[PolicyHolder], ...] = (UserRecord, GroupRecord, RoleRecord)


class IAMState:
    """The records of one account in one partition. Records are immutable; a change puts another one in their place."""

    def __init__(self, account: str, partition: str, states: Mapping[tuple[str, ...], State]) -> None:
        """``states`` holds the IAM of every account: a policy may name another account's principals."""
        self.account = account
        self.partition = partition
        self._states = states
        self._tables: dict[str, dict[str, Record]] = collections.defaultdict(dict)
        self._ids_by_name: dict[str, dict[str, str]] = collections.defaultdict(dict)
        self._policy_uses: collections.Counter[str] = collections.Counter()
        self._boundary_uses: collections.Counter[str] = collections.Counter()
        self._referring: dict[tuple[str, str], set[str]] = collections.defaultdict(set)
        """The ids of the records of a kind that refer to a user, group or role, by the kind and that one's id."""
        self.changes = 0
        """How many times a record was put or removed: what was worked out from the records holds while it stays."""
        self.policies: dict[str, tuple[int, PrincipalPolicies]] = {}
        """The policies of users and roles by their ids, each with ``changes`` as it was before they were read."""

    @property
    def scope(self) -> Scope:
        """What the records are of."""
        return ("iam", self.account, self.partition)

    # Reading

    def get(self, kind: type[R], record_id: str) -> R | None:
        """Return the record with that id."""
        return cast("R | None", self._tables[kind.table].get(record_id))

    def named(self, kind: type[N], name: str) -> N | None:
        """Return the record with exactly that name."""
        record = self.named_like(kind, name)
        return record if record is not None and record.name == name else None

    def named_like(self, kind: type[N], name: str) -> N | None:
        """Return the record with that name in any case: the one that keeps a new record from the name."""
        record_id = self._ids_by_name[kind.table].get(name.lower())
        return self.get(kind, record_id) if record_id is not None else None

    def records(self, kind: type[R]) -> list[R]:
        """Return all records of a kind, those with names in the order of the names."""
        records = list(self._tables[kind.table].values())
        if issubclass(kind, NamedRecord):
            records.sort(key=lambda record: cast("NamedRecord", record).name.lower())
        else:
            records.sort(key=lambda record: record.id)
        return cast("list[R]", records)

    def count(self, kind: type[Record]) -> int:
        """Return how many records of a kind there are."""
        return len(self._tables[kind.table])

    def all(self) -> Iterator[Record]:
        """Yield every record."""
        for records in self._tables.values():
            yield from records.values()

    @property
    def settings(self) -> AccountSettingsRecord:
        """The account's settings."""
        return self.get(AccountSettingsRecord, "settings") or AccountSettingsRecord()

    def arn(self, record: NamedRecord) -> str:
        """Return the ARN of a record with a path."""
        return f"arn:{self.partition}:iam::{self.account}:{record.arn_type}{record.path}{record.name}"

    def by_arn(self, kind: type[N], arn: str) -> N | None:
        """Return the record with that ARN, path and all."""
        record = self.named(kind, arn.rpartition("/")[2])
        return record if record is not None and self.arn(record) == arn else None

    def account_of(self, arn: str) -> IAMState | None:
        """Return the account that an ARN is of, None if it is not one of this world."""
        _, partition, _, _, account, _ = arn.split(":", 5)
        return cast("IAMState | None", self._states.get(("iam", account, partition)))

    def every_account(self) -> list[IAMState]:
        """Return the IAM of every account of this world, this one included."""
        return [state for state in self._states.values() if isinstance(state, IAMState)]

    def unique_id(self, arn: str) -> str | None:
        """Return the unique id of the role or user with that ARN, in whatever account of this world."""
        state = self.account_of(arn)
        kind: type[RoleRecord | UserRecord] = RoleRecord if ":role/" in arn else UserRecord
        record = state.by_arn(kind, arn) if state is not None else None
        return record.id if record is not None else None

    def policy(self, arn: str) -> ManagedPolicyRecord | None:
        """Return the customer managed policy with that ARN."""
        return self.by_arn(ManagedPolicyRecord, arn)

    def uses(self, policy_arn: str) -> int:
        """Return how many users, groups and roles a managed policy is attached to."""
        return self._policy_uses[policy_arn]

    def boundary_uses(self, policy_arn: str) -> int:
        """Return how many users and roles have a managed policy as their permissions boundary."""
        return self._boundary_uses[policy_arn]

    def holders(self) -> Iterator[PolicyHolder]:
        """Yield every user, group and role."""
        for kind in _HOLDERS:
            yield from self.records(kind)

    def members(self, group: GroupRecord) -> list[UserRecord]:
        """Return the users of a group, in the order of their names."""
        return sorted(self._referring_to(UserRecord, group.id), key=lambda user: user.name.lower())

    def profiles_of(self, role: RoleRecord) -> list[InstanceProfileRecord]:
        """Return the instance profiles that hold a role, in the order of their names."""
        return sorted(self._referring_to(InstanceProfileRecord, role.id), key=lambda profile: profile.name.lower())

    def groups_of(self, user: UserRecord) -> list[GroupRecord]:
        """Return the groups of a user."""
        groups = (self.get(GroupRecord, group_id) for group_id in user.groups)
        return [group for group in groups if group is not None]

    def owned(self, kind: type[W], user: UserRecord) -> list[W]:
        """Return a user's records of a kind, oldest first."""
        return sorted(self._referring_to(kind, user.id), key=lambda record: (record.created_at, record.id))

    def _referring_to(self, kind: type[R], record_id: str) -> list[R]:
        table = self._tables[kind.table]
        return [cast("R", table[key]) for key in self._referring.get((kind.table, record_id), ())]

    def owner_of_key(self, key_id: str) -> UserRecord | None:
        """Return the user that an access key belongs to."""
        key = self.get(AccessKeyRecord, key_id)
        return self.get(UserRecord, key.user_id) if key is not None else None

    # Changing

    def put(self, record: Record) -> None:
        """Put a record in the place of the one with its id, or as a new one.

        A reader in another thread finds the one or the other: a name that stays is found all the time.
        """
        table = self._tables[record.table]
        before = table.get(record.id)
        table[record.id] = record
        if isinstance(record, NamedRecord):
            self._ids_by_name[record.table][record.name.lower()] = record.id
        self._count(record, 1)
        for referred in _references(record):
            self._referring[record.table, referred].add(record.id)
        if before is not None:
            self._forget(before, record)
        self._changed()

    def remove(self, record: Record) -> None:
        """Take the record with that id away, if there is one."""
        before = self._tables[record.table].pop(record.id, None)
        if before is not None:
            self._forget(before, None)
        self._changed()

    def _changed(self) -> None:
        self.changes += 1
        self.policies.clear()

    def _forget(self, before: Record, after: Record | None) -> None:
        """Take away by what a record was found, but for what is also so of the record that is in its place."""
        if isinstance(before, NamedRecord):
            name = before.name.lower()
            if not (isinstance(after, NamedRecord) and after.name.lower() == name):
                del self._ids_by_name[before.table][name]
        self._count(before, -1)
        kept = _references(after) if after is not None else ()
        for referred in _references(before):
            if referred not in kept:
                referring = self._referring[before.table, referred]
                referring.discard(before.id)
                if not referring:
                    del self._referring[before.table, referred]

    def _count(self, record: Record, change: int) -> None:
        if isinstance(record, PolicyHolder):
            for arn in record.attached:
                self._policy_uses[arn] += change
        if isinstance(record, UserRecord | RoleRecord) and record.boundary is not None:
            self._boundary_uses[record.boundary] += change


def _references(record: Record) -> tuple[str, ...]:
    """Return the ids of the user, groups or role that a record refers to."""
    if isinstance(record, UserRecord):
        return record.groups
    if isinstance(record, OwnedRecord):
        return (record.user_id,) if record.user_id is not None else ()
    if isinstance(record, InstanceProfileRecord):
        return (record.role_id,) if record.role_id is not None else ()
    return ()
