"""The subresources of a pod that take a POST: binding and eviction."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from podrole.base.clock import Clock, rfc3339
from podrole.cluster.api.deleting import Deletes
from podrole.cluster.api.writing import Writes
from podrole.cluster.core.calls import Call, DeleteOptions
from podrole.cluster.core.errors import MODIFIED, StatusError, bad_request, conflict
from podrole.cluster.core.store import ObjectChanged, Store, Update

Object = dict[str, Any]

_DONE: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


class PodSubresources:
    """Binds and evicts pods."""

    def __init__(self, store: Store, writes: Writes, deletes: Deletes, clock: Clock) -> None:
        self._store = store
        self._writes = writes
        self._deletes = deletes
        self._clock = clock

    async def bind(self, call: Call, binding: Object) -> Object:
        """Assign the pod to the node that a Binding names. Raises StatusError."""
        target = binding["target"]
        if target.get("kind", "Node") != "Node" or not target.get("name"):
            raise bad_request("the target of a Binding must be a Node with a name")
        await self.assign(call, target["name"])
        return dict(_DONE)

    async def assign(self, call: Call, node: str) -> Object:
        """Assign the pod to a node, once. Raises StatusError.

        As in kube-apiserver, a binding is not an update of the pod: no webhook for pods is called, no manager owns the
        field, and the generation stays.
        """
        live = self._writes.live(call)
        taken = live["spec"].get("nodeName")
        if live["metadata"].get("deletionTimestamp"):
            raise _not_bound(call, f"pod {call.name} is being deleted, cannot be assigned to a host")
        if taken:
            raise _not_bound(call, f'pod {call.name} is already assigned to node "{taken}"')
        scheduled = {
            "type": "PodScheduled",
            "status": "True",
            "lastProbeTime": None,
            "lastTransitionTime": rfc3339(self._clock()),
        }
        others = [
            condition for condition in live["status"].get("conditions", ()) if condition.get("type") != "PodScheduled"
        ]
        pod = {
            **live,
            "metadata": dict(live["metadata"]),
            "spec": {**live["spec"], "nodeName": node},
            "status": {**live["status"], "conditions": [*others, scheduled]},
        }
        if call.dry_run:
            return pod
        try:
            return await self._store.commit(Update(call.resource, pod, live))
        except ObjectChanged:
            raise _not_bound(call, MODIFIED) from None

    async def evict(self, call: Call, eviction: Object) -> Object:
        """Delete the pod gracefully; disruption budgets are not checked. Raises StatusError."""
        metadata = eviction["metadata"]
        if metadata.get("name") not in (None, "", call.name):
            raise bad_request("name in URL does not match name in Eviction object")
        delete_options = eviction.get("deleteOptions", {})
        preconditions = delete_options.get("preconditions", {})
        options = DeleteOptions(
            grace_seconds=delete_options.get("gracePeriodSeconds"),
            uid=preconditions.get("uid"),
            resource_version=preconditions.get("resourceVersion"),
            dry_run=call.dry_run or bool(delete_options.get("dryRun")),
        )
        await self._deletes.delete(replace(call, subresource="", dry_run=options.dry_run), options)
        return dict(_DONE)


def _not_bound(call: Call, why: str) -> StatusError:
    return conflict("", "pods/binding", call.name, why)
