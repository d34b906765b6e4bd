"""The cluster IPs of Services: given when a Service is made, and taken back with it.

A cluster without a network for Services gives none: there a Service keeps what its client has set.
https://kubernetes.io/docs/reference/networking/virtual-ips/#ip-address-objects
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from podrole.cluster.core.errors import internal, invalid, invalid_object
from podrole.cluster.core.store import Store
from podrole.cluster.kinds.registry import BY_NAME

Object = dict[str, Any]

SERVICES = BY_NAME["services"]
RESERVED = 16
"""The first addresses are the API server's and the DNS server's."""
_NONE = "None"
_GIVEN = ("clusterIP", "clusterIPs")
_FAMILIES = ("ipFamilies", "ipFamilyPolicy")


class ServiceAddresses:
    """Gives the addresses of ``network``, each once. ``store`` knows which are in use."""

    def __init__(self, network: IPv4Network | None, store: Store) -> None:
        self._network = network
        self._store = store
        self._last = RESERVED - 1
        """The number of the address that was given last. Those that are being stored are not given again."""

    def assign(self, new: Object, live: Object | None) -> None:
        """Complete a Service that is to be stored: with the address that it has, or a new one. Raises StatusError."""
        network = self._network
        if network is None:
            return
        spec, before = new["spec"], {} if live is None else live["spec"]
        if spec.get("type") == "ExternalName":
            for name in (*_GIVEN, *_FAMILIES):
                if spec.get(name) == before.get(name):
                    spec.pop(name, None)
            return
        address = spec.get("clusterIP") or next(iter(spec.get("clusterIPs") or ()), "")
        if not address and before.get("type") != "ExternalName":
            address = before.get("clusterIP") or ""
        if address and address != _NONE and address != before.get("clusterIP"):
            self._check(new, address, network)
        address = address or self._free(network)
        spec["clusterIP"], spec["clusterIPs"] = address, [address]
        spec["ipFamilies"], spec["ipFamilyPolicy"] = ["IPv4"], "SingleStack"

    def corrected(self) -> Iterator[tuple[Object, Object]]:
        """Yield each Service whose address was given in another network, as it is and as it is to be."""
        for live in self._store.list(SERVICES):
            spec = live["spec"]
            address = spec.get("clusterIP") or ""
            if spec.get("type") == "ExternalName" or address == _NONE:
                continue
            if self._network is not None:
                if _is_in(address, self._network):
                    continue
                kept = {name: value for name, value in spec.items() if name not in _GIVEN}
            elif address and spec.get("clusterIPs"):  # a client that sets an address by itself sets only the one field
                kept = {name: value for name, value in spec.items() if name not in (*_GIVEN, *_FAMILIES)}
            else:
                continue
            new = {**live, "metadata": dict(live["metadata"]), "spec": kept}
            self.assign(new, None)
            yield live, new

    def _taken(self) -> set[str]:
        return {each["spec"].get("clusterIP") or "" for each in self._store.list(SERVICES)}

    def _check(self, service: Object, address: str, network: IPv4Network) -> None:
        if not _is_in(address, network):
            why = (
                f"failed to allocate IP {address}: the provided IP ({address}) is not in the valid range. "
                f"The range of valid IPs is {network}"
            )
        elif address in self._taken() or IPv4Address(address) in (network[1], network[10]):
            why = f"failed to allocate IP {address}: provided IP is already allocated"
        else:
            return
        fault = invalid("spec.clusterIPs", [address], why)
        raise invalid_object("", "Service", service["metadata"].get("name", ""), [fault])

    def _free(self, network: IPv4Network) -> str:
        taken, end = self._taken(), network.num_addresses - 1
        for _ in range(RESERVED, end):
            self._last = self._last + 1 if self._last + 1 < end else RESERVED
            address = str(network[self._last])
            if address not in taken:
                return address
        raise internal("failed to allocate a serviceIP: range is full")


def _is_in(address: str, network: IPv4Network) -> bool:
    try:
        parsed = IPv4Address(address)
    except ValueError:
        return False
    return parsed in network and parsed not in (network[0], network[-1])
