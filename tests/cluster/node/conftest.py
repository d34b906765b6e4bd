"""A node over the cluster in memory, on a clock that the test turns; its processes and containers are real.

A module whose tests hold for every runtime has ``pytestmark = both_runtimes``; its tests run once with each.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from podrole.cluster.core.node_api import LogOptions
from podrole.cluster.node.node import Node
from podrole.cluster.node.runtime import Runtime
from podrole.cluster.node.runtimes.container.configuration import PodDefaults
from podrole.cluster.node.runtimes.container.networks import make_networks, remove_everything, world_id
from podrole.cluster.node.runtimes.container.runtime import ContainerRuntime
from podrole.cluster.node.runtimes.process.images import Images
from podrole.cluster.node.runtimes.process.isolation import why_not_isolated
from podrole.cluster.node.runtimes.process.runtime import ProcessRuntime
from podrole.cluster.node.settings import NodeSettings
from support.engine import opened, running_engine

MakeNode = Callable[..., AbstractAsyncContextManager[Node]]


@pytest.fixture
def directory(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The node's directory; a test may give it another name by parametrizing it."""
    return tmp_path / str(getattr(request, "param", "node"))


@pytest.fixture
async def cluster(cluster: Any) -> Any:
    """The cluster with what a pod's own token volume needs."""
    await cluster.create("configmaps", "default", {"metadata": {"name": "kube-root-ca.crt"}, "data": {"ca.crt": "CA"}})
    return cluster


@pytest.fixture
def runtime_name(request: pytest.FixtureRequest) -> str:
    """What runs the pods: ``process`` or ``container``."""
    return str(getattr(request, "param", "process"))


@pytest.fixture(scope="session")
def can_isolate(tmp_path_factory: pytest.TempPathFactory) -> bool:
    """Whether this machine can isolate the processes of pods."""
    return asyncio.run(why_not_isolated(tmp_path_factory.mktemp("probe"))) is None


@pytest.fixture
def isolated(request: pytest.FixtureRequest, can_isolate: bool) -> bool:
    """Whether pods' processes are isolated: as the machine can, or as a mark of ``support.isolation`` says."""
    wanted = bool(getattr(request, "param", can_isolate))
    if wanted and not can_isolate:
        pytest.skip("this machine offers no namespaces to this user")
    return wanted


@pytest.fixture(scope="module")
def engine_host() -> Iterator[str]:
    with running_engine() as host:
        yield host


@pytest.fixture
def make_node(
    cluster: Any, time: Any, directory: Path, runtime_name: str, isolated: bool, request: pytest.FixtureRequest
) -> MakeNode:
    host = request.getfixturevalue("engine_host") if runtime_name == "container" else ""

    @asynccontextmanager
    async def make(**settings: Any) -> AsyncIterator[Node]:
        images = settings.pop("images", None) or Images(find_aws=lambda: None)
        environment = settings.pop("environment", None)
        hiding = settings.pop("hiding", None)
        given = replace(NodeSettings(stop_grace_seconds=0.5), **settings)
        async with AsyncExitStack() as stack:
            runtime: Runtime = ProcessRuntime(
                directory / "processes", environment=environment, images=images, hiding=hiding, isolated=isolated
            )
            if runtime_name == "container":
                runtime = await stack.enter_async_context(containers(host, directory, environment or {}))
            yield await stack.enter_async_context(
                Node(cluster, directory, runtime, given, time=time, randomness=lambda: 0.0)
            )

    return make


@asynccontextmanager
async def containers(host: str, directory: Path, environment: Mapping[str, str]) -> AsyncIterator[Runtime]:
    """A runtime with networks of its own, of which nothing is left at the end."""
    engine, world = await opened(host), world_id(directory)
    try:
        networks = await make_networks(engine, world, agent=False)
        yield ContainerRuntime(engine, networks, PodDefaults(world, environment, (), {}))
        await remove_everything(engine, world)
    finally:
        await engine.aclose()


@pytest.fixture
async def node(make_node: MakeNode, tmp_path: Path) -> AsyncIterator[Node]:
    """A node that runs; hostPath volumes may be in the test's ``allowed``."""
    async with make_node(host_paths=(str(tmp_path / "allowed"),)) as node:
        yield node


@pytest.fixture
def run_pod(cluster: Any) -> Callable[..., Any]:
    """Return a function that makes a pod: a script for its one container, fields of it, of the spec."""

    async def make(
        script: str | None = None,
        *,
        name: str = "p",
        container: dict[str, Any] | None = None,
        annotations: dict[str, str] | None = None,
        **spec: Any,
    ) -> Any:
        only: dict[str, Any] = {"name": "c", "image": "busybox"}
        if script is not None:
            only["command"] = ["sh", "-c", script]
        only |= container or {}
        metadata = {"name": name, "annotations": annotations or {}}
        body = {"metadata": metadata, "spec": {"restartPolicy": "Never", "containers": [only], **spec}}
        for each in [only, *spec.get("initContainers", ())]:
            each.setdefault("imagePullPolicy", "IfNotPresent")  # of an image without a tag it would be Always
        return await cluster.create("pods", "default", body)

    return make


@pytest.fixture
def finished(cluster: Any) -> Callable[..., Any]:
    """Return a function that waits until a pod has run to its end and returns it."""

    async def wait(name: str = "p", *, seconds: float = 20) -> Any:
        ended = ("Succeeded", "Failed")
        return await cluster.until(
            "pods", "default", name, lambda pod: pod["status"]["phase"] in ended, seconds=seconds
        )

    return wait


@pytest.fixture
def running(cluster: Any) -> Callable[..., Any]:
    """Return a function that waits until a pod is Running and returns it."""

    async def wait(name: str = "p") -> Any:
        return await cluster.until("pods", "default", name, lambda pod: pod["status"]["phase"] == "Running")

    return wait


@pytest.fixture
def log_of(node: Node, cluster: Any) -> Callable[..., Any]:
    """Return a function that reads a container's log to its end."""

    async def read(name: str = "p", container: str = "c", **options: Any) -> str:
        pod = await cluster.get("pods", "default", name)
        parts = [part async for part in await node.logs(pod, container, LogOptions(**options))]
        return b"".join(parts).decode()

    return read


@pytest.fixture
def state_of() -> Callable[..., Any]:
    """Return a function that gives a container's status: (name of the state, its fields, the whole status)."""

    def state(pod: Any, container: str = "c", *, field: str = "containerStatuses") -> Any:
        status = next(each for each in pod["status"].get(field, ()) if each["name"] == container)
        (kind, fields), *_ = status["state"].items()
        return kind, fields, status

    return state
