"""ReplicaSet."""

from __future__ import annotations

from podrole.cluster.core.field_selectors import at
from podrole.cluster.core.resources import SCALE, Resource, status_subresource
from podrole.cluster.kinds.kind import Kind, Object
from podrole.cluster.kinds.pod_defaults import default_pod_spec
from podrole.cluster.tables.layout import AGE, CONTAINERS, IMAGES, NAME, Column, TableLayout
from podrole.cluster.tables.workloads import replica_set_cells
from podrole.cluster.validation.workloads import validate_deployment_update, validate_replica_set

_APPS = "io.k8s.api.apps.v1"


def default_replica_set(replica_set: Object) -> None:
    """Fill in the replicas and the template."""
    replica_set["spec"].setdefault("replicas", 1)
    default_pod_spec(replica_set["spec"]["template"]["spec"])


def prepare_replica_set(replica_set: Object) -> None:
    """Give it the status of a set without pods."""
    replica_set["status"] = {"replicas": 0}


REPLICA_SET = Kind(
    Resource(
        "apps",
        "replicasets",
        "ReplicaSet",
        f"{_APPS}.ReplicaSet",
        short_names=("rs",),
        categories=("all",),
        subresources=(SCALE, status_subresource("ReplicaSet")),
        counts_generations=True,
    ),
    table=TableLayout(
        (
            NAME,
            Column("Desired", f"{_APPS}.ReplicaSetSpec.replicas", type="integer"),
            Column("Current", f"{_APPS}.ReplicaSetStatus.replicas", type="integer"),
            Column("Ready", f"{_APPS}.ReplicaSetStatus.readyReplicas", type="integer"),
            AGE,
            CONTAINERS,
            IMAGES,
            Column("Selector", f"{_APPS}.ReplicaSetSpec.selector", wide=True),
        ),
        replica_set_cells,
    ),
    selectable_fields=(("status.replicas", at("status", "replicas", default="0")),),
    default=default_replica_set,
    prepare=prepare_replica_set,
    validate=validate_replica_set,
    validate_update=validate_deployment_update,
    status_keeps=("labels",),
)
