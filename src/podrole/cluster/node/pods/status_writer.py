"""Writing a pod's status to the API, each time it changes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from podrole.cluster.core.client import Object
from podrole.cluster.core.errors import StatusError
from podrole.cluster.node.containers.earlier import started_at
from podrole.cluster.node.containers.states import ContainerView
from podrole.cluster.node.context import NodeContext
from podrole.cluster.node.pods.status import OWN_CONDITIONS, Ended, status_of

STATUS_RETRY_SECONDS = 1.0
LAST_ATTEMPTS = 3

_log = logging.getLogger(__name__)


class StatusWriter:
    """Writes the status of one pod. ``object`` is the pod as last seen; ``views`` returns what its containers show."""

    def __init__(self, context: NodeContext, pod: Object, views: Callable[[], Sequence[ContainerView]]) -> None:
        self.object = pod
        self.started_at = started_at(pod, now=context.time.now())
        self.ended: Ended | None = None
        """Why the node ended the whole pod."""
        self.address: str | None = None
        """The pod's IP, once it has one."""
        self._context = context
        self._views = views
        self._dirty = asyncio.Event()
        self._writing = asyncio.Lock()
        self._written: Object | None = None
        self._held = False

    def changed(self) -> None:
        """Write the status soon."""
        self._dirty.set()

    def hold(self) -> None:
        """Leave the status in the API as it is from now on."""
        self._held = True

    async def run(self) -> None:
        """Write the status after each change, until cancelled."""
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            if not await self.write():
                await asyncio.sleep(STATUS_RETRY_SECONDS)
                self._dirty.set()

    async def write_last(self) -> None:
        """Write the status of a pod that has ended, in a few attempts."""
        for _ in range(LAST_ATTEMPTS):
            if await self.write():
                return
            await asyncio.sleep(STATUS_RETRY_SECONDS)

    async def write(self) -> bool:
        """Write the status if it differs from the last one; False if that should be tried again."""
        async with self._writing:
            if self._held:
                return True
            status = status_of(
                self._with_own_conditions(),
                self._views(),
                ip=self.address,
                host_ip=self._context.settings.address,
                started_at=self.started_at,
                now=self._context.time.now(),
                ended=self.ended,
            )
            if status == self._written:
                return True
            metadata = self.object["metadata"]
            # The uid makes it a conflict, not another pod's status, if this one was replaced meanwhile.
            patch = {"metadata": {"uid": metadata["uid"]}, "status": status}
            try:
                written = await self._context.client.merge_patch(
                    "pods", metadata["namespace"], metadata["name"], patch, subresource="status"
                )
            except StatusError as problem:
                if problem.reason in {"NotFound", "Conflict"}:
                    return True
                _log.warning("the status of pod %s could not be written: %s", metadata["name"], problem)
                return False
            self._written = status
            self.object = self.object | {"status": written.get("status") or {}}
            return True

    def _with_own_conditions(self) -> Object:
        """Return the pod with this node's conditions as last written: what a watch shows may be older."""
        if self._written is None:
            return self.object
        own = [each for each in self._written["conditions"] if each["type"] in OWN_CONDITIONS]
        status = self.object.get("status") or {}
        return self.object | {"status": status | {"conditions": [*own, *conditions_of_others(self.object)]}}


def conditions_of_others(pod: Object) -> list[Object]:
    """Return the conditions of a pod that are not the node's."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return [each for each in conditions if each["type"] not in OWN_CONDITIONS]
