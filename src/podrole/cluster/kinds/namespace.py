"""Namespace."""

from __future__ import annotations

from podrole.cluster.core.field_selectors import at
from podrole.cluster.core.resources import STORED_VERBS, Resource, Subresource, status_subresource
from podrole.cluster.kinds.kind import Kind, Object
from podrole.cluster.tables.core import namespace_cells
from podrole.cluster.tables.layout import AGE, NAME, Column, TableLayout
from podrole.kube.names import label

NAME_LABEL = "kubernetes.io/metadata.name"


def default_namespace(namespace: Object) -> None:
    """Give it the label that holds its name."""
    name = namespace["metadata"].get("name")
    if name:
        namespace["metadata"].setdefault("labels", {})[NAME_LABEL] = name


def prepare_namespace(namespace: Object) -> None:
    """Make it active, and let it go only when the namespace controller has emptied it."""
    finalizers = namespace["spec"].setdefault("finalizers", [])
    if "kubernetes" not in finalizers:
        finalizers.append("kubernetes")
    namespace["status"] = {"phase": "Active"}


NAMESPACE = Kind(
    Resource(
        "",
        "namespaces",
        "Namespace",
        "io.k8s.api.core.v1.Namespace",
        namespaced=False,
        short_names=("ns",),
        verbs=tuple(verb for verb in STORED_VERBS if verb != "deletecollection"),
        subresources=(Subresource("finalize", "Namespace", ("update",)), status_subresource("Namespace")),
    ),
    table=TableLayout((NAME, Column("Status", description="The status of the namespace"), AGE), namespace_cells),
    selectable_fields=(("status.phase", at("status", "phase")),),
    default=default_namespace,
    name_rule=label,
    prepare=prepare_namespace,
    update_keeps=("spec",),
    without={
        "validate": "Its name and metadata are all that can be wrong.",
        "validate_update": "An update keeps the spec.",
    },
)
