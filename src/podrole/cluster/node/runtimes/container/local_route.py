"""The route by which a network namespace takes the addresses of Services for its own.

One route of the type ``local`` is for all of them (``ip route add local NETWORK dev INTERFACE``): the namespace answers
for each address on that interface, and a program can listen on it.
https://www.man7.org/linux/man-pages/man7/rtnetlink.7.html
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from ipaddress import IPv4Network
from pathlib import Path

_NEW_ROUTE, _ERROR = 24, 2
_REQUEST, _ACKNOWLEDGE, _REPLACE, _CREATE = 0x1, 0x4, 0x100, 0x400
_LOCAL_TABLE, _STATIC, _HOST_SCOPE, _LOCAL = 255, 4, 254, 2
_DESTINATION, _INTERFACE = 1, 4
_NET_BIND_SERVICE, _NET_ADMIN, _SYS_ADMIN = 10, 12, 21
_HEADER = struct.Struct("=IHHII")
_ROUTE = struct.Struct("=BBBBBBBBI")
_SECONDS = 5.0


def may_serve_services() -> bool:
    """Say whether this process may enter network namespaces, add routes and listen on the ports below 1024 there."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return False
    bits = next((int(line.split()[1], 16) for line in status.splitlines() if line.startswith("CapEff:")), 0)
    return all(bits >> needed & 1 for needed in (_NET_BIND_SERVICE, _NET_ADMIN, _SYS_ADMIN))


def add_local_route(network: IPv4Network) -> None:
    """Take the addresses of a network for this thread's namespace, on its only interface. Raises OSError."""
    index = next((number for number, name in socket.if_nameindex() if name != "lo"), 0)
    body = _ROUTE.pack(socket.AF_INET, network.prefixlen, 0, 0, _LOCAL_TABLE, _STATIC, _HOST_SCOPE, _LOCAL, 0)
    body += _attribute(_DESTINATION, network.network_address.packed) + _attribute(_INTERFACE, struct.pack("=I", index))
    flags = _REQUEST | _ACKNOWLEDGE | _CREATE | _REPLACE
    message = _HEADER.pack(_HEADER.size + len(body), _NEW_ROUTE, flags, 1, 0) + body
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as sock:
        sock.settimeout(_SECONDS)
        sock.send(message)
        answer = sock.recv(4096)
    _, kind, *_ = _HEADER.unpack_from(answer)
    code = struct.unpack_from("=i", answer, _HEADER.size)[0] if kind == _ERROR else -errno.EIO
    if code:
        raise OSError(-code, os.strerror(-code))


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data
