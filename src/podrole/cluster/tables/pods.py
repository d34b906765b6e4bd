"""The row of a pod: what ``kubectl get pods`` says of it (k8s.io/kubernetes ``printers/internalversion: printPod``)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from podrole.cluster.tables.cells import NONE, age, human_duration, seconds_of

Object = dict[str, Any]


@dataclass(slots=True)
class _Summary:
    """What the containers' states add up to; ``last_restart`` is epoch seconds, 0 for never."""

    reason: str
    restarts: int = 0
    ready: int = 0
    last_restart: float = 0

    def count_restarts(self, status: Object) -> None:
        self.restarts += status.get("restartCount", 0)
        finished = status.get("lastState", {}).get("terminated", {}).get("finishedAt")
        if finished:
            self.last_restart = max(self.last_restart, seconds_of(finished))


def pod_cells(pod: Object, now: float) -> list[Any]:
    """Return the cells of a pod, the wide ones too."""
    spec, status = pod["spec"], pod.get("status", {})
    summary = _summarize(pod)
    restarts = str(summary.restarts)
    if summary.restarts and summary.last_restart:
        restarts = f"{restarts} ({human_duration(now - summary.last_restart)} ago)"
    addresses = status.get("podIPs") or [{"ip": status.get("podIP", "")}]
    return [
        pod["metadata"]["name"],
        f"{summary.ready}/{len(spec.get('containers', ())) + len(_sidecars(spec))}",
        summary.reason,
        restarts,
        age(pod, now),
        addresses[0].get("ip") or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        _gates(spec, status),
    ]


def row_conditions(pod: Object) -> list[Object]:
    """Return the row's conditions: kubectl dims pods that have ended."""
    phase = pod.get("status", {}).get("phase")
    messages = {"Succeeded": "The pod has completed successfully.", "Failed": "The pod failed."}
    if phase not in messages:
        return []
    return [{"type": "Completed", "status": "True", "reason": phase, "message": messages[phase]}]


def _sidecars(spec: Object) -> set[str]:
    return {
        container["name"] for container in spec.get("initContainers", ()) if container.get("restartPolicy") == "Always"
    }


def _summarize(pod: Object) -> _Summary:
    spec, status = pod["spec"], pod.get("status", {})
    conditions = status.get("conditions", ())
    summary = _Summary(status.get("reason") or status.get("phase", ""))
    if any(
        condition.get("type") == "PodScheduled" and condition.get("reason") == "SchedulingGated"
        for condition in conditions
    ):
        summary.reason = "SchedulingGated"
    sidecars = _Summary("")
    initializing = _read_init(spec, status, summary, sidecars)
    if not initializing or _is_true(conditions, "Initialized"):
        # From here on only what still runs counts: the sidecars and the containers.
        summary.restarts, summary.last_restart = sidecars.restarts, sidecars.last_restart
        _read_containers(status, conditions, summary)
    if pod["metadata"].get("deletionTimestamp"):
        if status.get("reason") == "NodeLost":
            summary.reason = "Unknown"
        elif status.get("phase") not in ("Succeeded", "Failed"):
            summary.reason = "Terminating"
    return summary


def _read_init(spec: Object, status: Object, summary: _Summary, sidecars: _Summary) -> bool:
    """Read the init containers; return whether one of them is what the pod waits for."""
    restartable = _sidecars(spec)
    for index, container in enumerate(status.get("initContainerStatuses", ())):
        summary.count_restarts(container)
        is_sidecar = container.get("name") in restartable
        if is_sidecar:
            sidecars.count_restarts(container)
        terminated = container.get("state", {}).get("terminated")
        waiting = container.get("state", {}).get("waiting", {}).get("reason")
        if terminated is not None and not terminated.get("exitCode"):
            continue
        if is_sidecar and container.get("started"):
            summary.ready += bool(container.get("ready"))
            continue
        if terminated is not None:
            summary.reason = f"Init:{_ended(terminated)}"
        elif waiting and waiting != "PodInitializing":
            summary.reason = f"Init:{waiting}"
        else:
            summary.reason = f"Init:{index}/{len(spec.get('initContainers', ()))}"
        return True
    return False


def _read_containers(status: Object, conditions: Sequence[Object], summary: _Summary) -> None:
    running = False
    for container_status in reversed(status.get("containerStatuses", ())):
        summary.count_restarts(container_status)
        state = container_status.get("state", {})
        waiting, terminated = state.get("waiting", {}).get("reason"), state.get("terminated")
        if waiting:
            summary.reason = waiting
        elif terminated is not None:
            summary.reason = _ended(terminated)
        elif container_status.get("ready") and "running" in state:
            running = True
            summary.ready += 1
    if summary.reason == "Completed" and running:
        summary.reason = "Running" if _is_true(conditions, "Ready") else "NotReady"


def _ended(terminated: Object) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


def _is_true(conditions: Sequence[Object], kind: str) -> bool:
    return any(condition.get("type") == kind and condition.get("status") == "True" for condition in conditions)


def _gates(spec: Object, status: Object) -> str:
    gates = spec.get("readinessGates", ())
    if not gates:
        return NONE
    conditions = status.get("conditions", ())
    return f"{sum(_is_true(conditions, gate.get('conditionType', '')) for gate in gates)}/{len(gates)}"
