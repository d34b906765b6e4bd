"""A Service leads to the pods that are ready of those that it selects."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.admission.caller import NoEndpoints
from podrole.cluster.assembly.services import ServiceEndpoints
from podrole.cluster.core.store import Create
from podrole.cluster.kinds.registry import BY_NAME
from podrole.cluster.store.memory import MemoryStore

PORTS = [{"name": "https", "port": 443, "targetPort": "https"}, {"port": 80}, {"port": 81, "targetPort": 8081}]


def store_of(*pods: dict[str, Any], selector: dict[str, str] | None = None) -> MemoryStore:
    store = MemoryStore()
    spec = {"selector": {"app": "hook"} if selector is None else selector, "ports": PORTS}
    service = {"metadata": {"name": "hook", "namespace": "demo"}, "spec": spec}
    writes = [Create(BY_NAME["services"], service)]
    for number, pod in enumerate(pods):
        metadata = {"name": f"p-{number}", "namespace": "demo", "labels": {"app": "hook", "x": "y"}}
        writes.append(Create(BY_NAME["pods"], {**pod, "metadata": {**metadata, **pod.get("metadata", {})}}))
    store.seed(writes)
    return store


def pod(port: int, *, ready: str = "True", **metadata: Any) -> dict[str, Any]:
    ports = [{"name": "metrics", "containerPort": 1}], [{"name": "https", "containerPort": port}]
    return {
        "metadata": metadata,
        "spec": {"containers": [{"ports": each} for each in ports]},
        "status": {"podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": ready}]},
    }


def test_ready_pods_take_turns() -> None:
    resolve = ServiceEndpoints(store_of(pod(8443), pod(8444), pod(8445, ready="False")))
    assert [resolve("demo", "hook", 443) for _ in range(4)] == [("127.0.0.1", 8443), ("127.0.0.1", 8444)] * 2


@pytest.mark.parametrize(("port", "number"), [(80, 80), (81, 8081)])
def test_a_target_port_is_a_name_a_number_or_the_port_itself(port: int, number: int) -> None:
    assert ServiceEndpoints(store_of(pod(8443)))("demo", "hook", port) == ("127.0.0.1", number)


@pytest.mark.parametrize(
    "other",
    [
        pod(1, ready="False"),
        pod(1, deletionTimestamp="2026-01-01T00:00:00Z"),
        pod(1, labels={"app": "other"}),
        pod(1, namespace="other"),
        {**pod(1), "status": {}},
        {**pod(1), "spec": {"containers": [{}]}},
    ],
)
def test_a_service_without_a_pod_that_answers(other: dict[str, Any]) -> None:
    with pytest.raises(NoEndpoints, match='no endpoints available for service "hook"'):
        ServiceEndpoints(store_of(other))("demo", "hook", 443)


def test_what_the_service_does_not_have() -> None:
    resolve = ServiceEndpoints(store_of(pod(8443)))
    assert resolve("demo", "other", 443) is None
    assert resolve("other", "hook", 443) is None
    with pytest.raises(NoEndpoints, match='no service port 8443 found for service "hook"'):
        resolve("demo", "hook", 8443)
    with pytest.raises(NoEndpoints):  # a Service without a selector has endpoints of its own, which are not kept here
        ServiceEndpoints(store_of(pod(8443), selector={}))("demo", "hook", 443)
