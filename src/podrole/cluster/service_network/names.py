"""The names of Services, as Kubernetes' DNS specification has them. Pure.

https://github.com/kubernetes/dns/blob/master/docs/specification.md
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any, Protocol

from podrole.cluster.service_network import wire
from podrole.cluster.service_network.endpoints import ReadyEndpoint, is_address

DOMAIN = ("cluster", "local")
SECONDS = 5
"""How long an answer may be kept, as CoreDNS says by default."""

_REVERSE = ("in-addr", "arpa")
Labels = tuple[str, ...]
Object = dict[str, Any]


class ServiceSource(Protocol):
    """The Services that there are."""

    def service(self, namespace: str, name: str) -> Object | None:
        """Return a Service."""
        ...

    def endpoints(self, namespace: str, name: str) -> Sequence[ReadyEndpoint]:
        """Return the ready endpoints of a Service."""
        ...

    def services(self) -> Iterator[Object]:
        """Yield all Services."""
        ...


@dataclass(frozen=True, slots=True)
class Names:
    """Answers for the cluster's names. ``api`` is the address of the API server, ``network`` that of pods and Services,
    whose addresses are not asked about elsewhere."""

    view: ServiceSource
    api: str
    network: IPv4Network

    def answer(self, name: Labels, kind: int) -> wire.DNSAnswer | None:
        """Return the answer to a question; None for a name outside the cluster."""
        if name[-len(_REVERSE) :] == _REVERSE:
            return self._reverse(name, kind)
        if name[-len(DOMAIN) :] != DOMAIN:
            return None
        records = self._records(name, name[: -len(DOMAIN)])
        if records is None:
            return wire.DNSAnswer(wire.NO_SUCH_NAME, authority=_authority(DOMAIN))
        # An alias is the answer for every kind of record but its own.
        wanted = [each for each in records if each.kind in (kind, wire.CNAME)]
        return wire.DNSAnswer(wire.NO_ERROR, wanted, () if wanted else _authority(DOMAIN))

    def address(self, name: str, namespace: str) -> str | None:
        """Return the address that a name leads to from a pod of ``namespace``, as its search list has it."""
        labels = tuple(name.lower().rstrip(".").split("."))
        searched = ((*labels, namespace, "svc", *DOMAIN), (*labels, "svc", *DOMAIN), (*labels, *DOMAIN), labels)
        for each in searched:
            answer = self.answer(each, wire.A)
            if answer is not None and answer.records and answer.records[0].kind == wire.CNAME:
                answer = self.answer(wire.labels_of(answer.records[0].data), wire.A)
            for record in answer.records if answer is not None else ():
                if record.kind == wire.A:
                    return str(IPv4Address(record.data))
        return None

    def _records(self, name: Labels, below: Labels) -> list[wire.DNSRecord] | None:
        """Return all records of a name of the domain, None if there is no such name."""
        if below in ((), ("svc",)):
            return []
        if below[-1] != "svc" or len(below) > 5:
            return None
        *more, namespace = below[:-1]
        if not more:
            known = any(each["metadata"]["namespace"] == namespace for each in self.view.services())
            return [] if known or namespace == "default" else None
        service_name = more.pop()
        if (service_name, namespace) == ("kubernetes", "default"):
            return [_address(name, self.api)] if not more else None
        service = self.view.service(namespace, service_name)
        if service is None:
            return None
        spec = service["spec"]
        if spec.get("type") == "ExternalName":
            return [_alias(name, spec["externalName"])] if not more else None
        endpoints = self.view.endpoints(namespace, service_name)
        own = (service_name, namespace, "svc", *DOMAIN)
        if len(more) == 2:
            return _ports(name, own, service, endpoints, *more)
        address = spec.get("clusterIP") or ""
        if more:
            addresses = [
                endpoint.address
                for endpoint in endpoints
                if more[0] in (_host_of(endpoint), endpoint.address.replace(".", "-"))
            ]
        elif address and address != "None":
            return [_address(name, address)] if is_address(address) else []
        else:
            addresses = [endpoint.address for endpoint in endpoints]
        return [_address(name, each) for each in addresses] or None

    def _reverse(self, name: Labels, kind: int) -> wire.DNSAnswer | None:
        text = ".".join(reversed(name[: -len(_REVERSE)]))
        if not is_address(text) or IPv4Address(text) not in self.network:
            return None
        for service in self.view.services():
            metadata = service["metadata"]
            if service["spec"].get("clusterIP") == text:
                target = (metadata["name"], metadata["namespace"], "svc", *DOMAIN)
                record = wire.DNSRecord(name, wire.PTR, wire.name_bytes(target), SECONDS)
                return wire.DNSAnswer(wire.NO_ERROR, [record] if kind == wire.PTR else ())
        return wire.DNSAnswer(wire.NO_SUCH_NAME, authority=_authority(_REVERSE))


def _ports(
    name: Labels, own: Labels, service: Object, endpoints: Sequence[ReadyEndpoint], port: str, protocol: str
) -> list[wire.DNSRecord] | None:
    """Return the SRV records of a named port (``_http._tcp``)."""
    spec: Mapping[str, Any] = service["spec"]
    wanted = (port.removeprefix("_"), protocol.removeprefix("_").upper())
    if not (port.startswith("_") and protocol.startswith("_")):
        return None
    if spec.get("clusterIP") not in (None, "", "None"):
        numbers = [each["port"] for each in spec.get("ports") or () if _key(each) == wanted]
        targets = [(own, int(number)) for number in numbers]
    else:
        targets = [
            ((_host_of(endpoint), *own), endpoint.ports[wanted]) for endpoint in endpoints if wanted in endpoint.ports
        ]
    return [
        wire.DNSRecord(name, wire.SRV, wire.service_data(number, target), SECONDS) for target, number in targets
    ] or None


def _key(port: Mapping[str, Any]) -> tuple[str, str]:
    return port.get("name") or "", port.get("protocol") or "TCP"


def _host_of(endpoint: ReadyEndpoint) -> str:
    return endpoint.hostname or endpoint.address.replace(".", "-")


def _address(name: Labels, address: str) -> wire.DNSRecord:
    return wire.DNSRecord(name, wire.A, wire.address_data(address), SECONDS)


def _alias(name: Labels, target: str) -> wire.DNSRecord:
    labels = [label for label in target.lower().split(".") if label]
    return wire.DNSRecord(name, wire.CNAME, wire.name_bytes(labels), SECONDS)


def _authority(zone: Labels) -> list[wire.DNSRecord]:
    return [wire.DNSRecord(zone, wire.SOA, wire.authority_data(zone, SECONDS), SECONDS)]
