"""The control policies of organizations, read from moto's Organizations into an immutable table.

moto's thread makes a new table after each call that can change an organization, so that other threads can read it
without waiting. Source: AWS, "Service control policies (SCPs)", "Resource control policies (RCPs)".
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from podrole.aws.emulator.backends import backends
from podrole.aws.interfaces import ControlPolicy, Levels
from podrole.iam.directory import PolicyText

_TYPES: Mapping[ControlPolicy, str] = {"scp": "SERVICE_CONTROL_POLICY", "rcp": "RESOURCE_CONTROL_POLICY"}

ControlPolicies = Mapping[tuple[str, ControlPolicy], Levels]
"""The levels that limit an account, by account and kind. The management account is limited by neither kind."""

NO_CONTROL_POLICIES: ControlPolicies = MappingProxyType({})
CHANGING_SERVICES = frozenset({"cloudformation", "organizations"})
"""The services whose calls can change an organization."""


def control_policies() -> ControlPolicies:
    """Read the control policies of all organizations."""
    every = backends("organizations")
    found: dict[tuple[str, ControlPolicy], Levels] = {}
    for regional in (every or {}).values():
        for organization in regional.values():
            if organization.org is not None:
                for account in organization.accounts:
                    for kind in _TYPES:
                        levels = _levels(organization, account.id, kind)
                        if levels is not None:
                            found.setdefault((account.id, kind), levels)
    return MappingProxyType(found)


def _levels(organization: Any, account: str, kind: ControlPolicy) -> Levels | None:
    if organization.org.master_account_id == account:
        return None
    entities = {one.id: one for one in [*organization.ou, *organization.accounts]}
    root = next((one for one in organization.ou if one.type == "ROOT"), None)
    if root is None or all(one["Type"] != _TYPES[kind] for one in root.policy_types):
        return None
    node = entities.get(account)
    levels = []
    while node is not None:
        levels.append(tuple(_text(one) for one in node.attached_policies if one.type == _TYPES[kind]))
        node = entities.get(node.parent_id) if node.type != "ROOT" else None
    return tuple(reversed(levels))


def _text(policy: Any) -> PolicyText:
    return PolicyText(f"{policy.name} ({policy.id})", str(policy.content))


def control_policy_type(policy_id: str) -> str | None:
    """Return the type of an organization's policy; None if there is no such policy. Runs in moto's thread."""
    for regional in (backends("organizations") or {}).values():
        for organization in regional.values():
            for policy in organization.policies:
                if policy.id == policy_id:
                    return str(policy.type)
    return None
