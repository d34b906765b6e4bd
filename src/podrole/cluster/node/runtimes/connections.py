"""Connections to loopback, of this machine or of a pod's network, as the kubelet's port-forward makes them."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable

from podrole.cluster.core.node_api import Connected

CONNECT_SECONDS = 10.0
"""How long a program may take to accept a connection: it has a full queue meanwhile."""

MakeSocket = Callable[[socket.AddressFamily], Awaitable[socket.socket]]
_PLACES = ((socket.AF_INET, "tcp4", "127.0.0.1"), (socket.AF_INET6, "tcp6", "::1"))


async def connect_locally(port: int, make_socket: MakeSocket) -> Connected:
    """Connect to a port of loopback, by IPv4 or else IPv6. Raises OSError with what became of both.

    ``make_socket`` returns a socket of the network whose loopback is meant.
    """
    said = []
    for family, network, address in _PLACES:
        try:
            return await _connect(await make_socket(family), address, port)
        except TimeoutError:
            said.append(f"dial {network} {_shown(address, port)}: i/o timeout")
        except OSError as problem:
            said.append(f"dial {network} {_shown(address, port)}: connect: {reason_of(problem)}")
    raise ConnectionRefusedError(f"failed to connect to localhost:{port} of the pod: {'; '.join(said)}")


def reason_of(problem: OSError) -> str:
    """Return the system's words for a connection that failed, which asyncio replaces by its own."""
    return os.strerror(problem.errno).lower() if problem.errno else str(problem)


async def open_socket(family: socket.AddressFamily) -> socket.socket:
    """Make a socket of this machine's network."""
    return socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)


async def _connect(sock: socket.socket, address: str, port: int) -> Connected:
    try:
        sock.setblocking(False)
        async with asyncio.timeout(CONNECT_SECONDS):
            await asyncio.get_running_loop().sock_connect(sock, (address, port))
        return await asyncio.open_connection(sock=sock)
    except BaseException:
        sock.close()
        raise


def _shown(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
