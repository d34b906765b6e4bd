"""What a pod is told of the network: its resolv.conf and the variables of Services, as the kubelet makes them."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.node.content.service_links import service_links, service_variables
from podrole.cluster.node.runtimes.container.resolv_conf import PodDNS, host_searched, resolv_conf

DNS = PodDNS("10.0.0.138", ("example.org",))
CLUSTER = "search shop.svc.cluster.local svc.cluster.local cluster.local example.org\nnameserver 10.0.0.138\n"


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({}, CLUSTER + "options ndots:5\n"),
        ({"dnsPolicy": "ClusterFirstWithHostNet"}, CLUSTER + "options ndots:5\n"),
        ({"dnsPolicy": "Default"}, "search example.org\nnameserver 10.0.0.138\n"),
        ({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["10.0.0.9"]}}, "nameserver 10.0.0.9\n"),
        (
            {
                "dnsConfig": {
                    "nameservers": ["10.0.0.9", "10.0.0.138"],
                    "searches": ["more.test", "cluster.local"],
                    "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}, {"value": "x"}],
                }
            },
            CLUSTER.replace("example.org", "example.org more.test") + "nameserver 10.0.0.9\noptions ndots:2 edns0\n",
        ),
    ],
    ids=["default", "host net", "Default", "None", "config"],
)
def test_the_resolv_conf_of_a_pod_follows_its_policy(spec: dict[str, Any], text: str) -> None:
    assert resolv_conf({"metadata": {"namespace": "shop"}, "spec": spec}, DNS) == text


@pytest.mark.parametrize(
    ("text", "searched"),
    [("", ()), ("domain a.test\nsearch b.test c.test\n", ("b.test", "c.test")), ("search .\nnameserver x", ())],
)
def test_the_machines_search_list_is_the_last_that_it_names(text: str, searched: tuple[str, ...]) -> None:
    assert host_searched(text) == searched


def test_a_service_has_the_variables_of_kubernetes() -> None:
    ports = [{"name": "http", "port": 80}, {"name": "dns-udp", "port": 53, "protocol": "UDP"}]
    assert service_variables("my-web", "10.0.0.1", ports) == {
        "MY_WEB_SERVICE_HOST": "10.0.0.1",
        "MY_WEB_SERVICE_PORT": "80",
        "MY_WEB_SERVICE_PORT_HTTP": "80",
        "MY_WEB_SERVICE_PORT_DNS_UDP": "53",
        "MY_WEB_PORT": "tcp://10.0.0.1:80",
        "MY_WEB_PORT_80_TCP": "tcp://10.0.0.1:80",
        "MY_WEB_PORT_80_TCP_PROTO": "tcp",
        "MY_WEB_PORT_80_TCP_PORT": "80",
        "MY_WEB_PORT_80_TCP_ADDR": "10.0.0.1",
        "MY_WEB_PORT_53_UDP": "udp://10.0.0.1:53",
        "MY_WEB_PORT_53_UDP_PROTO": "udp",
        "MY_WEB_PORT_53_UDP_PORT": "53",
        "MY_WEB_PORT_53_UDP_ADDR": "10.0.0.1",
    }
    assert service_variables("s", "fd00::1", [{"port": 1}])["S_PORT"] == "tcp://[fd00::1]:1"


@pytest.mark.parametrize(
    ("spec", "given", "linked"),
    [
        ({}, {"clusterIP": "10.0.0.1"}, True),
        ({"enableServiceLinks": True}, {"clusterIP": "10.0.0.1"}, True),
        ({"enableServiceLinks": False}, {"clusterIP": "10.0.0.1"}, False),
        ({}, {"clusterIP": "None"}, False),
        ({}, {}, False),
        ({}, {"clusterIP": "10.0.0.1", "type": "ExternalName"}, False),
        ({}, {"clusterIP": "10.0.0.1", "ports": []}, False),
    ],
)
def test_a_pod_has_the_variables_of_services_with_an_address(
    spec: dict[str, Any], given: dict[str, Any], linked: bool
) -> None:
    service = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 1}], **given}}
    assert bool(service_links({"spec": spec}, [service])) is linked
