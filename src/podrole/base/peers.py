"""A listener that answers only some addresses."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Sequence
from typing import Any, cast

from podrole.base.serving import HTTPProtocol

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def only_from(networks: Sequence[Network], make: Callable[..., HTTPProtocol]) -> Callable[..., HTTPProtocol]:
    """Return what makes the protocol of each connection, for ``listening``: one from another address is cut off.

    Linux accepts a packet for any address of the machine on every interface, so that a listener on one interface's
    address may hear from the others, too.
    """

    def made(**options: Any) -> HTTPProtocol:
        return cast("HTTPProtocol", _Gate(networks, make(**options)))

    return made


class _Gate(asyncio.Protocol):
    def __init__(self, networks: Sequence[Network], inner: HTTPProtocol) -> None:
        self._networks = networks
        self._inner = inner

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        opened = cast("asyncio.Transport", transport)
        peer = opened.get_extra_info("peername")
        if peer is None or not any(ipaddress.ip_address(peer[0]) in network for network in self._networks):
            opened.abort()
            return
        opened.set_protocol(self._inner)
        self._inner.connection_made(opened)
