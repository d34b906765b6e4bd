"""What a container is doing, and whether it is restarted.

https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#container-states
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["init", "sidecar", "main"]
"""A sidecar is an init container with ``restartPolicy: Always``."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not running; ``reason`` says why."""

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """Running since ``started_at`` (epoch seconds)."""

    started_at: float


@dataclass(frozen=True, slots=True)
class Terminated:
    """Has run. ``exit_code`` is 128 + n for signal n; the times are epoch seconds."""

    exit_code: int
    reason: str
    started_at: float
    finished_at: float
    container_id: str
    message: str = ""


State = Waiting | Running | Terminated


@dataclass(frozen=True, slots=True)
class ContainerView:
    """A container as the status shows it."""

    name: str
    image: str
    kind: Kind
    state: State
    last: Terminated | None = None
    restarts: int = 0
    ready: bool = False
    started: bool = False
    image_id: str = ""
    container_id: str = ""


def should_restart(policy: str, exit_code: int) -> bool:
    """Whether a container that has ended is restarted."""
    return policy == "Always" or (policy == "OnFailure" and exit_code != 0)
