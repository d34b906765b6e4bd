"""The pod-update rule: hardly anything of a pod's spec may change once the pod is there.

So a changed annotation of a service account never alters a running pod: it takes a new one.
https://kubernetes.io/docs/concepts/workloads/pods/#pod-update-and-replacement
"""

from __future__ import annotations

import difflib
import json
from typing import Any

from podrole.cluster.core.errors import FieldError, forbidden, invalid, required

Object = dict[str, Any]

_RULE = (
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def validate_pod_update(new: Object, old: Object) -> list[FieldError]:
    """Check a new state of a pod's spec against the old one."""
    before, after = old["spec"], new["spec"]
    if before == after:
        return []
    for kind in ("containers", "initContainers"):
        if len(before.get(kind, ())) != len(after.get(kind, ())):
            return [forbidden(f"spec.{kind}", "pod updates may not add or remove containers")]
    errors = [
        required(f"spec.{kind}[{index}].image")
        for kind in ("containers", "initContainers")
        for index, container in enumerate(after.get(kind, ()))
        if not container.get("image")
    ]
    errors.extend(_deadline(before.get("activeDeadlineSeconds"), after.get("activeDeadlineSeconds")))
    if not _only_added(before.get("tolerations", []), after.get("tolerations", [])):
        errors.append(
            forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds")
        )
    fixed_before, fixed_after = _fixed_part(before), _fixed_part(after)
    if fixed_before != fixed_after:
        errors.append(forbidden("spec", f"{_RULE}\n{_difference(fixed_before, fixed_after)}"))
    return errors


def _fixed_part(spec: Object) -> Object:
    """Return the spec without what may change; of the two names of the service account only the newer one counts."""
    mutable = ("activeDeadlineSeconds", "tolerations", "schedulingGates", "serviceAccount")
    fixed = {key: value for key, value in spec.items() if key not in mutable}
    for kind in ("containers", "initContainers"):
        if kind in fixed:
            fixed[kind] = [{**container, "image": ""} for container in fixed[kind]]
    if fixed.get("terminationGracePeriodSeconds", 0) < 0:
        fixed["terminationGracePeriodSeconds"] = 1
    return fixed


def _deadline(before: int | None, after: int | None) -> list[FieldError]:
    field = "spec.activeDeadlineSeconds"
    if before is None:
        return []
    if after is None:
        return [invalid(field, None, "must not update from a positive integer to nil value")]
    if after > before:
        return [invalid(field, after, "must be less than or equal to previous value")]
    return []


def _only_added(before: list[Object], after: list[Object]) -> bool:
    def without_time(toleration: Object) -> Object:
        return {key: value for key, value in toleration.items() if key != "tolerationSeconds"}

    kept = [without_time(toleration) for toleration in after]
    return all(without_time(toleration) in kept for toleration in before)


def _difference(before: Object, after: Object) -> str:
    left, right = (json.dumps(obj, indent=1, sort_keys=True).splitlines() for obj in (before, after))
    lines = list(difflib.unified_diff(left, right, lineterm="", n=3))[2:]
    return "\n".join((*lines, ""))
