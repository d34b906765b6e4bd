"""ServiceAccount."""

from __future__ import annotations

from podrole.cluster.core.resources import Resource, Subresource
from podrole.cluster.kinds.kind import Kind
from podrole.cluster.tables.core import named_cells
from podrole.cluster.tables.layout import AGE, NAME, TableLayout

SERVICE_ACCOUNT = Kind(
    Resource(
        "",
        "serviceaccounts",
        "ServiceAccount",
        "io.k8s.api.core.v1.ServiceAccount",
        short_names=("sa",),
        subresources=(
            Subresource(
                "token",
                "TokenRequest",
                ("create",),
                "authentication.k8s.io",
                "v1",
                "io.k8s.api.authentication.v1.TokenRequest",
            ),
        ),
        returns_deleted=True,
    ),
    table=TableLayout((NAME, AGE), named_cells),
    without={
        "default": "Kubernetes sets no defaults.",
        "prepare": "It has no status.",
        "selectable_fields": "Kubernetes selects it by metadata alone.",
        "validate": "Kubernetes checks its metadata alone.",
        "validate_update": "Kubernetes checks its metadata alone.",
    },
)
