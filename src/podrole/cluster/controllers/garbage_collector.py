"""Owner references: objects are deleted when their owners are gone, in the order that the deletion asked for.

- Background: the owner is gone; an object without another owner is deleted, others lose the reference.
- Foreground: the owner stays, with the finalizer ``foregroundDeletion``, until what blocks it is gone.
- Orphan: the owner stays, with the finalizer ``orphan``, until nothing refers to it any more.

https://kubernetes.io/docs/concepts/architecture/garbage-collection/
"""

from __future__ import annotations

import asyncio
import collections
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from podrole.base.tasks import BackgroundTasks
from podrole.cluster.controllers.controller import WATCH_RETRY_SECONDS, Controller, Key, KeysOf, find
from podrole.cluster.controllers.custom_resources import DEFINITIONS
from podrole.cluster.core.client import ClusterClient, Object, WatchEvent
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.event_recorder import EventRecorder
from podrole.cluster.core.timing import Time
from podrole.cluster.kinds.registry import RESOURCES

_log = logging.getLogger(__name__)

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"
COLLECTED = tuple(each.qualified for each in RESOURCES if each.stored and each.kind != "Event")

_KNOWN = frozenset(COLLECTED)
_OWNERS = {(each.group, each.kind): each for each in RESOURCES if each.stored}

Place = tuple[str, str, str]
"""Resource, namespace and name of an object."""


@dataclass(frozen=True, slots=True)
class _CustomWatch:
    """A custom resource that is watched: the group and kind of its objects, and the task that watches."""

    kind: tuple[str, str]
    namespaced: bool
    task: asyncio.Task[None]


class GarbageCollector(Controller):
    """Deletes objects that have lost their owners. A key is ``(resource, namespace/name)``."""

    name = "generic-garbage-collector"

    def __init__(self, client: ClusterClient, time: Time, recorder: EventRecorder) -> None:
        super().__init__(client, time, recorder)
        self._dependents: dict[str, set[Place]] = collections.defaultdict(set)
        self._owners: dict[Place, set[str]] = {}
        self._custom: dict[str, _CustomWatch] = {}

    def watched(self) -> Mapping[str, KeysOf]:
        return {resource: self._keys_for(resource) for resource in COLLECTED}

    def start(self, tasks: BackgroundTasks) -> None:
        """Watch and reconcile; custom resources as long as they are defined."""
        super().start(tasks)
        tasks.run_forever(f"{self.name}'s watch of the custom resources", self._follow_definitions(tasks))

    async def _follow_definitions(self, tasks: BackgroundTasks) -> None:
        while True:
            try:
                async for event in self.client.watch(DEFINITIONS):
                    self._take_definition(event, tasks)
            except StatusError as problem:
                _log.warning("%s's watch of the definitions failed and is started again: %s", self.name, problem)
            await asyncio.sleep(WATCH_RETRY_SECONDS)

    def _take_definition(self, event: WatchEvent, tasks: BackgroundTasks) -> None:
        name, spec = event.object["metadata"]["name"], event.object["spec"]
        known = self._custom.get(name)
        if event.type == "DELETED":
            if known is not None:
                del self._custom[name]
                known.task.cancel()
                self._forget(name)
        elif known is None:
            watch = tasks.run(f"{self.name}'s watch of {name}", self._watch(name, self._keys_for(name)))
            kind, namespaced = (spec["group"], spec["names"]["kind"]), spec["scope"] == "Namespaced"
            self._custom[name] = _CustomWatch(kind, namespaced, watch)
            self._look_at_dependents()

    def _look_at_dependents(self) -> None:
        """Look at all dependents again: events of their owners may have been missed."""
        for place in self._owners:
            self.enqueue(_key(place))

    def _forget(self, resource: str) -> None:
        """Drop what is known of the objects of a resource that is gone."""
        for place in [known for known in self._owners if known[0] == resource]:
            for owner in self._owners.pop(place):
                self._dependents[owner].discard(place)
                if not self._dependents[owner]:
                    del self._dependents[owner]
        self._look_at_dependents()

    async def reconcile(self, key: Key) -> None:
        place = _place(key)
        obj = await self._find(place)
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
        return await self._find(_place(key))

    async def _find(self, place: Place) -> Object | None:
        """Return an object; None if it, or the definition of its kind, is not there."""
        if place[0] not in _KNOWN and place[0] not in self._custom:
            return None
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
                concerned += [owner_place for each in references if (owner_place := self._owner(each, place[1]))]
            if ending:
                concerned += self._dependents.get(metadata["uid"], ())
            return [_key(each) for each in concerned]

        return keys

    def _owner(self, reference: Mapping[str, str], namespace: str) -> Place | None:
        """Return where an owner is; None for a kind that this cluster does not have. Any version of its group does."""
        kind = (reference["apiVersion"].rpartition("/")[0], reference["kind"])
        resource = _OWNERS.get(kind)
        if resource is not None:
            return resource.qualified, namespace if resource.namespaced else "", reference["name"]
        for name, watch in self._custom.items():
            if watch.kind == kind:
                return name, namespace if watch.namespaced else "", reference["name"]
        return None

    async def _look_for_owners(self, place: Place, obj: Object) -> None:
        metadata = obj["metadata"]
        references = metadata["ownerReferences"]
        solid, dangling, waiting = [], [], []
        for reference in references:
            where = self._owner(reference, place[1])
            if where is None:  # this cluster does not have the kind: whether the owner exists is unknown
                solid.append(reference)
                continue
            owner = await self._find(where)
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
            obj = await self._find(dependent)
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
            obj = await self._find(dependent)
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


def _key(place: Place) -> Key:
    return place[0], f"{place[1]}/{place[2]}"


def _place(key: Key) -> Place:
    namespace, _, name = key[1].partition("/")
    return key[0], namespace, name
