"""Lease, PriorityClass, ResourceQuota, LimitRange, HorizontalPodAutoscaler, RuntimeClass."""

from __future__ import annotations

from podrole.cluster.core.errors import FieldError, forbidden, invalid
from podrole.cluster.kinds.kind import Kind, Object
from podrole.cluster.kinds.plain import Cell, plain_kind, text_at, value_at
from podrole.cluster.tables.layout import Column

_CORE, _AUTOSCALING = "io.k8s.api.core.v1", "io.k8s.api.autoscaling.v2"
_LEASE, _PRIORITY = "io.k8s.api.coordination.v1.Lease", "io.k8s.api.scheduling.v1.PriorityClass"
_SCALER, _RUNTIME = f"{_AUTOSCALING}.HorizontalPodAutoscaler", "io.k8s.api.node.v1.RuntimeClass"
_HIGHEST_USER_PRIORITY = 1_000_000_000


def _validate_lease(lease: Object) -> list[FieldError]:
    spec, errors = lease["spec"], []
    seconds, transitions = spec.get("leaseDurationSeconds"), spec.get("leaseTransitions")
    if seconds is not None and seconds <= 0:
        errors.append(invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0"))
    if transitions is not None and transitions < 0:
        errors.append(invalid("spec.leaseTransitions", transitions, "must be greater than or equal to 0"))
    return errors


def _default_priority(priority: Object) -> None:
    priority.setdefault("preemptionPolicy", "PreemptLowerPriority")


def _validate_priority(priority: Object) -> list[FieldError]:
    name, value = priority["metadata"].get("name", ""), priority.get("value", 0)
    if name.startswith("system-"):
        return [
            forbidden("metadata.name", "priority class names with 'system-' prefix are reserved for system use only")
        ]
    if value > _HIGHEST_USER_PRIORITY:
        why = f"maximum allowed value of a user defined priority is {_HIGHEST_USER_PRIORITY}"
        return [forbidden("value", why)]
    return []


def _validate_priority_update(new: Object, old: Object) -> list[FieldError]:
    return [
        invalid(field, new.get(field), "may not be changed in an update.")
        for field in ("value", "preemptionPolicy")
        if new.get(field) != old.get(field)
    ]


def _default_scaler(scaler: Object) -> None:
    spec = scaler["spec"]
    spec.setdefault("minReplicas", 1)
    if not spec.get("metrics"):
        target = {"type": "Utilization", "averageUtilization": 80}
        spec["metrics"] = [{"type": "Resource", "resource": {"name": "cpu", "target": target}}]


def _validate_scaler(scaler: Object) -> list[FieldError]:
    spec = scaler["spec"]
    if spec["maxReplicas"] < 1:
        return [invalid("spec.maxReplicas", spec["maxReplicas"], "must be greater than 0")]
    if spec["maxReplicas"] < spec["minReplicas"]:
        return [invalid("spec.maxReplicas", spec["maxReplicas"], "must be greater than or equal to `minReplicas`")]
    return []


def _reference(scaler: Object) -> str:
    target = scaler["spec"]["scaleTargetRef"]
    return f"{target['kind']}/{target['name']}"


def _targets(scaler: Object) -> str:
    shown = []
    for metric in scaler["spec"].get("metrics") or ():
        inner = metric.get("resource") or metric.get("containerResource") or {}
        target = inner.get("target") or {}
        if "averageUtilization" in target:
            shown.append(f"{inner['name']}: <unknown>/{target['averageUtilization']}%")
        else:
            shown.append(f"<unknown>/{target.get('averageValue') or target.get('value') or '<auto>'}")
    return ", ".join(shown) or "<none>"


def _hard(prefix: str) -> Cell:
    def cell(quota: Object) -> str:
        hard = quota.get("status", {}).get("hard") or quota["spec"].get("hard") or {}
        used = quota.get("status", {}).get("used") or {}
        names = sorted(name for name in hard if name.startswith("limits.") == (prefix == "limits."))
        return ", ".join(f"{name}: {used.get(name, '?')}/{hard[name]}" for name in names)

    return cell


LEASE = plain_kind(
    _LEASE,
    "coordination.k8s.io",
    "leases",
    ((Column("Holder", f"{_LEASE}Spec.holderIdentity"), value_at("spec", "holderIdentity")),),
    validate=_validate_lease,
)

PRIORITY_CLASS = plain_kind(
    _PRIORITY,
    "scheduling.k8s.io",
    "priorityclasses",
    (
        (Column("Value", f"{_PRIORITY}.value", type="integer"), value_at("value", default=0)),
        (
            Column("Global-Default", f"{_PRIORITY}.globalDefault", type="boolean"),
            value_at("globalDefault", default=False),
        ),
    ),
    wide=((Column("PreemptionPolicy", f"{_PRIORITY}.preemptionPolicy", wide=True), value_at("preemptionPolicy")),),
    namespaced=False,
    short_names=("pc",),
    counts_generations=True,
    default=_default_priority,
    validate=_validate_priority,
    validate_update=_validate_priority_update,
    not_enforced="podrole has one node and preempts no pod: the priority class is kept and changes nothing",
)

RESOURCE_QUOTA = plain_kind(
    f"{_CORE}.ResourceQuota",
    "",
    "resourcequotas",
    (
        (
            Column(
                "Request", description="Request represents a minimum amount of cpu/memory that a container may consume."
            ),
            _hard("requests."),
        ),
        (
            Column("Limit", description="Limits control the maximum amount of cpu/memory that a container may use."),
            _hard("limits."),
        ),
    ),
    short_names=("quota",),
    status={},
    not_enforced="podrole does not enforce resource quotas",
)

LIMIT_RANGE = plain_kind(
    f"{_CORE}.LimitRange",
    "",
    "limitranges",
    (),
    short_names=("limits",),
    not_enforced="podrole does not enforce limit ranges",
)

HORIZONTAL_POD_AUTOSCALER = plain_kind(
    _SCALER,
    "autoscaling",
    "horizontalpodautoscalers",
    (
        (Column("Reference", f"{_SCALER}Spec.scaleTargetRef"), _reference),
        (Column("Targets", f"{_SCALER}Spec.metrics"), _targets),
        (Column("MinPods", f"{_SCALER}Spec.minReplicas"), text_at("spec", "minReplicas", default="<unset>")),
        (Column("MaxPods", f"{_SCALER}Spec.maxReplicas", type="integer"), value_at("spec", "maxReplicas")),
        (
            Column("Replicas", f"{_SCALER}Status.currentReplicas", type="integer"),
            value_at("status", "currentReplicas", default=0),
        ),
    ),
    version="v2",
    short_names=("hpa",),
    categories=("all",),
    status={"desiredReplicas": 0, "currentMetrics": None},
    default=_default_scaler,
    validate=_validate_scaler,
    not_enforced="podrole measures nothing and scales nothing: the autoscaler is kept",
)

RUNTIME_CLASS = plain_kind(
    _RUNTIME,
    "node.k8s.io",
    "runtimeclasses",
    ((Column("Handler", f"{_RUNTIME}.handler"), value_at("handler")),),
    namespaced=False,
    not_enforced="podrole's node has one runtime: the runtime class is kept and changes nothing",
)

POLICIES: tuple[Kind, ...] = (
    LIMIT_RANGE,
    RESOURCE_QUOTA,
    HORIZONTAL_POD_AUTOSCALER,
    LEASE,
    RUNTIME_CLASS,
    PRIORITY_CLASS,
)
