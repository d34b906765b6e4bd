"""The names of Services: Kubernetes' DNS specification as a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

from podrole.cluster.service_network import wire
from podrole.cluster.service_network.endpoints import ReadyEndpoint, in_order, ready_endpoints, targets
from podrole.cluster.service_network.names import Names

HTTP = {("http", "TCP"): 8080}


def service(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "shop"}, "spec": {"ports": [{"name": "http", "port": 80}], **spec}}


class View:
    """Five Services in the namespace ``shop``."""

    def __init__(self) -> None:
        self.all = {
            "web": service("web", clusterIP="10.0.0.200"),
            "db": service("db", clusterIP="None"),
            "empty": service("empty", clusterIP="None"),
            "alias": service("alias", type="ExternalName", externalName="web.shop.svc.cluster.local."),
            "out": service("out", type="ExternalName", externalName="Example.com"),
            "bare": service("bare"),
        }

    def service(self, namespace: str, name: str) -> Any:
        return self.all.get(name) if namespace == "shop" else None

    def services(self) -> Iterator[Any]:
        yield from self.all.values()

    def endpoints(self, namespace: str, name: str) -> Sequence[ReadyEndpoint]:
        both = [ReadyEndpoint("10.0.0.2", "db-0", HTTP), ReadyEndpoint("10.0.0.3", "", HTTP)]
        return both if name in ("web", "db", "bare") else []


NAMES = Names(View(), "10.0.0.129", IPv4Network("10.0.0.0/24"))


def shown(record: wire.DNSRecord) -> str:
    if record.kind == wire.A:
        return str(IPv4Address(record.data))
    if record.kind == wire.SRV:
        port = int.from_bytes(record.data[4:6], "big")
        return f"{'.'.join(wire.labels_of(record.data[6:]))}:{port}"
    return ".".join(wire.labels_of(record.data))


GONE = wire.NO_SUCH_NAME
TABLE: list[tuple[str, int, int | None, list[str]]] = [
    ("web.shop.svc.cluster.local", wire.A, 0, ["10.0.0.200"]),
    ("web.shop.svc.cluster.local", 28, 0, []),  # there is no IPv6 address, but there is the name
    ("db.shop.svc.cluster.local", wire.A, 0, ["10.0.0.2", "10.0.0.3"]),
    ("bare.shop.svc.cluster.local", wire.A, 0, ["10.0.0.2", "10.0.0.3"]),
    ("empty.shop.svc.cluster.local", wire.A, GONE, []),
    ("db-0.db.shop.svc.cluster.local", wire.A, 0, ["10.0.0.2"]),
    ("10-0-0-2.db.shop.svc.cluster.local", wire.A, 0, ["10.0.0.2"]),
    ("10-0-0-3.db.shop.svc.cluster.local", wire.A, 0, ["10.0.0.3"]),
    ("db-1.db.shop.svc.cluster.local", wire.A, GONE, []),
    ("alias.shop.svc.cluster.local", wire.A, 0, ["web.shop.svc.cluster.local"]),
    ("out.shop.svc.cluster.local", 28, 0, ["example.com"]),
    ("x.out.shop.svc.cluster.local", wire.A, GONE, []),
    ("_http._tcp.web.shop.svc.cluster.local", wire.SRV, 0, ["web.shop.svc.cluster.local:80"]),
    (
        "_http._tcp.db.shop.svc.cluster.local",
        wire.SRV,
        0,
        ["db-0.db.shop.svc.cluster.local:8080", "10-0-0-3.db.shop.svc.cluster.local:8080"],
    ),
    ("_http._udp.web.shop.svc.cluster.local", wire.SRV, GONE, []),
    ("_other._tcp.db.shop.svc.cluster.local", wire.SRV, GONE, []),
    ("http.tcp.web.shop.svc.cluster.local", wire.SRV, GONE, []),
    ("a.b.c.web.shop.svc.cluster.local", wire.A, GONE, []),
    ("web.other.svc.cluster.local", wire.A, GONE, []),
    ("nothing.shop.svc.cluster.local", wire.A, GONE, []),
    ("kubernetes.default.svc.cluster.local", wire.A, 0, ["10.0.0.129"]),
    ("x.kubernetes.default.svc.cluster.local", wire.A, GONE, []),
    ("shop.svc.cluster.local", wire.A, 0, []),
    ("other.svc.cluster.local", wire.A, GONE, []),
    ("svc.cluster.local", wire.A, 0, []),
    ("cluster.local", wire.A, 0, []),
    ("10-0-0-2.shop.pod.cluster.local", wire.A, GONE, []),
    ("200.0.0.10.in-addr.arpa", wire.PTR, 0, ["web.shop.svc.cluster.local"]),
    ("200.0.0.10.in-addr.arpa", wire.A, 0, []),
    ("2.0.0.10.in-addr.arpa", wire.PTR, GONE, []),
    ("1.1.168.192.in-addr.arpa", wire.PTR, None, []),
    ("0.10.in-addr.arpa", wire.PTR, None, []),
    ("example.com", wire.A, None, []),
    ("local", wire.A, None, []),
    ("", wire.A, None, []),
]


@pytest.mark.parametrize(("name", "kind", "code", "records"), TABLE, ids=[f"{row[0]}-{row[1]}" for row in TABLE])
def test_a_name_has_its_records(name: str, kind: int, code: int | None, records: list[str]) -> None:
    answer = NAMES.answer(tuple(name.split(".")) if name else (), kind)
    if code is None:
        assert answer is None
        return
    assert answer is not None
    assert (answer.code, [shown(one) for one in answer.records]) == (code, records)
    if not records and not name.endswith("arpa"):
        assert [one.kind for one in answer.authority] == [wire.SOA]


@pytest.mark.parametrize(
    ("name", "namespace", "address"),
    [
        ("web", "shop", "10.0.0.200"),
        ("web", "default", None),
        ("web.shop", "default", "10.0.0.200"),
        ("WEB.shop.svc.", "default", "10.0.0.200"),
        ("web.shop.svc.cluster.local", "default", "10.0.0.200"),
        ("db", "shop", "10.0.0.2"),
        ("alias", "shop", "10.0.0.200"),
        ("out", "shop", None),
        ("kubernetes", "default", "10.0.0.129"),
        ("example.com", "shop", None),
    ],
)
def test_a_name_leads_to_an_address_by_the_search_list_of_its_namespace(
    name: str, namespace: str, address: str | None
) -> None:
    assert NAMES.address(name, namespace) == address


def piece(ready: bool | None, *addresses: str, port: int | None = 8080, kind: str = "IPv4") -> dict[str, Any]:
    endpoint = {"addresses": list(addresses), "conditions": {} if ready is None else {"ready": ready}}
    return {"addressType": kind, "ports": [{"name": "http", "port": port}], "endpoints": [endpoint]}


@pytest.mark.parametrize(
    ("slices", "found"),
    [
        ([], []),
        ([piece(True, "10.0.0.9"), piece(True, "10.0.0.10")], ["10.0.0.9", "10.0.0.10"]),
        ([piece(False, "10.0.0.9")], []),
        ([piece(None, "10.0.0.9")], ["10.0.0.9"]),  # unknown counts as ready, as in Kubernetes
        ([piece(True, "::1", kind="IPv6"), piece(True, "name", kind="FQDN"), piece(True, "name"), piece(True)], []),
    ],
)
def test_the_ready_addresses_are_a_services_endpoints(slices: list[Any], found: list[str]) -> None:
    assert [one.address for one in ready_endpoints(slices)] == found


def test_a_port_leads_to_pods_alone_by_its_name_and_protocol() -> None:
    endpoints = ready_endpoints([piece(True, "10.0.0.9"), piece(True, "127.0.0.1"), piece(True, "10.0.0.8", port=None)])
    is_pod = "10.0.0.9".__eq__
    assert targets({"name": "http", "port": 80}, endpoints, is_pod) == [("10.0.0.9", 8080)]
    assert targets({"name": "http", "port": 80, "protocol": "UDP"}, endpoints, is_pod) == []
    assert targets({"port": 80}, endpoints, is_pod) == []


def test_connections_take_targets_in_turn_or_by_their_client() -> None:
    found = [("10.0.0.1", 1), ("10.0.0.2", 1), ("10.0.0.3", 1)]
    firsts = [in_order(found, turn, "c", affinity=False)[0] for turn in range(4)]
    assert firsts == [*found, found[0]]
    assert in_order([], 3, "c", affinity=False) == []
    by_client = {client: in_order(found, 0, client, affinity=True)[0] for client in map(str, range(30))}
    assert set(by_client.values()) == set(found)
    assert by_client == {client: in_order(found, 7, client, affinity=True)[0] for client in by_client}
    # A target that goes moves its own clients only.
    left = found[:2]
    moved = {client for client, one in by_client.items() if in_order(left, 0, client, affinity=True)[0] != one}
    assert moved == {client for client, one in by_client.items() if one == found[2]}
