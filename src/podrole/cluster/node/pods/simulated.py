"""A pod marked ``podrole.dev/simulate: "true"``: the node reports that it runs, and runs nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from podrole.cluster.core.client import Object
from podrole.cluster.node.containers.container import Container
from podrole.cluster.node.containers.earlier import earlier_pod
from podrole.cluster.node.containers.states import ContainerView, Kind, Running, State, Terminated
from podrole.cluster.node.context import NodeContext
from podrole.cluster.node.pods.deletion import remove_from_api
from podrole.cluster.node.pods.status import ended_by_restart
from podrole.cluster.node.pods.status_writer import STATUS_RETRY_SECONDS, StatusWriter


class SimulatedPod:
    """Takes the place of a ``Pod``."""

    containers: Sequence[Container] = ()

    def __init__(self, context: NodeContext, pod: Object) -> None:
        self._context = context
        self._status = StatusWriter(context, pod, self._views)
        self._status.address = context.settings.address
        self._began = context.time.now()
        self._earlier = earlier_pod(pod, now=self._began)
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

    def leave(self, moment: float) -> None:
        """Do nothing: nothing runs, and the API goes on to show what it shows."""

    def forget(self) -> None:
        """Do nothing: nothing is kept."""

    async def run(self) -> None:
        """Report that the pod runs, until it is deleted."""
        self.stopped.set()
        if not self._earlier.runs:
            self._status.ended = ended_by_restart(self.object["spec"]["restartPolicy"], self._views())
        while not await self._status.write():  # noqa: ASYNC110 - the API gives no sign of when it will do
            await asyncio.sleep(STATUS_RETRY_SECONDS)
        await self._deletion_wanted.wait()
        await remove_from_api(self._context, self.object)

    def _views(self) -> list[ContainerView]:
        spec = self.object["spec"]
        views = []
        for container in spec.get("initContainers") or ():
            if container.get("restartPolicy") == "Always":
                views.append(self._view(container, "sidecar", Running(self._began)))
            else:
                views.append(self._view(container, "init", Terminated(0, "Completed", self._began, self._began, "")))
        return [*views, *(self._view(each, "main", Running(self._began)) for each in spec["containers"])]

    def _view(self, container: Object, kind: Kind, state: State) -> ContainerView:
        earlier = self._earlier.of(container["name"])
        return ContainerView(
            container["name"],
            container["image"],
            kind,
            earlier.state or state,
            last=earlier.last,
            restarts=earlier.restarts,
            ready=earlier.state is None or kind == "init",
            started=earlier.state is None and kind != "init",
        )
