"""A cluster behind its TLS listener for tests, with or without its controllers and node, and the real kubectl."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import subprocess
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Self

import httpx2

from podrole.base.certificates import Authority, server_context
from podrole.base.serving import LOOPBACK, bind, listening
from podrole.cli.tools import tools_directory
from podrole.cluster.assembly.server import Cluster, ClusterSettings
from podrole.cluster.controllers.manager import Controllers
from podrole.cluster.core.client import ClusterClient
from podrole.cluster.core.users import User, controller
from podrole.cluster.http.app import is_long_running
from podrole.cluster.node.node import Node
from podrole.cluster.node.runtimes.process.runtime import ProcessRuntime
from podrole.cluster.node.settings import NodeSettings
from support.keys import rsa_key

ISSUER = "https://oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
KEY = rsa_key()
AUTHORITY = Authority.create("podrole tests", now=time.time())
CERTIFICATE = AUTHORITY.issue([LOOPBACK], now=time.time())


class Clock:
    """A clock that the test turns."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def make_cluster(port: int = 0, **more: Any) -> Cluster:
    settings = {"server": f"https://{LOOPBACK}:{port}", "issuer": ISSUER, **more.pop("settings", {})}
    more.setdefault("keys", [KEY])
    return Cluster(ClusterSettings(**settings), authority_pem=AUTHORITY.certificate_pem, **more)


_ROOT_CA = {
    "kubernetes.io/description": "Contains a CA bundle that can be used to verify the kube-apiserver when using "
    "internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across "
    "distributions of Kubernetes clusters."
}


async def give_defaults(client: ClusterClient) -> None:
    """Stand in for the controllers that every namespace is given its first objects by."""
    async for event in client.watch("namespaces"):
        if event.type != "ADDED":
            continue
        namespace = event.object["metadata"]["name"]
        await client.create("serviceaccounts", namespace, {"metadata": {"name": "default"}})
        await client.create(
            "configmaps",
            namespace,
            {"metadata": {"name": "kube-root-ca.crt", "annotations": _ROOT_CA}, "data": {"ca.crt": "a certificate"}},
        )


@contextlib.asynccontextmanager
async def defaults_only(cluster: Cluster) -> AsyncIterator[None]:
    """Nothing works in the cluster but what gives namespaces their first objects."""
    client = cluster.client(controller("namespace-controller"), "kube-controller-manager")
    task = asyncio.create_task(give_defaults(client))
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


@contextlib.asynccontextmanager
async def controllers_only(cluster: Cluster) -> AsyncIterator[None]:
    """The controllers work; there is no node, so pods stay Pending."""
    root_ca = cluster.authority_pem.decode()
    async with Controllers(
        lambda name: cluster.client(controller(name), "kube-controller-manager"), root_ca_pem=root_ca
    ):
        yield


def everything(directory: Path) -> Callable[[Cluster], contextlib.AbstractAsyncContextManager[None]]:
    """Return what runs the controllers and a node, whose pods are processes that live in ``directory``."""

    @contextlib.asynccontextmanager
    async def run(cluster: Cluster) -> AsyncIterator[None]:
        kubelet = cluster.client(User("system:node:podrole-node", groups=("system:nodes",)), "kubelet")
        scheduler = cluster.client(User("system:kube-scheduler"), "kube-scheduler")
        runtime, settings = ProcessRuntime(directory / "processes"), NodeSettings(stop_grace_seconds=0.5)
        async with (
            controllers_only(cluster),
            Node(kubelet, directory, runtime, settings, scheduler=scheduler) as node,
        ):
            cluster.node = node
            yield

    return run


class Served:
    """A cluster behind its TLS listener, on an event loop in a thread. ``works`` is what works in it."""

    def __init__(
        self,
        wrap: Callable[[Any], Any] = lambda app: app,
        works: Callable[[Cluster], contextlib.AbstractAsyncContextManager[None]] = defaults_only,
        **more: Any,
    ) -> None:
        self._wrap = wrap
        self._works = works
        self._more = more
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="cluster", daemon=True)
        self.cluster: Cluster

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        sock = bind(0, name="the test", option="--port")
        self.port: int = sock.getsockname()[1]
        self.cluster = make_cluster(self.port, **self._more)
        tls = server_context(CERTIFICATE)
        # A client that reads and writes from two threads, as that of the tests does, may lose what it writes while it
        # reads such a ticket: OpenSSL allows no two threads on one connection.
        tls.num_tickets = 0
        async with (
            listening(
                self._wrap(self.cluster.api),
                sock,
                tls=tls,
                websockets=True,
                grace_seconds=1,
                is_long_running=is_long_running,
            ),
            self.cluster,
            self._works(self.cluster),
        ):
            self._ready.set()
            await self._stop.wait()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        assert not self._thread.is_alive()

    def do(self, coroutine: Any) -> Any:
        """Run a coroutine on the cluster's own loop and return what it returns."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)

    @property
    def url(self) -> str:
        return f"https://{LOOPBACK}:{self.port}"

    def client(self, token: str | None = None, **headers: str) -> httpx2.Client:
        """Return an HTTP client with the administrator's token, another one, or ('') none."""
        bearer = self.cluster.administrator_token if token is None else token
        given = {"Authorization": f"Bearer {bearer}", **headers} if bearer else dict(headers)
        return httpx2.Client(base_url=self.url, headers=given, verify=trust(), timeout=20, trust_env=False)


def trust() -> ssl.SSLContext:
    return ssl.create_default_context(cadata=AUTHORITY.certificate_pem.decode())


def find_kubectl() -> str:
    """Return the kubectl that ``make setup`` brings; PODROLE_TEST_KUBECTL names another one."""
    return os.environ.get("PODROLE_TEST_KUBECTL") or str(tools_directory() / "kubectl")


class Kubectl:
    """Runs the real kubectl against a cluster, with nothing of the person's own configuration."""

    def __init__(self, binary: str, served: Served, home: Path) -> None:
        self.binary = binary
        self._home = home
        (home / "config").write_text(served.cluster.kubeconfig())
        (home / "config").chmod(0o600)
        self._environment = {
            "PATH": f"{home / 'bin'}:/usr/bin:/bin",
            "HOME": str(home),
            "KUBECONFIG": str(home / "config"),
            "KUBECACHEDIR": str(home / "cache"),
            "KUBECTL_PORT_FORWARD_WEBSOCKETS": "true",  # kubectl 1.30 has it, and leaves it off
        }
        (home / "bin").mkdir()
        (home / "bin/kubectl").symlink_to(binary)

    def shell(self, command: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "-c", command],
            input=stdin,
            stdin=None if stdin is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            env=self._environment,
            check=False,
        )

    def start(self, *arguments: str, **more: Any) -> subprocess.Popen[str]:
        return subprocess.Popen([self.binary, *arguments], env=self._environment, text=True, **more)
