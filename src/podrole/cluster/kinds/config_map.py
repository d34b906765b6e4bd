"""ConfigMap."""

from __future__ import annotations

from podrole.cluster.core.resources import Resource
from podrole.cluster.kinds.kind import Kind
from podrole.cluster.tables.core import config_map_cells
from podrole.cluster.tables.layout import AGE, NAME, Column, TableLayout
from podrole.cluster.validation.core import validate_config_map, validate_config_map_update

CONFIG_MAP = Kind(
    Resource("", "configmaps", "ConfigMap", "io.k8s.api.core.v1.ConfigMap", short_names=("cm",)),
    table=TableLayout((NAME, Column("Data", "io.k8s.api.core.v1.ConfigMap.data"), AGE), config_map_cells),
    validate=validate_config_map,
    validate_update=validate_config_map_update,
    without={
        "default": "Kubernetes sets no defaults.",
        "prepare": "It has no status.",
        "selectable_fields": "Kubernetes selects it by metadata alone.",
    },
)
