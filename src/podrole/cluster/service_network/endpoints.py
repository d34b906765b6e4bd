"""What a Service leads to: its ready endpoints, and which of them a connection goes to. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ReadyEndpoint:
    """A ready endpoint. ``ports`` are its numbers by the name and protocol of the Service's port."""

    address: str
    hostname: str
    ports: Mapping[tuple[str, str], int]


def ready_endpoints(slices: Iterable[Object]) -> list[ReadyEndpoint]:
    """Return the ready endpoints of EndpointSlices of one Service, by IPv4, in a stable order."""
    by_address: dict[str, ReadyEndpoint] = {}
    for each in slices:
        if each.get("addressType") != "IPv4":
            continue
        ports = {
            (port.get("name") or "", port.get("protocol") or "TCP"): int(port["port"])
            for port in each.get("ports") or ()
            if port.get("port")
        }
        for endpoint in each.get("endpoints") or ():
            address = next(iter(endpoint.get("addresses") or ()), "")
            ready = (endpoint.get("conditions") or {}).get("ready")
            if is_address(address) and ready is not False:
                before = by_address[address].ports if address in by_address else {}
                by_address[address] = ReadyEndpoint(address, endpoint.get("hostname") or "", {**before, **ports})
    return sorted(by_address.values(), key=lambda endpoint: IPv4Address(endpoint.address))


def is_address(text: str) -> bool:
    """Say whether a text is an IPv4 address."""
    try:
        return bool(IPv4Address(text))
    except ValueError:
        return False


def targets(
    port: Mapping[str, Any], endpoints: Sequence[ReadyEndpoint], is_pod: Callable[[str], bool]
) -> list[tuple[str, int]]:
    """Return where a Service's port leads. Only addresses of pods count: an endpoint that somebody wrote by hand would
    otherwise lead pods to whatever this machine reaches."""
    key = (port.get("name") or "", port.get("protocol") or "TCP")
    return [
        (endpoint.address, endpoint.ports[key])
        for endpoint in endpoints
        if key in endpoint.ports and is_pod(endpoint.address)
    ]


def in_order(places: Sequence[tuple[str, int]], turn: int, client: str, *, affinity: bool) -> list[tuple[str, int]]:
    """Return the targets in the order in which a connection tries them: in turn, or with ClientIP affinity by the
    client, for which each target's place is the same as long as it is there."""
    if affinity:
        return sorted(places, key=lambda place: hashlib.sha256(f"{client} {place[0]}".encode()).digest())
    start = turn % len(places) if places else 0
    return [*places[start:], *places[:start]]
