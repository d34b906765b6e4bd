"""CustomResourceDefinitions: their names, where others gave some free, and their end: their objects go before them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from podrole.base.clock import rfc3339
from podrole.cluster.controllers.controller import Controller, Key, KeysOf, delete_all, find, is_ending, itself
from podrole.cluster.core.client import ClusterClient, WatchEvent
from podrole.cluster.core.event_recorder import EventRecorder
from podrole.cluster.core.timing import Time
from podrole.cluster.kinds.custom_resource_definition import CLEANUP
from podrole.cluster.kinds.definition_status import names_accepted, settled_status

DEFINITIONS = "customresourcedefinitions.apiextensions.k8s.io"
_RETRY_SECONDS = 1.0


class CustomResourceFinalizer(Controller):
    """Deletes the objects of a definition that is being deleted, then lets it go."""

    name = "customresourcedefinition-finalizer"
    reconciles = DEFINITIONS

    def watched(self) -> Mapping[str, KeysOf]:
        return {DEFINITIONS: itself}

    async def reconcile(self, key: Key) -> float | None:
        definition = await find(self.client, DEFINITIONS, key)
        if definition is None or not is_ending(definition):
            return None
        finalizers = definition["metadata"].get("finalizers") or []
        if CLEANUP not in finalizers:
            return None
        objects = await self.client.list(key[1])
        await delete_all(self.client, key[1], [each for each in objects if not is_ending(each)])
        if await self.client.list(key[1]):
            return self.time.now() + _RETRY_SECONDS
        others = [each for each in finalizers if each != CLEANUP]
        body = definition | {"metadata": definition["metadata"] | {"finalizers": others}}
        await self.client.update(DEFINITIONS, None, key[1], body)
        return None


class CustomResourceNames(Controller):
    """Gives the names that a definition left or lost to the definitions that wait for them."""

    name = "customresourcedefinition-naming-controller"
    reconciles = DEFINITIONS

    def __init__(self, client: ClusterClient, time: Time, recorder: EventRecorder) -> None:
        super().__init__(client, time, recorder)
        self._waiting: set[str] = set()

    def watched(self) -> Mapping[str, KeysOf]:
        return {DEFINITIONS: self._concerned}

    def _concerned(self, event: WatchEvent) -> Iterable[Key]:
        name = event.object["metadata"]["name"]
        if event.type == "DELETED" or names_accepted(event.object):
            self._waiting.discard(name)
        else:
            self._waiting.add(name)
        return [("", waiting) for waiting in self._waiting]

    async def reconcile(self, key: Key) -> None:
        definition = await find(self.client, DEFINITIONS, key)
        if definition is None or names_accepted(definition):
            return
        others = [other for other in await self.client.list(DEFINITIONS) if other["metadata"]["name"] != key[1]]
        status = settled_status(definition, others, rfc3339(self.time.now()))
        if status != definition.get("status"):
            body = {**definition, "status": status}
            await self.client.update(DEFINITIONS, None, key[1], body, subresource="status")
