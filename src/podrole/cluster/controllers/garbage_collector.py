"""Owner references: objects are deleted when their owners are gone, in the order that the deletion asked for.

- Background: the owner is gone; an object without another owner is deleted, others lose the reference.
- Foreground: the owner stays, with the finalizer ``foregroundDeletion``, until what blocks it is gone.
- Orphan: the owner stays, with the finalizer ``orphan``, until nothing refers to it any more.

https://kubernetes.io/docs/concepts/architecture/garbage-collection/
"""

from __future__ import annotations

import collections
from collections.abc import Iterable, Mapping

from podrole.cluster.controllers.controller import Controller, Key, KeysOf, find
from podrole.cluster.core.client import ClusterClient, Object, WatchEvent
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.event_recorder import EventRecorder
from podrole.cluster.core.timing import Time
from podrole.cluster.kinds.registry import RESOURCES

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
COLLECTED = tuple(each.qualified for each in RESOURCES if each.stored and each.kind != "Event")

_OWNERS = {(each.group, each.kind): each for each in RESOURCES if each.stored}

Place = tuple[str, str, str]
"""Resource, namespace and name of an object."""


class GarbageCollector(Controller):
    """Deletes objects that have lost their owners. A key is ``(resource, namespace/name)``."""

    name = "generic-garbage-collector"

    def __init__(self, client: ClusterClient, time: Time, recorder: EventRecorder) -> None:
        super().__init__(client, time, recorder)
        self._dependents: dict[str, set[Place]] = collections.defaultdict(set)
        self._owners: dict[Place, set[str]] = {}

    def watched(self) -> Mapping[str, KeysOf]:
        return {resource: self._keys_for(resource) for resource in COLLECTED}

    async def reconcile(self, key: Key) -> None:
        place = _place(key)
        obj = await find(self.client, place[0], place[1:])
        if obj is None:
            return
        finalizers = obj["metadata"].get("finalizers") or []
        if obj["metadata"].get("deletionTimestamp"):
            if ORPHAN in finalizers:
                await self._orphan_dependents(place, obj)
            elif FOREGROUND in finalizers:
                await self._delete_dependents(place, obj)
        elif obj["metadata"].get("ownerReferences"):
            await self._look_for_owners(place, obj)

    async def subject(self, key: Key) -> Object | None:
        place = _place(key)
        return await find(self.client, place[0], place[1:])

    def _keys_for(self, resource: str) -> KeysOf:
        def keys(event: WatchEvent) -> Iterable[Key]:
            metadata = event.object["metadata"]
            place = (resource, metadata.get("namespace") or "", metadata["name"])
            gone = event.type == "DELETED"
            before = self._owners.pop(place, set())
            now = set() if gone else {each["uid"] for each in metadata.get("ownerReferences") or ()}
            for owner in before - now:
                self._dependents[owner].discard(place)
                if not self._dependents[owner]:
                    del self._dependents[owner]
            for owner in now:
                self._dependents[owner].add(place)
            if now:
                self._owners[place] = now
            ending = gone or bool(metadata.get("deletionTimestamp"))
            concerned: list[Place] = []
            if ending or (now and (event.type == "ADDED" or now != before)):
                concerned.append(place)
                # An owner may wait for this object (foreground).
                references = metadata.get("ownerReferences") or ()
                concerned += [found for each in references if (found := _owner(each, place[1]))]
            if ending:
                concerned += self._dependents.get(metadata["uid"], ())
            return [_key(each) for each in concerned]

        return keys

    async def _look_for_owners(self, place: Place, obj: Object) -> None:
        metadata = obj["metadata"]
        references = metadata["ownerReferences"]
        solid, dangling, waiting = [], [], []
        for reference in references:
            where = _owner(reference, place[1])
            if where is None:  # this cluster does not have the kind: whether the owner exists is unknown
                solid.append(reference)
                continue
            owner = await find(self.client, where[0], where[1:])
            if owner is None or owner["metadata"]["uid"] != reference["uid"]:
                dangling.append(reference)
            elif owner["metadata"].get("deletionTimestamp") and FOREGROUND in (
                owner["metadata"].get("finalizers") or ()
            ):
                waiting.append(reference)
            else:
                solid.append(reference)
        if solid and (dangling or waiting):
            patch = {"metadata": {"uid": metadata["uid"], "ownerReferences": solid}}
            await self.client.merge_patch(place[0], place[1] or None, place[2], patch)
        elif not solid:
            await self._delete(place, metadata["uid"])

    async def _delete_dependents(self, place: Place, owner: Object) -> None:
        blocking = False
        for dependent in tuple(self._dependents.get(owner["metadata"]["uid"], ())):
            obj = await find(self.client, dependent[0], dependent[1:])
            reference = _reference_to(obj, owner) if obj else None
            if obj is None or reference is None:
                continue
            blocking = blocking or bool(reference.get("blockOwnerDeletion"))
            if not obj["metadata"].get("deletionTimestamp"):
                await self._look_for_owners(dependent, obj)
        if not blocking:
            await self._drop_finalizer(place, owner, FOREGROUND)

    async def _orphan_dependents(self, place: Place, owner: Object) -> None:
        for dependent in tuple(self._dependents.get(owner["metadata"]["uid"], ())):
            obj = await find(self.client, dependent[0], dependent[1:])
            if obj is None or _reference_to(obj, owner) is None:
                continue
            others = [each for each in obj["metadata"]["ownerReferences"] if each["uid"] != owner["metadata"]["uid"]]
            patch = {"metadata": {"uid": obj["metadata"]["uid"], "ownerReferences": others or None}}
            await self.client.merge_patch(dependent[0], dependent[1] or None, dependent[2], patch)
        await self._drop_finalizer(place, owner, ORPHAN)

    async def _drop_finalizer(self, place: Place, obj: Object, finalizer: str) -> None:
        left = [each for each in obj["metadata"]["finalizers"] if each != finalizer]
        body = obj | {"metadata": obj["metadata"] | {"finalizers": left}}
        await self.client.update(place[0], place[1] or None, place[2], body)

    async def _delete(self, place: Place, uid: str) -> None:
        try:
            await self.client.delete(place[0], place[1] or None, place[2], uid=uid)
        except StatusError as problem:
            if problem.reason not in {"NotFound", "Conflict"}:
                raise


def _reference_to(obj: Object, owner: Object) -> Mapping[str, object] | None:
    references = obj["metadata"].get("ownerReferences") or ()
    return next((each for each in references if each["uid"] == owner["metadata"]["uid"]), None)


def _owner(reference: Mapping[str, str], namespace: str) -> Place | None:
    """Return where an owner is; None for a kind that this cluster does not have. Any version of its group will do."""
    group = reference["apiVersion"].rpartition("/")[0]
    resource = _OWNERS.get((group, reference["kind"]))
    if resource is None:
        return None
    return resource.qualified, namespace if resource.namespaced else "", reference["name"]


def _key(place: Place) -> Key:
    return place[0], f"{place[1]}/{place[2]}"


def _place(key: Key) -> Place:
    namespace, _, name = key[1].partition("/")
    return key[0], namespace, name
