"""The DNS server of pods over real sockets: its own names, those that others answer for, and who is not answered."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from ipaddress import IPv4Network
from typing import Any

import pytest

from cluster.service_network.test_names import NAMES
from cluster.service_network.test_wire import message, parsed
from podrole.cluster.service_network import wire
from podrole.cluster.service_network.dns import DatagramServer, NameServer, StreamServer
from podrole.cluster.service_network.resolver import UpstreamResolver, answers, host_servers

LIMIT_SECONDS = 20
LOOPBACK = IPv4Network("127.0.0.0/8")
ELSEWHERE = IPv4Network("10.0.0.0/24")
WEB = ("web", "shop", "svc", "cluster", "local")


class Upstream(asyncio.DatagramProtocol):
    """A server that answers every question with 192.0.2.1, after something that is no answer to it."""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        answer = self.answer(data)
        self.transport.sendto(b"\0\0" + answer[2:], addr)
        self.transport.sendto(answer.replace(b"example", b"another"), addr)
        self.transport.sendto(answer, addr)

    @staticmethod
    def answer(data: bytes) -> bytes:
        query = wire.read_query(data)
        record = wire.DNSRecord(query.name, wire.A, wire.address_data("192.0.2.1"), 60)
        return wire.write_answer(query, wire.DNSAnswer(wire.NO_ERROR, [record]))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (length,) = struct.unpack(">H", await reader.readexactly(2))
        answer = self.answer(await reader.readexactly(length))
        writer.write(struct.pack(">H", len(answer)) + answer)
        writer.close()


@pytest.fixture
async def resolver() -> AsyncIterator[UpstreamResolver]:
    """A resolver whose first server does not answer."""
    upstream = Upstream()
    listener = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: upstream, local_addr=("127.0.0.1", port)
    )
    yield UpstreamResolver(lambda: ["127.0.0.2", "127.0.0.1"], port=port)
    transport.close()
    listener.close()


async def by_udp(server: NameServer, sent: bytes, pods: IPv4Network = LOOPBACK) -> bytes:
    loop = asyncio.get_running_loop()
    transport, datagrams = await loop.create_datagram_endpoint(
        lambda: DatagramServer(server, pods), local_addr=("127.0.0.1", 0)
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.setblocking(False)
        client.connect(transport.get_extra_info("sockname"))
        client.send(sent)
        try:
            async with asyncio.timeout(LIMIT_SECONDS if pods is LOOPBACK else 0.2):
                return await loop.sock_recv(client, 4096)
        finally:
            await datagrams.aclose()


async def by_tcp(server: NameServer, *sent: bytes, pods: IPv4Network = LOOPBACK) -> list[bytes]:
    listener = await asyncio.start_server(StreamServer(server, pods).serve, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.sockets[0].getsockname()[1])
    got = []
    try:
        async with asyncio.timeout(LIMIT_SECONDS):
            for each in sent:
                writer.write(struct.pack(">H", len(each)) + each)
                (length,) = struct.unpack(">H", await reader.readexactly(2))
                got.append(await reader.readexactly(length))
    finally:
        writer.close()
        listener.close()
    return got


async def test_own_names_are_answered_over_udp_and_tcp() -> None:
    server = NameServer(NAMES, None)
    assert parsed(await by_udp(server, message(*WEB))) == (0, 1, 0, False)
    missing = message("nothing", *WEB[1:])
    assert [parsed(one) for one in await by_tcp(server, message(*WEB), missing)] == [
        (0, 1, 0, False),
        (wire.NO_SUCH_NAME, 0, 1, False),
    ]


async def test_only_the_pods_network_is_answered() -> None:
    server = NameServer(NAMES, None)
    with pytest.raises(TimeoutError):
        await by_udp(server, message(*WEB), ELSEWHERE)
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await by_tcp(server, message(*WEB), pods=ELSEWHERE)


async def test_other_names_are_asked_for_elsewhere_and_only_an_answer_to_the_question_counts(
    resolver: UpstreamResolver,
) -> None:
    server, asked = NameServer(NAMES, resolver), message("example", "com")
    for answer in (await by_udp(server, asked), *await by_tcp(server, asked)):
        assert answer[:2] == asked[:2]
        assert parsed(answer) == (0, 1, 0, False)
        assert b"example" in answer
        assert answer.endswith(bytes([192, 0, 2, 1]))


@pytest.mark.parametrize(
    ("servers", "code"), [(None, wire.REFUSED), ([], wire.SERVER_FAILURE), (["127.0.0.2"], wire.SERVER_FAILURE)]
)
async def test_other_names_that_nobody_answers_for_are_neither_there_nor_missing(
    servers: list[str] | None, code: int
) -> None:
    resolver = None if servers is None else UpstreamResolver(lambda: servers, port=1)
    assert parsed(await by_udp(NameServer(NAMES, resolver), message("example", "com"))) == (code, 0, 0, False)


async def test_an_alias_is_answered_with_its_addresses(resolver: UpstreamResolver) -> None:
    async def look_up(name: str) -> list[str]:
        assert name == "example.com"
        return ["192.0.2.7"]

    async def answer(name: str, given: UpstreamResolver | None) -> tuple[int, int, int, bool]:
        got = await NameServer(NAMES, given, look_up).answer(message(name, *WEB[1:]), tcp=False)
        return parsed(got or b"")

    assert await answer("alias", None) == (0, 2, 0, False)
    assert await answer("out", resolver) == (0, 2, 0, False)
    assert await answer("out", None) == (0, 1, 0, False)  # no other host is asked for


async def test_what_is_no_question_is_refused_or_dropped() -> None:
    server = NameServer(NAMES, None)
    assert await server.answer(b"x", tcp=False) is None
    assert parsed(await server.answer(message("a", questions=2), tcp=False) or b"")[0] == wire.FORMAT_ERROR


@pytest.mark.parametrize(
    ("text", "servers"),
    [
        ("", []),
        ("search a\nnameserver 10.0.0.1\n# nameserver 10.0.0.2\nnameserver  fe80::1%eth0 \n", ["10.0.0.1", "fe80::1"]),
        ("nameserver\nnameserver 1\nnameserver 2\nnameserver 3\nnameserver 4", ["1", "2", "3"]),
    ],
)
def test_the_servers_are_those_of_this_machine(text: str, servers: list[str]) -> None:
    assert host_servers(text) == servers


def test_an_answer_has_the_number_and_the_question() -> None:
    asked = message("example", "com")
    query = wire.read_query(asked)
    good = Upstream.answer(asked)
    assert answers(good, asked, query)
    assert answers(wire.write_refusal(asked, wire.REFUSED), asked, query)
    for other in (asked, good[:11], b"\0\1" + good[2:], good.replace(b"example", b"another")):
        assert not answers(other, asked, query)
