"""DaemonSet."""

from __future__ import annotations

from podrole.cluster.kinds.kind import Object
from podrole.cluster.kinds.plain import Cell, plain_kind, value_at
from podrole.cluster.kinds.pod_defaults import default_pod_spec
from podrole.cluster.tables.cells import images, labels, names, selector
from podrole.cluster.tables.layout import CONTAINERS, IMAGES, Column
from podrole.cluster.validation.workloads import validate_daemon_set, validate_deployment_update

_APPS = "io.k8s.api.apps.v1"
_STATUS = f"{_APPS}.DaemonSetStatus"


def default_daemon_set(daemon_set: Object) -> None:
    """Fill in the strategy, the limit and the template."""
    spec = daemon_set["spec"]
    strategy = spec["updateStrategy"]
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", 1)
        rolling.setdefault("maxSurge", 0)
    spec.setdefault("revisionHistoryLimit", 10)
    default_pod_spec(spec["template"]["spec"])


def _count(name: str, field: str) -> tuple[Column, Cell]:
    return Column(name, f"{_STATUS}.{field}", type="integer"), value_at("status", field, default=0)


def _containers(daemon_set: Object) -> list[Object]:
    return list(daemon_set["spec"]["template"]["spec"].get("containers", ()))


DAEMON_SET = plain_kind(
    f"{_APPS}.DaemonSet",
    "apps",
    "daemonsets",
    (
        _count("Desired", "desiredNumberScheduled"),
        _count("Current", "currentNumberScheduled"),
        _count("Ready", "numberReady"),
        _count("Up-to-date", "updatedNumberScheduled"),
        _count("Available", "numberAvailable"),
        (
            Column("Node Selector", "io.k8s.api.core.v1.PodSpec.nodeSelector"),
            lambda daemon_set: labels(daemon_set["spec"]["template"]["spec"].get("nodeSelector")),
        ),
    ),
    wide=(
        (CONTAINERS, lambda daemon_set: names(_containers(daemon_set))),
        (IMAGES, lambda daemon_set: images(_containers(daemon_set))),
        (
            Column("Selector", f"{_APPS}.DaemonSetSpec.selector", wide=True),
            lambda daemon_set: selector(daemon_set["spec"].get("selector")),
        ),
    ),
    short_names=("ds",),
    categories=("all",),
    status=dict.fromkeys(("currentNumberScheduled", "numberMisscheduled", "desiredNumberScheduled", "numberReady"), 0),
    counts_generations=True,
    default=default_daemon_set,
    validate=validate_daemon_set,
    validate_update=validate_deployment_update,
)
