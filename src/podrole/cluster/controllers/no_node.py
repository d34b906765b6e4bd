"""What happens to pods in a cluster without a node: they stay Pending, and a condition and an event say why.

This does what two programs of a real cluster do when there is no node. The scheduler gives each pod the condition
PodScheduled=False and records FailedScheduling. The garbage collector of pods deletes those that are bound to a node
that is not there: of an earlier run with a node, for example, whose processes have ended.
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-garbage-collection
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from podrole.base.clock import rfc3339
from podrole.cluster.controllers.controller import Controller, Key, KeysOf, find
from podrole.cluster.core.client import ClusterClient, Object, WatchEvent
from podrole.cluster.core.event_recorder import EventRecorder
from podrole.cluster.core.pods import is_finished
from podrole.cluster.core.timing import Time

SCHEDULER = "default-scheduler"
MESSAGE = "no nodes available to schedule pods"
"""kube-scheduler's words; the reason of this world follows."""


class PodsWithoutNode(Controller):
    """Says of each pod why it does not run, and removes Nodes and pods that an earlier run with a node has left."""

    name = "pods-without-node"
    reconciles = "pods"

    def __init__(self, client: ClusterClient, time: Time, recorder: EventRecorder, reason: str) -> None:
        super().__init__(client, time, recorder)
        self._message = f"{MESSAGE}: {reason}"

    def watched(self) -> Mapping[str, KeysOf]:
        return {"pods": _keys, "nodes": _node_keys}

    async def reconcile(self, key: Key) -> None:
        namespace, name = key
        if not namespace:
            node = await find(self.client, "nodes", ("", name))
            if node is not None:
                await self.client.delete("nodes", None, name, uid=node["metadata"]["uid"])
            return
        pod = await find(self.client, "pods", key)
        if pod is None or is_finished(pod):
            return
        if pod["spec"].get("nodeName"):
            await self.client.delete("pods", namespace, name, grace_seconds=0, uid=pod["metadata"]["uid"])
        elif _waits_for_scheduler(pod) and not self._is_told(pod):
            await self._tell(pod)

    def _is_told(self, pod: Object) -> bool:
        return any(each.get("message") == self._message for each in _conditions(pod))

    async def _tell(self, pod: Object) -> None:
        metadata = pod["metadata"]
        condition = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": self._message,
            "lastProbeTime": None,
            "lastTransitionTime": rfc3339(self.time.now()),
        }
        others = [each for each in _conditions(pod) if each["type"] != "PodScheduled"]
        patch = {"metadata": {"uid": metadata["uid"]}, "status": {"conditions": [*others, condition]}}
        await self.client.merge_patch("pods", metadata["namespace"], metadata["name"], patch, subresource="status")
        self.recorder.record(pod, "Warning", "FailedScheduling", self._message)


def _conditions(pod: Object) -> list[Object]:
    return (pod.get("status") or {}).get("conditions") or []


def _waits_for_scheduler(pod: Object) -> bool:
    """Whether the default scheduler would bind the pod now."""
    spec, metadata = pod["spec"], pod["metadata"]
    is_ours = (spec.get("schedulerName") or SCHEDULER) == SCHEDULER
    return is_ours and not spec.get("schedulingGates") and not metadata.get("deletionTimestamp")


def _keys(event: WatchEvent) -> Iterable[Key]:
    metadata = event.object["metadata"]
    return () if event.type == "DELETED" else ((metadata["namespace"], metadata["name"]),)


def _node_keys(event: WatchEvent) -> Iterable[Key]:
    return () if event.type == "DELETED" else (("", event.object["metadata"]["name"]),)
