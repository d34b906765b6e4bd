"""All verbs, for HTTP and for clients in this process: which code serves which request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from podrole.cluster.admission.attributes import AdmissionAttributes
from podrole.cluster.admission.chain import AdmissionChain
from podrole.cluster.api.deleting import Deletes
from podrole.cluster.api.patches import Patch, Patches
from podrole.cluster.api.pod_subresources import PodSubresources
from podrole.cluster.api.reading import Reads
from podrole.cluster.api.scale import Scales
from podrole.cluster.api.writing import Writes
from podrole.cluster.core.calls import Call, DeleteOptions
from podrole.cluster.core.errors import StatusError, method_not_supported
from podrole.cluster.identity.reviews import Reviews
from podrole.cluster.identity.token_requests import TokenRequests

Object = dict[str, Any]


class Verbs:
    """Serves each verb of the API. Every method raises StatusError."""

    def __init__(
        self,
        *,
        reads: Reads,
        writes: Writes,
        patches: Patches,
        deletes: Deletes,
        scales: Scales,
        pods: PodSubresources,
        tokens: TokenRequests,
        reviews: Reviews,
        admission: AdmissionChain,
    ) -> None:
        self.reads = reads
        self.deletes = deletes
        self.writes = writes
        self._patches = patches
        self._scales = scales
        self.pods = pods
        self._tokens = tokens
        self._reviews = reviews
        self._admission = admission

    def get(self, call: Call, resource_version: str = "") -> Object:
        """Return the object, or its scale; ``status`` returns the object."""
        if call.subresource == "scale":
            return self._scales.get(call)
        return self.reads.get(call, resource_version)

    async def create(self, call: Call, body: Object) -> Object:
        """Create an object, answer a review, or serve a POST to a subresource."""
        if not call.resource.stored:
            return self._reviews.create(call, body)
        if not call.subresource:
            return await self.writes.create(call, body)
        doing: Mapping[str, Callable[[Call, Object], Awaitable[Object]]] = {
            "binding": self.pods.bind,
            "eviction": self.pods.evict,
            "token": self._tokens.create,
        }
        if call.subresource not in doing:
            raise method_not_supported(call.resource.group, call.resource.plural, "create")
        return await doing[call.subresource](call, await self._admitted(call, "CREATE", body))

    async def connect(self, call: Call, options: Object) -> None:
        """Ask admission whether a connection to the pod may be made; ``options`` are its PodExecOptions or the like."""
        await self._admitted(call, "CONNECT", options)

    async def _admitted(self, call: Call, operation: Literal["CREATE", "CONNECT"], body: Object) -> Object:
        request = AdmissionAttributes(
            operation=operation,
            resource=call.resource,
            namespace=call.namespace,
            name=call.name,
            user=call.user,
            object=body,
            subresource=call.subresource,
            dry_run=call.dry_run,
            options=call.options("CreateOptions") if operation == "CREATE" else None,
            warnings=call.warnings,
        )
        await self._admission.admit(request)
        await self._admission.validate(request)
        return request.object or body

    async def update(self, call: Call, body: Object) -> Object:
        """Replace an object, its status, its scale, or a namespace's finalizers."""
        if call.subresource == "scale":
            return await self._scales.update(call, body)
        return await self.writes.update(call, body)

    async def patch(self, call: Call, patch: Patch) -> tuple[Object, bool]:
        """Patch an object, its status or its scale. Return it, and True if server-side apply has created it."""
        if call.subresource == "scale":
            return await self._scales.patch(call, patch), False
        return await self._patches.patch(call, patch)

    async def delete_all(self, call: Call, objects: list[Object], options: DeleteOptions) -> None:
        """Delete each of ``objects``; one that is already gone is skipped."""
        for obj in objects:
            metadata = obj["metadata"]
            object_call = Call(
                call.resource,
                metadata.get("namespace", ""),
                call.user,
                call.agent,
                metadata["name"],
                dry_run=options.dry_run,
                warnings=call.warnings,
            )
            try:
                await self.deletes.delete(object_call, options)
            except StatusError as refused:
                if refused.reason != "NotFound":
                    raise
