"""A cluster and its node that were stopped or killed go on as after a reboot of the node."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time as real_time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

import support
from podrole.base.journal import Journal
from podrole.cluster.controllers.manager import Controllers
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.node_api import LogOptions
from podrole.cluster.node.node import Node
from podrole.cluster.node.runtimes.process.runtime import ProcessRuntime
from podrole.cluster.node.settings import NodeSettings
from support.cluster import ISSUER
from support.cluster_process import open_cluster

TESTS = Path(support.__file__).parents[1]
SLEEP = "exec sleep 1000"
OBEYS = "trap 'exit 0' TERM; while :; do sleep 0.02; done"
"""Ends with 0 when it is asked to, which must not make it succeed."""


def pod(script: str, *, phase: str = "Running", **more: Any) -> dict[str, Any]:
    spec = {"containers": [container(script)], **more}
    return {"metadata": {"annotations": {"phase": phase}}, "spec": spec}


def container(script: str, name: str = "c", **more: Any) -> dict[str, Any]:
    return {"name": name, "image": "busybox", "command": ["sh", "-c", script], **more}


def named(name: str, template: dict[str, Any], **annotations: str) -> list[Any]:
    metadata = {"name": name, "annotations": template["metadata"]["annotations"] | annotations}
    return ["pods", "default", {**template, "metadata": metadata}]


def workload(resource: str, name: str, template: dict[str, Any], **spec: Any) -> list[Any]:
    return [resource, "default", {"metadata": {"name": name}, "spec": {"template": template, **spec}}]


LABELLED = pod(SLEEP) | {"metadata": {"labels": {"app": "web"}, "annotations": {"phase": "Running"}}}
OBJECTS = [
    named("always", pod(SLEEP)),
    named("on-failure", pod(OBEYS, restartPolicy="OnFailure")),
    named("never", pod(OBEYS, restartPolicy="Never")),
    named("done", pod("exit 0", phase="Succeeded", restartPolicy="Never")),
    named("terminating", pod("trap '' TERM; while :; do sleep 0.02; done"), deleted="true"),
    named("simulated", pod("exit 1"), **{"podrole.dev/simulate": "true"}),
    named("with-init", pod(SLEEP, initContainers=[container("exit 0", "i")])),
    workload("deployments.apps", "web", LABELLED, selector={"matchLabels": {"app": "web"}}),
    workload("jobs.batch", "job", pod(OBEYS, restartPolicy="Never")),
]


@pytest.fixture(params=[signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def before(request: Any, tmp_path: Path) -> Any:
    """What was there before the end of the program that ran the cluster and its node."""
    program = subprocess.Popen(
        [sys.executable, "-m", "support.cluster_process", tmp_path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(TESTS)},
    )
    assert program.stdin is not None
    assert program.stdout is not None
    try:
        program.stdin.write(json.dumps(OBJECTS))
        program.stdin.close()
        said = json.loads(program.stdout.readline())
        program.send_signal(request.param)
        program.wait(30)
    finally:
        program.kill()
        program.wait()
        program.stdout.close()
    return said


@pytest.fixture
def time(time: Any) -> Any:
    time.turn(real_time.time() - time.now())
    return time


@pytest.fixture
async def cluster(before: Any, tmp_path: Path, time: Any, make_client: Callable[..., Any]) -> AsyncIterator[Any]:
    """The cluster after its restart; ``cluster.server`` is the cluster itself."""
    journal = Journal(tmp_path / "state.db")
    server = open_cluster(tmp_path, journal, clock=time.now)
    client = make_client(server)
    client.server = server
    async with server:
        yield client
    journal.close()


@pytest.fixture
async def node(cluster: Any, time: Any, tmp_path: Path) -> AsyncIterator[Node]:
    runtime = ProcessRuntime(tmp_path / "node" / "processes")
    async with (
        Controllers(lambda _: cluster, root_ca_pem="CA", time=time),
        Node(cluster, tmp_path / "node", runtime, NodeSettings(stop_grace_seconds=0.5), time=time) as node,
    ):
        yield node


def runs_again(pod: Any) -> bool:
    (status,) = pod["status"]["containerStatuses"]
    return "running" in status["state"] and status["restartCount"] == 1


async def test_a_cluster_goes_on_after_a_restart(
    before: Any, cluster: Any, node: Node, time: Any, eventually: Any, state_of: Any, tmp_path: Path
) -> None:
    await check_pods(before, cluster, state_of)
    await check_workloads(before, cluster, time, eventually)
    await check_credentials(before, cluster, tmp_path)
    await check_leftovers(before, cluster, node, tmp_path)


async def check_pods(before: Any, cluster: Any, state_of: Any) -> None:
    assert cluster.server.store.revision >= before["revision"]
    for name in ("always", "on-failure", "simulated", "with-init"):
        pod = await cluster.until("pods", "default", name, runs_again)
        assert pod["metadata"]["uid"] == before["pods"][name]["metadata"]["uid"]
        kind, _, status = state_of(pod)
        assert (name, kind, status["restartCount"]) == (name, "running", 1)
        ended = status["lastState"]["terminated"]
        assert (ended["exitCode"], ended["reason"]) == (255, "Unknown")
        was = before["pods"][name]["status"]
        assert ended["startedAt"] == was["containerStatuses"][0]["state"]["running"]["startedAt"]
        assert pod["status"]["startTime"] == was["startTime"]
    _, _, init = state_of(await cluster.get("pods", "default", "with-init"), "i", field="initContainerStatuses")
    assert init["restartCount"] == 1
    assert init["state"]["terminated"]["reason"] == init["lastState"]["terminated"]["reason"] == "Completed"
    await cluster.until_event("always", "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")

    never = await cluster.until("pods", "default", "never", lambda pod: pod["status"]["phase"] == "Failed")
    kind, fields, status = state_of(never)
    assert (kind, fields["exitCode"], fields["reason"], status["restartCount"]) == ("terminated", 255, "Unknown", 0)
    assert (never["status"]["reason"], never["status"]["message"]) == (
        "Terminated",
        "The node was restarted while the pod ran, and its restartPolicy is Never.",
    )
    assert await cluster.get("pods", "default", "done") == before["pods"]["done"]
    await cluster.until_gone("pods", "default", "terminating")


async def check_workloads(before: Any, cluster: Any, time: Any, eventually: Any) -> None:
    (web,) = [name for name in before["pods"] if name.startswith("web-")]
    await cluster.until("pods", "default", web, runs_again)
    await cluster.until("deployments.apps", "default", "web", lambda one: one["status"].get("availableReplicas") == 1)
    assert [pod["metadata"]["name"] for pod in await cluster.list("pods", label_selector="app=web")] == [web]

    failed = await cluster.until("jobs.batch", "default", "job", lambda job: job["status"].get("failed") == 1)
    assert "active" not in failed["status"], "the next pod comes after the back-off of ten seconds"
    await eventually(lambda: time.waiting() > 0)
    time.turn(11)
    again = await cluster.until("jobs.batch", "default", "job", lambda job: job["status"].get("ready") == 1)
    assert (again["status"]["failed"], again["status"]["active"]) == (1, 1)


async def check_credentials(before: Any, cluster: Any, tmp_path: Path) -> None:
    user = cluster.server.tokens.authenticate(before["token"], [ISSUER]).user
    assert user.name == "system:serviceaccount:default:default"
    pod = await cluster.until("pods", "default", "always", runs_again)
    (volume,) = pod["spec"]["volumes"]
    directory = tmp_path / "node" / "pods" / pod["metadata"]["uid"] / "volumes" / volume["name"]
    token = await asyncio.to_thread((directory / "token").read_text)
    bound = cluster.server.tokens.authenticate(token, [ISSUER]).user.extra
    assert bound["authentication.kubernetes.io/pod-uid"] == (pod["metadata"]["uid"],)


async def check_leftovers(before: Any, cluster: Any, node: Node, tmp_path: Path) -> None:
    uids = {pod["metadata"]["uid"] for pod in await cluster.list("pods", "default")}
    left = await asyncio.to_thread(lambda: {folder.name for folder in (tmp_path / "node" / "pods").iterdir()})
    assert left <= uids
    assert before["pods"]["done"]["metadata"]["uid"] not in left
    pod = await cluster.get("pods", "default", "done")
    with pytest.raises(StatusError) as refusal:
        await node.logs(pod, "c", LogOptions())
    assert refusal.value.what == 'the log of container "c" in pod "done" was removed when the node stopped'


async def test_a_pod_that_ended_while_it_was_being_deleted_is_removed_at_the_next_start(
    make_client: Callable[..., Any], tmp_path: Path, time: Any
) -> None:
    journal = Journal(tmp_path / "state.db")
    async with open_cluster(tmp_path, journal, clock=time.now) as server:
        client = make_client(server)
        await client.create("serviceaccounts", "default", {"metadata": {"name": "default"}})
        body = named("p", pod(SLEEP))[2]
        await client.create("pods", "default", {**body, "spec": body["spec"] | {"nodeName": "podrole-node"}})
        await client.delete("pods", "default", "p")
        await client.merge_patch("pods", "default", "p", {"status": {"phase": "Failed"}}, subresource="status")
        runtime = ProcessRuntime(tmp_path / "node" / "processes")
        async with Node(client, tmp_path / "node", runtime, time=time):
            await client.until_gone("pods", "default", "p")
    journal.close()
