"""A pod marked ``podrole.dev/simulate: "true"``: the node reports that it runs, and runs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from podrole.cluster.core.client import Object
from podrole.cluster.node.containers.container import Container
from podrole.cluster.node.containers.states import ContainerView, Kind, Running, Terminated
from podrole.cluster.node.context import NodeContext
from podrole.cluster.node.pods.deletion import remove_from_api
from podrole.cluster.node.pods.status_writer import STATUS_RETRY_SECONDS, StatusWriter


class SimulatedPod:
    """Takes the place of a ``Pod``."""

    containers: Sequence[Container] = ()

    def __init__(self, context: NodeContext, pod: Object) -> None:
        self._context = context
        self._status = StatusWriter(context, pod, self._views)
        self._status.address = context.settings.address
        self.stopped = asyncio.Event()
        self._deletion_wanted = asyncio.Event()

    @property
    def object(self) -> Object:
        """The pod as last seen."""
        return self._status.object

    def update(self, pod: Object) -> None:
        """Take note of a deletion."""
        self._status.object = pod
        if pod["metadata"].get("deletionTimestamp"):
            self._deletion_wanted.set()

    def end(self, moment: float) -> None:
        """Do nothing: nothing runs, so nothing needs to end."""

    def forget(self) -> None:
        """Do nothing: nothing is kept."""

    async def run(self) -> None:
        """Report that the pod runs, until it is deleted."""
        self.stopped.set()
        while not await self._status.write():  # noqa: ASYNC110 - the API gives no sign of when it will do
            await asyncio.sleep(STATUS_RETRY_SECONDS)
        await self._deletion_wanted.wait()
        await remove_from_api(self._context, self.object)

    def _views(self) -> list[ContainerView]:
        spec, began = self.object["spec"], self._status.started_at
        views = []
        for container in spec.get("initContainers") or ():
            sidecar = container.get("restartPolicy") == "Always"
            kind: Kind = "sidecar" if sidecar else "init"
            state = Running(began) if sidecar else Terminated(0, "Completed", began, began, "")
            views.append(ContainerView(container["name"], container["image"], kind, state, ready=True, started=sidecar))
        views += [
            ContainerView(each["name"], each["image"], "main", Running(began), ready=True, started=True)
            for each in spec["containers"]
        ]
        return views
