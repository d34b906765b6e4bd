"""Pods in a cluster without a node."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from podrole.cluster.controllers.manager import Controllers

REASON = "this world runs no pods"
MESSAGE = f"no nodes available to schedule pods: {REASON}"


@pytest.fixture(autouse=True)
async def _running(cluster: Any, time: Any) -> AsyncIterator[None]:
    async with Controllers(lambda _: cluster, root_ca_pem="", without_node=REASON, time=time):
        yield


def pod(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "busybox"}], **spec}}


def condition(found: Any) -> tuple[str, str] | None:
    conditions = found["status"].get("conditions", ())
    return next(((each["reason"], each["message"]) for each in conditions if each["type"] == "PodScheduled"), None)


async def test_pod_says_in_a_condition_and_in_an_event_why_it_stays_pending(cluster: Any) -> None:
    await cluster.create("pods", "default", pod("web"))
    await cluster.until("pods", "default", "web", lambda found: condition(found) == ("Unschedulable", MESSAGE))
    await cluster.until_event("web", "FailedScheduling", MESSAGE)


@pytest.mark.parametrize(
    "spec", [{"schedulerName": "own"}, {"schedulingGates": [{"name": "wait"}]}], ids=["scheduler", "gates"]
)
async def test_pod_that_no_default_scheduler_would_bind_is_left_alone(cluster: Any, spec: Any) -> None:
    await cluster.create("pods", "default", pod("other", **spec))
    await cluster.create("pods", "default", pod("web"))  # comes after it in the queue
    await cluster.until("pods", "default", "web", lambda found: condition(found) is not None)
    left = await cluster.get("pods", "default", "other")
    assert condition(left) is None


async def test_nodes_and_what_was_bound_to_them_are_removed(cluster: Any) -> None:
    await cluster.create("nodes", None, {"metadata": {"name": "podrole-node"}})
    await cluster.create("pods", "default", pod("bound", nodeName="podrole-node"))
    await cluster.until_gone("nodes", None, "podrole-node")
    await cluster.until_gone("pods", "default", "bound")


async def test_finished_pod_stays(cluster: Any) -> None:
    await cluster.create("pods", "default", pod("done", schedulerName="own"))
    status = {"status": {"phase": "Succeeded"}}
    await cluster.merge_patch("pods", "default", "done", status, subresource="status")
    await cluster.merge_patch("pods", "default", "done", {"metadata": {"labels": {"a": "b"}}})
    await cluster.create("pods", "default", pod("web"))
    await cluster.until("pods", "default", "web", lambda found: condition(found) is not None)
    assert condition(await cluster.get("pods", "default", "done")) is None
