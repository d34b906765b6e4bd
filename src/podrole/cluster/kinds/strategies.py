"""What is particular to writing each kind: what a create resets, what an update may touch, which rules hold.

The counterpart of the ``strategy.go`` of each kind in k8s.io/kubernetes ``pkg/registry``. Objects given to these
functions are the request's own and may be changed; ``old`` is the store's and may not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from podrole.cluster.core.errors import FieldError
from podrole.cluster.core.resources import Resource
from podrole.cluster.validation import core, pod_updates, pods, rbac, webhooks, workloads
from podrole.kube.names import NameRule, label, label_1035, path_segment, subdomain

Object = dict[str, Any]


def _nothing(_: Object) -> None:
    """Prepare nothing."""


def _no_errors(_: Object) -> list[FieldError]:
    return []


def _no_update_errors(_: Object, __: Object) -> list[FieldError]:
    return []


@dataclass(frozen=True, slots=True)
class Strategy:
    """The particulars of one kind.

    ``prepare`` readies a new object that has its name and uid. ``update_keeps`` names what an update leaves as it was
    besides the status, ``status_keeps`` the metadata that a write to the status leaves as it was.
    """

    name_rule: NameRule = subdomain
    prepare: Callable[[Object], None] = _nothing
    validate: Callable[[Object], list[FieldError]] = _no_errors
    validate_update: Callable[[Object, Object], list[FieldError]] = _no_update_errors
    update_keeps: tuple[str, ...] = ()
    status_keeps: tuple[str, ...] = ()


def _prepare_namespace(namespace: Object) -> None:
    finalizers = namespace["spec"].setdefault("finalizers", [])
    if "kubernetes" not in finalizers:
        finalizers.append("kubernetes")
    namespace["status"] = {"phase": "Active"}


def _prepare_pod(pod: Object) -> None:
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


def _prepare_without_status(obj: Object) -> None:
    obj["status"] = {}


def _prepare_replica_set(replica_set: Object) -> None:
    replica_set["status"] = {"replicas": 0}


def _prepare_service(service: Object) -> None:
    service["status"] = {"loadBalancer": {}}


def _prepare_job(job: Object) -> None:
    job["status"] = {}
    spec = job["spec"]
    if not spec.get("manualSelector"):
        # As the API server does: the job's uid tells its pods from those of every other job.
        uid, name = job["metadata"]["uid"], job["metadata"]["name"]
        labels = spec["template"]["metadata"].setdefault("labels", {})
        labels.update(
            {
                "batch.kubernetes.io/controller-uid": uid,
                "batch.kubernetes.io/job-name": name,
                "controller-uid": uid,
                "job-name": name,
            }
        )
        spec.setdefault("selector", {"matchLabels": {"batch.kubernetes.io/controller-uid": uid}})
    if not job["metadata"].get("labels") and spec["template"]["metadata"].get("labels"):
        job["metadata"]["labels"] = dict(spec["template"]["metadata"]["labels"])


def _validate_pod(pod: Object) -> list[FieldError]:
    return pods.validate_pod_spec(pod["spec"])


_WEBHOOKS = Strategy(validate=webhooks.validate_webhook_configuration)

_BINDINGS = Strategy(
    name_rule=path_segment, validate=rbac.validate_binding, validate_update=rbac.validate_binding_update
)

_STRATEGIES: Mapping[str, Strategy] = {
    "clusterrolebindings.rbac.authorization.k8s.io": _BINDINGS,
    "clusterroles.rbac.authorization.k8s.io": Strategy(name_rule=path_segment, validate=rbac.validate_cluster_role),
    "configmaps": Strategy(validate=core.validate_config_map, validate_update=core.validate_config_map_update),
    "cronjobs.batch": Strategy(prepare=_prepare_without_status, validate=workloads.validate_cron_job),
    "deployments.apps": Strategy(
        prepare=_prepare_without_status,
        validate=workloads.validate_deployment,
        validate_update=workloads.validate_deployment_update,
        status_keeps=("labels",),
    ),
    "events": Strategy(validate=core.validate_event),
    "poddisruptionbudgets.policy": Strategy(prepare=_prepare_without_status),
    "jobs.batch": Strategy(
        prepare=_prepare_job, validate=workloads.validate_job, validate_update=workloads.validate_job_update
    ),
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOKS,
    "namespaces": Strategy(name_rule=label, prepare=_prepare_namespace, update_keeps=("spec",)),
    "pods": Strategy(prepare=_prepare_pod, validate=_validate_pod, validate_update=pod_updates.validate_pod_update),
    "replicasets.apps": Strategy(
        prepare=_prepare_replica_set,
        validate=workloads.validate_replica_set,
        validate_update=workloads.validate_deployment_update,
        status_keeps=("labels",),
    ),
    "rolebindings.rbac.authorization.k8s.io": _BINDINGS,
    "roles.rbac.authorization.k8s.io": Strategy(name_rule=path_segment, validate=rbac.validate_role),
    "secrets": Strategy(validate=core.validate_secret, validate_update=core.validate_secret_update),
    "services": Strategy(
        name_rule=label_1035,
        prepare=_prepare_service,
        validate=core.validate_service,
        validate_update=core.validate_service_update,
    ),
    "validatingwebhookconfigurations.admissionregistration.k8s.io": _WEBHOOKS,
}
_PLAIN = Strategy()


def strategy(resource: Resource) -> Strategy:
    """Return the particulars of a kind."""
    return _STRATEGIES.get(resource.qualified, _PLAIN)
