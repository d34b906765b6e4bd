"""The ports of Services: connections to their addresses, carried to ready pods."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import cast

from podrole.base import open_files
from podrole.base.tunnel import TunnelSide

CONNECT_SECONDS = 10.0
"""How long a pod may take to accept a connection; then the next one is tried."""
MOST_CONNECTIONS = 1024
BACKLOG = 128

Place = tuple[str, int]
"""An address and a port."""
MakeSocket = Callable[[Place, socket.SocketKind], Awaitable[socket.socket]]
Choose = Callable[[str], Sequence[Place]]
"""Returns where a connection of a client (its address) may lead, in the order in which it is tried."""

_log = logging.getLogger(__name__)


class ServicePorts:
    """Listens at addresses of Services. ``pods`` is the network whose members may connect, ``make_socket`` makes a
    socket where those addresses are."""

    def __init__(self, pods: IPv4Network, make_socket: MakeSocket) -> None:
        self._pods = pods
        self._make_socket = make_socket
        self._servers: dict[Place, asyncio.Server] = {}
        self._choices: dict[Place, Choose] = {}
        self._sides: set[TunnelSide] = set()

    async def listen(self, place: Place, choose: Choose) -> None:
        """Listen at a place; where something does already, only change where its connections lead."""
        self._choices[place] = choose
        if place in self._servers:
            return
        sock = await self._make_socket(place, socket.SOCK_STREAM)
        loop = asyncio.get_running_loop()
        self._servers[place] = await loop.create_server(lambda: _Client(self, place), sock=sock, backlog=BACKLOG)

    def stop(self, place: Place) -> None:
        """Listen there no more. Connections that are there go on."""
        self._choices.pop(place, None)
        if (server := self._servers.pop(place, None)) is not None:
            server.close()

    @property
    def places(self) -> list[Place]:
        """Where it listens."""
        return list(self._servers)

    async def aclose(self) -> None:
        """Cut off every connection and listen nowhere."""
        for place in self.places:
            self.stop(place)
        for side in list(self._sides):
            side.shutdown()

    def may_connect(self, address: str) -> bool:
        """Say whether a client may have one connection more."""
        most = min(MOST_CONNECTIONS, open_files.most() // 4)
        return IPv4Address(address) in self._pods and len(self._sides) < most

    def choose(self, place: Place, client: str) -> Sequence[Place]:
        """Return where a connection leads."""
        choose = self._choices.get(place)
        return () if choose is None else choose(client)

    def keep(self, side: TunnelSide) -> None:
        """Cut this connection off at the end."""
        self._sides.add(side)

    def forget(self, side: TunnelSide) -> None:
        """Note that a connection has ended."""
        self._sides.discard(side)


def bound_socket(place: Place, kind: socket.SocketKind) -> socket.socket:
    """Return a socket that is bound to a place. Raises OSError."""
    sock = socket.socket(socket.AF_INET, kind)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setblocking(False)
        sock.bind(place)
    except OSError:
        sock.close()
        raise
    return sock


class _Client(TunnelSide):
    """A client's side. Its bytes wait until a pod has accepted."""

    def __init__(self, ports: ServicePorts, place: Place) -> None:
        super().__init__(ports.forget)
        self._ports = ports
        self._place = place
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        opened = cast("asyncio.Transport", transport)
        peer = opened.get_extra_info("peername")
        if peer is None or not self._ports.may_connect(peer[0]):
            opened.abort()
            return
        self._ports.keep(self)
        self._task = asyncio.create_task(self._connect(opened, peer[0]))

    def shutdown(self) -> None:
        if self._task is not None:
            self._task.cancel()
        super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._task is not None:
            self._task.cancel()
        super().connection_lost(exc)

    async def _connect(self, transport: asyncio.Transport, client: str) -> None:
        loop = asyncio.get_running_loop()
        for address, port in self._ports.choose(self._place, client):
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_SECONDS):
                    opened, side = await loop.create_connection(TunnelSide, address, port)
                if transport.is_closing():
                    opened.abort()
                    return
                self.join(side)
                self.release()
                side.release()
                return
        transport.abort()
