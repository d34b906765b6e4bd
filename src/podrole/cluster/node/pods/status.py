"""A pod's status from what its containers do: phase, conditions and container statuses. All pure.

https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from podrole.base.clock import rfc3339
from podrole.cluster.core.client import Object
from podrole.cluster.core.pods import FINISHED
from podrole.cluster.node.containers.states import ContainerView, Running, State, Terminated, Waiting

OWN_CONDITIONS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")


@dataclass(frozen=True, slots=True)
class Ended:
    """Why the node ended the whole pod: ``DeadlineExceeded``, ``Terminated``."""

    reason: str
    message: str


def ended_by_restart(policy: str, containers: Sequence[ContainerView]) -> Ended | None:
    """Return why a pod that the node's restart ended has failed; None if all that counts had succeeded before.

    The reason is the one that a kubelet gives when its node shuts down.
    """
    if phase_of(policy, containers) == "Succeeded":
        return None
    return Ended("Terminated", f"The node was restarted while the pod ran, and its restartPolicy is {policy}.")


def phase_of(policy: str, containers: Sequence[ContainerView]) -> str:
    """Return the phase; ``policy`` is the pod's restartPolicy."""
    for container in containers:
        if container.kind == "init" and not _succeeded(container):
            failed = isinstance(container.state, Terminated) and policy == "Never"
            return "Failed" if failed else "Pending"
    main = [container for container in containers if container.kind == "main"]
    if any(isinstance(container.state, Running) for container in main):
        return "Running"
    if any(isinstance(container.state, Waiting) and container.last is None for container in main):
        return "Pending"
    ended = [container.state for container in main if isinstance(container.state, Terminated)]
    sidecar_runs = any(isinstance(container.state, Running) for container in containers)
    if len(ended) < len(main) or policy == "Always" or sidecar_runs:  # or some wait to be started again
        return "Running"
    if all(state.exit_code == 0 for state in ended):
        return "Succeeded"
    return "Failed" if policy == "Never" else "Running"


def status_of(
    pod: Object,
    containers: Sequence[ContainerView],
    *,
    ip: str | None,
    host_ip: str,
    started_at: float,
    now: float,
    ended: Ended | None = None,
) -> Object:
    """Return the pod's new status. Keeps the conditions of others, and the times of conditions that did not change."""
    policy = pod["spec"].get("restartPolicy") or "Always"
    phase = "Failed" if ended else phase_of(policy, containers)
    old = pod.get("status") or {}
    status: Object = {
        "phase": phase,
        "conditions": _conditions(pod, containers, phase, has_ip=ip is not None, now=now),
        "hostIP": host_ip,
        "hostIPs": [{"ip": host_ip}],
        "startTime": old.get("startTime") or rfc3339(started_at),
        "containerStatuses": [_container_status(view) for view in containers if view.kind == "main"],
    }
    if ip is not None:
        status |= {"podIP": ip, "podIPs": [{"ip": ip}]}
    if init := [_container_status(view) for view in containers if view.kind != "main"]:
        status["initContainerStatuses"] = init
    if ended is not None:
        status |= {"reason": ended.reason, "message": ended.message}
    if generation := pod["metadata"].get("generation"):
        status["observedGeneration"] = generation
    return status


def _succeeded(container: ContainerView) -> bool:
    return isinstance(container.state, Terminated) and container.state.exit_code == 0


def _initialised(container: ContainerView) -> bool:
    return container.started if container.kind == "sidecar" else _succeeded(container)


def _conditions(
    pod: Object, containers: Sequence[ContainerView], phase: str, *, has_ip: bool, now: float
) -> list[Object]:
    old = {condition["type"]: condition for condition in (pod.get("status") or {}).get("conditions") or ()}
    incomplete = [view.name for view in containers if view.kind != "main" and not _initialised(view)]
    unready = [view.name for view in containers if view.kind != "init" and not view.ready]
    initialised = _condition("Initialized", not incomplete, "ContainersNotInitialized", "incomplete", incomplete)
    ready = _condition("ContainersReady", not unready, "ContainersNotReady", "unready", unready)
    if phase == "Succeeded":
        initialised = {"type": "Initialized", "status": "True", "reason": "PodCompleted"}
        ready = {"type": "ContainersReady", "status": "False", "reason": "PodCompleted"}
    elif phase == "Failed":
        ready = {"type": "ContainersReady", "status": "False", "reason": "PodFailed"}
    new = [
        _condition("PodReadyToStartContainers", has_ip and phase not in FINISHED),
        initialised,
        _pod_ready(pod, ready, old),
        ready,
        {"type": "PodScheduled", "status": "True"},
    ]
    for condition in new:
        before = old.get(condition["type"]) or {}
        same = before.get("status") == condition["status"]
        condition["lastProbeTime"] = None
        condition["lastTransitionTime"] = before.get("lastTransitionTime") if same else rfc3339(now)
        if generation := pod["metadata"].get("generation"):
            condition["observedGeneration"] = generation
    return [*new, *(condition for kind, condition in old.items() if kind not in OWN_CONDITIONS)]


def _pod_ready(pod: Object, containers_ready: Object, old: Mapping[str, Any]) -> Object:
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates") or ()]
    closed = [gate for gate in gates if (old.get(gate) or {}).get("status") != "True"]
    if containers_ready["status"] == "True" and closed:
        message = "; ".join(
            f'corresponding condition of pod readiness gate "{gate}" does not exist.' for gate in closed
        )
        return {"type": "Ready", "status": "False", "reason": "ReadinessGatesNotReady", "message": message}
    return {**containers_ready, "type": "Ready"}


def _condition(kind: str, fulfilled: bool, reason: str = "", what: str = "", names: Iterable[str] = ()) -> Object:
    if fulfilled:
        return {"type": kind, "status": "True"}
    condition: Object = {"type": kind, "status": "False"}
    if reason:
        condition |= {"reason": reason, "message": f"containers with {what} status: [{' '.join(names)}]"}
    return condition


def _container_status(view: ContainerView) -> Object:
    status: Object = {
        "name": view.name,
        "image": view.image,
        "imageID": view.image_id,
        "state": _state(view.state),
        "lastState": _state(view.last) if view.last else {},
        "ready": view.ready,
        "started": view.started,
        "restartCount": view.restarts,
    }
    if view.container_id:
        status["containerID"] = view.container_id
    return status


def _state(state: State) -> Object:
    if isinstance(state, Waiting):
        waiting = {"reason": state.reason}
        return {"waiting": waiting | {"message": state.message} if state.message else waiting}
    if isinstance(state, Running):
        return {"running": {"startedAt": rfc3339(state.started_at)}}
    terminated: Object = {
        "exitCode": state.exit_code,
        "reason": state.reason,
        "startedAt": rfc3339(state.started_at),
        "finishedAt": rfc3339(state.finished_at),
        "containerID": state.container_id,
    }
    if state.message:
        terminated["message"] = state.message
    return {"terminated": terminated}
