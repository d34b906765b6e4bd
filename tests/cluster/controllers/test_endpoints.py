"""The Endpoints and EndpointSlices of Services."""

from __future__ import annotations

from typing import Any

import pytest

SLICES = "endpointslices.discovery.k8s.io"


@pytest.fixture(autouse=True)
def _running(controllers: Any) -> None:
    """Start the controllers."""


async def service(cluster: Any, name: str = "web", **spec: Any) -> None:
    ports = [{"name": "http", "port": 80, "targetPort": "web"}]
    body = {"metadata": {"name": name}, "spec": {"selector": {"app": "web"}, "ports": ports, **spec}}
    await cluster.create("services", "default", body)


async def pod(cluster: Any, name: str, port: int = 8080, *, ready: bool = True, **labels: str) -> None:
    container = {"name": "c", "image": "v1", "ports": [{"name": "web", "containerPort": port}]}
    body = {"metadata": {"name": name, "labels": {"app": "web", **labels}}, "spec": {"containers": [container]}}
    await cluster.create("pods", "default", body)
    condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": "2027-01-15T07:00:00Z"}
    status = {"phase": "Running", "podIP": "127.0.0.1", "podIPs": [{"ip": "127.0.0.1"}], "conditions": [condition]}
    await cluster.merge_patch("pods", "default", name, {"status": status}, subresource="status")


def subsets(wanted: Any) -> Any:
    """Return a condition: whether the Endpoints have these ready and other pods and ports."""

    def shown(endpoints: Any) -> bool:
        found = [
            (
                [each["targetRef"]["name"] for each in subset.get("addresses", ())],
                [each["targetRef"]["name"] for each in subset.get("notReadyAddresses", ())],
                [each["port"] for each in subset.get("ports", ())],
            )
            for subset in endpoints.get("subsets", ())
        ]
        return bool(found == wanted)

    return shown


async def test_endpoints_follow_the_ready_pods_that_a_service_selects(cluster: Any, eventually: Any) -> None:
    await service(cluster)
    await cluster.until("endpoints", "default", "web", subsets([]))
    await pod(cluster, "a")
    await pod(cluster, "b", ready=False)
    await pod(cluster, "other", app="other")
    await cluster.until("endpoints", "default", "web", subsets([(["a"], ["b"], [8080])]))

    async def conditions() -> bool:
        (one,) = await cluster.list(SLICES, "default", label_selector="kubernetes.io/service-name=web")
        found = {each["targetRef"]["name"]: each["conditions"]["ready"] for each in one["endpoints"]}
        return bool(found == {"a": True, "b": False} and one["ports"][0]["port"] == 8080)

    await eventually(conditions)
    await cluster.delete("pods", "default", "a", grace_seconds=0)
    await cluster.until("endpoints", "default", "web", subsets([([], ["b"], [8080])]))


async def test_pods_with_other_ports_have_a_subset_and_a_slice_of_their_own(cluster: Any, eventually: Any) -> None:
    await pod(cluster, "a", 8080)
    await pod(cluster, "b", 9090)
    await service(cluster)
    await cluster.until("endpoints", "default", "web", subsets([(["a"], [], [8080]), (["b"], [], [9090])]))

    async def ports() -> bool:
        return sorted(each["ports"][0]["port"] for each in await cluster.list(SLICES, "default")) == [8080, 9090]

    await eventually(ports)


async def test_addresses_are_published_before_they_are_ready_if_the_service_says_so(cluster: Any) -> None:
    await service(cluster, publishNotReadyAddresses=True, clusterIP="None")
    await pod(cluster, "a", ready=False)
    await cluster.until("endpoints", "default", "web", subsets([(["a"], [], [8080])]))


async def test_endpoints_go_with_their_service(cluster: Any, eventually: Any) -> None:
    await service(cluster)
    await cluster.until("endpoints", "default", "web", subsets([]))
    await cluster.delete("services", "default", "web")
    await cluster.until_gone("endpoints", "default", "web")

    async def no_slices() -> bool:
        return await cluster.list(SLICES, "default") == []

    await eventually(no_slices)


async def test_endpoints_of_a_service_without_a_selector_are_their_writers(cluster: Any) -> None:
    body = {"metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}}
    await cluster.create(
        "endpoints", "default", {"metadata": {"name": "web"}, "subsets": [{"addresses": [{"ip": "10.0.0.1"}]}]}
    )
    await cluster.create("services", "default", body)
    await cluster.delete("services", "default", "web")
    await service(cluster, "later")
    await cluster.until("endpoints", "default", "later", subsets([]))
    kept = await cluster.get("endpoints", "default", "web")
    assert kept["subsets"][0]["addresses"] == [{"ip": "10.0.0.1"}]
