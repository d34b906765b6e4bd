"""What becomes of a pod's containers after a restart of the node, from the status that they had."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.node.containers.earlier import NEW, Earlier, earlier_pod, started_at
from podrole.cluster.node.containers.states import Terminated

NOW = 1_800_000_000.0
BEGAN = "2027-01-15T07:00:00Z"
RUNNING = {"running": {"startedAt": BEGAN}}
WAITING = {"waiting": {"reason": "ContainerCreating"}}
LOST = Terminated(255, "Unknown", 1_799_996_400.0, NOW, "podrole://1")


def ended(code: int) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": "Error", "startedAt": BEGAN, "finishedAt": BEGAN}}


def end(code: int) -> Terminated:
    return Terminated(code, "Error", 1_799_996_400.0, 1_799_996_400.0, "")


def status(state: Any, *, restarts: int = 0, last: Any = None, name: str = "c") -> dict[str, Any]:
    ids = {"imageID": "image", "containerID": "podrole://1"}
    return {"name": name, "state": state, "lastState": last or {}, "restartCount": restarts, **ids}


def pod(policy: str, *statuses: Any, init: Any = ()) -> dict[str, Any]:
    spec = {"restartPolicy": policy, "containers": [{"name": each["name"]} for each in statuses]}
    return {"spec": spec, "status": {"containerStatuses": list(statuses), "initContainerStatuses": list(init)}}


def known(**more: Any) -> Earlier:
    return Earlier(image_id="image", container_id="podrole://1", **more)


@pytest.mark.parametrize(
    ("policy", "before", "after"),
    [
        ("Always", status(RUNNING), known(last=LOST, restarts=1)),
        ("Always", status(RUNNING, restarts=4, last=ended(1)), known(last=LOST, restarts=5)),
        ("OnFailure", status(RUNNING), known(last=LOST, restarts=1)),
        ("Never", status(RUNNING), known(state=LOST)),
        ("Always", status(ended(0)), known(last=end(0), restarts=1)),
        ("OnFailure", status(ended(3)), known(last=end(3), restarts=1)),
        ("OnFailure", status(ended(0), restarts=2), known(state=end(0), restarts=2)),
        ("Always", status(WAITING), known()),
        ("Never", status(WAITING), known()),
        # CrashLoopBackOff
        ("Always", status(WAITING, restarts=2, last=ended(1)), known(last=end(1), restarts=3)),
    ],
)
def test_a_container_is_restarted_by_the_policy(policy: str, before: Any, after: Earlier) -> None:
    assert earlier_pod(pod(policy, before), now=NOW).of("c") == after


@pytest.mark.parametrize(
    ("policy", "states", "init", "runs", "began"),
    [
        ("Always", [RUNNING], [], True, True),
        ("Always", [ended(0)], [], True, True),
        ("Always", [WAITING], [], True, False),
        ("OnFailure", [ended(0), RUNNING], [], True, True),
        ("OnFailure", [ended(0), ended(0)], [RUNNING], False, True),
        ("Never", [WAITING], [], True, False),
        ("Never", [WAITING], [RUNNING], False, True),
        ("Never", [WAITING], [ended(0)], False, True),
        ("Never", [ended(0), RUNNING], [], False, True),
    ],
)
def test_a_pod_that_is_never_restarted_does_not_run_again(
    policy: str, states: list[Any], init: list[Any], runs: bool, began: bool
) -> None:
    containers = [status(state, name=f"c{number}") for number, state in enumerate(states)]
    first = [status(state, name=f"i{number}") for number, state in enumerate(init)]
    earlier = earlier_pod(pod(policy, *containers, init=first), now=NOW)
    assert (earlier.runs, earlier.began) == (runs, began)


def test_a_completed_container_stays_and_init_containers_run_again() -> None:
    statuses = [status(ended(0), name="done"), status(RUNNING, name="works")]
    earlier = earlier_pod(pod("OnFailure", *statuses, init=[status(ended(0), name="i")]), now=NOW)
    assert earlier.of("done").state == end(0)
    assert earlier.of("works") == known(last=LOST, restarts=1)
    assert earlier.of("i") == known(last=end(0), restarts=1)


def test_a_new_pod_begins_anew() -> None:
    earlier = earlier_pod({"spec": {"containers": [{"name": "c"}]}}, now=NOW)
    assert (earlier.runs, earlier.began, earlier.of("c")) == (True, False, NEW)
    assert started_at({"spec": {}}, now=NOW) == NOW
    assert started_at({"status": {"startTime": BEGAN}}, now=NOW) == 1_799_996_400.0
