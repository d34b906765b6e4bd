"""What the checks of a pod share: its name, and places in it."""

from __future__ import annotations

from podrole.doctor.facts.pods import PodFacts
from podrole.doctor.report.findings import About


def name_of(pod: PodFacts) -> str:
    """Return the pod's name, as findings show it."""
    return f"pod {pod.name}"


def about(pod: PodFacts, *path: str) -> About:
    """Return a place in the pod, or in the workload that will create it."""
    kind = pod.workload.kind if not pod.exists else "Pod"
    name = pod.workload.name if kind != "Pod" else pod.name
    prefix = pod.workload.template if kind != "Pod" else ()
    return About(kind, pod.workload.namespace, name, (*prefix, *path))
