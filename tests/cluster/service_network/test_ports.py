"""The ports of Services: connections carried to pods, in both directions, and who may not connect."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from ipaddress import IPv4Network

import pytest

from podrole.cluster.service_network.network import ServiceAddressing
from podrole.cluster.service_network.ports import ServicePorts, bound_socket

LIMIT_SECONDS = 20


async def here(place: tuple[str, int], kind: socket.SocketKind) -> socket.socket:
    return bound_socket(place, kind)


@pytest.fixture
async def ports() -> AsyncIterator[ServicePorts]:
    ports = ServicePorts(IPv4Network("127.0.0.0/8"), here)
    yield ports
    await ports.aclose()


async def pod(answer: bytes, *, first: bool = False) -> asyncio.Server:
    """A pod that says what it has been sent and its own text; or one that speaks first."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer if first else await reader.read() + answer)
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0)


def place(server: asyncio.Server) -> tuple[str, int]:
    host, port = server.sockets[0].getsockname()
    return str(host), int(port)


async def ask(ports: ServicePorts, port: int, data: bytes) -> bytes:
    """Send some bytes and the end to the place, and return what comes back."""
    async with asyncio.timeout(LIMIT_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        answer = b""
        with contextlib.suppress(OSError):  # what is cut off may be reset or ended
            writer.write_eof()
            answer = await reader.read()
        writer.close()
        return answer


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def test_bytes_and_ends_are_carried_in_both_directions(ports: ServicePorts) -> None:
    one, port = await pod(b" and back"), free_port()
    await ports.listen(("127.0.0.1", port), lambda client: [place(one)] if client == "127.0.0.1" else [])
    assert await ask(ports, port, b"there") == b"there and back"
    large = bytes(3_000_000)
    assert await ask(ports, port, large) == large + b" and back"
    one.close()


async def test_a_pod_that_speaks_first_is_heard(ports: ServicePorts) -> None:
    one, port = await pod(b"hello", first=True), free_port()
    await ports.listen(("127.0.0.1", port), lambda _: [place(one)])
    for _ in range(20):
        assert await ask(ports, port, b"") == b"hello"
    one.close()


async def test_the_next_pod_is_tried_where_one_does_not_accept(ports: ServicePorts) -> None:
    one, port = await pod(b"!"), free_port()
    await ports.listen(("127.0.0.1", port), lambda _: [("127.0.0.1", 1), place(one)])
    assert await ask(ports, port, b"x") == b"x!"
    # Listening again changes where new connections lead.
    await ports.listen(("127.0.0.1", port), lambda _: [("127.0.0.1", 1)])
    assert await ask(ports, port, b"x") == b""
    one.close()


async def test_a_place_that_is_stopped_refuses_connections(ports: ServicePorts) -> None:
    one, port = await pod(b"!"), free_port()
    await ports.listen(("127.0.0.1", port), lambda _: [place(one)])
    assert ports.places == [("127.0.0.1", port)]
    ports.stop(("127.0.0.1", port))
    with pytest.raises(ConnectionRefusedError):
        await ask(ports, port, b"x")
    one.close()


async def test_another_network_is_cut_off() -> None:
    ports, one, port = ServicePorts(IPv4Network("10.0.0.0/24"), here), await pod(b"!"), free_port()
    await ports.listen(("127.0.0.1", port), lambda _: [place(one)])
    assert await ask(ports, port, b"x") == b""
    await ports.aclose()
    one.close()


async def test_the_end_cuts_connections_off(ports: ServicePorts) -> None:
    accepted = asyncio.Event()

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set()
        await reader.read()
        writer.close()

    one, port = await asyncio.start_server(keep, "127.0.0.1", 0), free_port()
    await ports.listen(("127.0.0.1", port), lambda _: [place(one)])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(LIMIT_SECONDS):
        await accepted.wait()
        await ports.aclose()
        assert await reader.read() == b""
    writer.close()
    one.close()


@pytest.mark.parametrize(
    ("address", "is_pod"),
    [
        ("10.0.0.2", True),
        ("10.0.0.127", True),
        ("10.0.0.1", False),  # this machine
        ("10.0.0.128", False),  # a Service
        ("10.0.1.2", False),
        ("127.0.0.1", False),
    ],
)
def test_an_address_of_a_pod_is_in_its_part_of_the_network(address: str, is_pod: bool) -> None:
    addressing = ServiceAddressing(IPv4Network("10.0.0.0/24"), IPv4Network("10.0.0.128/25"), "10.0.0.1")
    assert addressing.is_pod(address) is is_pod
    assert (addressing.api, addressing.dns) == ("10.0.0.129", "10.0.0.138")
