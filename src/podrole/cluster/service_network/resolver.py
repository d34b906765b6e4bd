"""Other names than the cluster's: asked for at the servers that this machine uses."""

from __future__ import annotations

import asyncio
import random
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

from podrole.cluster.service_network import wire

RESOLV_CONF = Path("/etc/resolv.conf")
SERVER_SECONDS = 3.0
"""How long a server may take to answer; then the next one is asked."""
MOST_SERVERS = 3
"""As many as the C library asks."""
PORT = 53


def host_servers(text: str) -> list[str]:
    """Return the name servers of a resolv.conf."""
    words = [line.split() for line in text.splitlines()]
    return [each[1].partition("%")[0] for each in words if len(each) > 1 and each[0] == "nameserver"][:MOST_SERVERS]


def read_resolv_conf() -> str:
    """Return this machine's resolv.conf, empty if there is none."""
    try:
        return RESOLV_CONF.read_text(errors="replace")
    except OSError:
        return ""


def read_host_servers() -> list[str]:
    """Return the name servers that this machine uses now."""
    return host_servers(read_resolv_conf())


class UpstreamResolver:
    """Passes questions on. ``servers`` returns whom to ask, none if nobody."""

    def __init__(self, servers: Callable[[], Sequence[str]] = read_host_servers, *, port: int = PORT) -> None:
        self._servers = servers
        self._port = port

    async def ask(self, message: bytes, query: wire.Query, *, tcp: bool) -> bytes | None:
        """Return a server's answer to a query, None if none has answered."""
        number = random.getrandbits(16)
        asked = struct.pack(">H", number) + message[2:]
        for server in self._servers():
            try:
                async with asyncio.timeout(SERVER_SECONDS):
                    answer = await (self._by_tcp(server, asked) if tcp else self._by_udp(server, asked, query))
            except (OSError, TimeoutError, asyncio.IncompleteReadError):
                continue
            if answers(answer, asked, query):
                return message[:2] + answer[2:]
        return None

    async def _by_udp(self, server: str, asked: bytes, query: wire.Query) -> bytes:
        loop = asyncio.get_running_loop()
        got: asyncio.Future[bytes] = loop.create_future()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Exchange(got, asked, query), remote_addr=(server, self._port)
        )
        try:
            transport.sendto(asked)
            return await got
        finally:
            transport.close()

    async def _by_tcp(self, server: str, asked: bytes) -> bytes:
        reader, writer = await asyncio.open_connection(server, self._port)
        try:
            writer.write(struct.pack(">H", len(asked)) + asked)
            (length,) = struct.unpack(">H", await reader.readexactly(2))
            return await reader.readexactly(length)
        finally:
            writer.close()


class _Exchange(asyncio.DatagramProtocol):
    def __init__(self, got: asyncio.Future[bytes], asked: bytes, query: wire.Query) -> None:
        self._got = got
        self._asked = asked
        self._query = query

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 - the socket is connected
        if not self._got.done() and answers(data, self._asked, self._query):
            self._got.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self._got.done():
            self._got.set_exception(exc)


def answers(message: bytes, asked: bytes, query: wire.Query) -> bool:
    """Say whether a message answers a question: it has the same number, and the same question or none."""
    if len(message) < 12 or message[:2] != asked[:2] or not message[2] & 0x80:
        return False
    questions = int.from_bytes(message[4:6], "big")
    question = message[12 : 12 + len(query.question)]
    return not questions or question.lower() == query.question.lower()
