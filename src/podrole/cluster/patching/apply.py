"""Server-side apply, and what every other write does to ``managedFields``.

The steps are those of k8s.io/apimachinery ``managedfields`` over structured-merge-diff: merge what is applied into the
live object, drop what this manager applied before and no longer does, and refuse to change what others manage.
https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import msgspec

from podrole.base.clock import rfc3339
from podrole.cluster.core.errors import StatusError, bad_request
from podrole.cluster.core.resources import Resource
from podrole.cluster.patching import typed
from podrole.cluster.patching.fieldset import FieldSet, Path, describe
from podrole.cluster.patching.managers import (
    STRIPPED,
    Entry,
    Manager,
    Managers,
    after_update,
    decode,
    encode,
    reset_fields,
)
from podrole.cluster.schema import decoding
from podrole.cluster.schema.types import Struct, type_of

Object = dict[str, Any]

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
BEFORE_FIRST_APPLY = "before-first-apply"
_KUBECTL = "kubectl"
_MAX_LAST_APPLIED = 256 * 1024


@dataclass(frozen=True, slots=True)
class WriterIdentity:
    """The field manager of a write, its resource, and the time."""

    resource: Resource
    manager: str
    now: float
    subresource: str = ""

    def identity(self, operation: Any, name: str | None = None) -> Manager:
        """Return the manager of the write, by which its fields are managed."""
        return Manager(name or self.manager, operation, self.resource.api_version, self.subresource)


def track_update(live: Object | None, new: Object, by: WriterIdentity) -> None:
    """Set ``new``'s managedFields for an update of ``live`` (None: a create) by ``by``.

    ``managedFields`` that the client sends in the object replace those of the live one, except through a subresource.
    An object that has none yet, and is not new, stays without: as in kube-apiserver, tracking then waits for an apply.
    """
    sent = new["metadata"].pop("managedFields", None)
    managers = _current(live, sent, by)
    if managers or live is None:
        comparison = typed.compare(type_of(by.resource), live or _blank(type_of(by.resource)), new)
        managers = after_update(
            managers,
            by.identity("Update"),
            added_or_modified=comparison.changed,
            removed=comparison.removed,
            reset=reset_fields(by.resource.qualified, by.subresource),
            now=by.now,
        )
    _set(new, managers)


def _current(live: Object | None, sent: Any, by: WriterIdentity) -> Managers:
    if sent and not by.subresource:
        try:
            # A list of one empty entry is how a client asks for all of it to be forgotten.
            return {} if sent == [{}] else decode(sent)
        except ValueError:
            pass  # as kube-apiserver: what cannot be read is ignored, and the live object's stand
    try:
        return decode(live["metadata"].get("managedFields", ())) if live is not None else {}
    except ValueError:
        return {}


def _blank(kind: Struct) -> Object:
    return decoding.empty(kind)


def _set(obj: Object, managers: Managers) -> None:
    entries = encode(managers)
    if entries:
        obj["metadata"]["managedFields"] = entries
    else:
        obj["metadata"].pop("managedFields", None)


def apply(live: Object | None, applied: Object, by: WriterIdentity, *, force: bool) -> Object:
    """Return ``live`` (None: nothing yet) with ``applied`` merged in, managedFields brought up to date.

    ``applied`` is the body as it was sent. The result is neither decoded nor defaulted yet. Raises StatusError:
    409 for fields that others manage with another value, 400 or 500 for a body that does not fit the type.
    """
    kind = type_of(by.resource)
    version = applied.get("apiVersion")
    if version != by.resource.api_version:
        raise bad_request(
            "Incorrect version specified in apply patch. Specified patch version: "
            f"{version}, expected: {by.resource.api_version}"
        )
    if applied.get("metadata", {}).get("managedFields") is not None:
        raise bad_request("metadata.managedFields must be nil")
    try:
        typed.check(kind, applied)
        result = _apply(live, applied, by, force=force)
    except typed.TypedError as problem:
        metadata = applied.get("metadata", {})
        raise StatusError(
            500,
            "",
            f"failed to create typed patch object ({metadata.get('namespace', '')}/{metadata.get('name', '')}; "
            f"{by.resource.api_version}, Kind={by.resource.kind}): {problem}",
        ) from None
    return result


def _apply(live: Object | None, applied: Object, by: WriterIdentity, *, force: bool) -> Object:
    kind = type_of(by.resource)
    current = _without_managers(live) if live is not None else _blank(kind)
    managers = _current(live, None, by)
    if not managers and live is not None:
        managers = _adopted(kind, current, by)
    try:
        new, managers = _merged(kind, current, applied, managers, by, force=force)
    except _Conflicts as conflicts:
        allowed = _last_applied_fields(kind, current) if by.manager == _KUBECTL else FieldSet()
        left = conflicts.outside(allowed)
        if left:
            raise _conflict(left) from None
        new, managers = _merged(kind, current, applied, managers, by, force=True)
    if by.manager == _KUBECTL and LAST_APPLIED in (new.get("metadata", {}).get("annotations") or {}):
        new = _with_last_applied(new, applied)
    new = {**new, "metadata": dict(new.get("metadata", {}))}
    _set(new, managers)
    return new


def _without_managers(live: Object) -> Object:
    metadata = {key: value for key, value in live["metadata"].items() if key != "managedFields"}
    return {**live, "metadata": metadata}


def _adopted(kind: Struct, current: Object, by: WriterIdentity) -> Managers:
    """Return one manager for all fields from before the first apply."""
    comparison = typed.compare(kind, _blank(kind), current)
    return after_update(
        {},
        Manager(BEFORE_FIRST_APPLY, "Update", by.resource.api_version),
        added_or_modified=comparison.changed,
        removed=comparison.removed,
        reset=reset_fields(by.resource.qualified, ""),
        now=by.now,
    )


def _merged(
    kind: Struct, current: Object, applied: Object, managers: Managers, by: WriterIdentity, *, force: bool
) -> tuple[Object, Managers]:
    me = by.identity("Apply")
    reset = reset_fields(by.resource.qualified, by.subresource)
    mine = typed.fields_of(kind, applied).without_subtrees(reset) - STRIPPED
    before = managers.get(me)
    new = typed.merge(kind, current, applied)
    held = {**managers, me: Entry(mine)}
    if before is not None and before.fields:
        new = _pruned(kind, new, held, before.fields)
    comparison = typed.compare(kind, current, new)
    changed = comparison.changed
    conflicts = [
        (manager, both) for manager, entry in managers.items() if manager != me and (both := entry.fields & changed)
    ]
    if conflicts and not force:
        raise _Conflicts(conflicts)
    result: Managers = {}
    for manager, entry in held.items():
        if manager == me:
            continue
        left = entry.fields - changed - comparison.removed
        if left:
            result[manager] = Entry(left, entry.time)
    # An apply that changes nothing keeps the time of the one before it.
    time = rfc3339(by.now) if new != current else (before.time if before is not None else None)
    result[me] = Entry(mine, time)
    return new, result


def _pruned(kind: Struct, merged: Object, managers: Managers, last: FieldSet) -> Object:
    """Drop what this manager applied last time and no manager owns any more."""
    pruned = typed.remove(kind, merged, last.with_named_parents(kind))
    held = FieldSet()
    for entry in managers.values():
        held = held | entry.fields
    all_fields = typed.fields_of(kind, merged).with_named_parents(kind)
    kept = typed.fields_of(kind, pruned).with_named_parents(kind) | held.with_named_parents(kind)
    pruned = typed.remove(kind, merged, all_fields - kept)
    # What would go although this manager never had it (a sibling below a removed parent) stays.
    lost = all_fields - typed.fields_of(kind, pruned).with_named_parents(kind)
    result: Object = typed.remove(kind, merged, lost & last.with_named_parents(kind))
    return result


class _Conflicts(Exception):
    def __init__(self, found: list[tuple[Manager, FieldSet]]) -> None:
        super().__init__("conflicts")
        self.found = found

    def outside(self, allowed: FieldSet) -> list[tuple[Manager, Path]]:
        return [(manager, path) for manager, fields in self.found for path in (fields - allowed).paths()]


def _last_applied_fields(kind: Struct, current: Object) -> FieldSet:
    """Return the fields that a client-side apply set and that still have that value: kubectl may take them over."""
    text = (current["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    if not text:
        return FieldSet()
    try:
        last = json.loads(text)
        typed.check(kind, last)
    except (ValueError, RecursionError):
        return FieldSet()
    comparison = typed.compare(kind, last, current)
    return typed.fields_of(kind, last) - comparison.modified - comparison.added - comparison.removed


def _with_last_applied(new: Object, applied: Object) -> Object:
    """Keep the annotation of client-side apply in step, so that a person may go back to it."""
    body = {**applied, "metadata": dict(applied.get("metadata", {}))}
    annotations = dict(body["metadata"].get("annotations") or {})
    annotations.pop(LAST_APPLIED, None)
    if annotations:
        body["metadata"]["annotations"] = annotations
    else:
        body["metadata"].pop("annotations", None)
    text = msgspec.json.encode(body, order="sorted").decode() + "\n"
    metadata = dict(new["metadata"])
    kept = dict(metadata.get("annotations") or {})
    if len(text) <= _MAX_LAST_APPLIED:
        kept[LAST_APPLIED] = text
    else:
        kept.pop(LAST_APPLIED, None)
    metadata["annotations"] = kept
    return {**new, "metadata": metadata}


def _conflict(conflicts: list[tuple[Manager, Path]]) -> StatusError:
    conflicts = sorted(conflicts, key=lambda pair: pair[0].name)
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {_named(manager)}", "field": describe(path)}
        for manager, path in conflicts
    ]
    if len(conflicts) == 1:
        manager, path = conflicts[0]
        message = f"Apply failed with 1 conflict: conflict with {_named(manager)}: {describe(path)}"
    else:
        lines = []
        for manager in dict.fromkeys(manager for manager, _ in conflicts):
            lines.append(f"conflicts with {_named(manager)}:")
            lines.extend(f"- {describe(path)}" for other, path in conflicts if other == manager)
        message = f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines)
    return StatusError(409, "Conflict", message, details={"causes": causes})


def _named(manager: Manager) -> str:
    text = json.dumps(manager.name)
    if manager.subresource:
        text = f"{text} with subresource {json.dumps(manager.subresource)}"
    return f"{text} using {manager.api_version}" if manager.operation == "Update" else text
