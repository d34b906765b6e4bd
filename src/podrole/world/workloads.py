"""What runs pods in a world: the controllers, the node with its runtime, and the network of Services in containers."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from podrole.base import authorities
from podrole.base.clock import Clock
from podrole.base.files import write_private
from podrole.base.serving import LOOPBACK
from podrole.base.tasks import Supervised
from podrole.cluster.assembly.server import Cluster
from podrole.cluster.controllers.manager import Controllers
from podrole.cluster.core.timing import SystemTime
from podrole.cluster.core.users import User, controller
from podrole.world import proxy
from podrole.world.parts import KUBERNETES_VERSION, hidden_from_pods, node_environment
from podrole.world.proxy import Surroundings
from podrole.world.settings import WorldSettings
from podrole.world.sockets import WorldSockets, port_of, url_of
from podrole.world.state import WorldDirectory
from podrole.world.without_node import sentence_without_node

if TYPE_CHECKING:
    from podrole.cluster.node.node import Node
    from podrole.cluster.node.runtime import Runtime
    from podrole.cluster.node.runtimes.own_image import OwnImage
    from podrole.cluster.service_network.network import ServiceNetwork
    from podrole.world.containers import PodContainers

NODE_SECONDS = 4.0
"""How long pods may take to end: asked first, killed after two seconds."""


class WorldPart(Supervised, contextlib.AbstractAsyncContextManager[Any], Protocol):
    """What a world starts, watches and stops."""


class Enter(Protocol):
    """Starts parts of a world."""

    async def __call__(self, name: str, part: WorldPart, *, seconds: float = ...) -> None:
        """Start a part, to be watched from now on and stopped with the world within ``seconds``."""
        ...


class Workloads:
    """The controllers and the node of a world. ``start`` fills ``environment``, ``runtime`` and ``node``."""

    environment: Mapping[str, str]
    """The variables of every process on the node."""
    runtime: str
    """How pods run, or why none do, in a sentence."""
    node: Node | None = None
    """None in a world without a node."""

    def __init__(
        self,
        directory: WorldDirectory,
        settings: WorldSettings,
        surroundings: Surroundings,
        clock: Clock,
        containers: PodContainers | None,
        own_images: Sequence[OwnImage],
        *,
        pods_python: str | None,
        without_node: str,
    ) -> None:
        """``containers`` is None if pods are processes. ``without_node`` says why there is no node; empty if there
        is one."""
        self._directory = directory
        self._settings = settings
        self._surroundings = surroundings
        self._clock = clock
        self._containers = containers
        self._own_images = own_images
        self._pods_python = pods_python
        self._without_node = without_node
        self._services: ServiceNetwork | None = None

    async def start(
        self, enter: Enter, cluster: Cluster, sockets: WorldSockets, region: str, *, more_stop_seconds: float
    ) -> None:
        """Start the controllers, then the node if there is one."""

        def client_for(name: str) -> Any:
            return cluster.client(controller(name), "kube-controller-manager")  # one program in a real cluster

        root_ca = cluster.authority_pem.decode()
        controllers = Controllers(client_for, root_ca_pem=root_ca, without_node=self._without_node)
        await enter("the controllers", controllers)
        self.environment = node_environment(
            url_of("https", sockets.aws), region, port_of(sockets.cluster), self._proxy_variables(sockets)
        )
        if self._without_node:
            self.runtime = sentence_without_node(self._without_node)
            return
        # Imported here: what runs pods exists on Linux only.
        from podrole.cluster.node.node import Node
        from podrole.cluster.node.settings import NodeSettings

        settings = NodeSettings(
            kubernetes_version=f"v{KUBERNETES_VERSION}.0",
            address=LOOPBACK if self._containers is None else self._containers.gateway,
            host_paths=self._settings.allow_host_path,
        )
        runtime = self._made_runtime(cluster, sockets, region)
        self.runtime = runtime.summary
        await self._start_service_network(enter, cluster, sockets, runtime)
        kubelet = cluster.client(User(f"system:node:{settings.name}", groups=("system:nodes",)), "kubelet")
        scheduler = cluster.client(User("system:kube-scheduler"), "kube-scheduler")
        time = SystemTime(self._clock)
        node = Node(kubelet, self._directory.node, runtime, settings, scheduler=scheduler, time=time)
        await enter("the node and its pods", node, seconds=NODE_SECONDS + more_stop_seconds)
        cluster.node = self.node = node

    def in_cluster(self, name: str, client: str) -> str | None:
        """Return the address that a name leads to from a pod, for the proxy; None for a name outside the cluster."""
        return None if self._services is None else self._services.address_for(name, client)

    async def _start_service_network(
        self, enter: Enter, cluster: Cluster, sockets: WorldSockets, runtime: Runtime
    ) -> None:
        """Serve the names and addresses of Services in containers, before the first pod starts."""
        if self._containers is None:
            return
        from podrole.world.containers import service_network  # most worlds need none

        client = cluster.client(User("system:kube-proxy"), "kube-proxy")
        api = (LOOPBACK, port_of(sockets.cluster))
        network = await service_network(self._containers, runtime, client, api, internet=not self._settings.no_internet)
        if network is None:
            return
        await enter("the network of Services", network)
        self._services = network

    def _made_runtime(self, cluster: Cluster, sockets: WorldSockets, region: str) -> Runtime:
        if self._containers is None:
            from podrole.cluster.node.runtimes.process.images import Images
            from podrole.cluster.node.runtimes.process.runtime import ProcessRuntime

            hiding = hidden_from_pods(
                self._directory.path, self._directory.authorities, self._surroundings.credentials, self._settings
            )
            images = Images(own_images=self._own_images, pods_python=self._pods_python)
            return ProcessRuntime(self._directory.processes, environment=self.environment, hiding=hiding, images=images)
        containers = self._containers
        bundle = self._directory.authorities_for_containers
        trusted = authorities.bundle(cluster.authority_pem, self._surroundings.authorities)
        write_private(bundle, trusted)
        bundle.chmod(0o644)  # for any user of a container; it holds certificates only
        upstream = self._surroundings.upstream
        exceptions = f"{containers.not_proxied},{'' if upstream is None else upstream.exceptions}"
        variables = proxy.proxy_variables(
            f"http://{containers.gateway}:{port_of(sockets.aws)}", containers.bundle, exceptions
        )
        url = f"https://{containers.gateway}:{port_of(sockets.aws)}"
        host, port = containers.api_place(port_of(sockets.cluster))
        inside = node_environment(url, region, port, variables, host=host)
        return containers.runtime(inside, bundle, self._own_images)

    def _proxy_variables(self, sockets: WorldSockets) -> Mapping[str, str]:
        upstream = self._surroundings.upstream
        exceptions = "" if upstream is None else upstream.exceptions
        return proxy.proxy_variables(url_of("http", sockets.aws), str(self._directory.authorities), exceptions)
