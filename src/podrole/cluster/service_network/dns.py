"""The DNS server of pods, over UDP and TCP. It answers only addresses of the pods' network."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from ipaddress import IPv4Address, IPv4Network

from podrole.cluster.service_network import wire
from podrole.cluster.service_network.names import SECONDS, Names
from podrole.cluster.service_network.resolver import UpstreamResolver

PORT = 53
MOST_QUESTIONS = 256
"""Questions that may be under way; a further one is answered with a failure."""
MOST_CONNECTIONS = 64
CONNECTION_SECONDS = 10.0
"""How long a connection may take for its next question."""
_AAAA = 28

LookUp = Callable[[str], Awaitable[list[str]]]


class NameServer:
    """Answers questions. ``resolver`` is asked for other names than the cluster's; None refuses them."""

    def __init__(self, names: Names, resolver: UpstreamResolver | None, look_up: LookUp | None = None) -> None:
        self._names = names
        self._resolver = resolver
        self._look_up = look_up or addresses_of
        self._under_way = 0

    async def answer(self, message: bytes, *, tcp: bool) -> bytes | None:
        """Return the answer to a message, None for what is not answered."""
        try:
            query = wire.read_query(message)
        except wire.BadQuery as problem:
            return None if problem.code is None else wire.write_refusal(message, problem.code)
        limit = wire.MAX_TCP_BYTES if tcp else query.udp_bytes
        answer = self._names.answer(query.name, query.kind)
        if answer is not None:
            return wire.write_answer(query, await self._completed(query, answer), limit=limit)
        if self._resolver is None:
            return wire.write_answer(query, wire.DNSAnswer(wire.REFUSED), limit=limit)
        if self._under_way >= MOST_QUESTIONS:
            return wire.write_answer(query, wire.DNSAnswer(wire.SERVER_FAILURE), limit=limit)
        self._under_way += 1
        try:
            got = await self._resolver.ask(message, query, tcp=tcp)
        finally:
            self._under_way -= 1
        return got or wire.write_answer(query, wire.DNSAnswer(wire.SERVER_FAILURE), limit=limit)

    async def _completed(self, query: wire.Query, answer: wire.DNSAnswer) -> wire.DNSAnswer:
        """Add the addresses of an alias: what asks does not look further by itself."""
        if query.kind != wire.A or [each.kind for each in answer.records] != [wire.CNAME]:
            return answer
        alias = answer.records[0]
        target = wire.labels_of(alias.data)
        own = self._names.answer(target, wire.A)
        if own is not None:
            return wire.DNSAnswer(own.code, [alias, *own.records], own.authority)
        if self._resolver is None:
            return answer
        addresses = await self._look_up(".".join(target))
        records = [wire.DNSRecord(target, wire.A, wire.address_data(each), SECONDS) for each in addresses]
        return wire.DNSAnswer(wire.NO_ERROR, [alias, *records])


async def addresses_of(name: str) -> list[str]:
    """Return the IPv4 addresses of a name, as this machine finds them; none if it does not."""
    try:
        infos = await asyncio.get_running_loop().getaddrinfo(name, None, family=socket.AF_INET, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [str(each[4][0]) for each in infos]


class DatagramServer(asyncio.DatagramProtocol):
    """The server's UDP side. Datagrams from other networks than the pods' are dropped."""

    def __init__(self, server: NameServer, pods: IPv4Network) -> None:
        self._server = server
        self._pods = pods
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.DatagramTransport = transport  # type: ignore[assignment]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if IPv4Address(addr[0]) not in self._pods or len(self._tasks) >= 2 * MOST_QUESTIONS:
            return
        task = asyncio.create_task(self._reply(data, addr))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reply(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = await self._server.answer(data, tcp=False)
        if answer is not None and not self._transport.is_closing():
            self._transport.sendto(answer, addr)

    async def aclose(self) -> None:
        """End what is under way."""
        self._transport.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class StreamServer:
    """The server's TCP side. Connections from other networks than the pods' are cut off."""

    def __init__(self, server: NameServer, pods: IPv4Network) -> None:
        self._server = server
        self._pods = pods
        self._connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """DNSAnswer the questions of a connection."""
        peer = writer.get_extra_info("peername")
        if peer is None or IPv4Address(peer[0]) not in self._pods or self._connections >= MOST_CONNECTIONS:
            writer.transport.abort()
            return
        self._connections += 1
        try:
            with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                while await self._one(reader, writer):
                    pass
        finally:
            self._connections -= 1
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        async with asyncio.timeout(CONNECTION_SECONDS):
            (length,) = struct.unpack(">H", await reader.readexactly(2))
            message = await reader.readexactly(length)
        answer = await self._server.answer(message, tcp=True)
        if answer is None:
            return False
        writer.write(struct.pack(">H", len(answer)) + answer)
        async with asyncio.timeout(CONNECTION_SECONDS):
            await writer.drain()
        return True
