"""A namespace that is being deleted: its contents first, then itself.

https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/namespace-v1/ (spec.finalizers)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from podrole.cluster.controllers.controller import Controller, Key, KeysOf, delete_all, find, is_ending, itself, key_of
from podrole.cluster.controllers.custom_resources import DEFINITIONS
from podrole.cluster.core.client import ClusterClient, WatchEvent
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.event_recorder import EventRecorder
from podrole.cluster.core.timing import Time
from podrole.cluster.kinds.registry import RESOURCES

FINALIZER = "kubernetes"
_RETRY_SECONDS = 1.0
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

    async def reconcile(self, key: Key) -> float | None:
        name = key[1]
        namespace = await find(self.client, "namespaces", key)
        if namespace is None or not is_ending(namespace):
            self._terminating.discard(name)
            return None
        self._terminating.add(name)  # from now on the end of any of its objects is an event of the namespace
        custom = await self._custom()
        if await self._empty(name, (*NAMESPACED, *custom)):
            # The end of a custom object is no event here: they are looked for again.
            return self.time.now() + _RETRY_SECONDS if custom else None
        finalizers = namespace["spec"].get("finalizers") or []
        if FINALIZER in finalizers:
            others = [each for each in finalizers if each != FINALIZER]
            body = namespace | {"spec": namespace["spec"] | {"finalizers": others}}
            await self.client.update("namespaces", None, name, body, subresource="finalize")
        return None

    async def _custom(self) -> list[str]:
        definitions = await self.client.list(DEFINITIONS)
        return [each["metadata"]["name"] for each in definitions if each["spec"]["scope"] == "Namespaced"]

    async def _empty(self, namespace: str, resources: Iterable[str]) -> bool:
        """Delete all that is in a namespace; return whether there was something."""
        refused: StatusError | None = None
        full = False
        for resource in resources:
            objects = await self.client.list(resource, namespace)
            full = full or bool(objects)
            try:
                await delete_all(self.client, resource, (each for each in objects if not is_ending(each)))
            except StatusError as problem:  # the other resources are emptied all the same
                refused = problem
        if refused is not None:
            raise refused
        return full

    def _emptied(self, event: WatchEvent) -> Iterable[Key]:
        namespace, _ = key_of(event.object)
        return [("", namespace)] if namespace in self._terminating else []
