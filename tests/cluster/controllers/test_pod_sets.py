"""DaemonSets and StatefulSets: one pod for the node; ordered pods with names and claims of their own."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.controllers.pod_sets import ordinal_of


@pytest.fixture(autouse=True)
def _running(request: pytest.FixtureRequest) -> None:
    """Start the controllers and the kubelet for the tests that have a cluster."""
    if "cluster" in request.fixturenames:
        request.getfixturevalue("controllers")
        request.getfixturevalue("kubelet")


def body(name: str, image: str = "v1", **spec: Any) -> Any:
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {"containers": [{"name": "c", "image": image}], **spec.pop("pod", {})},
    }
    return {
        "metadata": {"name": name},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template, **spec},
    }


async def node(cluster: Any, **labels: str) -> None:
    await cluster.create("nodes", None, {"metadata": {"name": "node", "labels": {"os": "linux", **labels}}})


async def set_image(cluster: Any, resource: str, name: str, image: str) -> None:
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": image}]}}}}
    await cluster.merge_patch(resource, "default", name, patch)


async def test_a_daemon_set_has_one_pod_on_the_node(cluster: Any) -> None:
    await node(cluster)
    await cluster.create("daemonsets.apps", "default", body("agent"))
    done = await cluster.until(
        "daemonsets.apps", "default", "agent", lambda one: one["status"].get("numberAvailable") == 1
    )
    assert done["status"] == {
        "currentNumberScheduled": 1,
        "desiredNumberScheduled": 1,
        "numberMisscheduled": 0,
        "numberReady": 1,
        "updatedNumberScheduled": 1,
        "numberAvailable": 1,
        "observedGeneration": 1,
    }
    (pod,) = await cluster.list("pods", "default")
    assert pod["metadata"]["name"].startswith("agent-")
    assert pod["metadata"]["ownerReferences"][0]["kind"] == "DaemonSet"


async def test_a_daemon_set_waits_for_a_node_that_its_selector_selects(cluster: Any, eventually: Any) -> None:
    await node(cluster)
    await cluster.create("daemonsets.apps", "default", body("agent", pod={"nodeSelector": {"os": "windows"}}))
    await cluster.until("daemonsets.apps", "default", "agent", lambda one: one["status"].get("observedGeneration"))
    assert await cluster.list("pods", "default") == []
    await cluster.merge_patch("nodes", None, "node", {"metadata": {"labels": {"os": "windows"}}})
    await eventually(lambda: cluster.list("pods", "default"))


async def test_a_changed_daemon_set_replaces_its_pod(cluster: Any, pods_of: Any, eventually: Any) -> None:
    await node(cluster)
    await cluster.create("daemonsets.apps", "default", body("agent"))
    await eventually(lambda: pods_of("v1"))
    await set_image(cluster, "daemonsets.apps", "agent", "v2")
    await eventually(lambda: pods_of("v2"))
    done = await cluster.until(
        "daemonsets.apps", "default", "agent", lambda one: one["status"].get("updatedNumberScheduled") == 1
    )
    assert done["status"]["observedGeneration"] == 2
    assert await pods_of("v1") == []


async def test_on_delete_leaves_the_pods_of_the_old_template(cluster: Any, pods_of: Any, eventually: Any) -> None:
    await node(cluster)
    await cluster.create("daemonsets.apps", "default", body("agent", updateStrategy={"type": "OnDelete"}))
    await eventually(lambda: pods_of("v1"))
    await set_image(cluster, "daemonsets.apps", "agent", "v2")
    await cluster.until("daemonsets.apps", "default", "agent", lambda one: one["status"].get("observedGeneration") == 2)
    (pod,) = await pods_of("v1")
    await cluster.delete("pods", "default", pod["metadata"]["name"])
    await eventually(lambda: pods_of("v2"))


async def test_a_stateful_set_has_numbered_pods_each_with_its_claims(cluster: Any) -> None:
    claim = {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    }
    wanted = body("db", replicas=2, serviceName="db", volumeClaimTemplates=[claim])
    await cluster.create("statefulsets.apps", "default", wanted)
    done = await cluster.until(
        "statefulsets.apps", "default", "db", lambda one: one["status"].get("readyReplicas") == 2
    )
    status = done["status"]
    assert (status["replicas"], status["currentReplicas"], status["updatedReplicas"]) == (2, 2, 2)
    assert status["currentRevision"] == status["updateRevision"]
    pods = {pod["metadata"]["name"]: pod for pod in await cluster.list("pods", "default")}
    assert sorted(pods) == ["db-0", "db-1"]
    assert pods["db-1"]["spec"]["hostname"] == "db-1"
    assert pods["db-1"]["spec"]["subdomain"] == "db"
    assert pods["db-1"]["metadata"]["labels"]["apps.kubernetes.io/pod-index"] == "1"
    assert {"name": "data", "persistentVolumeClaim": {"claimName": "data-db-1"}} in pods["db-1"]["spec"]["volumes"]
    claims = await cluster.list("persistentvolumeclaims", "default")
    assert [each["metadata"]["name"] for each in claims] == ["data-db-0", "data-db-1"]


async def test_a_stateful_set_makes_no_pod_before_the_one_before_it_is_ready(cluster: Any, set_phase: Any) -> None:
    await cluster.create("statefulsets.apps", "default", body("db", "broken", replicas=2))
    await cluster.until("statefulsets.apps", "default", "db", lambda one: one["status"].get("replicas") == 1)
    assert [pod["metadata"]["name"] for pod in await cluster.list("pods", "default")] == ["db-0"]
    await set_phase("db-0")
    await cluster.until("statefulsets.apps", "default", "db", lambda one: one["status"].get("replicas") == 2)


async def test_parallel_pods_are_made_together(cluster: Any) -> None:
    await cluster.create(
        "statefulsets.apps", "default", body("db", "broken", replicas=3, podManagementPolicy="Parallel")
    )
    await cluster.until("statefulsets.apps", "default", "db", lambda one: one["status"].get("replicas") == 3)


async def test_a_stateful_set_is_scaled_down_from_the_end(cluster: Any) -> None:
    await cluster.create("statefulsets.apps", "default", body("db", replicas=3))
    await cluster.until("statefulsets.apps", "default", "db", lambda one: one["status"].get("readyReplicas") == 3)
    await cluster.merge_patch("statefulsets.apps", "default", "db", {"spec": {"replicas": 1}})
    await cluster.until("statefulsets.apps", "default", "db", lambda one: one["status"].get("replicas") == 1)
    assert [pod["metadata"]["name"] for pod in await cluster.list("pods", "default")] == ["db-0"]


async def test_a_partition_keeps_the_pods_below_it_as_they_are(cluster: Any) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    await cluster.create("statefulsets.apps", "default", body("db", replicas=2, updateStrategy=strategy))
    await cluster.until("statefulsets.apps", "default", "db", lambda one: one["status"].get("readyReplicas") == 2)
    await set_image(cluster, "statefulsets.apps", "db", "v2")
    await cluster.until(
        "statefulsets.apps",
        "default",
        "db",
        lambda one: one["status"].get("updatedReplicas") == 1 and one["status"].get("readyReplicas") == 2,
    )
    pods = await cluster.list("pods", "default")
    assert [pod["spec"]["containers"][0]["image"] for pod in pods] == ["v1", "v2"]


@pytest.mark.parametrize(
    ("name", "ordinal"), [("db-0", 0), ("db-10", 10), ("db-01", None), ("db-x", None), ("other-1", None), ("db", None)]
)
def test_a_pod_has_the_ordinal_of_its_name(name: str, ordinal: int | None) -> None:
    assert ordinal_of({"metadata": {"name": "db"}}, {"metadata": {"name": name}}) == ordinal
