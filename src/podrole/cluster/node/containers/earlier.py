"""What the containers of a pod did before the node was restarted, and what becomes of them. All pure.

It is as after a reboot of a real node: the node makes the pod's sandbox again and starts its containers in it, init
containers first, each with a restart more. A container that ran when the node stopped is shown with the exit code and
the reason that containerd gives one whose process is gone. A pod that is never restarted ends
(``computePodActions`` in k8s.io/kubernetes ``pkg/kubelet/kuberuntime``, ``loadContainer`` in containerd
``internal/cri/server/restart.go``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from podrole.cluster.core.client import Object
from podrole.cluster.node.containers.states import Terminated, should_restart

UNKNOWN_EXIT_CODE = 255
UNKNOWN_REASON = "Unknown"
"""containerd's ``unknownExitCode`` and ``unknownExitReason``."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a container begins with. ``state`` is what it stays in; None if it is started (again)."""

    state: Terminated | None = None
    last: Terminated | None = None
    restarts: int = 0
    image_id: str = ""
    container_id: str = ""


NEW = Earlier()


@dataclass(frozen=True, slots=True)
class EarlierPod:
    """What a pod begins with. ``runs`` says whether its containers are started; ``began``, whether any ever was."""

    containers: Mapping[str, Earlier]
    runs: bool
    began: bool

    def of(self, container: str) -> Earlier:
        """Return what the container begins with."""
        return self.containers.get(container, NEW)


def earlier_pod(pod: Object, *, now: float) -> EarlierPod:
    """Return what a pod begins with that this node sees for the first time since it was started."""
    policy = pod["spec"].get("restartPolicy") or "Always"
    status = pod.get("status") or {}
    main = {each["name"]: each for each in status.get("containerStatuses") or ()}
    init = {each["name"]: each for each in status.get("initContainerStatuses") or ()}
    ends = {name: end for name, each in (init | main).items() if (end := _end(each, now)) is not None}
    runs = not ends or any(_restarts(policy, ends.get(each["name"])) for each in pod["spec"]["containers"])
    if policy == "Never":
        runs = not ends
    containers = {}
    for name, each in (init | main).items():
        again = runs and (name in init or _restarts(policy, ends.get(name)))
        containers[name] = _earlier(each, ends.get(name), again=again)
    return EarlierPod(containers, runs, bool(ends))


def _restarts(policy: str, end: Terminated | None) -> bool:
    return end is None or should_restart(policy, end.exit_code)


def _earlier(status: Mapping[str, Any], end: Terminated | None, *, again: bool) -> Earlier:
    last = (status.get("lastState") or {}).get("terminated")
    before = _terminated(last) if last else None
    restarts = int(status.get("restartCount") or 0)
    ids = status.get("imageID") or "", status.get("containerID") or ""
    if end is None:  # it waited: to be started for the first time, or again
        return Earlier(None, before, restarts + (1 if again and before else 0), *ids)
    return Earlier(None, end, restarts + 1, *ids) if again else Earlier(end, before, restarts, *ids)


def _end(status: Mapping[str, Any], now: float) -> Terminated | None:
    """Return how the container ended; None if it waited."""
    state = status.get("state") or {}
    if ended := state.get("terminated"):
        return _terminated(ended)
    if (running := state.get("running")) is None:
        return None
    started_at = _seconds(running.get("startedAt"))
    return Terminated(UNKNOWN_EXIT_CODE, UNKNOWN_REASON, started_at, now, status.get("containerID") or "")


def _terminated(state: Mapping[str, Any]) -> Terminated:
    return Terminated(
        int(state.get("exitCode") or 0),
        state.get("reason") or "",
        _seconds(state.get("startedAt")),
        _seconds(state.get("finishedAt")),
        state.get("containerID") or "",
        state.get("message") or "",
    )


def started_at(pod: Object, *, now: float) -> float:
    """Return when the node first saw the pod: its ``startTime``, or now."""
    text = (pod.get("status") or {}).get("startTime")
    return _seconds(text) if text else now


def _seconds(text: str | None) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0.0
