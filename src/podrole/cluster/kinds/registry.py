"""Which resources there are: one table, from which routing, discovery and OpenAPI follow.

Names, short names, categories, verbs and subresources are those of Kubernetes 1.36
(https://kubernetes.io/docs/reference/kubernetes-api/).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from podrole.cluster.core.resources import STORED_VERBS, Resource, Subresource

_STATUS_VERBS = ("get", "patch", "update")


def _status(kind: str) -> Subresource:
    return Subresource("status", kind, _STATUS_VERBS)


_SCALE = Subresource("scale", "Scale", _STATUS_VERBS, "autoscaling", "v1", "io.k8s.api.autoscaling.v1.Scale")


def _core(plural: str, kind: str, **more: object) -> Resource:
    return Resource("", plural, kind, f"io.k8s.api.core.v1.{kind}", **more)  # type: ignore[arg-type] # forwarded


def _of(group: str, plural: str, kind: str, **more: object) -> Resource:
    package = "rbac" if group == _RBAC else group.removesuffix(".k8s.io")
    return Resource(group, plural, kind, f"io.k8s.api.{package}.v1.{kind}", **more)  # type: ignore[arg-type] # same


def _review(group: str, plural: str, kind: str, *, namespaced: bool = False) -> Resource:
    return _of(group, plural, kind, namespaced=namespaced, verbs=("create",))


_AUTHENTICATION, _AUTHORIZATION = "authentication.k8s.io", "authorization.k8s.io"
_ADMISSION = "admissionregistration.k8s.io"
_RBAC = "rbac.authorization.k8s.io"

RESOURCES: tuple[Resource, ...] = (
    _core("configmaps", "ConfigMap", short_names=("cm",)),
    _core("events", "Event", short_names=("ev",)),
    _core(
        "namespaces",
        "Namespace",
        namespaced=False,
        short_names=("ns",),
        verbs=tuple(verb for verb in STORED_VERBS if verb != "deletecollection"),
        subresources=(Subresource("finalize", "Namespace", ("update",)), _status("Namespace")),
    ),
    _core("nodes", "Node", namespaced=False, short_names=("no",), subresources=(_status("Node"),)),
    _core(
        "pods",
        "Pod",
        short_names=("po",),
        categories=("all",),
        subresources=(
            Subresource("attach", "PodAttachOptions", ("create", "get")),
            Subresource("binding", "Binding", ("create",)),
            Subresource("eviction", "Eviction", ("create",), "policy", "v1", "io.k8s.api.policy.v1.Eviction"),
            Subresource("exec", "PodExecOptions", ("create", "get")),
            Subresource("log", "Pod", ("get",)),
            _status("Pod"),
        ),
        returns_deleted=True,
        counts_generations=True,
    ),
    _core("secrets", "Secret"),
    _core(
        "serviceaccounts",
        "ServiceAccount",
        short_names=("sa",),
        subresources=(
            Subresource(
                "token",
                "TokenRequest",
                ("create",),
                _AUTHENTICATION,
                "v1",
                "io.k8s.api.authentication.v1.TokenRequest",
            ),
        ),
        returns_deleted=True,
    ),
    _core(
        "services",
        "Service",
        short_names=("svc",),
        categories=("all",),
        subresources=(_status("Service"),),
        returns_deleted=True,
    ),
    _of(
        _ADMISSION,
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
        namespaced=False,
        categories=("api-extensions",),
        unconditional_update=False,
        counts_generations=True,
    ),
    _of(
        _ADMISSION,
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        namespaced=False,
        categories=("api-extensions",),
        unconditional_update=False,
        counts_generations=True,
    ),
    _of(
        "apps",
        "deployments",
        "Deployment",
        short_names=("deploy",),
        categories=("all",),
        subresources=(_SCALE, _status("Deployment")),
        counts_generations=True,
    ),
    _of(
        "apps",
        "replicasets",
        "ReplicaSet",
        short_names=("rs",),
        categories=("all",),
        subresources=(_SCALE, _status("ReplicaSet")),
        counts_generations=True,
    ),
    _of(
        "batch",
        "cronjobs",
        "CronJob",
        short_names=("cj",),
        categories=("all",),
        subresources=(_status("CronJob"),),
        counts_generations=True,
    ),
    _of(
        "batch",
        "jobs",
        "Job",
        categories=("all",),
        subresources=(_status("Job"),),
        counts_generations=True,
    ),
    _of(
        "policy",
        "poddisruptionbudgets",
        "PodDisruptionBudget",
        short_names=("pdb",),
        subresources=(_status("PodDisruptionBudget"),),
        counts_generations=True,
    ),
    _of(_RBAC, "clusterrolebindings", "ClusterRoleBinding", namespaced=False),
    _of(_RBAC, "clusterroles", "ClusterRole", namespaced=False),
    _of(_RBAC, "rolebindings", "RoleBinding"),
    _of(_RBAC, "roles", "Role"),
    _review(_AUTHENTICATION, "selfsubjectreviews", "SelfSubjectReview"),
    _review(_AUTHENTICATION, "tokenreviews", "TokenReview"),
    _review(_AUTHORIZATION, "localsubjectaccessreviews", "LocalSubjectAccessReview", namespaced=True),
    _review(_AUTHORIZATION, "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    _review(_AUTHORIZATION, "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
    _review(_AUTHORIZATION, "subjectaccessreviews", "SubjectAccessReview"),
)

BY_PATH: Mapping[tuple[str, str, str], Resource] = MappingProxyType(
    {(one.group, one.version, one.plural): one for one in RESOURCES}
)
BY_NAME: Mapping[str, Resource] = MappingProxyType({one.qualified: one for one in RESOURCES})
BY_KIND: Mapping[tuple[str, str], Resource] = MappingProxyType({(one.api_version, one.kind): one for one in RESOURCES})


def group_versions() -> list[tuple[str, str]]:
    """Return the groups with their version, the core group first, in the order in which they are published."""
    return list(dict.fromkeys((one.group, one.version) for one in RESOURCES))
