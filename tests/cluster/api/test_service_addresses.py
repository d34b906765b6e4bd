"""The cluster IPs of Services: given, kept, asked for, refused, taken back, and corrected at a start."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import Any

import pytest

from podrole.cluster.api.service_addresses import RESERVED
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.users import ADMINISTRATOR
from podrole.cluster.store.memory import MemoryStore
from support.cluster import make_cluster

NETWORK = IPv4Network("10.0.0.128/25")
FIRST = "10.0.0.144"
PORTS = [{"port": 80}]


def cluster(network: IPv4Network | None = NETWORK, store: MemoryStore | None = None) -> Any:
    return make_cluster(1, service_network=network, store=store)


async def create(cluster: Any, name: str = "s", **spec: Any) -> Any:
    body = {"metadata": {"name": name}, "spec": {"ports": PORTS, **spec}}
    return (await cluster.client(ADMINISTRATOR).create("services", "default", body))["spec"]


async def patch(cluster: Any, name: str = "s", **spec: Any) -> Any:
    client = cluster.client(ADMINISTRATOR)
    return (await client.merge_patch("services", "default", name, {"spec": spec}))["spec"]


@pytest.mark.parametrize(
    ("spec", "address"),
    [
        ({}, FIRST),
        ({"type": "NodePort"}, FIRST),
        ({"clusterIP": ""}, FIRST),
        ({"clusterIP": "10.0.0.200"}, "10.0.0.200"),
        ({"clusterIPs": ["10.0.0.200"]}, "10.0.0.200"),
        ({"clusterIP": "None"}, "None"),
    ],
)
async def test_a_service_gets_an_address_or_the_one_that_it_asks_for(spec: dict[str, Any], address: str) -> None:
    made = await create(cluster(), **spec)
    assert (made["clusterIP"], made["clusterIPs"]) == (address, [address])
    assert (made["ipFamilies"], made["ipFamilyPolicy"]) == (["IPv4"], "SingleStack")


async def test_no_address_is_given_twice_until_all_are_and_one_that_is_free_again_is() -> None:
    own = cluster()
    count = NETWORK.num_addresses - RESERVED - 1
    given = [(await create(own, f"s{number}"))["clusterIP"] for number in range(count)]
    assert len(set(given)) == count
    assert NETWORK[-1] not in given
    with pytest.raises(StatusError, match="failed to allocate a serviceIP: range is full"):
        await create(own, "more")
    await own.client(ADMINISTRATOR).delete("services", "default", "s5")
    assert (await create(own, "more"))["clusterIP"] == given[5]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("10.0.0.1", "not in the valid range. The range of valid IPs is 10.0.0.128/25"),
        ("10.0.0.128", "not in the valid range"),
        ("10.0.0.255", "not in the valid range"),
        ("nonsense", "not in the valid range"),
        ("10.0.0.129", "provided IP is already allocated"),  # the API server's
        ("10.0.0.138", "provided IP is already allocated"),  # the DNS server's
        (FIRST, "provided IP is already allocated"),
    ],
)
async def test_an_address_that_cannot_be_had_is_refused(address: str, message: str) -> None:
    own = cluster()
    await create(own, "first")
    with pytest.raises(StatusError, match=r"spec\.clusterIPs") as raised:
        await create(own, clusterIP=address)
    assert message in raised.value.message


async def test_an_update_keeps_the_address_whatever_it_leaves_out() -> None:
    own = cluster()
    await create(own)
    assert (await patch(own, clusterIP=None, clusterIPs=None, ports=[{"port": 81}]))["clusterIP"] == FIRST
    client = own.client(ADMINISTRATOR)
    body = {"metadata": {"name": "s"}, "spec": {"ports": PORTS}}
    assert (await client.update("services", "default", "s", body))["spec"]["clusterIPs"] == [FIRST]
    with pytest.raises(StatusError, match="field is immutable"):
        await patch(own, clusterIP="10.0.0.200", clusterIPs=["10.0.0.200"])


async def test_a_service_that_becomes_a_name_of_another_host_gives_its_address_back() -> None:
    own = cluster()
    await create(own)
    named = await patch(own, type="ExternalName", externalName="example.com", ports=None)
    assert not {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"} & set(named)
    again = await patch(own, type="ClusterIP", externalName=None, ports=PORTS)
    assert again["clusterIP"] != "None"
    assert again["clusterIPs"] == [again["clusterIP"]]


async def test_a_cluster_without_a_network_for_services_gives_none() -> None:
    own = cluster(None)
    assert not {"clusterIP", "clusterIPs", "ipFamilies"} & set(await create(own))
    assert (await create(own, "other", clusterIP="10.1.2.3"))["clusterIP"] == "10.1.2.3"


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (NETWORK, {"s": FIRST, "h": "None", "t": "10.0.0.145"}),
        (IPv4Network("10.9.0.128/25"), {"s": "10.9.0.144", "h": "None", "t": "10.9.0.145"}),
        (None, {"s": None, "h": "None", "t": None}),
    ],
    ids=["the same", "another", "none"],
)
async def test_a_start_with_another_network_gives_other_addresses(
    later: IPv4Network | None, expected: dict[str, Any]
) -> None:
    store = MemoryStore()
    first = cluster(NETWORK, store)
    for name, spec in (("s", {}), ("h", {"clusterIP": "None"}), ("t", {})):
        await create(first, name, **spec)
    again = cluster(later, store)
    found = await again.client(ADMINISTRATOR).list("services", "default")
    assert {each["metadata"]["name"]: each["spec"].get("clusterIP") for each in found} == expected
    assert all(("ipFamilies" in each["spec"]) == ("clusterIP" in each["spec"]) for each in found)
