"""A pod marked ``podrole.dev/simulate: "true"``: the node says that it runs, and runs nothing."""

from __future__ import annotations

import asyncio

from podrole.cluster.core.client import Object
from podrole.cluster.core.errors import StatusError
from podrole.cluster.node.containers.container import Container
from podrole.cluster.node.host import Host
from podrole.cluster.node.pods.status import ContainerView, Kind, Running, Terminated, status_of


class SimulatedPod:
    """Takes the place of a ``Pod``."""

    def __init__(self, host: Host, pod: Object) -> None:
        self._host = host
        self.object = pod
        self.containers: list[Container] = []
        self.stopped = asyncio.Event()
        self._deletion_wanted = asyncio.Event()

    def update(self, pod: Object) -> None:
        """Take note of a deletion."""
        self.object = pod
        if pod["metadata"].get("deletionTimestamp"):
            self._deletion_wanted.set()

    def end(self, moment: float) -> None:
        """Nothing runs, so nothing needs to end."""

    def forget(self) -> None:
        """Nothing is kept."""

    async def run(self) -> None:
        """Say that it runs, until it is deleted."""
        self.stopped.set()
        metadata, now = self.object["metadata"], self._host.time.now()
        address = self._host.settings.address
        status = status_of(self.object, self._views(now), ip=address, host_ip=address, started_at=now, now=now)
        try:
            patch = {"metadata": {"uid": metadata["uid"]}, "status": status}
            await self._host.client.merge_patch(
                "pods", metadata["namespace"], metadata["name"], patch, subresource="status"
            )
            await self._deletion_wanted.wait()
            await self._host.client.delete(
                "pods", metadata["namespace"], metadata["name"], grace_seconds=0, uid=metadata["uid"]
            )
        except StatusError as problem:
            if problem.reason not in {"NotFound", "Conflict"}:
                raise

    def _views(self, now: float) -> list[ContainerView]:
        spec = self.object["spec"]
        views = []
        for container in spec.get("initContainers") or ():
            sidecar = container.get("restartPolicy") == "Always"
            kind: Kind = "sidecar" if sidecar else "init"
            state = Running(now) if sidecar else Terminated(0, "Completed", now, now, "")
            views.append(ContainerView(container["name"], container["image"], kind, state, ready=True, started=sidecar))
        views += [
            ContainerView(each["name"], each["image"], "main", Running(now), ready=True, started=True)
            for each in spec["containers"]
        ]
        return views
