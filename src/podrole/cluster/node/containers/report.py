"""What the pod's status and events say of a container."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from podrole.cluster.core.client import Object
from podrole.cluster.core.event_recorder import EventRecorder, EventType
from podrole.cluster.node.containers.earlier import Earlier
from podrole.cluster.node.containers.states import ContainerView, Kind, State, Terminated, Waiting
from podrole.cluster.node.content.volumes_on_disk import PodVolumes
from podrole.cluster.node.runtime import Sandbox


class EnclosingPod(Protocol):
    """What a container needs of its pod."""

    @property
    def volumes(self) -> PodVolumes: ...

    @property
    def sandbox(self) -> Sandbox:
        """The pod's sandbox. Made before any container runs."""
        ...

    def with_address(self) -> Object:
        """Return the pod as its containers see it: with its address, whether or not that was written to the API yet."""
        ...


class ContainerReport:
    """What the status shows of a container, and the events about it. ``changed`` is called after each change."""

    def __init__(
        self,
        pod: EnclosingPod,
        spec: dict[str, Any],
        kind: Kind,
        recorder: EventRecorder,
        changed: Callable[[], None],
        earlier: Earlier,
    ) -> None:
        self.name: str = spec["name"]
        self.spec = spec
        self.kind: Kind = kind
        has_init = bool(pod.with_address()["spec"].get("initContainers"))
        self.state: State = earlier.state or Waiting("PodInitializing" if has_init else "ContainerCreating")
        self.last: Terminated | None = earlier.last
        self.restarts = earlier.restarts
        self.ready = False
        self.started = False
        self.image_id = earlier.image_id
        self.container_id = earlier.container_id
        self._pod = pod
        self._recorder = recorder
        self._changed = changed

    def set_state(self, state: State) -> None:
        """Show another state."""
        self.state = state
        self._changed()

    def set_ready(self, ready: bool) -> None:
        """Show whether the container is ready."""
        self.ready = ready
        self._changed()

    def view(self) -> ContainerView:
        """Return what the status shows now."""
        return ContainerView(
            name=self.name,
            image=self.spec["image"],
            kind=self.kind,
            state=self.state,
            last=self.last,
            restarts=self.restarts,
            ready=self.ready,
            started=self.started,
            image_id=self.image_id,
            container_id=self.container_id,
        )

    def record(self, type_: EventType, reason: str, message: str) -> None:
        """Record an event about the container."""
        field = "containers" if self.kind == "main" else "initContainers"
        path = f"spec.{field}{{{self.name}}}"
        self._recorder.record(self._pod.with_address(), type_, reason, message, field_path=path)

    def pod_name(self) -> str:
        """Return the pod's name as the kubelet writes it in messages."""
        metadata = self._pod.with_address()["metadata"]
        return f"{metadata['name']}_{metadata['namespace']}({metadata['uid']})"
