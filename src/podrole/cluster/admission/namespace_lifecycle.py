"""NamespaceLifecycle: no new objects in a namespace that is missing or being terminated."""

from __future__ import annotations

from podrole.cluster.admission.attributes import AdmissionAttributes
from podrole.cluster.core.errors import resource_forbidden, resource_not_found
from podrole.cluster.core.store import Store
from podrole.cluster.kinds.registry import BY_NAME

UNDELETABLE = frozenset({"default", "kube-public", "kube-system"})
_NAMESPACES = BY_NAME["namespaces"]


def admit(request: AdmissionAttributes, store: Store) -> None:
    """Check a request against its namespace.

    Raises StatusError: 404 for a missing namespace, 403 for one that is being terminated or cannot be deleted.
    """
    resource = request.resource
    if request.operation == "DELETE":
        if resource is _NAMESPACES and request.name in UNDELETABLE:
            raise resource_forbidden("", "namespaces", request.name, "this namespace may not be deleted")
        return
    if request.operation != "CREATE" or not resource.namespaced or request.subresource:
        return
    namespace = store.get(_NAMESPACES, "", request.namespace)
    if namespace is None:
        raise resource_not_found("", "namespaces", request.namespace)
    if namespace.get("status", {}).get("phase") == "Terminating":
        raise resource_forbidden(
            resource.group,
            resource.plural,
            request.name,
            f"unable to create new content in namespace {request.namespace} because it is being terminated",
            causes=[
                {
                    "reason": "NamespaceTerminating",
                    "message": f"namespace {request.namespace} is being terminated",
                    "field": "metadata.namespace",
                }
            ],
        )
