"""PATCH in its four forms (https://kubernetes.io/docs/reference/using-api/api-concepts/#patch-and-apply)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from podrole.base.clock import Clock
from podrole.base.large_work import off_loop
from podrole.cluster.api.decode import redecode
from podrole.cluster.api.writing import Writes
from podrole.cluster.core.calls import Call
from podrole.cluster.core.errors import (
    bad_request,
    forbidden,
    invalid,
    invalid_object,
    required,
    resource_not_found,
    unsupported_media_type,
)
from podrole.cluster.patching.apply import WriterIdentity, apply
from podrole.cluster.patching.json_patches import json_patch, merge_patch
from podrole.cluster.patching.strategic import StrategicError, strategic_merge
from podrole.cluster.schema.decoding import DecodeError
from podrole.cluster.schema.types import type_of
from podrole.cluster.wire.bodies import BodyError, read_json, read_yaml

Object = dict[str, Any]
PatchKind = Literal["json", "merge", "strategic", "apply"]

APPLY = "application/apply-patch+yaml"
MEDIA_TYPES: dict[str, PatchKind] = {
    "application/json-patch+json": "json",
    "application/merge-patch+json": "merge",
    "application/strategic-merge-patch+json": "strategic",
    APPLY: "apply",
}


@dataclass(frozen=True, slots=True)
class Patch:
    """A patch that has been read and not yet applied. ``size`` is that of its body, in bytes."""

    kind: PatchKind
    value: Any
    duplicates: tuple[str, ...] = ()
    size: int = 0


def read_patch(media_type: str, data: bytes) -> Patch:
    """Read a patch's body. Raises StatusError: 415 for another media type, 400 for what is not JSON or YAML."""
    kind = MEDIA_TYPES.get(media_type)
    if kind is None:
        raise unsupported_media_type(tuple(MEDIA_TYPES))
    try:
        value, duplicates = read_yaml(data) if kind == "apply" else read_json(data)
    except BodyError as problem:
        raise bad_request(f"error decoding YAML: {problem}" if kind == "apply" else str(problem)) from None
    if kind in ("strategic", "merge", "apply") and not isinstance(value, dict):
        raise bad_request(f"a patch of this type must be an object, got {type(value).__name__}")
    return Patch(kind, value, tuple(duplicates), len(data))


def check_patch_options(call: Call, kind: PatchKind) -> None:
    """Refuse options that no patch, or not this kind of patch, can have. Raises StatusError (422)."""
    errors = []
    if kind == "apply" and not call.field_manager:
        errors.append(required("fieldManager", "is required for apply patch"))
    if kind != "apply" and call.force is not None:
        errors.append(forbidden("force", "may not be specified for non-apply patch"))
    if errors:
        raise invalid_object("meta.k8s.io", "PatchOptions", "", errors)


def patched(call: Call, patch: Patch, live: Object) -> Object:
    """Return ``live`` changed by a patch other than server-side apply, decoded and defaulted. Raises StatusError."""
    if patch.kind == "json":
        value = json_patch(live, patch.value)
    elif patch.kind == "merge":
        value = merge_patch(live, patch.value)
    elif call.resource.custom is not None:
        raise unsupported_media_type([media_type for media_type, kind in MEDIA_TYPES.items() if kind != "strategic"])
    else:
        try:
            value = strategic_merge(type_of(call.resource), live, patch.value)
        except StrategicError as problem:
            raise bad_request(str(problem)) from None
    shown = _go_map(patch.value) if patch.kind == "strategic" else None
    return decoded(call, value, patch.duplicates, shown)


def decoded(call: Call, value: Any, duplicates: tuple[str, ...] = (), shown: str | None = None) -> Object:
    """Decode the result of a patch. Raises StatusError (422 on ``patch``), which quotes ``shown``."""
    try:
        obj, unknown = redecode(call.resource, value)
    except DecodeError as problem:
        raise _invalid_patch(value, shown, str(problem)) from None
    problems = [f'duplicate field "{path}"' for path in duplicates] + [f'unknown field "{path}"' for path in unknown]
    if problems and call.validation == "Strict":
        raise _invalid_patch(value, shown, f"strict decoding error: {', '.join(problems)}")
    if problems and call.validation == "Warn":
        call.warnings.extend(problems)
    return obj


def _invalid_patch(value: Any, shown: str | None, why: str) -> Exception:
    text = shown if shown is not None else msgspec.json.encode(value).decode()
    return invalid_object("", "", "", [invalid("patch", text, why)])


def _go_map(value: Any) -> str:
    """Write a value as Go's ``%+v`` does, which is how kube-apiserver quotes a strategic merge patch."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{_go_map(value[key])}" for key in sorted(value)) + "]"
    if isinstance(value, list):
        return "[" + " ".join(_go_map(item) for item in value) + "]"
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)


class Patches:
    """Applies patches to objects."""

    def __init__(self, writes: Writes, clock: Clock) -> None:
        self._writes = writes
        self._clock = clock

    async def patch(self, call: Call, patch: Patch) -> tuple[Object, bool]:
        """Change the object. Return it, and True if server-side apply has created it. Raises StatusError."""
        check_patch_options(call, patch.kind)
        if patch.kind == "apply":
            return await self._apply(call, patch)
        made = await self._writes.change(
            call, lambda live: patched(call, patch, live), call.options("PatchOptions"), size=patch.size
        )
        return made, False

    async def _apply(self, call: Call, patch: Patch) -> tuple[Object, bool]:
        body: Object = patch.value
        metadata = body.get("metadata")
        if not isinstance(metadata, dict):
            metadata = {}
        _check_apply(call, body, metadata)
        if patch.duplicates:
            text = "yaml: unmarshal errors:\n" + "\n".join(
                f'  key "{key}" already set in map' for key in patch.duplicates
            )
            if call.validation == "Strict":
                raise bad_request(f"error strict decoding YAML: {text}")
            if call.validation == "Warn":
                call.warnings.append(text)
        by = WriterIdentity(call.resource, call.manager, self._clock(), call.subresource)
        force = bool(call.force)
        if self._writes.find(call) is None:
            if call.subresource or metadata.get("uid"):
                raise resource_not_found(call.resource.group, call.resource.plural, call.name)
            self._writes.check_may_create(call)
            obj = await off_loop(patch.size, lambda: decoded(call, apply(None, body, by, force=force)))
            obj["metadata"].update(name=call.name)
            return await self._writes.create(call, obj, tracked=True), True
        made = await self._writes.change(
            call,
            lambda live: _wanting(decoded(call, apply(live, body, by, force=force)), metadata),
            call.options("PatchOptions"),
            tracked=True,
            size=patch.size,
        )
        return made, False


def _check_apply(call: Call, body: Object, metadata: Object) -> None:
    if body.get("kind") != call.resource.kind and body.get("kind") is not None:
        raise bad_request(f"the kind in the data ({body['kind']}) does not match the path ({call.resource.kind})")
    name = metadata.get("name", call.name)
    if name != call.name:
        raise bad_request(f"the name of the object ({name}) does not match the name on the URL ({call.name})")
    namespace = metadata.get("namespace", call.namespace)
    if namespace != call.namespace and call.resource.namespaced:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")


def _wanting(obj: Object, applied_metadata: Object) -> Object:
    """Keep the resourceVersion only if the applied configuration names one; it is then a precondition."""
    if not applied_metadata.get("resourceVersion"):
        obj["metadata"].pop("resourceVersion", None)
    return obj
