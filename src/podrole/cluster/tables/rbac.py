"""The rows of roles and of their bindings."""

from __future__ import annotations

from typing import Any

from podrole.cluster.tables.cells import age

Object = dict[str, Any]


def role_cells(role: Object, _now: float) -> list[Any]:
    """Return the cells of a Role or ClusterRole."""
    return [role["metadata"]["name"], role["metadata"].get("creationTimestamp", "")]


def binding_cells(binding: Object, now: float) -> list[Any]:
    """Return the cells of a RoleBinding or ClusterRoleBinding."""
    role = binding["roleRef"]
    subjects = binding.get("subjects", ())
    return [
        binding["metadata"]["name"],
        f"{role['kind']}/{role['name']}",
        age(binding, now),
        *(", ".join(subject["name"] for subject in subjects if subject["kind"] == kind) for kind in ("User", "Group")),
        ", ".join(
            f"{subject.get('namespace', '')}/{subject['name']}"
            for subject in subjects
            if subject["kind"] == "ServiceAccount"
        ),
    ]
