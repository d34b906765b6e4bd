"""A pod's phase, conditions and statuses from its containers; back-off; who is scheduled."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.core.client import Object
from podrole.cluster.node.containers.backoff import Backoff
from podrole.cluster.node.containers.states import ContainerView, Running, Terminated, Waiting, should_restart
from podrole.cluster.node.pods.status import Ended, phase_of, status_of
from podrole.cluster.node.scheduling.decision import Fits, Unschedulable, decide, is_ours, processes_of

WAITING = Waiting("ContainerCreating")
RUNNING = Running(5.0)
DONE = Terminated(0, "Completed", 1.0, 2.0, "podrole://x")
FAILED = Terminated(3, "Error", 1.0, 2.0, "podrole://x")


def main(state: Any, last: Terminated | None = None, *, ready: bool = False) -> ContainerView:
    return ContainerView("c", "busybox", "main", state, last, ready=ready, started=ready)


def init(state: Any) -> ContainerView:
    return ContainerView("i", "busybox", "init", state)


@pytest.mark.parametrize(
    ("policy", "containers", "phase"),
    [
        ("Always", [main(WAITING)], "Pending"),
        ("Always", [main(RUNNING)], "Running"),
        ("Always", [main(RUNNING), main(WAITING)], "Running"),
        ("Always", [main(DONE)], "Running"),
        ("Always", [main(Waiting("CrashLoopBackOff"), FAILED)], "Running"),
        ("Never", [main(DONE)], "Succeeded"),
        ("Never", [main(FAILED)], "Failed"),
        ("Never", [main(FAILED), main(DONE)], "Failed"),
        ("Never", [main(FAILED), main(RUNNING)], "Running"),
        ("OnFailure", [main(DONE)], "Succeeded"),
        ("OnFailure", [main(FAILED)], "Running"),
        ("Never", [init(RUNNING), main(WAITING)], "Pending"),
        ("Never", [init(FAILED), main(WAITING)], "Failed"),
        ("Always", [init(FAILED), main(WAITING)], "Pending"),
        ("Always", [init(DONE), main(RUNNING)], "Running"),
    ],
)
def test_phase_follows_from_the_containers(policy: str, containers: list[ContainerView], phase: str) -> None:
    assert phase_of(policy, containers) == phase


@pytest.mark.parametrize(
    ("policy", "code", "again"),
    [("Always", 0, True), ("Always", 1, True), ("OnFailure", 0, False), ("OnFailure", 1, True), ("Never", 1, False)],
)
def test_restart_policy_decides_about_restarts(policy: str, code: int, again: bool) -> None:
    assert should_restart(policy, code) is again


def status(containers: list[ContainerView], pod: Object | None = None, **more: Any) -> Object:
    pod = pod or {"metadata": {"name": "p"}, "spec": {"restartPolicy": "Never"}}
    arguments = {"ip": "127.0.0.1", "host_ip": "127.0.0.1", "started_at": 0.0, "now": 100.0} | more
    return status_of(pod, containers, **arguments)


def conditions(made: Object) -> dict[str, tuple[str, str]]:
    return {each["type"]: (each["status"], each.get("reason", "")) for each in made["conditions"]}


def test_a_running_pod_is_ready() -> None:
    made = status([main(RUNNING, ready=True)])
    assert set(conditions(made).values()) == {("True", "")}
    assert made["containerStatuses"][0]["state"] == {"running": {"startedAt": "1970-01-01T00:00:05Z"}}
    assert made["podIP"] == "127.0.0.1"


def test_an_unready_container_is_named() -> None:
    made = status([main(RUNNING)])
    ready = next(each for each in made["conditions"] if each["type"] == "Ready")
    assert (ready["reason"], ready["message"]) == ("ContainersNotReady", "containers with unready status: [c]")


def test_conditions_of_a_finished_pod_have_its_reason() -> None:
    assert conditions(status([main(DONE)]))["Ready"] == ("False", "PodCompleted")
    assert conditions(status([main(FAILED)]))["Ready"] == ("False", "PodFailed")


def test_a_deadline_makes_the_pod_failed() -> None:
    made = status([main(FAILED)], ended=Ended("DeadlineExceeded", "too long"))
    assert (made["phase"], made["reason"], made["message"]) == ("Failed", "DeadlineExceeded", "too long")


def test_conditions_keep_their_time_and_those_of_others_stay() -> None:
    pod = {
        "metadata": {"name": "p"},
        "spec": {"readinessGates": [{"conditionType": "example.com/gate"}]},
        "status": {
            "conditions": [
                {"type": "PodScheduled", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"},
                {"type": "example.com/gate", "status": "False"},
            ]
        },
    }
    made = status([main(RUNNING, ready=True)], pod)
    by_type = {each["type"]: each for each in made["conditions"]}
    assert by_type["PodScheduled"]["lastTransitionTime"] == "2020-01-01T00:00:00Z"
    assert by_type["Ready"]["reason"] == "ReadinessGatesNotReady"
    assert by_type["ContainersReady"]["status"] == "True"
    assert by_type["example.com/gate"]["status"] == "False"


def test_restarted_container_shows_its_last_state() -> None:
    made = status([main(Waiting("CrashLoopBackOff", "back-off 10s"), FAILED)])["containerStatuses"][0]
    assert made["state"] == {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}}
    assert made["lastState"]["terminated"]["exitCode"] == 3


def test_the_back_off_doubles_to_five_minutes_and_is_forgotten() -> None:
    backoff, now, delays = Backoff(), 0.0, []
    for _ in range(8):
        delay = backoff.delay(now)
        delays.append(delay)
        now += delay
        backoff.attempted(now)
    assert delays == [0, 10, 20, 40, 80, 160, 300, 300]
    assert backoff.delay(now + 601) == 0


def pod(**spec: Any) -> Object:
    return {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}], **spec}}


def test_a_pod_fits_where_selector_and_room_allow() -> None:
    labels = {"kubernetes.io/os": "linux"}
    assert decide(pod(nodeSelector=labels), node_labels=labels, free=1) == Fits()
    wrong = decide(pod(nodeSelector={"kubernetes.io/os": "windows"}), node_labels=labels, free=1)
    assert isinstance(wrong, Unschedulable)
    assert "node affinity/selector" in wrong.message
    full = decide(pod(), node_labels=labels, free=0)
    assert isinstance(full, Unschedulable)
    assert "Too many pods" in full.message
    gated = decide(pod(schedulingGates=[{"name": "g"}]), node_labels=labels, free=1)
    assert isinstance(gated, Unschedulable)
    assert gated.reason == "SchedulingGated"


def test_only_pods_that_wait_for_this_scheduler_are_bound() -> None:
    assert is_ours(pod())
    assert not is_ours(pod(nodeName="x"))
    assert not is_ours(pod(schedulerName="mine"))
    assert not is_ours({**pod(), "metadata": {"name": "p", "deletionTimestamp": "2020-01-01T00:00:00Z"}})


def test_init_containers_count_once_and_sidecars_each() -> None:
    assert processes_of(pod()) == 1
    assert processes_of(pod(initContainers=[{"name": "i"}, {"name": "j"}])) == 1
    assert processes_of(pod(initContainers=[{"name": "s", "restartPolicy": "Always"}])) == 2
    simulated = pod() | {"metadata": {"name": "p", "annotations": {"podrole.dev/simulate": "true"}}}
    assert processes_of(simulated) == 0
