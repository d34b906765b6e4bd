"""The kinds that controllers reach for by name: to own, to collect, to delete with their namespace."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KindOf:
    """A kind with the resource that ``ClusterClient`` knows it by."""

    api_version: str
    kind: str
    resource: str
    namespaced: bool = True


KINDS = (
    KindOf("v1", "Pod", "pods"),
    KindOf("v1", "Service", "services"),
    KindOf("v1", "ConfigMap", "configmaps"),
    KindOf("v1", "Secret", "secrets"),
    KindOf("v1", "ServiceAccount", "serviceaccounts"),
    KindOf("apps/v1", "Deployment", "deployments.apps"),
    KindOf("apps/v1", "ReplicaSet", "replicasets.apps"),
    KindOf("batch/v1", "CronJob", "cronjobs.batch"),
    KindOf("batch/v1", "Job", "jobs.batch"),
    KindOf("v1", "Event", "events"),
    KindOf("rbac.authorization.k8s.io/v1", "Role", "roles.rbac.authorization.k8s.io"),
    KindOf("rbac.authorization.k8s.io/v1", "RoleBinding", "rolebindings.rbac.authorization.k8s.io"),
    KindOf("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles.rbac.authorization.k8s.io", namespaced=False),
    KindOf(
        "rbac.authorization.k8s.io/v1",
        "ClusterRoleBinding",
        "clusterrolebindings.rbac.authorization.k8s.io",
        namespaced=False,
    ),
    *(
        KindOf(
            "admissionregistration.k8s.io/v1",
            f"{kind}WebhookConfiguration",
            f"{kind.lower()}webhookconfigurations.admissionregistration.k8s.io",
            namespaced=False,
        )
        for kind in ("Mutating", "Validating")
    ),
    KindOf("v1", "Namespace", "namespaces", namespaced=False),
    KindOf("v1", "Node", "nodes", namespaced=False),
)


def resource_of(api_version: str, kind: str) -> KindOf | None:
    """Return a kind by what an owner reference says; any version of its group will do. None for an unknown one."""
    group = api_version.rpartition("/")[0]
    return next((each for each in KINDS if each.kind == kind and each.api_version.rpartition("/")[0] == group), None)
