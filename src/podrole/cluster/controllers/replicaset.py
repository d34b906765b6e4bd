"""ReplicaSets: as many pods of a template as ``spec.replicas`` asks for."""

from __future__ import annotations

from collections.abc import Mapping

from podrole.base.clock import rfc3339
from podrole.cluster.controllers.controller import (
    AlreadyReported,
    Controller,
    Key,
    KeysOf,
    find,
    its_controller,
    itself,
)
from podrole.cluster.controllers.workloads import (
    is_active,
    owned,
    pod_from,
    ready_since,
    replace_condition,
)
from podrole.cluster.core.client import Object
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.pods import is_finished


class ReplicaSetController(Controller):
    """Creates and deletes pods until there are as many as ``spec.replicas``."""

    name = "replicaset-controller"
    reconciles = "replicasets.apps"

    def watched(self) -> Mapping[str, KeysOf]:
        return {"replicasets.apps": itself, "pods": its_controller("ReplicaSet")}

    async def reconcile(self, key: Key) -> float | None:
        replica_set = await find(self.client, "replicasets.apps", key)
        if replica_set is None:
            return None
        pods = await owned(self.client, "pods", replica_set, replica_set["spec"]["selector"])
        problem: StatusError | None = None
        if not replica_set["metadata"].get("deletionTimestamp"):
            problem = await self._scale(replica_set, [pod for pod in pods if is_active(pod)])
            pods = await owned(self.client, "pods", replica_set, replica_set["spec"]["selector"])
        again = await self._report(replica_set, pods, problem)
        if problem is not None:
            raise AlreadyReported from problem
        return again

    async def _scale(self, replica_set: Object, active: list[Object]) -> StatusError | None:
        """Create or delete pods; return what kept one from being created."""
        namespace = replica_set["metadata"]["namespace"]
        wanted = replica_set["spec"].get("replicas", 1)
        for _ in range(wanted - len(active)):
            name = f"{replica_set['metadata']['name']}-"
            try:
                pod = await self.client.create(
                    "pods", namespace, pod_from(replica_set["spec"]["template"], replica_set, generate_name=name)
                )
            except StatusError as problem:
                self.recorder.record(replica_set, "Warning", "FailedCreate", f"Error creating: {problem.what}")
                return problem
            name = pod["metadata"]["name"]
            self.recorder.record(replica_set, "Normal", "SuccessfulCreate", f"Created pod: {name}")
        for pod in sorted(active, key=_worth)[: max(0, len(active) - wanted)]:
            name = pod["metadata"]["name"]
            await self.client.delete("pods", namespace, name, uid=pod["metadata"]["uid"])
            self.recorder.record(replica_set, "Normal", "SuccessfulDelete", f"Deleted pod: {name}")
        return None

    async def _report(self, replica_set: Object, pods: list[Object], problem: StatusError | None) -> float | None:
        """Write the status; return when the next pod becomes available."""
        active = [pod for pod in pods if is_active(pod)]
        terminating = [pod for pod in pods if not is_active(pod) and not is_finished(pod)]
        now, minimum = self.time.now(), replica_set["spec"].get("minReadySeconds") or 0
        ready = [since for pod in active if (since := ready_since(pod)) is not None]
        available = [since for since in ready if since + minimum <= now]
        old = replica_set.get("status") or {}
        labels = (replica_set["spec"]["template"].get("metadata") or {}).get("labels") or {}
        labelled = [pod for pod in active if labels.items() <= (pod["metadata"].get("labels") or {}).items()]
        conditions = [each for each in old.get("conditions") or () if each["type"] != "ReplicaFailure"]
        if problem is not None:
            failure = {
                "type": "ReplicaFailure",
                "status": "True",
                "reason": "FailedCreate",
                "message": problem.what,
                "lastTransitionTime": rfc3339(now),
            }
            conditions = replace_condition(old.get("conditions") or (), failure)
        status = {
            "replicas": len(active),
            "fullyLabeledReplicas": len(labelled),
            "readyReplicas": len(ready),
            "availableReplicas": len(available),
            "terminatingReplicas": len(terminating),
            "observedGeneration": replica_set["metadata"].get("generation", 0),
            "conditions": conditions,
        }
        status = {key: value for key, value in status.items() if value or key in ("replicas", "terminatingReplicas")}
        if status != old:
            patch = {
                "metadata": {"uid": replica_set["metadata"]["uid"]},
                "status": dict.fromkeys(old) | status,
            }
            metadata = replica_set["metadata"]
            await self.client.merge_patch(
                "replicasets.apps", metadata["namespace"], metadata["name"], patch, subresource="status"
            )
        return min((since + minimum for since in ready if since + minimum > now), default=None)


def _worth(pod: Object) -> tuple[bool, bool, bool, float]:
    """Order pods for deletion: those not bound, not running, not ready, and the younger ones first."""
    status = pod.get("status") or {}
    since = ready_since(pod)
    return (
        bool(pod["spec"].get("nodeName")),
        status.get("phase") == "Running",
        since is not None,
        -(since or 0.0),
    )
