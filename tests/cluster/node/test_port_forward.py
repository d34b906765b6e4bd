"""Port-forward on the node: connections to what listens in a pod, in every runtime."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from podrole.cluster.core.errors import StatusError
from podrole.cluster.node.node import Node
from podrole.cluster.node.runtimes.connections import connect_locally, open_socket
from podrole.cluster.node.runtimes.container.namespace import PodNetwork
from podrole.cluster.node.settings import NodeSettings
from support.engine import both_runtimes
from support.fake_runtime import FakeRuntime

LIMIT_SECONDS = 20


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def get(dial: Any, port: int) -> bytes:
    """Return the answer to an HTTP request, once the server listens."""
    async with asyncio.timeout(LIMIT_SECONDS):
        while True:
            try:
                reader, writer = await dial(port)
                break
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
        writer.write(b"GET /x HTTP/1.0\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return bytes(answer)


def server(address: str, port: int) -> str:
    return f"mkdir -p /tmp/www; echo served > /tmp/www/x; exec busybox httpd -f -p {address}:{port} -h /tmp/www"


@both_runtimes
async def test_what_listens_on_the_pods_loopback_is_reached_until_the_pod_ends(
    node: Any, run_pod: Any, running: Any, cluster: Any
) -> None:
    port = free_port()
    await run_pod(server("127.0.0.1", port), terminationGracePeriodSeconds=0)
    pod = await running()
    dial = await node.port_forward(pod)
    assert (await get(dial, port)).endswith(b"served\n")
    with pytest.raises(ConnectionRefusedError) as raised:
        await dial(1)
    assert "localhost:1 of the pod: dial tcp4 127.0.0.1:1: connect: connection refused; dial tcp6 [::1]:1" in str(
        raised.value
    )
    reader, writer = await dial(port)
    await cluster.delete("pods", "default", "p", grace_seconds=0)
    async with asyncio.timeout(LIMIT_SECONDS):
        assert await reader.read() == b""  # it is not left waiting
    writer.close()
    await node.ended()
    with pytest.raises(ConnectionRefusedError, match="the pod has ended"):
        await dial(port)


@pytest.mark.parametrize("runtime_name", ["container"], indirect=True)
async def test_each_pod_has_ports_of_its_own_and_none_of_this_machine(
    node: Any, run_pod: Any, running: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also a podrole that may not enter the pod's network reaches what listens on the pod's address."""
    own = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = own.sockets[0].getsockname()[1]
    await run_pod(server("0.0.0.0", port))
    await run_pod("exec sleep 1000", name="q")
    assert (await get(await node.port_forward(await running()), port)).endswith(b"served\n")
    with pytest.raises(ConnectionRefusedError):
        await (await node.port_forward(await running("q")))(port)

    async def none(*_: object) -> None:
        return None

    monkeypatch.setattr(PodNetwork, "of_process", none)
    await run_pod(server("0.0.0.0", port), name="r")
    dial = await node.port_forward(await running("r"))
    assert (await get(dial, port)).endswith(b"served\n")
    with pytest.raises(ConnectionRefusedError, match="if podrole runs as root"):
        await dial(1)
    own.close()


async def test_a_network_that_does_not_have_the_pods_address_is_not_entered() -> None:
    assert await PodNetwork.of_process(os.getpid(), "192.0.2.77") is None
    assert await PodNetwork.of_process(2**22 + 1, "127.0.0.1") is None


async def test_a_socket_is_made_for_loopback_of_either_family() -> None:
    listener = await asyncio.start_server(lambda _, writer: writer.close(), "::1", 0)
    port = listener.sockets[0].getsockname()[1]
    reader, writer = await connect_locally(port, open_socket)
    assert await reader.read() == b""
    writer.close()
    listener.close()


async def test_a_runtime_connects_and_the_node_says_which_pods_have_no_ports(
    cluster: Any, time: Any, tmp_path: Path, run_pod: Callable[..., Any], running: Any
) -> None:
    runtime = FakeRuntime()
    listener = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    runtime.listening = {80: listener.sockets[0].getsockname()[1]}
    async with Node(cluster, tmp_path / "node", runtime, NodeSettings(), time=time) as node:
        await run_pod("x")
        dial = await node.port_forward(await running())
        reader, writer = await dial(80)
        assert await reader.read() == b""
        writer.close()
        with pytest.raises(ConnectionRefusedError, match="nothing listens on 81"):
            await dial(81)
        await run_pod("x", name="s", annotations={"podrole.dev/simulate": "true"})
        with pytest.raises(StatusError, match="only simulated"):
            await node.port_forward(await running("s"))
        with pytest.raises(StatusError, match=r'pod not found \("gone_default"\)'):
            await node.port_forward({"metadata": {"name": "gone", "namespace": "default", "uid": "none"}})
        runtime.broken_sandboxes = 1000
        await run_pod("x", name="w")
        waiting = await cluster.until("pods", "default", "w", lambda pod: pod["spec"].get("nodeName"))
        await cluster.until_event("w", "FailedCreatePodSandBox", "Failed to create pod sandbox: no network")
        with pytest.raises(ConnectionRefusedError, match="has not begun yet"):
            await (await node.port_forward(waiting))(80)
    listener.close()
