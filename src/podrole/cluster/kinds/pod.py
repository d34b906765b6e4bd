"""Pod."""

from __future__ import annotations

from podrole.cluster.core.errors import FieldError
from podrole.cluster.core.field_selectors import at
from podrole.cluster.core.resources import Resource, Subresource, status_subresource
from podrole.cluster.kinds.kind import Kind, Object
from podrole.cluster.kinds.pod_defaults import default_pod
from podrole.cluster.tables.layout import AGE, NAME, Column, TableLayout
from podrole.cluster.tables.pods import pod_cells, row_conditions
from podrole.cluster.validation.pod_updates import validate_pod_update
from podrole.cluster.validation.pods import validate_pod_spec

_CORE = "io.k8s.api.core.v1"
_RESTARTS = (
    "The number of times the containers in this pod have been restarted and when the last container in this pod has "
    "restarted."
)


def prepare_pod(pod: Object) -> None:
    """Make it pending."""
    pod["status"] = {"phase": "Pending", "qosClass": qos_class(pod["spec"])}


def qos_class(spec: Object) -> str:
    """Return a pod's quality of service class.

    https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/
    """
    guaranteed, any_set = True, False
    for container in (*spec.get("containers", ()), *spec.get("initContainers", ())):
        resources = container.get("resources", {})
        requests, limits = resources.get("requests", {}), resources.get("limits", {})
        for name in ("cpu", "memory"):
            if name in requests or name in limits:
                any_set = True
            if name not in limits or requests.get(name, limits[name]) != limits[name]:
                guaranteed = False
    return ("Guaranteed" if guaranteed else "Burstable") if any_set else "BestEffort"


def validate_pod(pod: Object) -> list[FieldError]:
    """Check a pod's spec."""
    return validate_pod_spec(pod["spec"])


POD = Kind(
    Resource(
        "",
        "pods",
        "Pod",
        f"{_CORE}.Pod",
        short_names=("po",),
        categories=("all",),
        subresources=(
            Subresource("attach", "PodAttachOptions", ("create", "get")),
            Subresource("binding", "Binding", ("create",)),
            Subresource("eviction", "Eviction", ("create",), "policy", "v1", "io.k8s.api.policy.v1.Eviction"),
            Subresource("exec", "PodExecOptions", ("create", "get")),
            Subresource("log", "Pod", ("get",)),
            Subresource("portforward", "PodPortForwardOptions", ("create", "get")),
            status_subresource("Pod"),
        ),
        returns_deleted=True,
        counts_generations=True,
    ),
    table=TableLayout(
        (
            NAME,
            Column("Ready", description="The aggregate readiness state of this pod for accepting traffic."),
            Column("Status", description="The aggregate status of the containers in this pod."),
            Column("Restarts", description=_RESTARTS),
            AGE,
            Column("IP", f"{_CORE}.PodStatus.podIP", wide=True),
            Column("Node", f"{_CORE}.PodSpec.nodeName", wide=True),
            Column("Nominated Node", f"{_CORE}.PodStatus.nominatedNodeName", wide=True),
            Column("Readiness Gates", f"{_CORE}.PodSpec.readinessGates", wide=True),
        ),
        pod_cells,
        row_conditions,
    ),
    selectable_fields=(
        ("spec.nodeName", at("spec", "nodeName")),
        ("spec.restartPolicy", at("spec", "restartPolicy")),
        ("spec.schedulerName", at("spec", "schedulerName")),
        ("spec.serviceAccountName", at("spec", "serviceAccountName")),
        ("spec.hostNetwork", at("spec", "hostNetwork", default="false")),
        ("status.phase", at("status", "phase")),
        ("status.podIP", at("status", "podIP")),
        ("status.nominatedNodeName", at("status", "nominatedNodeName")),
    ),
    default=default_pod,
    prepare=prepare_pod,
    validate=validate_pod,
    validate_update=validate_pod_update,
)
