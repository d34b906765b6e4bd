"""CustomResourceDefinitions that are being deleted: their objects first, then themselves."""

from __future__ import annotations

from collections.abc import Mapping

from podrole.cluster.controllers.controller import Controller, Key, KeysOf, delete_all, find, is_ending, itself
from podrole.cluster.kinds.custom_resource_definition import CLEANUP

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
