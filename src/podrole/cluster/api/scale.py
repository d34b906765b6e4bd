"""The scale subresource: a workload's replicas as a Scale (autoscaling/v1)."""

from __future__ import annotations

from typing import Any

from podrole.cluster.api.patches import Patch, check_patch_options
from podrole.cluster.api.writing import ObjectView, Writes
from podrole.cluster.core.calls import Call
from podrole.cluster.core.errors import bad_request, invalid, invalid_object, unsupported_media_type
from podrole.cluster.patching.json_patches import json_patch, merge_patch
from podrole.cluster.patching.strategic import StrategicError, strategic_merge
from podrole.cluster.schema.decoding import DecodeError, decode
from podrole.cluster.schema.types import struct
from podrole.cluster.tables.cells import NONE, selector

Object = dict[str, Any]

_SCALE = "io.k8s.api.autoscaling.v1.Scale"


def scale_of(workload: Object) -> Object:
    """Return the Scale of a Deployment or ReplicaSet."""
    metadata = {
        key: workload["metadata"][key]
        for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        if key in workload["metadata"]
    }
    spec = {"replicas": workload["spec"]["replicas"]} if workload["spec"].get("replicas") else {}
    status: Object = {"replicas": workload.get("status", {}).get("replicas", 0)}
    text = selector(workload["spec"].get("selector"))
    if text != NONE:
        status["selector"] = text
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status}


class Scales:
    """Reads and writes scales. A write changes the workload, under the subresource's name."""

    def __init__(self, writes: Writes) -> None:
        self._writes = writes

    def get(self, call: Call) -> Object:
        """Return the scale. Raises StatusError."""
        return scale_of(self._writes.live(call))

    async def update(self, call: Call, scale: Object) -> Object:
        """Set the replicas that ``scale`` names. Raises StatusError."""
        return await self._set(call, lambda _: scale, "UpdateOptions")

    async def patch(self, call: Call, patch: Patch) -> Object:
        """Set the replicas that the patched scale has. Raises StatusError."""
        check_patch_options(call, patch.kind)
        return await self._set(call, lambda live: _patched(scale_of(live), patch), "PatchOptions", patch.size)

    async def _set(self, call: Call, make: Any, options: Any, size: int = 0) -> Object:
        def scaled(live: Object) -> Object:
            scale = make(live)
            replicas = scale["spec"].get("replicas", 0)
            if replicas < 0:
                why = invalid("spec.replicas", replicas, "must be greater than or equal to 0")
                raise invalid_object("autoscaling", "Scale", call.name, [why])
            metadata = {**live["metadata"]}
            metadata.pop("resourceVersion", None)
            wanted = scale["metadata"].get("resourceVersion")
            if wanted:
                metadata["resourceVersion"] = wanted
            return {**live, "metadata": metadata, "spec": {**live["spec"], "replicas": replicas}}

        return scale_of(await self._writes.change(call, scaled, call.options(options), view=_VIEW, size=size))


def _take(workload: Object, scale: Object) -> Object:
    return {**workload, "spec": {**workload["spec"], "replicas": scale["spec"].get("replicas", 0)}}


_VIEW = ObjectView(scale_of, _take)


def _patched(scale: Object, patch: Patch) -> Object:
    if patch.kind == "json":
        value = json_patch(scale, patch.value)
    elif patch.kind == "merge":
        value = merge_patch(scale, patch.value)
    elif patch.kind == "strategic":
        try:
            value = strategic_merge(struct(_SCALE), scale, patch.value)
        except StrategicError as problem:
            raise bad_request(str(problem)) from None
    else:
        raise unsupported_media_type(("application/json-patch+json", "application/merge-patch+json"))
    try:
        decoded = decode(struct(_SCALE), value, [])
    except DecodeError as problem:
        raise invalid_object("", "", "", [invalid("patch", "", str(problem))]) from None
    # The resourceVersion is a precondition only if the patch names it.
    named = isinstance(patch.value, dict) and (patch.value.get("metadata") or {}).get("resourceVersion")
    if not named:
        decoded["metadata"].pop("resourceVersion", None)
    return decoded
