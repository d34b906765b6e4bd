"""Binding pending pods to the node: the oldest first, as many as may run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from podrole.base.clock import rfc3339
from podrole.base.errors import outline
from podrole.cluster.core.client import ClusterClient, Object
from podrole.cluster.core.errors import StatusError, shown
from podrole.cluster.core.event_recorder import EventRecorder
from podrole.cluster.core.timing import Time, retry_delay
from podrole.cluster.node.node_object import labels
from podrole.cluster.node.scheduling.decision import Fits, Unschedulable, decide, is_ours
from podrole.cluster.node.settings import NodeSettings

_log = logging.getLogger(__name__)


class Binder:
    """Binds pods. ``used`` returns how many processes the bound pods take; ``bound`` gets each pod that was bound."""

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
        self._messages: dict[str, str] = {}
        self._failures: dict[str, int] = {}
        self._delayed: set[str] = set()
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
        self._messages.pop(uid, None)
        self._failures.pop(uid, None)

    def room_made(self) -> None:
        """Consider the waiting pods again."""
        self._changed.set()

    async def run(self) -> None:
        """Bind pods until cancelled. A pod that cannot be bound holds up no other; it is tried again later."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            for uid, pod in sorted(self._pending.items(), key=lambda item: item[1]["metadata"]["creationTimestamp"]):
                if uid in self._delayed:
                    continue
                try:
                    await self._consider(uid, pod)
                except Exception as problem:  # noqa: BLE001 - one pod must not stop the scheduler for all others
                    self._fail(uid, pod, problem)

    def _fail(self, uid: str, pod: Object, problem: Exception) -> None:
        if isinstance(problem, StatusError) and problem.reason in {"NotFound", "Conflict"}:
            return  # the watch shows what the pod is now
        name, failures = pod["metadata"]["name"], self._failures.get(uid, 0)
        _log.warning("the pod %s could not be bound: %s", name, outline(problem))
        self._recorder.record(pod, "Warning", "FailedScheduling", f"The pod could not be bound: {shown(problem)}")
        self._failures[uid] = failures + 1
        self._delayed.add(uid)
        asyncio.get_running_loop().call_later(retry_delay(failures), self._retry, uid)

    def _retry(self, uid: str) -> None:
        self._delayed.discard(uid)
        self._changed.set()

    async def _consider(self, uid: str, pod: Object) -> None:
        decision = decide(pod, node_labels=self._labels, free=self._settings.max_processes - self._used())
        if isinstance(decision, Fits):
            await self._bind(pod)
            self.forget(uid)
        elif self._messages.get(uid) != decision.message:
            await self._report(pod, decision)
            self._messages[uid] = decision.message

    async def _bind(self, pod: Object) -> None:
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]
        node = self._settings.name
        body = pod | {"spec": pod["spec"] | {"nodeName": node}}
        self._bound(await self._client.update("pods", namespace, name, body))
        self._recorder.record(pod, "Normal", "Scheduled", f"Successfully assigned {namespace}/{name} to {node}")

    async def _report(self, pod: Object, decision: Unschedulable) -> None:
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
