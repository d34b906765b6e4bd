"""DaemonSets and StatefulSets: pods that follow a template directly, without a ReplicaSet.

A pod has the hash of its template as a label, and is replaced when that differs: a StatefulSet's pods from the highest
ordinal down, each once those above it are ready. There are no ControllerRevisions, so ``kubectl rollout undo`` has
nothing to return to. https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/
"""

from __future__ import annotations

import abc
import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from podrole.cluster.controllers.controller import (
    AlreadyReported,
    Controller,
    Key,
    KeysOf,
    find,
    is_ending,
    its_controller,
    itself,
    key_of,
)
from podrole.cluster.controllers.rollout import template_hash
from podrole.cluster.controllers.workloads import is_active, owned, owner_reference, pod_from, ready_since
from podrole.cluster.core.client import ClusterClient, Object, WatchEvent
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.event_recorder import EventRecorder
from podrole.cluster.core.pods import is_finished
from podrole.cluster.core.timing import Time

REVISION = "controller-revision-hash"
POD_NAME, POD_INDEX = "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index"


class PodSetController(Controller):
    """What both have in common: find the pods, change them, write the status."""

    kind: ClassVar[str]

    def watched(self) -> Mapping[str, KeysOf]:
        return {self.reconciles: itself, "pods": its_controller(self.kind)}

    async def reconcile(self, key: Key) -> float | None:
        owner = await find(self.client, self.reconciles, key)
        if owner is None:
            return None
        pods = await owned(self.client, "pods", owner, owner["spec"]["selector"])
        problem: StatusError | None = None
        if not is_ending(owner):
            try:
                await self.change_pods(owner, pods)
            except StatusError as refused:
                problem = refused
                self.recorder.record(owner, "Warning", "FailedCreate", f"Error creating: {refused.what}")
            pods = await owned(self.client, "pods", owner, owner["spec"]["selector"])
        again = await self._report(owner, [pod for pod in pods if is_active(pod)])
        if problem is not None:
            raise AlreadyReported from problem
        return again

    @abc.abstractmethod
    async def change_pods(self, owner: Object, pods: list[Object]) -> None:
        """Create and delete pods. Raises StatusError."""

    @abc.abstractmethod
    async def status(self, owner: Object, active: Sequence[Object], ready: int, available: int) -> Object:
        """Return the status. Zeros that Kubernetes leaves out are in it."""

    async def create(self, owner: Object, pod: Object) -> None:
        """Create a pod, and say so."""
        made = await self.client.create("pods", owner["metadata"]["namespace"], pod)
        text = f"create Pod {made['metadata']['name']} in {self.kind} {owner['metadata']['name']} successful"
        self.recorder.record(owner, "Normal", "SuccessfulCreate", text)

    async def delete(self, owner: Object, pod: Object) -> None:
        """Delete a pod, and say so."""
        metadata = pod["metadata"]
        await self.client.delete("pods", metadata["namespace"], metadata["name"], uid=metadata["uid"])
        text = f"delete Pod {metadata['name']} in {self.kind} {owner['metadata']['name']} successful"
        self.recorder.record(owner, "Normal", "SuccessfulDelete", text)

    async def _report(self, owner: Object, active: Sequence[Object]) -> float | None:
        """Write the status; return when the next pod becomes available."""
        now, minimum = self.time.now(), owner["spec"].get("minReadySeconds") or 0
        ready = [since for pod in active if (since := ready_since(pod)) is not None]
        available = [since for since in ready if since + minimum <= now]
        old, metadata = owner.get("status") or {}, owner["metadata"]
        status = await self.status(owner, active, len(ready), len(available))
        status["observedGeneration"] = metadata.get("generation", 0)
        if status != dict.fromkeys(status, 0) | old:
            patch = {"metadata": {"uid": metadata["uid"]}, "status": dict.fromkeys(old) | status}
            await self.client.merge_patch(
                self.reconciles, metadata["namespace"], metadata["name"], patch, subresource="status"
            )
        return min((since + minimum for since in ready if since + minimum > now), default=None)


class DaemonSetController(PodSetController):
    """Keeps one pod of each DaemonSet whose node selector selects the node: there is one node."""

    name = "daemon-set-controller"
    reconciles = "daemonsets.apps"
    kind = "DaemonSet"

    def __init__(self, client: ClusterClient, time: Time, recorder: EventRecorder) -> None:
        super().__init__(client, time, recorder)
        self._known: set[Key] = set()

    def watched(self) -> Mapping[str, KeysOf]:
        return {**super().watched(), self.reconciles: self._itself, "nodes": lambda _: tuple(self._known)}

    def _itself(self, event: WatchEvent) -> Iterable[Key]:
        key = key_of(event.object)
        if event.type == "DELETED":
            self._known.discard(key)
        else:
            self._known.add(key)
        return [key]

    async def change_pods(self, owner: Object, pods: list[Object]) -> None:
        rolling = owner["spec"]["updateStrategy"]["type"] == "RollingUpdate"
        revision = template_hash(owner["spec"]["template"], 0)
        current = [pod for pod in pods if is_active(pod) and (not rolling or _revision(pod) == revision)]
        desired = await self._desired(owner)
        kept = current[:desired]
        for pod in pods:
            if pod not in kept and not is_ending(pod):
                await self.delete(owner, pod)
        if desired and not kept and all(is_finished(pod) for pod in pods):
            pod = pod_from(owner["spec"]["template"], owner, generate_name=f"{owner['metadata']['name']}-")
            _label(pod, {REVISION: revision})
            await self.create(owner, pod)

    async def _desired(self, owner: Object) -> int:
        selector = owner["spec"]["template"]["spec"].get("nodeSelector") or {}
        nodes = await self.client.list("nodes")
        return int(any(selector.items() <= (node["metadata"].get("labels") or {}).items() for node in nodes))

    async def status(self, owner: Object, active: Sequence[Object], ready: int, available: int) -> Object:
        desired, revision = await self._desired(owner), template_hash(owner["spec"]["template"], 0)
        return {
            "currentNumberScheduled": min(len(active), desired),
            "numberMisscheduled": max(0, len(active) - desired),
            "desiredNumberScheduled": desired,
            "numberReady": ready,
            "updatedNumberScheduled": sum(_revision(pod) == revision for pod in active),
            "numberAvailable": available,
            "numberUnavailable": max(0, desired - available),
        }


class StatefulSetController(PodSetController):
    """Keeps the pods ``name-0`` … of each StatefulSet, in order, and makes the claims of its templates."""

    name = "statefulset-controller"
    reconciles = "statefulsets.apps"
    kind = "StatefulSet"

    async def change_pods(self, owner: Object, pods: list[Object]) -> None:
        spec = owner["spec"]
        first = (spec.get("ordinals") or {}).get("start", 0)
        wanted = range(first, first + spec.get("replicas", 1))
        ordered = spec["podManagementPolicy"] == "OrderedReady"
        by_ordinal = {ordinal: pod for pod in pods if (ordinal := ordinal_of(owner, pod)) is not None}
        for ordinal in wanted:
            pod = by_ordinal.get(ordinal)
            if pod is None:
                await self._make_claims(owner, ordinal)
                await self.create(owner, stateful_pod(owner, ordinal))
            elif is_finished(pod) and not is_ending(pod):
                await self.delete(owner, pod)
            if ordered and (pod is None or is_ending(pod) or ready_since(pod) is None):
                return
        for ordinal in sorted((number for number in by_ordinal if number not in wanted), reverse=True):
            if not is_ending(by_ordinal[ordinal]):
                await self.delete(owner, by_ordinal[ordinal])
            if ordered:
                return
        await self._update(owner, by_ordinal)

    async def _update(self, owner: Object, by_ordinal: Mapping[int, Object]) -> None:
        """Delete the highest pod of another revision, once the pods above it are ready."""
        strategy = owner["spec"]["updateStrategy"]
        if strategy["type"] != "RollingUpdate":
            return
        partition = (strategy.get("rollingUpdate") or {}).get("partition", 0)
        for ordinal in sorted((number for number in by_ordinal if number >= partition), reverse=True):
            pod = by_ordinal[ordinal]
            if not is_ending(pod) and _revision(pod) != _stateful_revision(owner):
                await self.delete(owner, pod)
                return
            if ready_since(pod) is None or is_ending(pod):
                return

    async def _make_claims(self, owner: Object, ordinal: int) -> None:
        namespace = owner["metadata"]["namespace"]
        for template in owner["spec"].get("volumeClaimTemplates") or ():
            template_metadata = template["metadata"]
            name = claim_name(owner, ordinal, template_metadata["name"])
            if await find(self.client, "persistentvolumeclaims", (namespace, name)) is not None:
                continue
            labels = (template_metadata.get("labels") or {}) | (owner["spec"]["selector"].get("matchLabels") or {})
            metadata: Object = {
                "name": name,
                "labels": labels,
                "annotations": template_metadata.get("annotations") or {},
            }
            if owner["spec"]["persistentVolumeClaimRetentionPolicy"]["whenDeleted"] == "Delete":
                metadata["ownerReferences"] = [owner_reference(owner)]
            body = {"metadata": metadata, "spec": copy.deepcopy(template["spec"])}
            await self.client.create("persistentvolumeclaims", namespace, body)

    async def status(self, owner: Object, active: Sequence[Object], ready: int, available: int) -> Object:
        revision = _stateful_revision(owner)
        updated = sum(_revision(pod) == revision for pod in active)
        old = (owner.get("status") or {}).get("currentRevision")
        current = revision if updated == len(active) or old is None else old
        return {
            "replicas": len(active),
            "readyReplicas": ready,
            "availableReplicas": available,
            "updatedReplicas": updated,
            "currentReplicas": updated if current == revision else len(active) - updated,
            "currentRevision": current,
            "updateRevision": revision,
            "collisionCount": 0,
        }


def _revision(pod: Object) -> str | None:
    revision: str | None = (pod["metadata"].get("labels") or {}).get(REVISION)
    return revision


def _stateful_revision(owner: Object) -> str:
    return f"{owner['metadata']['name']}-{template_hash(owner['spec']['template'], 0)}"


def _label(pod: Object, labels: Mapping[str, str]) -> None:
    pod["metadata"]["labels"] = {**pod["metadata"].get("labels", {}), **labels}


def ordinal_of(owner: Object, pod: Object) -> int | None:
    """Return the number at the end of a pod's name; None if the pod is not named after the set."""
    prefix, _, number = pod["metadata"]["name"].rpartition("-")
    fits = prefix == owner["metadata"]["name"] and number.isascii() and number.isdigit() and len(number) < 10
    return int(number) if fits and str(int(number)) == number else None


def claim_name(owner: Object, ordinal: int, template: str) -> str:
    """Return the name of the claim that a pod has of a template."""
    return f"{template}-{owner['metadata']['name']}-{ordinal}"


def stateful_pod(owner: Object, ordinal: int) -> Object:
    """Return the pod with that ordinal: its name, its host name and its claims."""
    name = f"{owner['metadata']['name']}-{ordinal}"
    pod = pod_from(owner["spec"]["template"], owner, generate_name="")
    del pod["metadata"]["generateName"]
    pod["metadata"]["name"] = name
    _label(pod, {REVISION: _stateful_revision(owner), POD_NAME: name, POD_INDEX: str(ordinal)})
    spec = pod["spec"]
    spec["hostname"] = name
    if owner["spec"].get("serviceName"):
        spec["subdomain"] = owner["spec"]["serviceName"]
    claims = sorted(each["metadata"]["name"] for each in owner["spec"].get("volumeClaimTemplates") or ())
    if claims:
        spec["volumes"] = [
            *(each for each in spec.get("volumes") or () if each["name"] not in claims),
            *(
                {"name": each, "persistentVolumeClaim": {"claimName": claim_name(owner, ordinal, each)}}
                for each in claims
            ),
        ]
    return pod
