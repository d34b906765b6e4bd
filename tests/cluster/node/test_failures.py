"""What fails at one pod stays with that pod; a loop of the node that dies is reported to the node's owner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from podrole.cluster.core.errors import unavailable
from podrole.cluster.node import bound_pods
from podrole.cluster.node.containers.handlers import Handlers
from podrole.cluster.node.content.volumes_on_disk import PodVolumes
from podrole.cluster.node.node import Node
from podrole.cluster.node.pods import status_writer
from podrole.cluster.node.registration import Registration
from podrole.cluster.node.scheduling import binding
from support.fake_runtime import FakeRuntime

INTERNAL = "an internal error (TypeError), which podrole's log describes"


@pytest.fixture
async def node(cluster: Any, time: Any, directory: Path) -> AsyncIterator[Node]:
    """Overrides the node of processes: nothing here needs one."""
    async with Node(cluster, directory, FakeRuntime(), time=time, randomness=lambda: 0.0) as node:
        yield node


@pytest.fixture
def reported(cluster: Any, time: Any, directory: Path) -> Any:
    """Return a function that starts a node and returns which of its tasks fails."""

    async def reported(client: Any = cluster) -> str:
        async with Node(client, directory, FakeRuntime(), time=time) as node, asyncio.timeout(30):
            time.turn(301)
            failure = await node.failed()
        assert failure.part == "the node"
        return str(failure.task)

    return reported


class DyingWatch:
    """A client whose watch raises what no watch should raise."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def watch(self, resource: str, *_: Any, **more: Any) -> AsyncIterator[Any]:
        raise TypeError("a secret")
        yield


async def test_watch_that_dies_is_reported(reported: Any, cluster: Any) -> None:
    assert await reported(DyingWatch(cluster)) == "the watch of pods"


async def test_heartbeat_that_dies_is_reported(reported: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def die(*_: Any) -> None:
        raise TypeError

    monkeypatch.setattr(Registration, "heartbeat", die)
    assert await reported() == "the heartbeat"


async def test_scheduler_that_dies_is_reported(reported: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def die(*_: Any) -> None:
        raise TypeError

    monkeypatch.setattr(binding.Binder, "run", die)
    assert await reported() == "the scheduler"


async def test_unexpected_failure_to_bind_a_pod_does_not_stop_the_scheduler(
    node: Any, run_pod: Any, running: Any, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = binding.decide

    def fail(pod: Any, **more: Any) -> Any:
        if pod["metadata"]["name"] == "bad":
            raise TypeError("a secret")
        return decide(pod, **more)

    monkeypatch.setattr(binding, "decide", fail)
    await run_pod(name="bad")
    await run_pod(name="good")
    await running("good")
    await cluster.until_event("bad", "FailedScheduling", f"The pod could not be bound: {INTERNAL}")
    monkeypatch.undo()
    await running("bad")


async def test_refusal_to_bind_a_pod_does_not_hold_up_the_others(
    node: Any, run_pod: Any, running: Any, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    update = cluster.update

    async def refuse(resource: str, namespace: str, name: str, body: Any) -> Any:
        if name == "bad":
            raise unavailable("not today")
        return await update(resource, namespace, name, body)

    monkeypatch.setattr(cluster, "update", refuse)
    await run_pod(name="bad")
    await run_pod(name="good")
    await running("good")
    await cluster.until_event("bad", "FailedScheduling", "The pod could not be bound: not today")
    monkeypatch.undo()
    await running("bad")


async def test_unexpected_failure_to_begin_a_pod_does_not_stop_the_node(
    node: Any, run_pod: Any, running: Any, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pod_of = bound_pods.Pod

    def fail(context: Any, pod: Any) -> Any:
        if pod["metadata"]["name"] == "bad":
            raise TypeError("a secret")
        return pod_of(context, pod)

    monkeypatch.setattr(bound_pods, "Pod", fail)
    await run_pod(name="bad")
    await run_pod(name="good")
    await running("good")
    await cluster.until_event("bad", "FailedSync", f"The node could not run the pod: {INTERNAL}")
    monkeypatch.undo()
    await running("bad")


async def test_status_that_cannot_be_computed_ends_the_pod_and_no_other(
    node: Any, run_pod: Any, running: Any, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    status_of = status_writer.status_of

    def fail(pod: Any, *arguments: Any, **more: Any) -> Any:
        if pod["metadata"]["name"] == "bad":
            raise TypeError("a secret")
        return status_of(pod, *arguments, **more)

    monkeypatch.setattr(status_writer, "status_of", fail)
    await run_pod(name="bad")
    message = "The node could not run the pod: the writing of its status failed (TypeError)"
    await cluster.until_event("bad", "FailedSync", message)
    await run_pod(name="good")
    await running("good")
    await cluster.delete("pods", "default", "bad")
    await cluster.until_gone("pods", "default", "bad")


async def test_refresh_of_volumes_that_dies_ends_the_pod(
    node: Any, run_pod: Any, running: Any, finished: Any, time: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run_pod()
    await running()

    async def die(*_: Any) -> None:
        raise TypeError("a secret")

    monkeypatch.setattr(PodVolumes, "set_up", die)
    time.turn(61)
    status = (await finished())["status"]
    assert (status["phase"], status["reason"]) == ("Failed", "NodeError")
    assert status["message"] == "The node could not run the pod: the refresh of its volumes failed (TypeError)"


async def test_probe_that_fails_unexpectedly_is_an_event_and_tried_again(
    node: Any, run_pod: Any, cluster: Any, time: Any, eventually: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = []

    async def check(self: Any, *_: Any) -> Any:
        failures.append(True)
        raise TypeError("a secret")

    monkeypatch.setattr(Handlers, "check", check)
    await run_pod(container={"readinessProbe": {"exec": {"command": ["x"]}, "periodSeconds": 5}})
    message = f"Readiness probe errored and resulted in unknown state: {INTERNAL}"
    await cluster.until_event("p", "Unhealthy", message)

    def again() -> bool:
        time.turn(5)
        return len(failures) > 2

    await eventually(again)


async def test_pod_that_cannot_be_removed_is_removed_later(
    node: Any, run_pod: Any, running: Any, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await run_pod()
    await running()
    delete = cluster.delete
    refusals = 2

    async def refuse(*arguments: Any, **more: Any) -> None:
        nonlocal refusals
        if more.get("grace_seconds") == 0 and refusals:
            refusals -= 1
            raise unavailable("not today")
        await delete(*arguments, **more)

    monkeypatch.setattr(cluster, "delete", refuse)
    await cluster.delete("pods", "default", "p")
    await cluster.until_event("p", "FailedSync", "The pod could not be removed: not today")
    await cluster.until_gone("pods", "default", "p")


async def test_status_of_a_simulated_pod_is_written_again_after_a_refusal(
    node: Any, run_pod: Any, running: Any, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    patch = cluster.merge_patch
    refusals = 1

    async def refuse(resource: str, *arguments: Any, **more: Any) -> Any:
        nonlocal refusals
        if resource == "pods" and refusals:
            refusals -= 1
            raise unavailable("not today")
        return await patch(resource, *arguments, **more)

    monkeypatch.setattr(cluster, "merge_patch", refuse)
    await run_pod(annotations={"podrole.dev/simulate": "true"})
    await running()
    assert refusals == 0
