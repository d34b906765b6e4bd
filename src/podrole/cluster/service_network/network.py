"""The part of a world that serves the names and addresses of Services to pods in containers."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import logging
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Self

from podrole.base.tasks import BackgroundTasks, TaskFailure
from podrole.cluster.core.client import ClusterClient
from podrole.cluster.service_network.dns import PORT, DatagramServer, NameServer, StreamServer
from podrole.cluster.service_network.endpoints import Object, in_order, is_address, targets
from podrole.cluster.service_network.names import Names
from podrole.cluster.service_network.ports import MakeSocket, Place, ServicePorts
from podrole.cluster.service_network.resolver import UpstreamResolver
from podrole.cluster.service_network.state import Key, ServiceView

API_PORT = 443
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServiceAddressing:
    """The addresses of a world's Services. ``pods`` is the bridge's network, ``services`` the part of it for Services,
    ``gateway`` this machine's address on it.

    Its first address is the API server's, its tenth that of the DNS server, as in most clusters.
    """

    pods: IPv4Network
    services: IPv4Network
    gateway: str

    def is_pod(self, address: str) -> bool:
        """Say whether an address can be a pod's."""
        parsed = IPv4Address(address)
        return parsed in self.pods and parsed not in self.services and address != self.gateway

    @property
    def api(self) -> str:
        """The address of the API server."""
        return str(self.services[1])

    @property
    def dns(self) -> str:
        """The address of the DNS server."""
        return str(self.services[10])


class ServiceNetwork:
    """Runs while its context is open. ``api`` is where the API server listens on this machine, ``resolver`` who is
    asked for other names than the cluster's; None refuses them. ``make_socket`` makes a socket where the addresses of
    Services are; ``release`` is called at the end."""

    def __init__(
        self,
        client: ClusterClient,
        addressing: ServiceAddressing,
        api: Place,
        resolver: UpstreamResolver | None,
        make_socket: MakeSocket,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        self._make_socket = make_socket
        self._release = release
        self._addressing = addressing
        self._api = api
        self._tasks = BackgroundTasks("the network of Services")
        self._view = ServiceView(client, self._changed)
        self._names = Names(self._view, addressing.api, addressing.pods)
        self._server = NameServer(self._names, resolver)
        self._ports = ServicePorts(addressing.pods, make_socket)
        self._of: dict[Key, set[Place]] = {}
        """The places of each Service."""
        self._waiting: set[Key] = set()
        self._more = asyncio.Event()
        self._turn = itertools.count()

    async def __aenter__(self) -> Self:
        """Listen, and follow the Services. Raises OSError."""
        async with contextlib.AsyncExitStack() as stack:
            stack.callback(self._release)
            stack.push_async_callback(self._ports.aclose)
            api, place = [self._api], (self._addressing.dns, PORT)
            await self._ports.listen((self._addressing.api, API_PORT), lambda _: api)
            streams = StreamServer(self._server, self._addressing.pods)
            sock = await self._make_socket(place, socket.SOCK_STREAM)
            stack.callback((await asyncio.start_server(streams.serve, sock=sock)).close)
            sock = await self._make_socket(place, socket.SOCK_DGRAM)
            _, datagrams = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: DatagramServer(self._server, self._addressing.pods), sock=sock
            )
            stack.push_async_callback(datagrams.aclose)
            stack.push_async_callback(self._tasks.aclose)
            self._tasks.run_forever("the watch of Services", self._view.follow_services())
            self._tasks.run_forever("the watch of EndpointSlices", self._view.follow_slices())
            self._tasks.run_forever("the watch of pods", self._view.follow_pods())
            self._tasks.run_forever("the ports of Services", self._keep_ports())
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def failed(self) -> TaskFailure:
        """Wait until a background task fails."""
        return await self._tasks.failed()

    def address_for(self, name: str, client: str) -> str | None:
        """Return the address of a pod or a Service that a name, or that address itself, leads to from the pod that has
        the address ``client``; None for every other name."""
        address = name if is_address(name) else self._names.address(name, self._view.namespace_of(client))
        if address is None or address == self._addressing.gateway:
            return None
        return address if IPv4Address(address) in self._addressing.pods else None

    def _changed(self, key: Key) -> None:
        self._waiting.add(key)
        self._more.set()

    async def _keep_ports(self) -> None:
        while True:
            await self._more.wait()
            self._more.clear()
            while self._waiting:
                await self._keep(self._waiting.pop())

    async def _keep(self, key: Key) -> None:
        """Listen where a Service has ready pods, and nowhere else: a connection elsewhere is refused."""
        service = self._view.service(*key)
        wanted = {} if service is None else self._wanted(service, key)
        for place in self._of.get(key, set()) - set(wanted):
            self._ports.stop(place)
        kept = set()
        for place, (places, affinity) in wanted.items():
            try:
                await self._ports.listen(place, functools.partial(self._choose, places, affinity))
                kept.add(place)
            except OSError as problem:
                _log.warning("the service %s/%s cannot listen on %s:%d: %s", *key, *place, problem.strerror)
        self._of.pop(key, None)
        if kept:
            self._of[key] = kept

    def _wanted(self, service: Object, key: Key) -> dict[Place, tuple[Sequence[Place], bool]]:
        spec = service["spec"]
        address = spec.get("clusterIP") or ""
        if not is_address(address) or spec.get("type") == "ExternalName":
            return {}
        affinity = spec.get("sessionAffinity") == "ClientIP"
        endpoints = self._view.endpoints(*key)
        by_place = {
            (address, int(port["port"])): (targets(port, endpoints, self._addressing.is_pod), affinity)
            for port in spec.get("ports") or ()
            if port.get("protocol", "TCP") == "TCP"
        }
        return {place: (each, alike) for place, (each, alike) in by_place.items() if each}

    def _choose(self, places: Sequence[Place], affinity: bool, client: str) -> Sequence[Place]:
        return in_order(places, next(self._turn), client, affinity=affinity)
