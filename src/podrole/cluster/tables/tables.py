"""Tables: which columns each kind has, and lists put into them.

A column's description is the OpenAPI description of the field that it shows, where it shows one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from podrole.cluster.core.resources import Resource
from podrole.cluster.schema.types import extract
from podrole.cluster.tables import core, pods, rbac, workloads

Object = dict[str, Any]
IncludeObject = Literal["None", "Metadata", "Object"]
Cells = Callable[[Object, float], list[Any]]

_META = "io.k8s.apimachinery.pkg.apis.meta.v1"
_CORE, _APPS, _BATCH = "io.k8s.api.core.v1", "io.k8s.api.apps.v1", "io.k8s.api.batch.v1"
_POLICY = "io.k8s.api.policy.v1"
_RBAC = "io.k8s.api.rbac.v1"

_NAME = ("Name", f"@{_META}.ObjectMeta.name")
_AGE = ("Age", f"@{_META}.ObjectMeta.creationTimestamp")
_CONTAINERS = ("Containers*", "Names of each container in the template.")
_IMAGES = ("Images*", "Images referenced by each container in the template.")
_RESTARTS = (
    "The number of times the containers in this pod have been restarted and when the last container in this pod has "
    "restarted."
)
_CREATED_AT = ("Created At^", f"@{_META}.ObjectMeta.creationTimestamp")
_WEBHOOKS = ("Webhooks#", "Webhooks indicates the number of webhooks registered in this configuration")


def _binding_columns(kind: str, word: str) -> tuple[tuple[str, str], ...]:
    return (
        _NAME,
        ("Role", f"@{_RBAC}.{kind}.roleRef"),
        _AGE,
        ("Users*", f"Users in the {word}"),
        ("Groups*", f"Groups in the {word}"),
        ("ServiceAccounts*", f"ServiceAccounts in the {word}"),
    )


# Name and description; a star marks a column of the wide form, a number sign one of integers, a circumflex one of
# dates; an at sign before a description names the field that it is taken from.
_COLUMNS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "clusterrolebindings.rbac.authorization.k8s.io": _binding_columns("ClusterRoleBinding", "clusterRoleBinding"),
    "clusterroles.rbac.authorization.k8s.io": (_NAME, _CREATED_AT),
    "configmaps": (_NAME, ("Data", f"@{_CORE}.ConfigMap.data"), _AGE),
    "cronjobs.batch": (
        _NAME,
        ("Schedule", f"@{_BATCH}.CronJobSpec.schedule"),
        ("Timezone", f"@{_BATCH}.CronJobSpec.timeZone"),
        ("Suspend", f"@{_BATCH}.CronJobSpec.suspend"),
        ("Active#", f"@{_BATCH}.CronJobStatus.active"),
        ("Last Schedule", f"@{_BATCH}.CronJobStatus.lastScheduleTime"),
        _AGE,
        _CONTAINERS,
        _IMAGES,
        ("Selector*", f"@{_BATCH}.JobSpec.selector"),
    ),
    "deployments.apps": (
        _NAME,
        ("Ready", "Number of the pod with ready state"),
        ("Up-to-date", f"@{_APPS}.DeploymentStatus.updatedReplicas"),
        ("Available", f"@{_APPS}.DeploymentStatus.availableReplicas"),
        _AGE,
        _CONTAINERS,
        _IMAGES,
        ("Selector*", f"@{_APPS}.DeploymentSpec.selector"),
    ),
    "events": (
        ("Last Seen", f"@{_CORE}.Event.lastTimestamp"),
        ("Type", f"@{_CORE}.Event.type"),
        ("Reason", f"@{_CORE}.Event.reason"),
        ("Object", f"@{_CORE}.Event.involvedObject"),
        ("Subobject*", f"@{_CORE}.ObjectReference.fieldPath"),
        ("Source*", f"@{_CORE}.Event.source"),
        ("Message", f"@{_CORE}.Event.message"),
        ("First Seen*", f"@{_CORE}.Event.firstTimestamp"),
        ("Count*", f"@{_CORE}.Event.count"),
        ("Name*", f"@{_META}.ObjectMeta.name"),
    ),
    "jobs.batch": (
        _NAME,
        ("Status", "Status of the job."),
        ("Completions", f"@{_BATCH}.JobStatus.succeeded"),
        ("Duration", "Time required to complete the job."),
        _AGE,
        _CONTAINERS,
        _IMAGES,
        ("Selector*", f"@{_BATCH}.JobSpec.selector"),
    ),
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": (_NAME, _WEBHOOKS, _AGE),
    "namespaces": (_NAME, ("Status", "The status of the namespace"), _AGE),
    "nodes": (
        _NAME,
        ("Status", "The status of the node"),
        ("Roles", "The roles of the node"),
        _AGE,
        ("Version", f"@{_CORE}.NodeSystemInfo.kubeletVersion"),
        ("Internal-IP*", f"@{_CORE}.NodeStatus.addresses"),
        ("External-IP*", f"@{_CORE}.NodeStatus.addresses"),
        ("OS-Image*", f"@{_CORE}.NodeSystemInfo.osImage"),
        ("Kernel-Version*", f"@{_CORE}.NodeSystemInfo.kernelVersion"),
        ("Container-Runtime*", f"@{_CORE}.NodeSystemInfo.containerRuntimeVersion"),
    ),
    "pods": (
        _NAME,
        ("Ready", "The aggregate readiness state of this pod for accepting traffic."),
        ("Status", "The aggregate status of the containers in this pod."),
        ("Restarts", _RESTARTS),
        _AGE,
        ("IP*", f"@{_CORE}.PodStatus.podIP"),
        ("Node*", f"@{_CORE}.PodSpec.nodeName"),
        ("Nominated Node*", f"@{_CORE}.PodStatus.nominatedNodeName"),
        ("Readiness Gates*", f"@{_CORE}.PodSpec.readinessGates"),
    ),
    "poddisruptionbudgets.policy": (
        _NAME,
        ("Min Available", f"@{_POLICY}.PodDisruptionBudgetSpec.minAvailable"),
        ("Max Unavailable", f"@{_POLICY}.PodDisruptionBudgetSpec.maxUnavailable"),
        ("Allowed Disruptions#", f"@{_POLICY}.PodDisruptionBudgetStatus.disruptionsAllowed"),
        _AGE,
    ),
    "replicasets.apps": (
        _NAME,
        ("Desired#", f"@{_APPS}.ReplicaSetSpec.replicas"),
        ("Current#", f"@{_APPS}.ReplicaSetStatus.replicas"),
        ("Ready#", f"@{_APPS}.ReplicaSetStatus.readyReplicas"),
        _AGE,
        _CONTAINERS,
        _IMAGES,
        ("Selector*", f"@{_APPS}.ReplicaSetSpec.selector"),
    ),
    "rolebindings.rbac.authorization.k8s.io": _binding_columns("RoleBinding", "roleBinding"),
    "roles.rbac.authorization.k8s.io": (_NAME, _CREATED_AT),
    "secrets": (_NAME, ("Type", f"@{_CORE}.Secret.type"), ("Data", f"@{_CORE}.Secret.data"), _AGE),
    "serviceaccounts": (_NAME, _AGE),
    "services": (
        _NAME,
        ("Type", f"@{_CORE}.ServiceSpec.type"),
        ("Cluster-IP", f"@{_CORE}.ServiceSpec.clusterIP"),
        ("External-IP", f"@{_CORE}.ServiceSpec.externalIPs"),
        ("Port(s)", f"@{_CORE}.ServiceSpec.ports"),
        _AGE,
        ("Selector*", f"@{_CORE}.ServiceSpec.selector"),
    ),
    "validatingwebhookconfigurations.admissionregistration.k8s.io": (_NAME, _WEBHOOKS, _AGE),
}

_CELLS: Mapping[str, Cells] = {
    "clusterrolebindings.rbac.authorization.k8s.io": rbac.binding_cells,
    "clusterroles.rbac.authorization.k8s.io": rbac.role_cells,
    "configmaps": core.config_map_cells,
    "cronjobs.batch": workloads.cron_job_cells,
    "deployments.apps": workloads.deployment_cells,
    "events": core.event_cells,
    "jobs.batch": workloads.job_cells,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": core.webhook_cells,
    "namespaces": core.namespace_cells,
    "nodes": core.node_cells,
    "pods": pods.pod_cells,
    "poddisruptionbudgets.policy": workloads.disruption_budget_cells,
    "replicasets.apps": workloads.replica_set_cells,
    "rolebindings.rbac.authorization.k8s.io": rbac.binding_cells,
    "roles.rbac.authorization.k8s.io": rbac.role_cells,
    "secrets": core.secret_cells,
    "serviceaccounts": core.named_cells,
    "services": core.service_cells,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": core.webhook_cells,
}


_TYPES = {"#": "integer", "^": "date"}


@functools.cache
def columns(resource: Resource) -> list[Object]:
    """Return the column definitions of a kind."""
    return [_column(name, text) for name, text in _COLUMNS[resource.qualified]]


def _column(name: str, text: str) -> Object:
    if text.startswith("@"):
        type_name, _, field = text[1:].rpartition(".")
        text = extract()[type_name]["properties"][field]["description"]
    plain = name.rstrip("*#^")
    return {
        "name": plain,
        "type": _TYPES.get(name[-1], "string"),
        "format": "name" if plain == "Name" else "",
        "description": text,
        "priority": int(name.endswith("*")),
    }


def table(
    resource: Resource,
    objects: Iterable[Object],
    list_metadata: Object,
    *,
    now: float,
    include: IncludeObject = "Metadata",
    headers: bool = True,
) -> Object:
    """Return the objects as a Table; ``headers`` is false for all but the first event of a watch."""
    cells = _CELLS[resource.qualified]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": list_metadata,
        "columnDefinitions": columns(resource) if headers else None,
        "rows": [_row(resource, one, cells(one, now), include) for one in objects],
    }


def _row(resource: Resource, obj: Object, cells: list[Any], include: IncludeObject) -> Object:
    row: Object = {"cells": cells}
    if resource.plural == "pods":
        conditions = pods.row_conditions(obj)
        if conditions:
            row["conditions"] = conditions
    if include == "Metadata":
        row["object"] = partial(obj)
    else:
        row["object"] = obj if include == "Object" else None
    return row


def partial(obj: Object) -> Object:
    """Return an object's metadata alone (PartialObjectMetadata)."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}
