"""Resolves a Service to one of the ready pods that it selects, in turn.

There is no cluster IP and no kube-proxy. The API server uses this to call webhooks that are registered by a Service.
https://kubernetes.io/docs/concepts/services-networking/service/
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from podrole.cluster.admission.caller import NoEndpoints
from podrole.cluster.core.pods import target_port
from podrole.cluster.core.store import Object, Store
from podrole.cluster.kinds.registry import BY_NAME

_SERVICES, _PODS = BY_NAME["services"], BY_NAME["pods"]


class ServiceEndpoints:
    """Resolves services with the objects in the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = itertools.count()

    def __call__(self, namespace: str, name: str, port: int) -> tuple[str, int] | None:
        """Return host and port of a ready pod, None if there is no such service. Raises NoEndpoints."""
        service = self._store.get(_SERVICES, namespace, name)
        if service is None:
            return None
        spec = service.get("spec") or {}
        wanted = next((item for item in spec.get("ports") or () if item["port"] == port), None)
        if wanted is None:
            raise NoEndpoints(f'no service port {port} found for service "{name}"')
        pods = [pod for pod in self._store.list(_PODS, namespace) if is_ready_endpoint(pod, spec.get("selector") or {})]
        addresses = [
            (pod["status"]["podIP"], number) for pod in pods if (number := target_port(pod, wanted)) is not None
        ]
        if not addresses:
            raise NoEndpoints(f'no endpoints available for service "{name}"')
        return addresses[next(self._turn) % len(addresses)]


def is_ready_endpoint(pod: Object, selector: Mapping[str, str]) -> bool:
    """Say whether a Service with this selector leads to a pod."""
    metadata, status = pod["metadata"], pod.get("status") or {}
    return (
        bool(selector)
        and selector.items() <= (metadata.get("labels") or {}).items()
        and "deletionTimestamp" not in metadata
        and bool(status.get("podIP"))
        and any(item["type"] == "Ready" and item["status"] == "True" for item in status.get("conditions") or ())
    )
