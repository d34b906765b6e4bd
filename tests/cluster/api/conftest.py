"""A cluster for tests: in this process, or served over TLS from a thread of its own."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from podrole.base.events import EventLog
from podrole.base.serving import LOOPBACK
from podrole.cluster.assembly.server import Cluster
from podrole.cluster.core.client import ClusterClient
from podrole.cluster.core.users import ADMINISTRATOR
from support.cluster import Clock, Kubectl, Served, find_kubectl, make_cluster, trust
from support.hooks import NOW, Hook


@pytest.fixture(scope="session")
def trusted() -> ssl.SSLContext:
    """The TLS context of a client that trusts the tests' authority."""
    return trust()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def make() -> Callable[..., Cluster]:
    """Return what makes a cluster in this process; its arguments are those of ``Cluster``."""
    return make_cluster


@pytest.fixture
async def cluster(clock: Clock) -> AsyncIterator[Cluster]:
    """A cluster in this process, with the namespace default and its service account."""
    made = make_cluster(clock=clock)
    async with made:
        client = made.client(ADMINISTRATOR, "test")
        await client.create("serviceaccounts", "default", {"metadata": {"name": "default"}})
        yield made


@pytest.fixture
def admin(cluster: Cluster) -> ClusterClient:
    return cluster.client(ADMINISTRATOR, "test")


@pytest.fixture(scope="session")
def serve() -> Callable[..., Served]:
    """Return what makes a served cluster: a context manager, its arguments those of ``Served``."""
    return Served


@pytest.fixture(scope="module")
def served(serve: Callable[..., Served]) -> Iterator[Served]:
    with serve() as running:
        yield running


@pytest.fixture
def http(served: Served) -> Iterator[httpx2.Client]:
    with served.client() as client:
        yield client


@pytest.fixture(scope="module")
def kubectl_for(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Served], Kubectl]:
    """Return what makes a kubectl for a served cluster, its cache new."""
    binary = find_kubectl()
    assert Path(binary).exists(), "make setup brings kubectl"
    return lambda served: Kubectl(binary, served, tmp_path_factory.mktemp("kubectl"))


@pytest.fixture(scope="module")
def kubectl(served: Served, kubectl_for: Callable[[Served], Kubectl]) -> Kubectl:
    return kubectl_for(served)


@pytest.fixture
def events() -> EventLog:
    return EventLog()


@pytest.fixture
async def hook(events: EventLog, clock: Any) -> AsyncIterator[Hook]:
    made = Hook()
    async with made.running("hook.infra.svc", LOOPBACK):
        yield made


@pytest.fixture
async def world(hook: Hook, events: EventLog, make: Callable[..., Cluster]) -> AsyncIterator[Cluster]:
    """A cluster that knows the service ``hook`` in the namespace ``infra``."""

    def resolve(namespace: str, name: str, port: int) -> tuple[str, int] | None:
        return (LOOPBACK, hook.port) if (namespace, name, port) == ("infra", "hook", 443) else None

    cluster = make(resolve_service=resolve, events=events, clock=lambda: NOW)
    async with cluster:
        await cluster.client(ADMINISTRATOR).create("serviceaccounts", "default", {"metadata": {"name": "default"}})
        yield cluster


@pytest.fixture
def client(world: Cluster) -> ClusterClient:
    return world.client(ADMINISTRATOR, "test")
