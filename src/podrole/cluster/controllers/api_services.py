"""APIServices: one for each version of a custom resource's group, and what each says of its availability.

The counterpart of kube-apiserver's ``autoregister`` and of the availability controllers of kube-aggregator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from podrole.base.clock import rfc3339
from podrole.cluster.controllers.controller import Controller, Key, KeysOf, find, itself
from podrole.cluster.controllers.custom_resources import DEFINITIONS
from podrole.cluster.core.client import ClusterClient, Object, WatchEvent
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.event_recorder import EventRecorder
from podrole.cluster.core.timing import Time
from podrole.cluster.kinds.definition_status import is_established
from podrole.cluster.kinds.registrations import available, local_api_service
from podrole.cluster.kinds.registry import group_versions

API_SERVICES = "apiservices.apiregistration.k8s.io"
_AUTOMANAGED = "kube-aggregator.kubernetes.io/automanaged"


class APIServiceController(Controller):
    """Keeps the APIServices of custom groups, and writes every APIService's status."""

    name = "apiservice-status-available-controller"
    reconciles = API_SERVICES

    def __init__(self, client: ClusterClient, time: Time, recorder: EventRecorder) -> None:
        super().__init__(client, time, recorder)
        self._of_definition: dict[str, set[Key]] = {}
        self._served: dict[str, set[tuple[str, str]]] = {}

    def watched(self) -> Mapping[str, KeysOf]:
        return {API_SERVICES: itself, DEFINITIONS: self._versions}

    def _versions(self, event: WatchEvent) -> Iterable[Key]:
        """Return the keys of the versions that a definition has, and of those that it had."""
        name, spec = event.object["metadata"]["name"], event.object["spec"]
        before = self._of_definition.pop(name, set())
        now = {("", f"{version['name']}.{spec['group']}") for version in spec.get("versions", ())}
        self._served.pop(name, None)
        if event.type != "DELETED":
            self._of_definition[name] = now
            self._served[name] = _served(event.object)
        return before | now

    async def reconcile(self, key: Key) -> None:
        version, _, group = key[1].partition(".")
        custom = await self._is_custom(group, version)
        api_service = await find(self.client, API_SERVICES, key)
        if api_service is None:
            if custom:
                await self.client.create(API_SERVICES, None, local_api_service(group, version, custom=True))
            return
        automanaged = (api_service["metadata"].get("labels") or {}).get(_AUTOMANAGED) == "true"
        if automanaged and not custom:
            await self._delete(api_service["metadata"]["uid"], key[1])
            return
        local = custom or (group, version) in group_versions()
        status = available(api_service, rfc3339(self.time.now()), local=local)
        if status != api_service.get("status"):
            body = {**api_service, "status": status}
            await self.client.update(API_SERVICES, None, key[1], body, subresource="status")

    async def _is_custom(self, group: str, version: str) -> bool:
        """Say whether definitions have the version. All of them are read only if the events so far name none."""
        if (group, version) in group_versions():
            return False
        if any((group, version) in each for each in self._served.values()):
            return True
        return any((group, version) in _served(definition) for definition in await self.client.list(DEFINITIONS))

    async def _delete(self, uid: str, name: str) -> None:
        try:
            await self.client.delete(API_SERVICES, None, name, uid=uid)
        except StatusError as problem:
            if problem.reason != "NotFound":
                raise


def _served(definition: Object) -> set[tuple[str, str]]:
    """Return the versions of a group that a definition has served."""
    spec = definition["spec"]
    if not is_established(definition):
        return set()
    return {(spec["group"], version["name"]) for version in spec.get("versions", ()) if version["served"]}
