"""Pods from pending to their end: phases, restarts, deadlines, deletion. Processes are real, time is turned."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from podrole.base.clock import rfc3339
from podrole.cluster.node.runtimes.process.isolation import ISOLATED, NOT_ISOLATED
from support.engine import both_runtimes, both_runtimes_in_soak
from support.isolation import both_ways


@pytest.fixture(autouse=True)
def _node(node: Any) -> None:
    """Every test here has a node."""


@both_ways
async def test_node_registers_itself(cluster: Any, isolated: bool) -> None:
    node = await cluster.get("nodes", None, "podrole-node")
    ready = next(each for each in node["status"]["conditions"] if each["type"] == "Ready")
    assert (ready["status"], ready["message"]) == ("True", ISOLATED if isolated else NOT_ISOLATED)
    assert node["status"]["nodeInfo"]["containerRuntimeVersion"].startswith("podrole-local-processes://")
    assert node["metadata"]["labels"]["kubernetes.io/os"] == "linux"


async def test_heartbeat_renews_the_nodes_status(cluster: Any, time: Any) -> None:
    time.turn(301)
    now = rfc3339(time.now())
    await cluster.until(
        "nodes", None, "podrole-node", lambda node: node["status"]["conditions"][0]["lastHeartbeatTime"] == now
    )


@both_runtimes
async def test_a_pod_that_ends_well_has_succeeded(run_pod: Any, finished: Any, log_of: Any, cluster: Any) -> None:
    await run_pod("echo hello")
    pod = await finished()
    assert pod["spec"]["nodeName"] == "podrole-node"
    assert pod["status"]["phase"] == "Succeeded"
    terminated = pod["status"]["containerStatuses"][0]["state"]["terminated"]
    assert (terminated["exitCode"], terminated["reason"]) == (0, "Completed")
    assert await log_of() == "hello\n"


async def test_the_events_are_those_of_a_scheduler_and_a_kubelet(run_pod: Any, finished: Any, cluster: Any) -> None:
    await run_pod("true")
    await finished()
    events = await cluster.list("events", "default")
    assert [(each["reason"], each["source"]["component"]) for each in events if each["reason"] == "Scheduled"] == [
        ("Scheduled", "default-scheduler")
    ]
    by_kubelet = {each["reason"]: each for each in events if each["source"]["component"] == "kubelet"}
    assert by_kubelet.keys() == {"Pulled", "Created", "Started"}  # all of one moment of the test's clock
    assert by_kubelet["Started"]["involvedObject"]["fieldPath"] == "spec.containers{c}"
    assert "nothing was pulled" in by_kubelet["Pulled"]["message"]


@both_runtimes
async def test_a_failing_pod_has_failed_with_the_programs_exit_code(run_pod: Any, finished: Any, state_of: Any) -> None:
    await run_pod("exit 42")
    pod = await finished()
    assert pod["status"]["phase"] == "Failed"
    assert state_of(pod)[1]["exitCode"] == 42
    assert state_of(pod)[1]["reason"] == "Error"


async def test_a_process_that_a_signal_ended_has_128_plus_its_number(
    run_pod: Any, finished: Any, state_of: Any
) -> None:
    await run_pod("kill -KILL $$$$")
    assert state_of(await finished())[1]["exitCode"] == 137


@both_runtimes_in_soak
async def test_missing_program_is_a_start_error(run_pod: Any, finished: Any, state_of: Any, cluster: Any) -> None:
    await run_pod(container={"command": ["no-such-program"]})
    terminated = state_of(await finished())[1]
    assert (terminated["exitCode"], terminated["reason"]) == (128, "StartError")
    assert terminated["message"] == 'exec: "no-such-program": executable file not found in $PATH'
    await cluster.until_event("p", "Failed", f"Error: {terminated['message']}")


@both_runtimes_in_soak
async def test_termination_message_is_read_from_its_file(run_pod: Any, finished: Any, state_of: Any) -> None:
    await run_pod("echo reason > /dev/termination-log; exit 1")
    assert state_of(await finished())[1]["message"] == "reason\n"


@both_runtimes_in_soak
async def test_end_of_the_log_replaces_a_missing_termination_message(
    run_pod: Any, finished: Any, state_of: Any
) -> None:
    await run_pod("echo last words; exit 1", container={"terminationMessagePolicy": "FallbackToLogsOnError"})
    assert state_of(await finished())[1]["message"] == "last words\n"


@both_runtimes_in_soak
async def test_init_containers_run_in_order_before_the_others(run_pod: Any, finished: Any, log_of: Any) -> None:
    share = [{"name": "v", "mountPath": "/v"}]
    init = [
        {"name": name, "image": "busybox", "command": ["sh", "-c", f"echo {name} >> /v/log"], "volumeMounts": share}
        for name in ("one", "two")
    ]
    await run_pod("cat /v/log", container={"volumeMounts": share}, initContainers=init, volumes=[{"name": "v"}])
    await finished()
    assert await log_of() == "one\ntwo\n"


@both_runtimes_in_soak
async def test_a_failing_init_container_fails_a_pod_that_is_never_restarted(
    run_pod: Any, finished: Any, state_of: Any
) -> None:
    init = [{"name": "i", "image": "busybox", "command": ["false"]}]
    await run_pod("echo never", initContainers=init)
    pod = await finished()
    assert pod["status"]["phase"] == "Failed"
    assert state_of(pod)[1]["reason"] == "PodInitializing"
    assert state_of(pod, "i", field="initContainerStatuses")[1]["exitCode"] == 1


async def test_a_sidecar_starts_first_and_ends_last(run_pod: Any, finished: Any, state_of: Any, cluster: Any) -> None:
    share = [{"name": "v", "mountPath": "/v"}]
    sidecar = {
        "name": "s",
        "image": "busybox",
        "restartPolicy": "Always",
        "command": ["sh", "-c", "echo up > /v/up; exec sleep 1000"],
        "volumeMounts": share,
    }
    wait = "until test -e /v/up; do sleep 0.01; done"
    await run_pod(wait, container={"volumeMounts": share}, initContainers=[sidecar], volumes=[{"name": "v"}])
    pod = await finished()
    assert pod["status"]["phase"] == "Succeeded"
    assert state_of(pod, "s", field="initContainerStatuses")[0] == "terminated"


@both_runtimes_in_soak
async def test_a_crashing_container_is_restarted_at_once_and_then_backed_off(
    run_pod: Any, cluster: Any, state_of: Any, time: Any
) -> None:
    await run_pod("exit 1", restartPolicy="Always")
    for restarts, delay, text in ((1, 10, "10s"), (2, 20, "20s"), (3, 40, "40s"), (4, 80, "1m20s")):

        def backed_off(pod: Any, restarts: int = restarts) -> bool:
            kind, fields, status = state_of(pod) if pod["status"].get("containerStatuses") else ("", {}, {})
            return kind == "waiting" and fields["reason"] == "CrashLoopBackOff" and status["restartCount"] == restarts

        pod = await cluster.until("pods", "default", "p", backed_off)
        uid = pod["metadata"]["uid"]
        assert state_of(pod)[1]["message"] == f"back-off {text} restarting failed container=c pod=p_default({uid})"
        assert state_of(pod)[2]["lastState"]["terminated"]["exitCode"] == 1
        assert pod["status"]["phase"] == "Running"
        time.turn(delay)
    await cluster.until_event("p", "BackOff", f"Back-off restarting failed container c in pod p_default({uid})")


@both_runtimes_in_soak
async def test_on_failure_a_container_that_ends_well_is_not_restarted(
    run_pod: Any, finished: Any, state_of: Any
) -> None:
    volume = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    script = "test -e /v/second && exit 0; touch /v/second; exit 1"
    await run_pod(script, container=volume, restartPolicy="OnFailure", volumes=[{"name": "v"}])
    pod = await finished()
    assert pod["status"]["phase"] == "Succeeded"
    assert state_of(pod)[2]["restartCount"] == 1


async def test_an_unknown_image_is_an_image_pull_error_with_back_off(
    run_pod: Any, cluster: Any, state_of: Any, time: Any, eventually: Any
) -> None:
    await run_pod(container={"image": "nginx"})

    def waits(reason: str) -> Any:
        return lambda pod: (
            pod["status"].get("containerStatuses") and state_of(pod)[1].get("reason") == reason and state_of(pod)
        )

    pod = await cluster.until("pods", "default", "p", waits("ErrImagePull"))
    assert "it can run amazon/aws-cli" in state_of(pod)[1]["message"]
    assert pod["status"]["phase"] == "Pending"
    time.turn(2)
    await cluster.until("pods", "default", "p", waits("ImagePullBackOff"))
    await cluster.until_event("p", "BackOff", 'Back-off pulling image "nginx"')
    time.turn(8)
    await cluster.until("pods", "default", "p", waits("ErrImagePull"))


@both_runtimes_in_soak
async def test_pod_waits_for_a_missing_config_map(
    run_pod: Any, cluster: Any, state_of: Any, time: Any, finished: Any, log_of: Any
) -> None:
    await run_pod("echo $COLOUR", container={"envFrom": [{"configMapRef": {"name": "late"}}]})
    pod = await cluster.until(
        "pods", "default", "p", lambda pod: pod["status"].get("containerStatuses") and "message" in state_of(pod)[1]
    )
    assert state_of(pod)[1] == {"reason": "CreateContainerConfigError", "message": 'configmap "late" not found'}
    await cluster.create("configmaps", "default", {"metadata": {"name": "late"}, "data": {"COLOUR": "green"}})
    time.turn(10)
    await finished()
    assert await log_of() == "green\n"
    await cluster.until_event("p", "Failed", 'Error: configmap "late" not found')


@both_runtimes_in_soak
async def test_a_volume_that_cannot_be_made_is_a_mount_failure_and_tried_again(
    run_pod: Any, cluster: Any, time: Any, eventually: Any, finished: Any, log_of: Any
) -> None:
    volume = {"name": "v", "secret": {"secretName": "late"}}
    mount = {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    await run_pod("cat /v/key", container=mount, volumes=[volume])
    message = 'MountVolume.SetUp failed for volume "v" : secret "late" not found'

    await cluster.until_event("p", "FailedMount", message)
    pod = await cluster.get("pods", "default", "p")
    assert pod["status"]["phase"] == "Pending"
    assert pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"] == "ContainerCreating"
    await cluster.create("secrets", "default", {"metadata": {"name": "late"}, "data": {"key": "aHVzaA=="}})
    time.turn(1)
    await finished()
    assert await log_of() == "hush"


async def test_an_unsupported_volume_says_what_is_supported(run_pod: Any, cluster: Any, eventually: Any) -> None:
    await run_pod("true", volumes=[{"name": "v", "nfs": {"server": "s", "path": "/etc"}}])

    async def messages() -> list[str]:
        return [message for reason, message in await cluster.events_of("p") if reason == "FailedMount"]

    (message,) = await eventually(messages)
    assert "this node does not support volumes of kind nfs; it supports emptyDir" in message


async def test_the_deadline_of_a_pod_ends_it(run_pod: Any, running: Any, finished: Any, time: Any) -> None:
    await run_pod("exec sleep 1000", activeDeadlineSeconds=60)
    await running()
    time.turn(60)
    pod = await finished()
    assert (pod["status"]["phase"], pod["status"]["reason"]) == ("Failed", "DeadlineExceeded")
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 143


async def test_deleted_pod_gets_sigterm_and_is_removed(
    run_pod: Any, running: Any, cluster: Any, eventually: Any, directory: Any
) -> None:
    pod = await run_pod("trap 'exit 0' TERM; while :; do sleep 0.01; done")
    await running()
    await cluster.delete("pods", "default", "p")
    await cluster.until_gone("pods", "default", "p")
    await cluster.until_event("p", "Killing", "Stopping container c")
    uid = pod["metadata"]["uid"]
    await eventually(lambda: not (directory / "pods" / uid).exists())
    await eventually(lambda: not list((directory / "logs").iterdir()))
    assert not list((directory / "processes").iterdir())


@both_runtimes_in_soak
async def test_a_process_that_ignores_sigterm_is_killed_after_the_grace(
    run_pod: Any, running: Any, cluster: Any, time: Any, log_of: Any, eventually: Any
) -> None:
    await run_pod("trap '' TERM; echo ready; while :; do sleep 0.01; done", terminationGracePeriodSeconds=20)
    await running()
    await eventually(log_of)
    await cluster.delete("pods", "default", "p")

    await cluster.until_event("p", "Killing", "Stopping container c")
    time.turn(19)
    assert (await cluster.get("pods", "default", "p"))["metadata"]["deletionGracePeriodSeconds"] == 20
    time.turn(1)
    await cluster.until_gone("pods", "default", "p")


async def test_a_second_delete_shortens_the_grace(
    run_pod: Any, running: Any, cluster: Any, log_of: Any, eventually: Any
) -> None:
    await run_pod("trap '' TERM; echo ready; while :; do sleep 0.01; done")
    await running()
    await eventually(log_of)
    await cluster.delete("pods", "default", "p")
    await cluster.delete("pods", "default", "p", grace_seconds=0)
    await cluster.until_gone("pods", "default", "p")


async def test_a_pod_deleted_by_force_leaves_no_process(
    run_pod: Any, running: Any, cluster: Any, eventually: Any, directory: Any
) -> None:
    await run_pod("trap '' TERM; while :; do sleep 0.01; done")
    await running()
    (record,) = (directory / "processes").iterdir()
    pid = int(record.name.split("-")[0])
    await cluster.delete("pods", "default", "p", grace_seconds=0)
    await eventually(lambda: not Path(f"/proc/{pid}").exists())


async def test_the_pre_stop_hook_runs_before_the_signal(
    run_pod: Any, running: Any, cluster: Any, tmp_path: Path
) -> None:
    script = "trap 'echo term >> $WITNESS; exit' TERM; while :; do sleep 0.01; done"
    container = {
        "env": [{"name": "WITNESS", "value": "/outside/file"}],
        "lifecycle": {
            "preStop": {"exec": {"command": ["sh", "-c", "echo hook >> /outside/file; cp /outside/file /outside/seen"]}}
        },
        "volumeMounts": [{"name": "outside", "mountPath": "/outside"}],
    }
    outside = tmp_path / "allowed"
    volumes = [{"name": "outside", "hostPath": {"path": str(outside), "type": "DirectoryOrCreate"}}]
    await run_pod(script, container=container, volumes=volumes)
    await running()
    await cluster.delete("pods", "default", "p")
    await cluster.until_gone("pods", "default", "p")
    assert (outside / "seen").read_text() == "hook\n"
    assert (outside / "file").read_text() == "hook\nterm\n"


async def test_pod_deleted_during_its_start_is_ended(
    run_pod: Any, cluster: Any, eventually: Any, directory: Any, time: Any
) -> None:
    for number in range(8):
        pod = await run_pod("trap '' TERM; while :; do sleep 0.01; done", name=f"p{number}")
        await cluster.until("pods", "default", f"p{number}", lambda pod: pod["spec"].get("nodeName"))
        for _ in range(number * 3):  # at another moment of its start each time
            await asyncio.sleep(0.001)
        await cluster.delete("pods", "default", pod["metadata"]["name"], grace_seconds=5)

    def turned() -> bool:
        time.turn(1)
        return not list((directory / "pods").iterdir())

    await eventually(turned)
    assert not list((directory / "processes").iterdir())


async def test_pod_that_the_node_cannot_run_has_failed_with_the_reason(
    run_pod: Any, finished: Any, directory: Any, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("podrole.cluster.node.pods.pod.make_private_directory", full)
    await run_pod("true")
    pod = await finished()
    assert (pod["status"]["phase"], pod["status"]["reason"]) == ("Failed", "NodeError")
    assert "No space left on device" in pod["status"]["message"]


@both_runtimes_in_soak
async def test_readiness_gate_of_another_controller_is_kept_and_counts(
    run_pod: Any, running: Any, cluster: Any
) -> None:
    await run_pod("exec sleep 1000", readinessGates=[{"conditionType": "example.com/gate"}])
    pod = await running()
    ready = next(each for each in pod["status"]["conditions"] if each["type"] == "Ready")
    assert ready["reason"] == "ReadinessGatesNotReady"
    gate = {"type": "example.com/gate", "status": "True"}
    patch = {"status": {"conditions": [*pod["status"]["conditions"], gate]}}
    await cluster.merge_patch("pods", "default", "p", patch, subresource="status")

    def is_ready(pod: Any) -> bool:
        found = {each["type"]: each["status"] for each in pod["status"]["conditions"]}
        return found["Ready"] == found["example.com/gate"] == "True"

    await cluster.until("pods", "default", "p", is_ready)


async def test_another_image_restarts_the_container(run_pod: Any, running: Any, cluster: Any, state_of: Any) -> None:
    await run_pod("exec sleep 1000", restartPolicy="Always")
    pod = await running()
    pod["spec"]["containers"][0]["image"] = "alpine"
    await cluster.update("pods", "default", "p", pod)
    changed = await cluster.until(
        "pods", "default", "p", lambda pod: state_of(pod)[2]["restartCount"] == 1 and state_of(pod)[0] == "running"
    )
    assert state_of(changed)[2]["image"] == "alpine"


async def test_simulated_pod_is_reported_as_running(run_pod: Any, running: Any, cluster: Any, directory: Any) -> None:
    await run_pod("touch ran", annotations={"podrole.dev/simulate": "true"})
    pod = await running()
    assert {each["status"] for each in pod["status"]["conditions"]} >= {"True"}
    assert not list((directory / "pods").iterdir())
    await cluster.delete("pods", "default", "p")
    await cluster.until_gone("pods", "default", "p")


async def test_new_pod_of_the_same_name_does_not_get_the_status_of_the_old_one(
    run_pod: Any, running: Any, cluster: Any, finished: Any
) -> None:
    first = await run_pod("exec sleep 1000")
    await running()
    await cluster.delete("pods", "default", "p", grace_seconds=0)
    second = await run_pod("exit 7")
    pod = await finished()
    assert pod["metadata"]["uid"] == second["metadata"]["uid"] != first["metadata"]["uid"]
    assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 7
