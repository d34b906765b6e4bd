"""How a node behaves."""

from __future__ import annotations

from dataclasses import dataclass

MAX_LOG_BYTES = 10 * 1024 * 1024
"""The kubelet's containerLogMaxSize."""


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """How a node behaves; every field may stay as it is."""

    name: str = "podrole-node"
    """The Node object's name."""
    address: str = "127.0.0.1"
    """The node's own IP."""
    max_processes: int = 100
    """How many containers may run at once. Pods beyond it stay Pending; an exec beyond it is refused."""
    max_log_bytes: int = MAX_LOG_BYTES
    """The size at which a container's log is rotated; twice this is kept of each run of a container."""
    stop_grace_seconds: float = 2.0
    """How long containers may take to end when the node stops; then they are killed."""
    host_paths: tuple[str, ...] = ()
    """The folders of this machine that hostPath volumes may be in."""
    kubernetes_version: str = "v1.36.0"
    """Shown as the Node's version."""
