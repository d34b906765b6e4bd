"""Node."""

from __future__ import annotations

from podrole.cluster.core.field_selectors import at
from podrole.cluster.core.resources import Resource, status_subresource
from podrole.cluster.kinds.kind import Kind
from podrole.cluster.tables.core import node_cells
from podrole.cluster.tables.layout import AGE, NAME, Column, TableLayout

_CORE = "io.k8s.api.core.v1"

NODE = Kind(
    Resource(
        "",
        "nodes",
        "Node",
        f"{_CORE}.Node",
        namespaced=False,
        short_names=("no",),
        subresources=(status_subresource("Node"),),
    ),
    table=TableLayout(
        (
            NAME,
            Column("Status", description="The status of the node"),
            Column("Roles", description="The roles of the node"),
            AGE,
            Column("Version", f"{_CORE}.NodeSystemInfo.kubeletVersion"),
            Column("Internal-IP", f"{_CORE}.NodeStatus.addresses", wide=True),
            Column("External-IP", f"{_CORE}.NodeStatus.addresses", wide=True),
            Column("OS-Image", f"{_CORE}.NodeSystemInfo.osImage", wide=True),
            Column("Kernel-Version", f"{_CORE}.NodeSystemInfo.kernelVersion", wide=True),
            Column("Container-Runtime", f"{_CORE}.NodeSystemInfo.containerRuntimeVersion", wide=True),
        ),
        node_cells,
    ),
    selectable_fields=(("spec.unschedulable", at("spec", "unschedulable", default="false")),),
    without={
        "default": "Kubernetes sets no defaults that anything here acts on.",
        "prepare": "Its status is what its kubelet says.",
        "validate": "The one node is registered by podrole itself; its spec is not checked.",
        "validate_update": "The one node is registered by podrole itself; its spec is not checked.",
    },
)
