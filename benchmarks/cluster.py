"""How fast the embedded cluster answers: gets and creates over TLS keep-alive, watch latency, a long list, start-up.

Run it with ``python benchmarks/cluster.py``. The server runs in a process of its own, as it does in a world; the client
side is plain sockets, so that it is the server that is measured. It is measured with the store in memory, then with the
durable one on the disk of the directory for temporary files; TMPDIR names another. Goals: 1,500 gets/s, 500 creates/s
in memory and 3,500/s on disk, a watch event within 5 ms of the write's answer, 10,000 service accounts listed within
400 ms, import and construction within 0.3 s.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import uvloop

ISSUER = "https://oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
ACCOUNTS = "/api/v1/namespaces/default/serviceaccounts"


def serve(pipe: Connection, journal_path: Path | None) -> None:
    uvloop.run(_serve(pipe, journal_path))


async def _serve(pipe: Connection, journal_path: Path | None) -> None:
    from podrole.base.certificates import Authority, server_context
    from podrole.base.journal import Journal
    from podrole.base.serving import bind, listening
    from podrole.cluster.assembly.server import Cluster, ClusterSettings
    from podrole.cluster.http.app import is_long_running
    from podrole.cluster.store.durable import DurableStore
    from podrole.oidc.keys import SigningKey

    now = time.time()
    journal = Journal(journal_path) if journal_path else None
    store = DurableStore(journal) if journal else None
    authority = Authority.create("benchmark", now=now)
    sock = bind(0, name="the benchmark", option="--port")
    port = sock.getsockname()[1]
    settings = ClusterSettings(server=f"https://127.0.0.1:{port}", issuer=ISSUER)
    keys = [SigningKey.generate()]
    cluster = Cluster(settings, keys=keys, authority_pem=authority.certificate_pem, store=store)
    tls = server_context(authority.issue(["127.0.0.1"], now=now))
    async with listening(cluster.api, sock, tls=tls, websockets=True, is_long_running=is_long_running), cluster:
        pipe.send((port, cluster.administrator_token, authority.certificate_pem.decode()))
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
        pipe.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    if journal:
        journal.close()


class Connected:
    """One keep-alive connection; requests one after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, token: str) -> None:
        self._reader = reader
        self.writer = writer
        self._head = f"Host: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nAccept: application/json\r\n"

    async def request(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        self.send(method, path, body)
        head = await self._reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        return status, await self._reader.readexactly(length)

    def send(self, method: str, path: str, body: bytes = b"") -> None:
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        self.writer.write(f"{method} {path} HTTP/1.1\r\n{self._head}{kind}\r\n".encode() + body)

    async def chunk(self) -> bytes:
        size = int((await self._reader.readline()).strip(), 16)
        return (await self._reader.readexactly(size + 2))[:-2]

    async def head(self) -> bytes:
        return await self._reader.readuntil(b"\r\n\r\n")


def account(name: str) -> bytes:
    annotations = {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/reader"}
    metadata = {"name": name, "namespace": "default", "annotations": annotations}
    return json.dumps({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}).encode()


async def rate(connections: list[Connected], total: int, one: object) -> float:
    """Return requests a second over all connections, each of which does its share one after the other."""
    numbers = iter(range(total))

    async def work(connection: Connected) -> None:
        for number in numbers:
            await one(connection, number)  # type: ignore[operator]

    started = time.perf_counter()
    await asyncio.gather(*(work(connection) for connection in connections))
    return total / (time.perf_counter() - started)


async def measure(port: int, token: str, pem: str, *, connections: int, size: int) -> dict[str, float]:
    context = ssl.create_default_context(cadata=pem)

    async def connect() -> Connected:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, limit=1 << 26)
        return Connected(reader, writer, token)

    many = [await connect() for _ in range(connections)]
    results: dict[str, float] = {}

    async def create(connection: Connected, number: int) -> None:
        status, body = await connection.request("POST", ACCOUNTS, account(f"sa-{number}"))
        assert status == 201, body

    async def get(connection: Connected, number: int) -> None:
        status, body = await connection.request("GET", f"{ACCOUNTS}/sa-{number % size}")
        assert status == 200, body

    results["creates_per_second"] = await rate(many, size, create)
    rates = [await rate(many, 3000, get) for _ in range(5)]
    results["gets_per_second"] = statistics.median(rates)
    times = []
    for _ in range(5):
        started = time.perf_counter()
        status, body = await many[0].request("GET", ACCOUNTS)
        times.append((time.perf_counter() - started) * 1000)
        assert status == 200
        assert body.count(b'"uid"') == size
    results["list_ms"] = statistics.median(times)
    results["watch_ms"] = await watch_latency(await connect(), many[0])
    for connection in many:
        connection.writer.close()
    return results


async def watch_latency(watching: Connected, writing: Connected) -> float:
    """Return the median time, in milliseconds, from a write's answer to the event's arrival; 0 where it came first."""
    watching.send("GET", f"{ACCOUNTS}?watch=true&sendInitialEvents=false&resourceVersionMatch=NotOlderThan")
    await watching.head()
    arrived: asyncio.Queue[float] = asyncio.Queue()

    async def follow() -> None:
        while True:
            await watching.chunk()
            arrived.put_nowait(time.perf_counter())

    following = asyncio.create_task(follow())
    delays = []
    for number in range(200):
        status, _ = await writing.request("POST", ACCOUNTS, account(f"watched-{number}"))
        answered = time.perf_counter()
        assert status == 201
        delays.append(max(0.0, await arrived.get() - answered) * 1000)
    following.cancel()
    watching.writer.close()
    return statistics.median(delays)


_START = """
import asyncio, pathlib, sys, time
started = time.perf_counter()
from podrole.base.journal import Journal
from podrole.cluster.assembly.server import Cluster, ClusterSettings
from podrole.cluster.store.durable import DurableStore
from podrole.oidc.keys import SigningKey

async def main():
    key, settings = SigningKey.from_pem(sys.stdin.buffer.read()), ClusterSettings("https://127.0.0.1:1", sys.argv[1])
    began = time.perf_counter()
    journal = Journal(pathlib.Path(sys.argv[2])) if sys.argv[2:] else None
    Cluster(settings, keys=[key], authority_pem=b"", store=DurableStore(journal) if journal else None)
    print(time.perf_counter() - (began if journal else started))
    if journal:
        journal.close()

asyncio.run(main())
"""


def startup_seconds(*journal: str) -> float:
    """Return the median time that a new interpreter takes to import and construct a cluster, without its own start.

    With the path of a journal: the time to read it and to construct the cluster, already imported.
    """
    from podrole.oidc.keys import SigningKey

    pem, command = SigningKey.generate().to_pem(), [sys.executable, "-c", _START, ISSUER, *journal]
    runs = [float(subprocess.run(command, input=pem, capture_output=True, check=True).stdout) for _ in range(7)]
    return statistics.median(runs)


def served(arguments: argparse.Namespace, journal: Path | None) -> dict[str, float]:
    """Return the figures of a server whose objects are in memory or in a journal."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs, journal))
    process.start()
    port, token, pem = ours.recv()
    results = uvloop.run(measure(port, token, pem, connections=arguments.connections, size=arguments.size))
    ours.send("stop")
    results["memory_mb"] = ours.recv()
    process.join()
    return results


async def whole_cluster(pods: int) -> dict[str, float]:
    """Return how long a whole cluster takes to begin, and to bring up a Deployment of simulated pods."""
    from podrole.base.certificates import Authority
    from podrole.cluster.assembly.server import Cluster, ClusterSettings
    from podrole.cluster.controllers.manager import Controllers
    from podrole.cluster.core.users import ADMINISTRATOR, User, controller
    from podrole.cluster.node.node import Node
    from podrole.cluster.node.runtimes.process.runtime import ProcessRuntime
    from podrole.oidc.keys import SigningKey

    key, pem = SigningKey.generate(), Authority.create("benchmark", now=time.time()).certificate_pem
    started = time.perf_counter()
    cluster = Cluster(ClusterSettings("https://127.0.0.1:1", ISSUER), keys=[key], authority_pem=pem)
    admin = cluster.client(ADMINISTRATOR)

    async def seen(resource: str, namespace: str | None, good: Callable[[dict[str, Any]], bool]) -> None:
        async for event in admin.watch(resource, namespace):
            if good(event.object):
                return

    with tempfile.TemporaryDirectory() as directory:
        kubelet = cluster.client(User("system:node:podrole-node", groups=("system:nodes",)), "kubelet")
        scheduler = cluster.client(User("system:kube-scheduler"), "kube-scheduler")
        async with (
            cluster,
            Controllers(lambda name: cluster.client(controller(name)), root_ca_pem=pem.decode()),
            Node(kubelet, Path(directory), ProcessRuntime(Path(directory, "processes")), scheduler=scheduler),
        ):
            await seen("serviceaccounts", "default", bool)
            await seen("nodes", None, bool)
            begun = time.perf_counter() - started
            template = {
                "metadata": {"labels": {"app": "web"}, "annotations": {"podrole.dev/simulate": "true"}},
                "spec": {"containers": [{"name": "c", "image": "busybox"}]},
            }
            spec = {"replicas": pods, "selector": {"matchLabels": {"app": "web"}}, "template": template}
            started = time.perf_counter()
            await admin.create("deployments.apps", "default", {"metadata": {"name": "web"}, "spec": spec})
            await seen("deployments.apps", "default", lambda one: one["status"].get("availableReplicas") == pods)
            return {"whole_start_s": begun, f"{pods}_simulated_pods_s": time.perf_counter() - started}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--size", type=int, default=10_000, help="service accounts to create, and to list")
    parser.add_argument("--pods", type=int, default=500, help="simulated pods to bring up")
    parser.add_argument("--pairs", type=int, default=1, help="how often to measure the server in memory and on disk")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results: dict[str, float] = {}
    for number in range(arguments.pairs):
        with tempfile.TemporaryDirectory() as directory:
            journal = Path(directory, "state.db")
            for place, path in (("memory", None), ("disk", journal)):
                for name, value in served(arguments, path).items():
                    results[f"{place}_{name}" + (f"_{number + 1}" if number else "")] = value
            results["start_from_disk_s"] = startup_seconds(str(journal))
    results["startup_s"] = startup_seconds()
    results.update(uvloop.run(whole_cluster(arguments.pods)))
    if arguments.json:
        print(json.dumps(results))
    else:
        for name, value in results.items():
            print(f"{name:30} {value:10.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
