"""The Services and their endpoints, followed in the cluster."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence

from podrole.cluster.core.client import ClusterClient, WatchEvent
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.pods import is_finished
from podrole.cluster.service_network.endpoints import Object, ReadyEndpoint, ready_endpoints

Key = tuple[str, str]
"""Namespace and name."""
SERVICE_NAME = "kubernetes.io/service-name"
SLICES = "endpointslices.discovery.k8s.io"
_RETRY_SECONDS = 0.5

_log = logging.getLogger(__name__)


class ServiceView:
    """The Services as last seen; ``changed`` is called with the key of each Service that was changed or deleted."""

    def __init__(self, client: ClusterClient, changed: Callable[[Key], None]) -> None:
        self._client = client
        self._changed = changed
        self._services: dict[Key, Object] = {}
        self._slices: dict[Key, dict[str, Object]] = {}
        self._addresses: dict[Key, str] = {}
        """Those of pods that have not ended."""

    def service(self, namespace: str, name: str) -> Object | None:
        """Return a Service, None if there is none."""
        return self._services.get((namespace, name))

    def services(self) -> Iterator[Object]:
        """Yield all Services."""
        yield from self._services.values()

    def endpoints(self, namespace: str, name: str) -> Sequence[ReadyEndpoint]:
        """Return the ready endpoints of a Service."""
        return ready_endpoints(self._slices.get((namespace, name), {}).values())

    def namespace_of(self, address: str) -> str:
        """Return the namespace of the pod that has an address, ``default`` if there is none."""
        return next((key[0] for key, its in self._addresses.items() if its == address), "default")

    async def follow_pods(self) -> None:
        """Follow the addresses of pods, for ever."""
        await self._follow("pods", self._see_pod)

    async def follow_services(self) -> None:
        """Follow the Services, for ever."""
        await self._follow("services", self._see_service)

    async def follow_slices(self) -> None:
        """Follow the EndpointSlices, for ever."""
        await self._follow(SLICES, self._see_slice)

    async def _follow(self, resource: str, see: Callable[[WatchEvent], None]) -> None:
        while True:
            try:
                async for event in self._client.watch(resource):
                    see(event)
            except StatusError as problem:
                _log.warning("the watch of %s failed and is started again: %s", resource, problem)
            await asyncio.sleep(_RETRY_SECONDS)

    def _see_service(self, event: WatchEvent) -> None:
        metadata = event.object["metadata"]
        key = metadata["namespace"], metadata["name"]
        if event.type == "DELETED":
            self._services.pop(key, None)
        else:
            self._services[key] = event.object
        self._changed(key)

    def _see_pod(self, event: WatchEvent) -> None:
        metadata = event.object["metadata"]
        key = metadata["namespace"], metadata["name"]
        address = (event.object.get("status") or {}).get("podIP") or ""
        if event.type == "DELETED" or is_finished(event.object) or not address:
            self._addresses.pop(key, None)
        else:
            self._addresses[key] = address

    def _see_slice(self, event: WatchEvent) -> None:
        metadata = event.object["metadata"]
        name = (metadata.get("labels") or {}).get(SERVICE_NAME, "")
        for key in [key for key, slices in self._slices.items() if metadata["name"] in slices]:
            # It may have belonged to another Service of its namespace before.
            if key[0] == metadata["namespace"] and (event.type == "DELETED" or key[1] != name):
                del self._slices[key][metadata["name"]]
                if not self._slices[key]:
                    del self._slices[key]
                self._changed(key)
        if event.type != "DELETED" and name:
            key = metadata["namespace"], name
            self._slices.setdefault(key, {})[metadata["name"]] = event.object
            self._changed(key)
