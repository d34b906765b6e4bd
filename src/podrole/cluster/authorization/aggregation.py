"""Aggregated ClusterRoles: roles with the rules of other roles.

https://kubernetes.io/docs/reference/access-authn-authz/rbac/#aggregated-clusterroles
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from podrole.cluster.core.label_selectors import label_selector

Object = dict[str, Any]


def aggregated_rules(role: Object, others: Iterable[Object]) -> list[Object] | None:
    """Return the rules that ``role`` should have: those of the roles that it selects, ordered by name, each once.

    None if the role has no aggregationRule.
    """
    aggregation = role.get("aggregationRule")
    if aggregation is None:
        return None
    by_name = sorted(others, key=lambda other: str(other["metadata"]["name"]))
    rules: list[Object] = []
    for selector in aggregation.get("clusterRoleSelectors", ()):
        matcher = label_selector(selector)
        for other in by_name:
            metadata = other["metadata"]
            if metadata["name"] == role["metadata"]["name"] or not matcher.matches(metadata.get("labels")):
                continue
            rules.extend(rule for rule in other.get("rules") or () if rule not in rules)
    return rules
