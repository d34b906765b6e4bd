"""The default roles and bindings of a cluster that was started before: brought up to date as by kube-apiserver.

At each start kube-apiserver adds what is missing of them and leaves what was added to them, unless the annotation
``rbac.authorization.kubernetes.io/autoupdate`` is ``"false"`` (k8s.io/component-helpers ``auth/rbac/reconciliation``).
https://kubernetes.io/docs/reference/access-authn-authz/rbac/#auto-reconciliation
"""

from __future__ import annotations

from typing import Any

from podrole.cluster.authorization.bootstrap import AUTOUPDATE
from podrole.cluster.authorization.rules import uncovered_parts

Object = dict[str, Any]


def reconciled(current: Object, default: Object) -> Object | None:
    """Return a role or binding with what it lacks of its default; None if it lacks nothing or must not be changed.

    The rules of aggregated roles are not looked at: they are their controller's. A binding whose default refers to
    another role is left as it is, too; kube-apiserver would make it again.
    """
    metadata = current["metadata"]
    if (metadata.get("annotations") or {}).get(AUTOUPDATE) == "false":
        return None
    merged = {
        **current,
        "metadata": metadata
        | {field: {**default["metadata"][field], **(metadata.get(field) or {})} for field in ("labels", "annotations")},
    }
    if "aggregationRule" in default:
        _add(merged, default, "aggregationRule", "clusterRoleSelectors")
    elif "rules" in default:
        held = merged.get("rules") or []
        missing = [rule for rule in default["rules"] if rule not in held and uncovered_parts(held, [rule])]
        if missing:
            merged["rules"] = [*held, *missing]
    if default.get("roleRef") == current.get("roleRef") and "subjects" in default:
        held = merged.get("subjects") or []
        merged["subjects"] = [*held, *(subject for subject in default["subjects"] if subject not in held)]
    return merged if merged != current else None


def _add(merged: Object, default: Object, field: str, entries: str) -> None:
    rule = merged.get(field) or {}
    held = rule.get(entries) or []
    missing = [entry for entry in default[field][entries] if entry not in held]
    if missing:
        merged[field] = {**rule, entries: [*held, *missing]}
