"""A ``Runtime`` whose containers a container engine runs."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import platform
import re
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from podrole.cluster.core.client import Object
from podrole.cluster.core.node_api import Connected
from podrole.cluster.node.errors import ContainerProblem, SandboxProblem, StartProblem
from podrole.cluster.node.image_names import ImageReference, parse_image
from podrole.cluster.node.runtime import ContainerConfig, Mount, Output, PulledImage, RegistryLogin
from podrole.cluster.node.runtimes.connections import CONNECT_SECONDS, connect_locally, reason_of
from podrole.cluster.node.runtimes.container import pause
from podrole.cluster.node.runtimes.container.configuration import (
    PodDefaults,
    check_not_root,
    container_body,
    sandbox_body,
    service_host_body,
    user_of,
)
from podrole.cluster.node.runtimes.container.container import EngineContainer
from podrole.cluster.node.runtimes.container.engine import Engine
from podrole.cluster.node.runtimes.container.errors import EngineRefusal, EngineUnusable
from podrole.cluster.node.runtimes.container.images import EngineImage, pull
from podrole.cluster.node.runtimes.container.local_route import add_local_route
from podrole.cluster.node.runtimes.container.namespace import PodNetwork
from podrole.cluster.node.runtimes.container.networks import Networks, remove_container, remove_containers
from podrole.cluster.node.runtimes.container.resolv_conf import PATH as RESOLV_CONF
from podrole.cluster.node.runtimes.container.resolv_conf import resolv_conf
from podrole.cluster.node.runtimes.container.streams import Streams
from podrole.cluster.node.runtimes.own_image import OwnImage

_PAUSE_VERSION = "1"
_EXEC = re.compile(r'exec: ".*?": [^:]*(?= \(no such file|: |$)')


class ContainerRuntime:
    """Runs pods in containers of ``engine``, on ``networks``, which its owner makes and removes."""

    def __init__(
        self, engine: Engine, networks: Networks, defaults: PodDefaults, own_images: Sequence[OwnImage] = ()
    ) -> None:
        """``own_images`` have been built."""
        self._engine = engine
        self._own_images = own_images
        self._networks = networks
        self._defaults = defaults
        self._images: dict[str, EngineImage] = {}
        self._pause = ""

    @property
    def name(self) -> str:
        return self._engine.name

    @property
    def version(self) -> str:
        return f"{self._engine.name}://{self._engine.version}"

    @property
    def summary(self) -> str:
        return f"podrole runs pods in containers of {self._engine.name.capitalize()} {self._engine.version}"

    async def start(self) -> None:
        """Make sure of the sandboxes' image. Raises EngineUnusable."""
        try:
            self._pause = await self._pause_image()
        except EngineRefusal as refusal:
            raise EngineUnusable(
                "The container engine did not take the image of the pods' sandboxes.", got=refusal.what
            ) from refusal

    async def stop(self) -> None:
        """Remove every container of the world."""
        await remove_containers(self._engine, self._defaults.world)

    async def pull(self, image: ImageReference, policy: str, logins: Sequence[RegistryLogin] = ()) -> PulledImage:
        """Get an image. Raises ImageProblem with the engine's reason."""
        own = next((own_image for own_image in self._own_images if own_image.stands_for(image)), None)
        wanted = image if own is None else parse_image(own.tagged)
        pulled = await pull(self._engine, wanted, policy, logins, world=self._defaults.world)
        self._images[image.text] = pulled.image
        return PulledImage(pulled.image.id, pulled.message)

    async def create_sandbox(self, pod: Object, directory: Path) -> EngineSandbox:
        """Make and start a pod's sandbox, which has its network. Raises SandboxProblem."""
        metadata = pod["metadata"]
        name = f"podrole_{metadata['name'][:40]}_{metadata['namespace'][:40]}_{metadata['uid']}"
        networks = self._networks
        body = sandbox_body(pod, self._pause, networks.pods.name, self._defaults)
        sandbox = ""
        try:
            created = await self._engine.call("POST", "/containers/create", body, name=name)
            sandbox = created["Id"]
            if networks.credentials is not None:
                path = f"/networks/{networks.credentials.name}/connect"
                await self._engine.call("POST", path, {"Container": sandbox})
            await self._engine.call("POST", f"/containers/{sandbox}/start")
            made = await self._engine.call("GET", f"/containers/{sandbox}/json")
            address = made["NetworkSettings"]["Networks"][networks.pods.name]["IPAddress"]
            network = await PodNetwork.of_process(made["State"]["Pid"], address)
            files = self._files_of(pod, directory)
        except BaseException as problem:
            if sandbox:
                await asyncio.shield(remove_container(self._engine, sandbox))
            if isinstance(problem, (EngineRefusal, EngineUnusable)):
                raise SandboxProblem(problem.what) from problem
            raise
        return EngineSandbox(self._engine, self._defaults, self._images, pod, sandbox, address, network, files)

    async def open_service_host(self, services: IPv4Network) -> PodNetwork:
        """Start a container that holds the addresses of Services, and return its network. Raises EngineUnusable.

        They are on the pods' bridge as a pod's address is, and on no other network; nor do they compete with what
        listens on all addresses of this machine. The container is removed with all others.
        """
        body = service_host_body(await self._pause_image(), self._networks.pods.name, self._defaults)
        name = f"podrole_services_{self._defaults.world}"
        try:
            created = await self._engine.call("POST", "/containers/create", body, name=name)
            await self._engine.call("POST", f"/containers/{created['Id']}/start")
            made = await self._engine.call("GET", f"/containers/{created['Id']}/json")
            address = made["NetworkSettings"]["Networks"][self._networks.pods.name]["IPAddress"]
            network = await PodNetwork.of_process(made["State"]["Pid"], address)
            if network is None:
                raise EngineUnusable("The container engine's processes are not those that podrole sees.")
            await network.run(lambda: add_local_route(services))
        except (EngineRefusal, OSError) as problem:
            got = problem.what if isinstance(problem, EngineRefusal) else str(problem)
            raise EngineUnusable("Services cannot have addresses in pods.", got=got) from problem
        return network

    def _files_of(self, pod: Object, directory: Path) -> list[Mount]:
        """Write the files that all containers of a pod get. Raises OSError."""
        if self._defaults.dns is None:
            return []
        path = directory / "resolv.conf"
        path.write_text(resolv_conf(pod, self._defaults.dns))
        path.chmod(0o644)  # for any user of a container; the directory is private
        return [Mount(RESOLV_CONF, str(path))]

    async def _pause_image(self) -> str:
        label = f"{pause.LABEL}={_PAUSE_VERSION}"
        for image in await self._engine.call("GET", "/images/json", filters={"label": [label]}):
            return str(image["Id"])
        machine = platform.machine()
        try:
            content = pause.archive(machine)
        except KeyError:
            raise EngineUnusable(
                "Pods cannot run in containers on this machine.",
                got=machine,
                expected=" or ".join(pause.MACHINES),
                next_step="use --runtime process",
            ) from None
        answer = await self._engine.call(
            "POST",
            "/images/create",
            content=content,
            fromSrc="-",
            repo="podrole/pause",
            tag=_PAUSE_VERSION,
            changes=['ENTRYPOINT ["/pause"]', f"LABEL {label}"],
        )
        return str(answer["status"])


class EngineSandbox:
    """A pod's container that does nothing but hold its network."""

    def __init__(
        self,
        engine: Engine,
        defaults: PodDefaults,
        images: Mapping[str, EngineImage],
        pod: Object,
        sandbox: str,
        address: str,
        network: PodNetwork | None,
        files: Sequence[Mount],
    ) -> None:
        self._files = files
        self.address = address
        self._network = network
        self._engine = engine
        self._defaults = defaults
        self._images = images
        self._pod = pod
        self._id = sandbox
        self._containers: set[str] = set()
        self._removals: set[asyncio.Task[None]] = set()

    def user_of(self, container: Mapping[str, Any], image: ImageReference) -> int | None:
        """Return the uid that a container runs as; None if only the image's own files could tell."""
        return user_of(self._security(container), self._images[image.text].user)

    async def connect(self, port: int) -> Connected:
        """Connect to a port of the pod's loopback, or without the right to that of its address. Raises OSError."""
        if self._network is not None:
            return await connect_locally(port, self._network.socket)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await asyncio.open_connection(self.address, port)
        except OSError as problem:
            why = "i/o timeout" if isinstance(problem, TimeoutError) else reason_of(problem)
            raise ConnectionRefusedError(
                f"failed to connect to the pod: dial tcp4 {self.address}:{port}: connect: {why}; what listens on the "
                "pod's loopback only is reached if podrole runs as root"
            ) from None

    async def create(self, config: ContainerConfig) -> EngineCreated:
        """Make a container. Raises ContainerProblem."""
        image = self._images[config.image.text]
        own_paths = {mount.path for mount in config.mounts}
        files = [mount for mount in self._files if mount.path not in own_paths]
        config = dataclasses.replace(config, mounts=[*files, *config.mounts])
        check_not_root(self._security(config.spec), self.user_of(config.spec, config.image))
        body = container_body(
            config, self._pod, image.id, self._id, self._defaults, own_hostname=self._engine.is_podman
        )
        metadata = self._pod["metadata"]
        name = f"podrole_{config.name}_{metadata['name'][:40]}_{metadata['namespace'][:40]}_{config.identity[:12]}"
        try:
            created = await self._engine.call("POST", "/containers/create", body, name=name)
        except (EngineRefusal, EngineUnusable) as problem:
            raise ContainerProblem(problem.what, reason="CreateContainerError") from problem
        self._containers.add(created["Id"])
        return EngineCreated(self._engine, created["Id"], config, image, self)

    async def discard(self, container: str) -> None:
        """Remove a container that has ended, while the node goes on."""
        task = asyncio.create_task(self._remove(container, ended=True))
        self._removals.add(task)
        task.add_done_callback(self._removals.discard)

    async def remove(self) -> None:
        """Remove what is left of the pod's containers, and the sandbox."""
        await asyncio.gather(*self._removals)
        await asyncio.gather(*map(self._remove, tuple(self._containers)))
        if self._network is not None:
            self._network.close()
        await self._remove(self._id)

    async def _remove(self, container: str, *, ended: bool = False) -> None:
        with contextlib.suppress(EngineUnusable):  # then the next start removes it
            await remove_container(self._engine, container, ended=ended)
            self._containers.discard(container)

    def _security(self, container: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        return [container.get("securityContext") or {}, self._pod["spec"].get("securityContext") or {}]


class EngineCreated:
    """A container that can be started."""

    def __init__(
        self, engine: Engine, container: str, config: ContainerConfig, image: EngineImage, sandbox: EngineSandbox
    ) -> None:
        self._engine = engine
        self._id = container
        self._config = config
        self._image = image
        self._sandbox = sandbox

    async def start(self, output: Output) -> EngineContainer:
        """Start the container, attached to its streams from the beginning. Raises StartProblem."""
        streams = None
        try:
            stdin = "true" if self._config.stdin else "false"
            reader, writer = await self._engine.take_over(
                f"/containers/{self._id}/attach", stream="true", stdout="true", stderr="true", stdin=stdin
            )
            streams = Streams(reader, writer, output, terminal=self._config.terminal)
            await self._engine.call("POST", f"/containers/{self._id}/start")
        except BaseException as problem:
            if streams is not None:
                await streams.close()
            await self._sandbox.discard(self._id)
            if isinstance(problem, (EngineRefusal, EngineUnusable)):
                raise StartProblem(_reason(problem.what)) from problem
            raise
        return EngineContainer(
            self._engine,
            self._id,
            streams,
            stdin=self._config.stdin,
            stop_signal=self._image.stop_signal,
            ended=self._sandbox.discard,
        )


def _reason(message: str) -> str:
    """Return what a message says of the program, without the engine's parts that passed it on."""
    match = _EXEC.search(message)
    return match[0] if match else message
