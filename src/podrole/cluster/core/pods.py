"""What every part of the cluster asks of a pod."""

from __future__ import annotations

from podrole.cluster.core.client import Object

FINISHED = frozenset({"Succeeded", "Failed"})
"""The phases of a pod that has run to its end."""


def is_finished(pod: Object) -> bool:
    """Whether a pod has run to its end: nothing of it runs again."""
    return (pod.get("status") or {}).get("phase") in FINISHED
