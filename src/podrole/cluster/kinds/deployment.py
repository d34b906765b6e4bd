"""Deployment."""

from __future__ import annotations

from podrole.cluster.core.resources import SCALE, Resource, status_subresource
from podrole.cluster.kinds.kind import Kind, Object
from podrole.cluster.kinds.pod_defaults import default_pod_spec
from podrole.cluster.tables.layout import AGE, CONTAINERS, IMAGES, NAME, Column, TableLayout
from podrole.cluster.tables.workloads import deployment_cells
from podrole.cluster.validation.workloads import validate_deployment, validate_deployment_update

_APPS = "io.k8s.api.apps.v1"


def default_deployment(deployment: Object) -> None:
    """Fill in the replicas, the strategy, the limits and the template."""
    spec = deployment["spec"]
    spec.setdefault("replicas", 1)
    strategy = spec["strategy"]
    strategy.setdefault("type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxUnavailable", "25%")
        rolling.setdefault("maxSurge", "25%")
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    default_pod_spec(spec["template"]["spec"])


def prepare_deployment(deployment: Object) -> None:
    """Take away what a client said of the status."""
    deployment["status"] = {}


DEPLOYMENT = Kind(
    Resource(
        "apps",
        "deployments",
        "Deployment",
        f"{_APPS}.Deployment",
        short_names=("deploy",),
        categories=("all",),
        subresources=(SCALE, status_subresource("Deployment")),
        counts_generations=True,
    ),
    table=TableLayout(
        (
            NAME,
            Column("Ready", description="Number of the pod with ready state"),
            Column("Up-to-date", f"{_APPS}.DeploymentStatus.updatedReplicas"),
            Column("Available", f"{_APPS}.DeploymentStatus.availableReplicas"),
            AGE,
            CONTAINERS,
            IMAGES,
            Column("Selector", f"{_APPS}.DeploymentSpec.selector", wide=True),
        ),
        deployment_cells,
    ),
    default=default_deployment,
    prepare=prepare_deployment,
    validate=validate_deployment,
    validate_update=validate_deployment_update,
    status_keeps=("labels",),
    without={"selectable_fields": "Kubernetes selects it by metadata alone."},
)
