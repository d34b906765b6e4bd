"""Whether a pod can be bound to the one node: selectors, gates and the limit on processes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from podrole.cluster.core.client import Object

SCHEDULER = "default-scheduler"
SIMULATE = "podrole.dev/simulate"
"""The annotation of a pod that is reported as running and does not run: ``podrole.dev/simulate: "true"``."""


@dataclass(frozen=True, slots=True)
class Fits:
    """The pod can be bound."""


@dataclass(frozen=True, slots=True)
class Unschedulable:
    """It cannot be bound now. ``reason`` and ``message`` go into its PodScheduled condition."""

    message: str
    reason: str = "Unschedulable"


def is_simulated(pod: Object) -> bool:
    """Whether the pod is only reported as running."""
    return (pod["metadata"].get("annotations") or {}).get(SIMULATE) == "true"


def processes_of(pod: Object) -> int:
    """Return how many processes the pod needs at once: init containers run one at a time, before the others."""
    if is_simulated(pod):
        return 0
    init = pod["spec"].get("initContainers") or ()
    sidecars = sum(1 for container in init if container.get("restartPolicy") == "Always")
    return sidecars + max(len(pod["spec"]["containers"]), 1 if len(init) > sidecars else 0)


def is_ours(pod: Object) -> bool:
    """Whether this scheduler is to bind the pod."""
    spec, metadata = pod["spec"], pod["metadata"]
    waits = not spec.get("nodeName") and not metadata.get("deletionTimestamp")
    return waits and (spec.get("schedulerName") or SCHEDULER) == SCHEDULER


def decide(pod: Object, *, node_labels: Mapping[str, str], free: int) -> Fits | Unschedulable:
    """Decide whether the pod fits the node; ``free`` is how many more processes may run."""
    spec = pod["spec"]
    if spec.get("schedulingGates"):
        return Unschedulable("Scheduling is blocked due to non-empty scheduling gates", "SchedulingGated")
    if any(node_labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return Unschedulable("0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.")
    wanted = processes_of(pod)
    if wanted > free:
        return Unschedulable(
            "0/1 nodes are available: 1 Too many pods. The node already runs as many processes as its limit allows; "
            f"this pod needs {wanted} and waits until others end."
        )
    return Fits()
