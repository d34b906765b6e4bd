"""The default roles and bindings of every cluster.

They are kube-apiserver's default roles for users; those of its own components are left out, since these are parts of
this process. https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from podrole.cluster.authorization.aggregation import aggregated_rules
from podrole.cluster.authorization.roles import GROUP
from podrole.cluster.core.users import AUTHENTICATED, MASTERS, SERVICE_ACCOUNTS, UNAUTHENTICATED

Object = dict[str, Any]

AGGREGATION_CONTROLLER = "clusterrole-aggregation-controller"

_LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
AUTOUPDATE = "rbac.authorization.kubernetes.io/autoupdate"
_ANNOTATIONS = {AUTOUPDATE: "true"}
_READ = "get list watch"
_WRITE = "create delete deletecollection patch update"
_ALL = "create delete deletecollection get list patch update watch"
_HEALTH = "/healthz /livez /readyz /version /version/"

# Verbs, group, resources.
_VIEW = (
    (
        _READ,
        "",
        (
            "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers "
            "replicationcontrollers/scale serviceaccounts services services/status"
        ),
    ),
    (
        _READ,
        "",
        (
            "bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status "
            "resourcequotas resourcequotas/status"
        ),
    ),
    (_READ, "", "namespaces"),
    (_READ, "discovery.k8s.io", "endpointslices"),
    (
        _READ,
        "apps",
        (
            "controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status "
            "replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status"
        ),
    ),
    (_READ, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"),
    (_READ, "batch", "cronjobs cronjobs/status jobs jobs/status"),
    (
        _READ,
        "extensions",
        (
            "daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status "
            "networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale"
        ),
    ),
    (_READ, "policy", "poddisruptionbudgets poddisruptionbudgets/status"),
    (_READ, "networking.k8s.io", "ingresses ingresses/status networkpolicies"),
)
_EDIT = (
    (_READ, "", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy"),
    ("impersonate", "", "serviceaccounts"),
    (_WRITE, "", "pods pods/attach pods/exec pods/portforward pods/proxy"),
    ("create", "", "pods/eviction"),
    (
        _WRITE,
        "",
        (
            "configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets "
            "serviceaccounts services services/proxy"
        ),
    ),
    ("create", "", "serviceaccounts/token"),
    (
        _WRITE,
        "apps",
        (
            "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets "
            "statefulsets/scale"
        ),
    ),
    (_WRITE, "autoscaling", "horizontalpodautoscalers"),
    (_WRITE, "batch", "cronjobs jobs"),
    (
        _WRITE,
        "extensions",
        (
            "daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets "
            "replicasets/scale replicationcontrollers/scale"
        ),
    ),
    (_WRITE, "policy", "poddisruptionbudgets"),
    (_WRITE, "networking.k8s.io", "ingresses networkpolicies"),
    (_ALL, "coordination.k8s.io", "leases"),
)
_ADMIN = (
    ("create", "authorization.k8s.io", "localsubjectaccessreviews"),
    (_ALL, GROUP, "rolebindings roles"),
)
_BASIC_USER = (
    ("create", "authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews"),
    ("create", "authentication.k8s.io", "selfsubjectreviews"),
)
_DELEGATOR = (
    ("create", "authentication.k8s.io", "tokenreviews"),
    ("create", "authorization.k8s.io", "subjectaccessreviews"),
)


def _rules(table: tuple[tuple[str, str, str], ...]) -> list[Object]:
    return [
        {"verbs": verbs.split(), "apiGroups": [group], "resources": resources.split()}
        for verbs, group, resources in table
    ]


def _paths(urls: str) -> list[Object]:
    return [{"verbs": ["get"], "nonResourceURLs": urls.split()}]


def _role(name: str, rules: list[Object], *, labels: str = "", gathers: str = "") -> Object:
    metadata: Object = {"name": name, "labels": dict(_LABELS), "annotations": dict(_ANNOTATIONS)}
    if labels:
        metadata["labels"][f"{GROUP}/aggregate-to-{labels}"] = "true"
    role: Object = {"metadata": metadata, "rules": rules}
    if gathers:
        selector = {"matchLabels": {f"{GROUP}/aggregate-to-{gathers}": "true"}}
        role["aggregationRule"] = {"clusterRoleSelectors": [selector]}
    return role


def cluster_roles() -> list[Object]:
    """Return the default ClusterRoles; aggregated roles already have their rules."""
    everything = [
        {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
        {"verbs": ["*"], "nonResourceURLs": ["*"]},
    ]
    issuer = "/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/"
    discovery = f"/api /api/* /apis /apis/* /openapi /openapi/* {_HEALTH}"
    roles = [
        _role("cluster-admin", everything),
        _role("system:aggregate-to-admin", _rules(_ADMIN), labels="admin"),
        _role("system:aggregate-to-edit", _rules(_EDIT), labels="edit"),
        _role("system:aggregate-to-view", _rules(_VIEW), labels="view"),
        _role("system:auth-delegator", _rules(_DELEGATOR)),
        _role("system:basic-user", _rules(_BASIC_USER)),
        _role(
            f"system:controller:{AGGREGATION_CONTROLLER}",
            _rules((("escalate get list patch update watch", GROUP, "clusterroles"),)),
        ),
        _role("system:discovery", _paths(" ".join(sorted(discovery.split())))),
        _role("system:public-info-viewer", _paths(_HEALTH)),
        _role("system:service-account-issuer-discovery", _paths(issuer)),
        _role("view", [], labels="edit", gathers="view"),
        _role("edit", [], labels="admin", gathers="edit"),
        _role("admin", [], gathers="admin"),
    ]
    for role in roles:  # each one after those that it gathers
        role["rules"] = aggregated_rules(role, roles) or role["rules"]
    return roles


def cluster_role_bindings() -> Iterator[Object]:
    """Yield the default ClusterRoleBindings."""
    yield _binding("cluster-admin", _group(MASTERS))
    yield _binding("system:basic-user", _group(AUTHENTICATED))
    account = {"kind": "ServiceAccount", "name": AGGREGATION_CONTROLLER, "namespace": "kube-system"}
    yield _binding(f"system:controller:{AGGREGATION_CONTROLLER}", account)
    yield _binding("system:discovery", _group(AUTHENTICATED))
    yield _binding("system:public-info-viewer", _group(AUTHENTICATED), _group(UNAUTHENTICATED))
    yield _binding("system:service-account-issuer-discovery", _group(SERVICE_ACCOUNTS))


def _group(name: str) -> Object:
    return {"kind": "Group", "apiGroup": GROUP, "name": name}


def _binding(name: str, *subjects: Object) -> Object:
    return {
        "metadata": {"name": name, "labels": dict(_LABELS), "annotations": dict(_ANNOTATIONS)},
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": name},
        "subjects": list(subjects),
    }
