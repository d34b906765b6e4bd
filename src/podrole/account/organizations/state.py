"""The organizations of a world, and the control policies that limit each account."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Mapping
from typing import TypeVar, cast

from podrole.account.organizations.records import (
    AWS_POLICIES,
    RCP,
    SCP,
    ControlPolicyRecord,
    MemberRecord,
    NodeRecord,
    OrganizationRecord,
    RootRecord,
    UnitRecord,
)
from podrole.account.records import Record, Scope
from podrole.iam.directory import PolicyText

R = TypeVar("R", bound=Record)
Levels = tuple[tuple[PolicyText, ...], ...]
"""The control policies that limit an account: one tuple for each level, from the organization's root down."""

_NODES: tuple[type[NodeRecord], ...] = (RootRecord, UnitRecord, MemberRecord)
_TYPES = {"scp": SCP, "rcp": RCP}


class OrganizationsState:
    """The records of every organization."""

    scope: Scope = ("organizations",)

    def __init__(self) -> None:
        self._tables: dict[str, dict[str, Record]] = collections.defaultdict(dict)
        self._levels: dict[tuple[str, str], Levels] = {}

    def get(self, kind: type[R], record_id: str) -> R | None:
        """Return the record with that id."""
        return cast("R | None", self._tables[kind.table].get(record_id))

    def records(self, kind: type[R]) -> list[R]:
        """Return all records of a kind, in the order of their ids, which a restart does not change."""
        return cast("list[R]", sorted(self._tables[kind.table].values(), key=lambda record: record.id))

    def all(self) -> Iterator[Record]:
        """Yield every record."""
        for records in self._tables.values():
            yield from records.values()

    def put(self, record: Record) -> None:
        """Put a record in the place of the one with its id, or as a new one."""
        self._tables[record.table][record.id] = record
        self._levels = {}

    def remove(self, record: Record) -> None:
        """Take the record with that id away, if there is one."""
        self._tables[record.table].pop(record.id, None)
        self._levels = {}

    def organization_of(self, account: str) -> OrganizationRecord | None:
        """Return the organization that an account manages or is a member of."""
        if not self._tables[OrganizationRecord.table]:
            return None  # as in most worlds, at each call
        member = self.get(MemberRecord, account)
        return self.get(OrganizationRecord, member.management_account if member is not None else account)

    def node(self, node_id: str) -> NodeRecord | None:
        """Return the root, unit or account with that id."""
        return next((node for kind in _NODES if (node := self.get(kind, node_id)) is not None), None)

    def nodes(self, management_account: str) -> list[NodeRecord]:
        """Return the tree of an organization."""
        every = [node for kind in _NODES for node in self.records(kind)]
        return [node for node in every if node.management_account == management_account]

    def tags_of(self, record_id: str) -> Mapping[str, str]:
        """Return the tags of a root, unit, account or policy."""
        record = self.node(record_id) or self.get(ControlPolicyRecord, record_id)
        return record.tags if record is not None else {}

    def policy(self, policy_id: str) -> ControlPolicyRecord | None:
        """Return the policy with that id, AWS's own included."""
        return AWS_POLICIES.get(policy_id) or self.get(ControlPolicyRecord, policy_id)

    def control_policies(self, account: str, kind: str) -> Levels | None:
        """Return the control policies of an account, ``scp`` or ``rcp``; None if none of that kind limits it.

        The management account is limited by none.
        https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps_evaluation.html
        """
        # A change puts another dict in place: another thread that works out levels meanwhile keeps them in the old one.
        known, key = self._levels, (account, kind)
        levels = known.get(key)
        if levels is None and self._tables[OrganizationRecord.table]:
            levels = self._levels_of(account, _TYPES[kind])
            if levels is not None:  # an account without is not kept: a client may make it up
                known[key] = levels
        return levels

    def _levels_of(self, account: str, policy_type: str) -> Levels | None:
        organization = self.organization_of(account)
        if organization is None or organization.id == account or policy_type not in organization.policy_types:
            return None
        levels = []
        node = self.node(account)
        while node is not None:
            policies = [policy for policy_id in node.policies if (policy := self.policy(policy_id)) is not None]
            levels.append(tuple(_text(policy) for policy in policies if policy.type == policy_type))
            node = self.node(node.parent) if node.parent is not None else None
        return tuple(reversed(levels))


def _text(policy: ControlPolicyRecord) -> PolicyText:
    return PolicyText(f"{policy.name} ({policy.id})", policy.content)
