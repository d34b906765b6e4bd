"""The scale subresource: a workload's replicas as a Scale (autoscaling/v1)."""

from __future__ import annotations

import functools
from typing import Any

from podrole.cluster.api.patches import Patch, check_patch_options
from podrole.cluster.api.writing import ObjectView, Writes
from podrole.cluster.core.calls import Call
from podrole.cluster.core.errors import bad_request, internal, invalid, invalid_object, unsupported_media_type
from podrole.cluster.core.resources import Resource, ScalePaths
from podrole.cluster.patching.json_patches import json_patch, merge_patch
from podrole.cluster.patching.strategic import StrategicError, strategic_merge
from podrole.cluster.schema.decoding import DecodeError, decode
from podrole.cluster.schema.types import struct
from podrole.cluster.tables.cells import NONE, selector

Object = dict[str, Any]

_SCALE = "io.k8s.api.autoscaling.v1.Scale"


_WORKLOAD = ScalePaths(("spec", "replicas"), ("status", "replicas"))


def scale_of(resource: Resource, workload: Object) -> Object:
    """Return the Scale of an object. Raises StatusError (500) for a custom one that does not say its replicas."""
    metadata = {
        key: workload["metadata"][key]
        for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
        if key in workload["metadata"]
    }
    paths = _paths(resource)
    replicas = _at(workload, paths.wanted)
    if replicas is None and resource.custom is not None:
        raise internal(f'the spec replicas field ".{".".join(paths.wanted)}" does not exist')
    spec = {"replicas": replicas} if replicas else {}
    status: Object = {"replicas": _at(workload, paths.present) or 0}
    if resource.custom is None:
        text = selector(workload["spec"].get("selector"))
    else:
        text = (_at(workload, paths.selector) if paths.selector else None) or NONE
    if text != NONE:
        status["selector"] = text
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata, "spec": spec, "status": status}


def _paths(resource: Resource) -> ScalePaths:
    return (resource.custom.scale if resource.custom is not None else None) or _WORKLOAD


def _at(obj: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        obj = obj.get(name) if isinstance(obj, dict) else None
    return obj


def _with(obj: Any, path: tuple[str, ...], value: Any) -> Object:
    """Return a copy of an object with another value at a path."""
    known = obj if isinstance(obj, dict) else {}
    first, *rest = path
    return {**known, first: _with(known.get(first), tuple(rest), value) if rest else value}


class Scales:
    """Reads and writes scales. A write changes the workload, under the subresource's name."""

    def __init__(self, writes: Writes) -> None:
        self._writes = writes

    def get(self, call: Call) -> Object:
        """Return the scale. Raises StatusError."""
        return scale_of(call.resource, self._writes.live(call))

    async def update(self, call: Call, scale: Object) -> Object:
        """Set the replicas that ``scale`` names. Raises StatusError."""
        return await self._set(call, lambda _: scale, "UpdateOptions")

    async def patch(self, call: Call, patch: Patch) -> Object:
        """Set the replicas that the patched scale has. Raises StatusError."""
        check_patch_options(call, patch.kind)

        def make(live: Object) -> Object:
            return _patched(scale_of(call.resource, live), patch)

        return await self._set(call, make, "PatchOptions", patch.size)

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
            return {**_with(live, _paths(call.resource).wanted, replicas), "metadata": metadata}

        view = ObjectView(functools.partial(scale_of, call.resource), functools.partial(_take, call.resource))
        changed = await self._writes.change(call, scaled, call.options(options), view=view, size=size)
        return scale_of(call.resource, changed)


def _take(resource: Resource, workload: Object, scale: Object) -> Object:
    return _with(workload, _paths(resource).wanted, scale["spec"].get("replicas", 0))


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
