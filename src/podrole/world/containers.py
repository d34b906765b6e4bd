"""A world's pods in containers: the engine and networks, and what of the world is reached from them.

The world's listeners are on loopback, where no container gets. Those that pods need listen a second time, on this
machine's address on the pods' own bridge, and answer no one who is not on it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import ipaddress
import logging
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from podrole.base.serving import bind
from podrole.cluster.core.client import ClusterClient
from podrole.cluster.node.runtime import Mount, Runtime
from podrole.cluster.node.runtimes.container.configuration import PodDefaults
from podrole.cluster.node.runtimes.container.engine import Engine, open_engine
from podrole.cluster.node.runtimes.container.errors import EngineUnusable
from podrole.cluster.node.runtimes.container.local_images import build
from podrole.cluster.node.runtimes.container.local_route import may_serve_services
from podrole.cluster.node.runtimes.container.networks import Networks, make_networks, remove_everything, world_id
from podrole.cluster.node.runtimes.container.resolv_conf import DOMAIN, PodDNS, host_searched
from podrole.cluster.node.runtimes.container.runtime import ContainerRuntime
from podrole.cluster.node.runtimes.own_image import OwnImage
from podrole.cluster.service_network.network import API_PORT, ServiceAddressing, ServiceNetwork
from podrole.cluster.service_network.ports import bound_socket
from podrole.cluster.service_network.resolver import UpstreamResolver, read_resolv_conf
from podrole.world.own_images import BUILDING
from podrole.world.parts import API_NAMES, LONG_API_NAMES

BUNDLE = "/run/podrole/ca-bundle.crt"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PodContainers:
    """Where a world's pods run in containers."""

    engine: Engine
    world: str
    networks: Networks

    @property
    def bundle(self) -> str:
        """Where a container has the authorities that the world's clients trust."""
        return BUNDLE

    @property
    def gateway(self) -> str:
        """This machine's address on the pods' network."""
        return self.networks.pods.gateway

    @property
    def agent_address(self) -> str:
        """The address of the EKS Pod Identity agent in a pod."""
        return self.networks.pods.gateway if self.networks.credentials is None else self.networks.credentials.gateway

    @property
    def peers(self) -> tuple[ipaddress.IPv4Network, ...]:
        """Who may call the listeners on the bridges."""
        bridges = [self.networks.pods, *([] if self.networks.credentials is None else [self.networks.credentials])]
        return tuple(ipaddress.IPv4Network(bridge.subnet) for bridge in bridges)

    @property
    def services(self) -> ServiceAddressing | None:
        """The addresses of Services; None where this process may not have them."""
        pods = self.networks.pods
        if pods.services is None:
            return None
        return ServiceAddressing(ipaddress.IPv4Network(pods.subnet), pods.services, pods.gateway)

    @property
    def api_names(self) -> tuple[str, ...]:
        """The addresses and names of the API server in pods."""
        own = () if self.services is None else (self.services.api, *LONG_API_NAMES)
        return self.gateway, *own

    def api_place(self, port: int) -> tuple[str, int]:
        """Return where pods find the API server, whose port on the bridge is ``port``."""
        return (self.gateway, port) if self.services is None else (self.services.api, API_PORT)

    @property
    def not_proxied(self) -> str:
        """What pods reach without the proxy."""
        names = API_NAMES if self.services is None else (self.services.api, *API_NAMES, ".svc", f".{DOMAIN}")
        return ",".join((self.gateway, self.agent_address, *map(str, self.peers), *names))

    def bind(self, beside: socket.socket, *, name: str, option: str, address: str = "") -> socket.socket:
        """Bind a socket on the bridge to the port of a listener on loopback. Raises PortInUse."""
        port = int(beside.getsockname()[1])
        return bind(port, name=f"{name} for pods", option=option, address=address or self.gateway, absent=True)

    async def build(self, images: Sequence[OwnImage], say: Callable[[str], None]) -> None:
        """Build images from their folders, with a line for each that the engine says. Raises ImageNotBuilt."""
        for image in images:
            tell = functools.partial(_say_of, say, image)
            try:
                await build(self.engine, image, self.world, tell)
            except asyncio.CancelledError:
                tell("interrupted; the engine may finish the step that it is at")  # Podman does
                raise

    def runtime(
        self, environment: Mapping[str, str], bundle: Path, own_images: Sequence[OwnImage] = ()
    ) -> ContainerRuntime:
        """Return the runtime of the world's node. ``bundle`` is what containers have as ``BUNDLE``."""
        files: Sequence[Mount] = (Mount(BUNDLE, str(bundle), read_only=True),)
        hosts, dns = dict.fromkeys(API_NAMES, self.gateway), None
        if (services := self.services) is not None:
            hosts, dns = {}, PodDNS(services.dns, host_searched(read_resolv_conf()))
        defaults = PodDefaults(self.world, environment, files, hosts, dns)
        return ContainerRuntime(self.engine, self.networks, defaults, own_images)


def _say_of(say: Callable[[str], None], image: OwnImage, line: str) -> None:
    say(f"{BUILDING}{image.reference.text}: {line}")


@contextlib.asynccontextmanager
async def pod_containers(
    runtime: str, directory: Path, variables: Mapping[str, str], *, internet: bool
) -> AsyncIterator[PodContainers | None]:
    """Get ready for pods in containers, by the setting ``runtime``; None for ``auto`` where no engine can be used.

    What an earlier run of the world has left is removed first, and everything at the end. ``variables`` are those that
    name an engine, ``internet`` says whether pods reach other hosts. Raises EngineUnusable.
    """
    try:
        engine = await open_engine(variables)
    except EngineUnusable as problem:
        if runtime != "auto":
            raise
        _log.info("pods run as processes: %s", problem.what)
        yield None
        return
    world = world_id(directory)
    try:
        services = may_serve_services()
        if not services:
            _log.info("Services have no names and addresses in pods: this takes root")
        yield PodContainers(engine, world, await make_networks(engine, world, internet=internet, services=services))
        await remove_everything(engine, world)
    finally:
        await engine.aclose()


async def service_network(
    containers: PodContainers, runtime: Runtime, client: ClusterClient, api: tuple[str, int], *, internet: bool
) -> ServiceNetwork | None:
    """Return what serves Services to pods; None where this process may not. ``api`` is where the API server listens.

    Raises EngineUnusable.
    """
    addressing = containers.services
    if addressing is None or not isinstance(runtime, ContainerRuntime):
        return None
    host = await runtime.open_service_host(addressing.services)

    async def make_socket(place: tuple[str, int], kind: socket.SocketKind) -> socket.socket:
        return await host.run(lambda: bound_socket(place, kind))

    return ServiceNetwork(client, addressing, api, UpstreamResolver() if internet else None, make_socket, host.close)
