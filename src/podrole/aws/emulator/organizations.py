"""The control policies of an organization, as moto's Organizations holds them.

Source: AWS, "Service control policies (SCPs)", "Resource control policies (RCPs)".
"""

from __future__ import annotations

from typing import Any

from podrole.aws.emulator.backends import backends
from podrole.iam.directory import PolicyText

_TYPES = {"scp": "SERVICE_CONTROL_POLICY", "rcp": "RESOURCE_CONTROL_POLICY"}

Levels = tuple[tuple[PolicyText, ...], ...]


def control_policies(account: str, kind: str) -> Levels | None:
    """Return the ``scp`` or ``rcp`` documents of an account, level by level from the root; None where none limit it.

    The management account is limited by neither.
    """
    every = backends("organizations")
    if every is None:
        return None
    for regional in list(every.values()):
        for organization in list(regional.values()):
            levels = _levels(organization, account, kind)
            if levels is not None:
                return levels
    return None


def _levels(organization: Any, account: str, kind: str) -> Levels | None:
    if organization.org is None or organization.org.master_account_id == account:
        return None
    entities = {one.id: one for one in [*organization.ou, *organization.accounts]}
    root = next((one for one in organization.ou if one.type == "ROOT"), None)
    enabled = root is not None and any(one["Type"] == _TYPES[kind] for one in root.policy_types)
    node = entities.get(account)
    if node is None or not enabled:
        return None
    levels = []
    while node is not None:
        levels.append(tuple(_text(one) for one in list(node.attached_policies) if one.type == _TYPES[kind]))
        node = entities.get(node.parent_id) if node.type != "ROOT" else None
    return tuple(reversed(levels))


def _text(policy: Any) -> PolicyText:
    return PolicyText(f"{policy.name} ({policy.id})", str(policy.content))
