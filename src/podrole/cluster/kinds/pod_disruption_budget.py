"""PodDisruptionBudget: kept and shown; evictions do not ask it."""

from __future__ import annotations

from podrole.cluster.core.resources import Resource, status_subresource
from podrole.cluster.kinds.kind import Kind, Object
from podrole.cluster.tables.layout import AGE, NAME, Column, TableLayout
from podrole.cluster.tables.workloads import disruption_budget_cells

_POLICY = "io.k8s.api.policy.v1"


def prepare_budget(budget: Object) -> None:
    """Take away what a client said of the status."""
    budget["status"] = {}


POD_DISRUPTION_BUDGET = Kind(
    Resource(
        "policy",
        "poddisruptionbudgets",
        "PodDisruptionBudget",
        f"{_POLICY}.PodDisruptionBudget",
        short_names=("pdb",),
        subresources=(status_subresource("PodDisruptionBudget"),),
        counts_generations=True,
    ),
    table=TableLayout(
        (
            NAME,
            Column("Min Available", f"{_POLICY}.PodDisruptionBudgetSpec.minAvailable"),
            Column("Max Unavailable", f"{_POLICY}.PodDisruptionBudgetSpec.maxUnavailable"),
            Column("Allowed Disruptions", f"{_POLICY}.PodDisruptionBudgetStatus.disruptionsAllowed", type="integer"),
            AGE,
        ),
        disruption_budget_cells,
    ),
    prepare=prepare_budget,
    without={
        "default": "Kubernetes sets no defaults.",
        "selectable_fields": "Kubernetes selects it by metadata alone.",
        "validate": "No eviction asks it, so its spec is not checked.",
        "validate_update": "No eviction asks it, so its spec is not checked.",
    },
)
