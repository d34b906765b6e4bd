"""The Node object: this machine in Kubernetes' words, without pretending to be a kubelet."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path

from podrole.base.clock import rfc3339
from podrole.cluster.core.client import Object
from podrole.cluster.node.runtime import Runtime
from podrole.cluster.node.settings import NodeSettings

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def resources(settings: NodeSettings) -> dict[str, str]:
    """Return what the node has. Memory and CPU are the machine's; nothing limits a pod's share of them."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": str(os.cpu_count() or 1),
        "memory": f"{memory // 1024}Ki",
        "pods": str(settings.max_processes),
    }


def labels(settings: NodeSettings) -> dict[str, str]:
    """Return the labels that a node selector can ask for."""
    architecture = ARCHITECTURES.get(platform.machine(), platform.machine())
    return {
        "kubernetes.io/arch": architecture,
        "kubernetes.io/hostname": settings.name,
        "kubernetes.io/os": "linux",
        "beta.kubernetes.io/arch": architecture,
        "beta.kubernetes.io/os": "linux",
    }


def node_object(settings: NodeSettings) -> Object:
    """Return the Node to register."""
    metadata = {"name": settings.name, "labels": labels(settings)}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": {}}


def node_status(
    settings: NodeSettings, runtime: Runtime, has: Mapping[str, str], *, since: float, now: float
) -> Object:
    """Return the Node's status. ``has`` is its capacity; ``since`` is when it became ready. Times are epoch seconds."""
    pressures = [
        ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ]
    conditions = [("Ready", "True", "KubeletReady", runtime.summary)]
    conditions[:0] = [(kind, "False", reason, message) for kind, reason, message in pressures]
    return {
        "addresses": [
            {"type": "InternalIP", "address": settings.address},
            {"type": "Hostname", "address": settings.name},
        ],
        "allocatable": dict(has),
        "capacity": dict(has),
        "conditions": [
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": message,
                "lastHeartbeatTime": rfc3339(now),
                "lastTransitionTime": rfc3339(since),
            }
            for kind, status, reason, message in conditions
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 0}},
        "nodeInfo": {
            "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
            "bootID": "",
            "containerRuntimeVersion": runtime.version,
            "kernelVersion": platform.release(),
            "kubeProxyVersion": "",
            "kubeletVersion": f"{settings.kubernetes_version}+podrole",
            "machineID": "",
            "operatingSystem": "linux",
            "osImage": _os_image(),
            "systemUUID": "",
        },
    }


def _os_image() -> str:
    try:
        lines = Path("/etc/os-release").read_text().splitlines()
    except OSError:
        return "Linux"
    return next((line.split("=", 1)[1].strip('"') for line in lines if line.startswith("PRETTY_NAME=")), "Linux")
