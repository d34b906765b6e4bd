"""What a pod takes by POST: its binding to a node, and its eviction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from podrole.base.clock import Clock, rfc3339
from podrole.cluster.api.calls import Call, DeleteOptions
from podrole.cluster.api.deleting import Deletes
from podrole.cluster.api.writing import Writes
from podrole.cluster.errors import bad_request, conflict

Object = dict[str, Any]

_DONE: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


class PodSubresources:
    """Binds and evicts pods."""

    def __init__(self, writes: Writes, deletes: Deletes, clock: Clock) -> None:
        self._writes = writes
        self._deletes = deletes
        self._clock = clock

    async def bind(self, call: Call, binding: Object) -> Object:
        """Give the pod its node: what a scheduler does, once. Raises StatusError."""
        target = binding["target"]
        if target.get("kind", "Node") != "Node" or not target.get("name"):
            raise bad_request("a pod is bound to a Node, by its name")
        node = target["name"]

        def bound(live: Object) -> Object:
            taken = live["spec"].get("nodeName")
            if live["metadata"].get("deletionTimestamp"):
                raise conflict(
                    "", "pods/binding", call.name, f"pod {call.name} is being deleted, cannot be assigned to a host"
                )
            if taken:
                raise conflict("", "pods/binding", call.name, f'pod {call.name} is already assigned to node "{taken}"')
            return {
                **live,
                "metadata": {key: value for key, value in live["metadata"].items() if key != "resourceVersion"},
                "spec": {**live["spec"], "nodeName": node},
            }

        pod = replace(call, subresource="", binds=True)
        await self._writes.change(pod, bound, call.options("UpdateOptions"))
        if not call.dry_run:
            await self._note_scheduled(replace(pod, subresource="status", binds=False))
        return dict(_DONE)

    async def _note_scheduled(self, call: Call) -> None:
        condition = {
            "type": "PodScheduled",
            "status": "True",
            "lastProbeTime": None,
            "lastTransitionTime": rfc3339(self._clock()),
        }

        def noted(live: Object) -> Object:
            others = [one for one in live["status"].get("conditions", ()) if one.get("type") != "PodScheduled"]
            metadata = {key: value for key, value in live["metadata"].items() if key != "resourceVersion"}
            status = {**live["status"], "conditions": [*others, condition]}
            return {**live, "metadata": metadata, "status": status}

        await self._writes.change(call, noted, call.options("UpdateOptions"))

    async def evict(self, call: Call, eviction: Object) -> Object:
        """Delete the pod gracefully; there are no disruption budgets here to ask. Raises StatusError."""
        metadata = eviction["metadata"]
        if metadata.get("name") not in (None, "", call.name):
            raise bad_request("name in URL does not match name in Eviction object")
        given = eviction.get("deleteOptions", {})
        preconditions = given.get("preconditions", {})
        options = DeleteOptions(
            grace_seconds=given.get("gracePeriodSeconds"),
            uid=preconditions.get("uid"),
            resource_version=preconditions.get("resourceVersion"),
            dry_run=call.dry_run or bool(given.get("dryRun")),
        )
        await self._deletes.delete(replace(call, subresource="", dry_run=options.dry_run), options)
        return dict(_DONE)
