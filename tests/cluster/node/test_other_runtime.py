"""The node with a runtime in memory: pods, probes, sessions and volumes need no processes of this machine."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from podrole.cluster.core.errors import StatusError, resource_forbidden
from podrole.cluster.core.node_api import StreamOptions
from podrole.cluster.node.node import Node
from podrole.cluster.node.runtime import Runtime
from support.fake_runtime import FakeRuntime


@pytest.fixture
def runtime() -> FakeRuntime:
    return FakeRuntime()


@pytest.fixture(autouse=True)
async def node(cluster: Any, time: Any, directory: Path, runtime: FakeRuntime) -> AsyncIterator[Node]:
    """Overrides the node of processes: every test here has a node with the runtime in memory."""
    checked: Runtime = runtime
    async with Node(cluster, directory, checked, time=time, randomness=lambda: 0.0) as node:
        assert runtime.started
        yield node
    assert runtime.stopped
    assert runtime.sandboxes == []


@pytest.fixture
def started(runtime: FakeRuntime, eventually: Any) -> Any:
    """Return a function that waits until so many containers were started and returns the last."""

    async def started(count: int = 1) -> Any:
        await eventually(lambda: len(runtime.containers) >= count)
        return runtime.containers[count - 1]

    return started


async def test_the_node_object_describes_the_runtime(cluster: Any) -> None:
    status = (await cluster.get("nodes", None, "podrole-node"))["status"]
    assert status["nodeInfo"]["containerRuntimeVersion"] == "fake://1.0"
    ready = next(each for each in status["conditions"] if each["type"] == "Ready")
    assert ready["message"] == "the tests run pods in memory"


async def test_a_pod_runs_to_its_end(
    run_pod: Any, started: Any, running: Any, finished: Any, log_of: Any, state_of: Any, cluster: Any
) -> None:
    await run_pod(
        container={
            "image": "app:1",
            "command": ["serve"],
            "args": ["$(PORT)"],
            "env": [{"name": "PORT", "value": "80"}],
        }
    )
    container = await started()
    pod = await running()
    assert pod["status"]["podIP"] == "10.0.0.7"
    assert pod["status"]["hostIP"] == "127.0.0.1"
    assert (list(container.config.command), list(container.config.args)) == (["serve"], ["80"])
    container.write("hello\n")
    (container.config.directory / "termination-log").write_text("bye")
    container.exit(3)
    _, ended, status = state_of(await finished())
    assert (ended["exitCode"], ended["message"]) == (3, "bye")
    assert ended["containerID"] == f"fake://{container.config.identity}"
    assert status["imageID"] == "sha256:app"
    assert await log_of() == "hello\n"
    await cluster.until_event("p", "Pulled", 'Successfully pulled image "app:1"')


async def test_a_container_is_restarted_as_a_new_run(run_pod: Any, started: Any) -> None:
    await run_pod(restartPolicy="Always")
    first = await started(1)
    first.exit(1)
    second = await started(2)
    assert first.config.identity != second.config.identity


async def test_a_deleted_pod_is_asked_to_end_and_killed_at_its_deadline(
    run_pod: Any, started: Any, running: Any, cluster: Any, time: Any, eventually: Any
) -> None:
    await run_pod()
    container = await started()
    container.ignores_signals = True
    await running()
    await cluster.delete("pods", "default", "p", grace_seconds=7)
    await eventually(lambda: container.signals)
    assert container.signals == [signal.SIGTERM]
    time.turn(7)
    await cluster.until_gone("pods", "default", "p")
    assert container.signals == [signal.SIGTERM, signal.SIGKILL]


def content(*path: str) -> str:
    return Path(*path).read_text()


async def test_files_of_volumes_are_mounted(run_pod: Any, started: Any, cluster: Any) -> None:
    await cluster.create("configmaps", "default", {"metadata": {"name": "cm"}, "data": {"a": "1", "b": "2"}})
    mounts = [
        {"name": "v", "mountPath": "/etc/app/"},
        {"name": "v", "mountPath": "/b", "subPath": "b"},
        {"name": "e", "mountPath": "/e"},
        {"name": "e", "mountPath": "/r", "readOnly": True},
    ]
    volumes = [{"name": "v", "configMap": {"name": "cm"}}, {"name": "e", "emptyDir": {}}]
    await run_pod(container={"volumeMounts": mounts}, volumes=volumes, automountServiceAccountToken=False)
    by_path = {mount.path: mount for mount in (await started()).config.mounts}
    read_only = {path: mount.read_only for path, mount in by_path.items()}
    assert read_only == {"/etc/app": True, "/b": True, "/e": False, "/r": True, "/dev/termination-log": False}
    assert content(by_path["/etc/app"].target, "a") == "1"
    assert content(by_path["/b"].target) == "2"


async def test_a_command_is_run_inside(node: Any, run_pod: Any, running: Any, runtime: FakeRuntime) -> None:
    def echo(process: Any) -> None:
        process.write("hi")
        process.exit(4)

    runtime.commands["echo"] = echo
    await run_pod()
    pod = await running()
    session = await node.exec(pod, "c", ["echo"], StreamOptions())
    assert b"".join([part.data async for part in session.output()]) == b"hi"
    assert await session.wait() == 4
    with pytest.raises(StatusError, match="executable file not found"):
        await node.exec(pod, "c", ["nothing"], StreamOptions())


async def test_attach_joins_the_streams(node: Any, run_pod: Any, running: Any, started: Any) -> None:
    await run_pod(container={"stdin": True, "stdinOnce": True, "tty": True})
    container = await started()
    session = await node.attach(await running(), "c", StreamOptions(stdin=True, tty=True))
    await session.write(b"in")
    await session.resize(80, 25)
    await session.close_input()
    assert (container.stdin.data, container.stdin.closed.is_set(), container.size) == (b"in", True, (80, 25))
    container.write("out")
    container.exit()
    assert b"".join([part.data async for part in session.output()]) == b"out"


async def test_a_failing_liveness_probe_restarts_the_container(
    run_pod: Any, started: Any, runtime: FakeRuntime
) -> None:
    runtime.commands["check"] = lambda process: process.exit(1)
    probe = {"exec": {"command": ["check"]}, "failureThreshold": 1}
    await run_pod(restartPolicy="Always", container={"livenessProbe": probe})
    assert (await started(2)).config.name == "c"
    assert runtime.containers[0].signals == [signal.SIGTERM]


async def test_probes_reach_the_pods_own_address_only(run_pod: Any, cluster: Any, eventually: Any) -> None:
    await run_pod(container={"readinessProbe": {"tcpSocket": {"port": 1, "host": "10.0.0.8"}}})

    async def refused() -> bool:
        return any("not 10.0.0.8" in message for _, message in await cluster.events_of("p"))

    await eventually(refused)


async def test_an_image_that_cannot_be_pulled_is_shown(run_pod: Any, cluster: Any, state_of: Any) -> None:
    await run_pod(container={"image": "missing"})
    pod = await cluster.until(
        "pods", "default", "p", lambda pod: "containerStatuses" in pod["status"] and state_of(pod)[1].get("message")
    )
    assert state_of(pod)[1] == {"reason": "ErrImagePull", "message": "there is no such image"}


async def test_a_container_that_cannot_be_created_is_shown(run_pod: Any, cluster: Any, state_of: Any) -> None:
    await run_pod(container={"workingDir": "/nowhere"})
    pod = await cluster.until(
        "pods", "default", "p", lambda pod: "containerStatuses" in pod["status"] and state_of(pod)[1].get("message")
    )
    assert state_of(pod)[1] == {"reason": "CreateContainerConfigError", "message": "there is no /nowhere"}


async def test_a_container_that_cannot_be_started_has_failed(run_pod: Any, finished: Any, state_of: Any) -> None:
    await run_pod(container={"command": ["broken"]})
    _, ended, _ = state_of(await finished())
    assert (ended["exitCode"], ended["reason"]) == (128, "StartError")


async def test_a_sandbox_that_cannot_be_created_is_tried_again(
    run_pod: Any, running: Any, cluster: Any, time: Any, runtime: FakeRuntime
) -> None:
    runtime.broken_sandboxes = 1
    await run_pod()
    await cluster.until_event("p", "FailedCreatePodSandBox", "Failed to create pod sandbox: no network")
    assert runtime.containers == []
    time.turn(1)
    await running()


async def test_config_map_that_may_not_be_read_is_shown(
    run_pod: Any, cluster: Any, state_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    get = cluster.get

    async def refuse(resource: str, *arguments: Any) -> Any:
        if resource == "configmaps":
            raise resource_forbidden("", "configmaps", "cm", "no way")
        return await get(resource, *arguments)

    await cluster.create("configmaps", "default", {"metadata": {"name": "cm"}, "data": {"a": "1"}})
    monkeypatch.setattr(cluster, "get", refuse)
    source = {"envFrom": [{"configMapRef": {"name": "cm", "optional": True}}]}
    await run_pod(container=source, automountServiceAccountToken=False)
    pod = await cluster.until(
        "pods", "default", "p", lambda pod: "containerStatuses" in pod["status"] and state_of(pod)[1].get("message")
    )
    assert state_of(pod)[1] == {
        "reason": "CreateContainerConfigError",
        "message": 'configmaps "cm" is forbidden: no way',
    }


async def test_probe_whose_command_cannot_be_started_fails(run_pod: Any, cluster: Any) -> None:
    await run_pod(container={"readinessProbe": {"exec": {"command": ["nothing"]}}})
    message = 'Readiness probe failed: exec: "nothing": executable file not found in $PATH'
    await cluster.until_event("p", "Unhealthy", message)


async def test_attached_client_that_does_not_read_is_disconnected(
    node: Any, run_pod: Any, running: Any, started: Any
) -> None:
    await run_pod()
    container = await started()
    pod = await running()
    session, other = [await node.attach(pod, "c", StreamOptions()) for _ in range(2)]
    reading = other.output()
    for _ in range(9):
        container.write("x" * 1024 * 1024)
        await anext(reading)
    container.write("the end")
    assert "the end" not in [part.data.decode() async for part in session.output()]
    assert (await anext(reading)).data == b"the end"


async def test_container_that_was_not_started_cannot_be_entered(
    node: Any, run_pod: Any, cluster: Any, eventually: Any
) -> None:
    pod = await run_pod(container={"image": "missing"})
    with pytest.raises(StatusError, match=r'container not found \("c"\)'):
        await node.exec(pod, "c", ["true"], StreamOptions())  # the node has not seen it yet
    await cluster.until_event("p", "Failed", "Error: ErrImagePull")
    with pytest.raises(StatusError, match=r'container not found \("c"\)'):
        await node.exec(pod, "c", ["true"], StreamOptions())
