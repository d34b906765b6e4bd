"""What every part of the cluster asks of a pod."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from podrole.cluster.core.client import Object

FINISHED = frozenset({"Succeeded", "Failed"})
"""The phases of a pod that has run to its end."""


def is_finished(pod: Object) -> bool:
    """Whether a pod has run to its end: nothing of it runs again."""
    return (pod.get("status") or {}).get("phase") in FINISHED


def target_port(pod: Object, service_port: Mapping[str, Any]) -> int | None:
    """Return the port of a pod that a Service's port leads to; None if the pod has no port of that name."""
    target = service_port.get("targetPort") or service_port["port"]
    if isinstance(target, int):
        return target
    for container in pod["spec"].get("containers") or ():
        for port in container.get("ports") or ():
            if port.get("name") == target:
                return int(port["containerPort"])
    return None
