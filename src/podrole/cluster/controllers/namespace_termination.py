"""A namespace that is being deleted: its contents first, then itself.

https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/namespace-v1/ (spec.finalizers)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from podrole.cluster.controllers.controller import Controller, Key, KeysOf, find, itself, key_of
from podrole.cluster.core.client import ClusterClient, WatchEvent
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.event_recorder import EventRecorder
from podrole.cluster.core.timing import Time
from podrole.cluster.kinds.registry import RESOURCES

FINALIZER = "kubernetes"
NAMESPACED = tuple(each.qualified for each in RESOURCES if each.stored and each.namespaced)


class NamespaceController(Controller):
    """Empties and finalizes namespaces."""

    name = "namespace-controller"
    reconciles = "namespaces"

    def __init__(self, client: ClusterClient, time: Time, recorder: EventRecorder) -> None:
        super().__init__(client, time, recorder)
        self._terminating: set[str] = set()

    def watched(self) -> Mapping[str, KeysOf]:
        return {"namespaces": itself} | dict.fromkeys(NAMESPACED, self._emptied)

    async def reconcile(self, key: Key) -> None:
        name = key[1]
        namespace = await find(self.client, "namespaces", key)
        if namespace is None or not namespace["metadata"].get("deletionTimestamp"):
            self._terminating.discard(name)
            return
        self._terminating.add(name)  # from here on its objects' deletions bring us back
        left = [await self._empty(resource, name) for resource in NAMESPACED]
        if any(left):
            return
        finalizers = namespace["spec"].get("finalizers") or []
        if FINALIZER in finalizers:
            others = [each for each in finalizers if each != FINALIZER]
            body = namespace | {"spec": namespace["spec"] | {"finalizers": others}}
            await self.client.update("namespaces", None, name, body, subresource="finalize")

    async def _empty(self, resource: str, namespace: str) -> bool:
        """Delete what there is of a resource; return whether there was something."""
        found = await self.client.list(resource, namespace)
        for each in found:
            if each["metadata"].get("deletionTimestamp"):
                continue
            try:
                await self.client.delete(resource, namespace, each["metadata"]["name"], uid=each["metadata"]["uid"])
            except StatusError as problem:
                if problem.reason not in {"NotFound", "Conflict"}:
                    raise
        return bool(found)

    def _emptied(self, event: WatchEvent) -> Iterable[Key]:
        namespace, _ = key_of(event.object)
        return [("", namespace)] if namespace in self._terminating else []
