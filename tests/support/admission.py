"""Requests as admission sees them, for tests of the pure code."""

from __future__ import annotations

from typing import Any

from podrole.cluster.admission.attributes import AdmissionAttributes
from podrole.cluster.core.users import User
from podrole.cluster.kinds.registry import BY_NAME


def admission_request(
    resource: str = "pods", operation: Any = "CREATE", *, name: str = "p", namespace: str = "demo", **more: Any
) -> AdmissionAttributes:
    """Return a request of Jane for one object; ``more`` are fields of AdmissionAttributes."""
    more.setdefault("object", {"metadata": {"name": name, "namespace": namespace}, "spec": {"containers": []}})
    of = BY_NAME[resource]
    return AdmissionAttributes(
        operation=operation,
        resource=of,
        namespace=namespace if of.namespaced else "",
        name=name,
        user=User("jane"),
        **more,
    )
