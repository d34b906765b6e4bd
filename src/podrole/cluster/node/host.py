"""What a pod needs of the node it runs on."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from podrole.cluster.core.client import ClusterClient
from podrole.cluster.core.event_recorder import EventRecorder
from podrole.cluster.core.timing import Time
from podrole.cluster.node.containers.logs import MAX_LOG_BYTES
from podrole.cluster.node.runtimes.process.images import Images


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """How a node behaves; every field may stay as it is."""

    name: str = "podrole-node"
    """The Node object's name and the processes' node."""
    address: str = "127.0.0.1"
    """Every pod's IP: there is one network, this machine's loopback."""
    max_processes: int = 100
    """How many containers may run at once. Pods beyond it stay Pending; an exec beyond it is refused."""
    max_log_bytes: int = MAX_LOG_BYTES
    """The size at which a container's log is rotated; twice this is kept of each instance."""
    stop_grace_seconds: float = 2.0
    """How long processes may take to end when the node stops; then they are killed."""
    kubernetes_version: str = "v1.36.0"
    """Shown as the Node's version."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables for every process (AWS_ENDPOINT_URL …), overridden by the container's own; paths stay as they are."""


@dataclass(frozen=True, slots=True)
class Host:
    """Shared by all pods of a node. ``resources`` are the node's allocatable quantities."""

    client: ClusterClient
    recorder: EventRecorder
    time: Time
    settings: NodeSettings
    images: Images
    directory: Path
    resources: Mapping[str, str]
    randomness: Callable[[], float] = random.random

    @property
    def pods(self) -> Path:
        return self.directory / "pods"

    @property
    def processes(self) -> Path:
        return self.directory / "processes"

    @property
    def logs(self) -> Path:
        return self.directory / "logs"
