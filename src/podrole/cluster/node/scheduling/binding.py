"""Binding: giving pending pods to the node, oldest first, as many as may run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from podrole.base.clock import rfc3339
from podrole.cluster.core.client import ClusterClient, Object
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.event_recorder import EventRecorder
from podrole.cluster.core.timing import Time
from podrole.cluster.node.host import NodeSettings
from podrole.cluster.node.node_object import labels
from podrole.cluster.node.scheduling.decision import Fits, Unschedulable, decide, is_ours

RETRY_SECONDS = 1.0
_log = logging.getLogger(__name__)


class Binder:
    """Binds pods. ``used`` says how many processes the bound pods take; ``bound`` is told of each binding."""

    def __init__(
        self,
        client: ClusterClient,
        recorder: EventRecorder,
        time: Time,
        settings: NodeSettings,
        *,
        used: Callable[[], int],
        bound: Callable[[Object], None],
    ) -> None:
        self._client = client
        self._recorder = recorder
        self._time = time
        self._settings = settings
        self._used = used
        self._bound = bound
        self._labels = labels(settings)
        self._pending: dict[str, Object] = {}
        self._told: dict[str, str] = {}
        self._changed = asyncio.Event()

    def see(self, pod: Object) -> None:
        """Take note of a pod that was made or changed."""
        uid = pod["metadata"]["uid"]
        if is_ours(pod):
            self._pending[uid] = pod
            self._changed.set()
        else:
            self.forget(uid)

    def forget(self, uid: str) -> None:
        """Take note that a pod is gone or bound."""
        self._pending.pop(uid, None)
        self._told.pop(uid, None)

    def room_made(self) -> None:
        """Look at the waiting pods again."""
        self._changed.set()

    async def run(self) -> None:
        """Bind pods for ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            for uid, pod in sorted(self._pending.items(), key=lambda item: item[1]["metadata"]["creationTimestamp"]):
                try:
                    await self._consider(uid, pod)
                except StatusError as problem:
                    if problem.reason not in {"NotFound", "Conflict"}:  # then the watch tells what it is now
                        _log.warning("the pod %s could not be bound: %s", pod["metadata"]["name"], problem)
                        await asyncio.sleep(RETRY_SECONDS)
                        self._changed.set()

    async def _consider(self, uid: str, pod: Object) -> None:
        decision = decide(pod, node_labels=self._labels, free=self._settings.max_processes - self._used())
        if isinstance(decision, Fits):
            await self._bind(pod)
            self.forget(uid)
        elif self._told.get(uid) != decision.message:
            self._told[uid] = decision.message
            await self._tell(pod, decision)

    async def _bind(self, pod: Object) -> None:
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        node = self._settings.name
        body = pod | {"spec": pod["spec"] | {"nodeName": node}}
        self._bound(await self._client.update("pods", namespace, name, body))
        self._recorder.record(pod, "Normal", "Scheduled", f"Successfully assigned {namespace}/{name} to {node}")

    async def _tell(self, pod: Object, decision: Unschedulable) -> None:
        metadata = pod["metadata"]
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": decision.reason,
            "message": decision.message,
            "lastProbeTime": None,
            "lastTransitionTime": rfc3339(self._time.now()),
        }
        others = [each for each in (pod.get("status") or {}).get("conditions") or () if each["type"] != "PodScheduled"]
        patch = {"metadata": {"uid": metadata["uid"]}, "status": {"conditions": [*others, condition]}}
        await self._client.merge_patch("pods", metadata["namespace"], metadata["name"], patch, subresource="status")
        if decision.reason == "Unschedulable":
            self._recorder.record(pod, "Warning", "FailedScheduling", decision.message)
