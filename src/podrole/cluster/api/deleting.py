"""DELETE: at once, after a pod's grace period, or when the finalizers are gone.

https://kubernetes.io/docs/concepts/architecture/garbage-collection/ and
https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from podrole.base.clock import Clock, rfc3339
from podrole.cluster.admission.attributes import AdmissionAttributes
from podrole.cluster.admission.chain import AdmissionChain
from podrole.cluster.api.field_order import ordered
from podrole.cluster.api.writing import ATTEMPTS, check_uid
from podrole.cluster.core.calls import Call, DeleteOptions
from podrole.cluster.core.errors import MODIFIED, conflict, resource_not_found
from podrole.cluster.core.pods import is_finished
from podrole.cluster.core.resources import served_form
from podrole.cluster.core.store import Delete, ObjectChanged, Store, Update

Object = dict[str, Any]

ORPHAN, FOREGROUND = "orphan", "foregroundDeletion"
DEFAULT_POD_GRACE = 30
_GARBAGE_FINALIZERS = {"Orphan": [ORPHAN], "Foreground": [FOREGROUND], "Background": []}


class Deletes:
    """Deletes objects, or marks them as being deleted."""

    def __init__(self, store: Store, admission: AdmissionChain, clock: Clock) -> None:
        self._store = store
        self._admission = admission
        self._clock = clock

    async def delete(self, call: Call, options: DeleteOptions) -> tuple[Object, bool]:
        """Delete the object. Return its last state, and True if it is gone. Raises StatusError."""
        resource = call.resource
        for _ in range(ATTEMPTS):
            live = self._store.get(resource, call.namespace, call.name)
            if live is None:
                raise resource_not_found(resource.group, resource.plural, call.name)
            _check_preconditions(call, options, live)
            request = self._attributes(call, live)
            await self._admission.admit(request)
            await self._admission.validate(request)
            if self._store.get(resource, call.namespace, call.name) is not live:
                continue
            try:
                last, is_gone = await self._delete(call, options, live)
                return served_form(resource, last), is_gone
            except ObjectChanged:
                continue
        raise conflict(resource.group, resource.plural, call.name, MODIFIED)

    def _attributes(self, call: Call, live: Object) -> AdmissionAttributes:
        return AdmissionAttributes(
            operation="DELETE",
            resource=call.resource,
            namespace=call.namespace,
            name=call.name,
            user=call.user,
            object=None,
            old=served_form(call.resource, live),
            dry_run=call.dry_run,
            options=call.options("DeleteOptions"),
            warnings=call.warnings,
        )

    async def _delete(self, call: Call, options: DeleteOptions, live: Object) -> tuple[Object, bool]:
        if call.resource.plural == "namespaces":
            return await self._delete_namespace(call, live)
        before = live["metadata"].get("deletionGracePeriodSeconds")
        if live["metadata"].get("deletionTimestamp") and before is not None:
            if options.grace_seconds is None or options.grace_seconds >= before:
                return live, False  # already being deleted: a second request may only shorten the grace period
            going = live
        else:
            going = _with_finalizers(live, options)
        grace = _pod_grace(live, options) if live["kind"] == "Pod" else 0
        pending = bool(going["metadata"].get("finalizers"))
        if live["kind"] == "Pod" or pending:
            going = self._marked(going, grace)
        if grace or pending:
            return await self._keep(call, going, live), False
        return await self._remove(call, going, live), True

    def _marked(self, going: Object, grace: int) -> Object:
        """Return the object with its deletionTimestamp; a shortened grace period counts from the first request."""
        before = going["metadata"]
        metadata = {**before, "deletionGracePeriodSeconds": grace}
        if before.get("deletionTimestamp"):
            started = _seconds(before["deletionTimestamp"]) - before["deletionGracePeriodSeconds"]
        else:
            started = self._clock()
            if before.get("generation"):
                metadata["generation"] = before["generation"] + 1
        metadata["deletionTimestamp"] = rfc3339(started + grace)
        return {**going, "metadata": metadata}

    async def _delete_namespace(self, call: Call, live: Object) -> tuple[Object, bool]:
        metadata = dict(live["metadata"])
        metadata.setdefault("deletionTimestamp", rfc3339(self._clock()))
        going = {**live, "metadata": metadata, "status": {**live["status"], "phase": "Terminating"}}
        if not going["spec"].get("finalizers") and not metadata.get("finalizers"):
            return await self._remove(call, going, live), True
        return await self._keep(call, going, live), False

    async def _keep(self, call: Call, going: Object, live: Object) -> Object:
        going = ordered(going)
        if call.dry_run or going == live:
            return going
        return await self._store.commit(Update(call.resource, {**going, "metadata": dict(going["metadata"])}, live))

    async def _remove(self, call: Call, going: Object, live: Object) -> Object:
        going = ordered(going)
        return going if call.dry_run else await self._store.commit(Delete(call.resource, going, live))


def _check_preconditions(call: Call, options: DeleteOptions, live: Object) -> None:
    check_uid(call, options.uid, live)
    version = live["metadata"]["resourceVersion"]
    if options.resource_version and options.resource_version != version:
        raise conflict(
            call.resource.group,
            call.resource.plural,
            call.name,
            f"Precondition failed: ResourceVersion in precondition: {options.resource_version}, "
            f"ResourceVersion in object meta: {version}",
        )


def _with_finalizers(live: Object, options: DeleteOptions) -> Object:
    """Return the object with the garbage collector's finalizer that the propagation policy asks for."""
    metadata = live["metadata"]
    others = [finalizer for finalizer in metadata.get("finalizers", ()) if finalizer not in (ORPHAN, FOREGROUND)]
    if options.propagation is None:
        return live
    finalizers = [*others, *_GARBAGE_FINALIZERS[options.propagation]]
    if finalizers == metadata.get("finalizers", []):
        return live
    return {**live, "metadata": {**metadata, "finalizers": finalizers}}


def _pod_grace(pod: Object, options: DeleteOptions) -> int:
    """Return a pod's grace period in seconds; 0 if it has no node or has ended."""
    if not pod["spec"].get("nodeName") or is_finished(pod):
        return 0
    grace = options.grace_seconds
    if grace is None:
        grace = pod["spec"].get("terminationGracePeriodSeconds", DEFAULT_POD_GRACE)
    return 1 if grace < 0 else int(grace)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
