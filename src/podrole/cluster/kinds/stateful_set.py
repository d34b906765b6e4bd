"""StatefulSet."""

from __future__ import annotations

from podrole.cluster.core.resources import SCALE
from podrole.cluster.kinds.kind import Object
from podrole.cluster.kinds.plain import plain_kind
from podrole.cluster.kinds.pod_defaults import default_pod_spec
from podrole.cluster.tables.cells import images, names
from podrole.cluster.tables.layout import CONTAINERS, IMAGES, Column
from podrole.cluster.validation.workloads import validate_stateful_set, validate_stateful_set_update

_APPS = "io.k8s.api.apps.v1"


def default_stateful_set(stateful_set: Object) -> None:
    """Fill in the replicas, the policies, the template and the claims' templates."""
    spec = stateful_set["spec"]
    spec.setdefault("replicas", 1)
    spec.setdefault("podManagementPolicy", "OrderedReady")
    strategy = spec["updateStrategy"]
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        strategy.setdefault("rollingUpdate", {}).setdefault("partition", 0)
    spec.setdefault("revisionHistoryLimit", 10)
    retention = spec.setdefault("persistentVolumeClaimRetentionPolicy", {})
    retention.setdefault("whenDeleted", "Retain")
    retention.setdefault("whenScaled", "Retain")
    default_pod_spec(spec["template"]["spec"])
    for claim in spec.get("volumeClaimTemplates", ()):
        claim.update(kind="PersistentVolumeClaim", apiVersion="v1", status={"phase": "Pending"})
        claim["spec"].setdefault("volumeMode", "Filesystem")


def _ready(stateful_set: Object) -> str:
    return f"{stateful_set['status'].get('readyReplicas', 0)}/{stateful_set['spec'].get('replicas', 0)}"


def _containers(stateful_set: Object) -> list[Object]:
    return list(stateful_set["spec"]["template"]["spec"].get("containers", ()))


STATEFUL_SET = plain_kind(
    f"{_APPS}.StatefulSet",
    "apps",
    "statefulsets",
    ((Column("Ready", description="Number of the pod with ready state"), _ready),),
    wide=(
        (CONTAINERS, lambda stateful_set: names(_containers(stateful_set))),
        (IMAGES, lambda stateful_set: images(_containers(stateful_set))),
    ),
    short_names=("sts",),
    categories=("all",),
    status={"replicas": 0, "availableReplicas": 0},
    subresources=(SCALE,),
    counts_generations=True,
    default=default_stateful_set,
    validate=validate_stateful_set,
    validate_update=validate_stateful_set_update,
)
