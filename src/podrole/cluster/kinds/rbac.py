"""Role, ClusterRole, RoleBinding and ClusterRoleBinding."""

from __future__ import annotations

from podrole.cluster.core.resources import Resource
from podrole.cluster.kinds.kind import Kind, Object
from podrole.cluster.tables.layout import AGE, CREATED_AT, NAME, Column, TableLayout
from podrole.cluster.tables.rbac import binding_cells, role_cells
from podrole.cluster.validation.rbac import (
    validate_binding,
    validate_binding_update,
    validate_cluster_role,
    validate_role,
)
from podrole.kube.names import path_segment

GROUP = "rbac.authorization.k8s.io"
_SCHEMAS = "io.k8s.api.rbac.v1"
_ROLE_WITHOUT = {
    "default": "Kubernetes sets no defaults.",
    "prepare": "It has no status.",
    "selectable_fields": "Kubernetes selects it by metadata alone.",
    "validate_update": "An update is checked like a new role.",
}
_BINDING_WITHOUT = {
    "prepare": "It has no status.",
    "selectable_fields": "Kubernetes selects it by metadata alone.",
}


def default_binding(binding: Object) -> None:
    """Fill in the API group of the role and of subjects that are users or groups."""
    if not binding["roleRef"].get("apiGroup"):
        binding["roleRef"]["apiGroup"] = GROUP
    for subject in binding.get("subjects", ()):
        if subject["kind"] in ("User", "Group"):
            subject.setdefault("apiGroup", GROUP)


def _binding_table(kind: str, word: str) -> TableLayout:
    return TableLayout(
        (
            NAME,
            Column("Role", f"{_SCHEMAS}.{kind}.roleRef"),
            AGE,
            Column("Users", description=f"Users in the {word}", wide=True),
            Column("Groups", description=f"Groups in the {word}", wide=True),
            Column("ServiceAccounts", description=f"ServiceAccounts in the {word}", wide=True),
        ),
        binding_cells,
    )


CLUSTER_ROLE_BINDING = Kind(
    Resource(GROUP, "clusterrolebindings", "ClusterRoleBinding", f"{_SCHEMAS}.ClusterRoleBinding", namespaced=False),
    table=_binding_table("ClusterRoleBinding", "clusterRoleBinding"),
    default=default_binding,
    name_rule=path_segment,
    validate=validate_binding,
    validate_update=validate_binding_update,
    without=_BINDING_WITHOUT,
)
CLUSTER_ROLE = Kind(
    Resource(GROUP, "clusterroles", "ClusterRole", f"{_SCHEMAS}.ClusterRole", namespaced=False),
    table=TableLayout((NAME, CREATED_AT), role_cells),
    name_rule=path_segment,
    validate=validate_cluster_role,
    without=_ROLE_WITHOUT,
)
ROLE_BINDING = Kind(
    Resource(GROUP, "rolebindings", "RoleBinding", f"{_SCHEMAS}.RoleBinding"),
    table=_binding_table("RoleBinding", "roleBinding"),
    default=default_binding,
    name_rule=path_segment,
    validate=validate_binding,
    validate_update=validate_binding_update,
    without=_BINDING_WITHOUT,
)
ROLE = Kind(
    Resource(GROUP, "roles", "Role", f"{_SCHEMAS}.Role"),
    table=TableLayout((NAME, CREATED_AT), role_cells),
    name_rule=path_segment,
    validate=validate_role,
    without=_ROLE_WITHOUT,
)
