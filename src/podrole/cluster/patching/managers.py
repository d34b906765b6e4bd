"""Who manages which fields of an object: reading, writing and combining ``metadata.managedFields``.

https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from podrole.base.clock import rfc3339
from podrole.cluster.patching.fieldset import FieldSet

Object = dict[str, Any]

MAX_UPDATE_MANAGERS = 10
ANCIENT_CHANGES = "ancient-changes"

STRIPPED = FieldSet.from_fields_v1(
    {
        "f:apiVersion": {},
        "f:kind": {},
        "f:metadata": {
            ".": {},
            "f:clusterName": {},
            "f:creationTimestamp": {},
            "f:generation": {},
            "f:managedFields": {},
            "f:name": {},
            "f:namespace": {},
            "f:resourceVersion": {},
            "f:selfLink": {},
            "f:uid": {},
        },
    }
)
"""Fields without a manager: those that the server sets, and those that name the object."""

_SPEC = FieldSet.from_fields_v1({"f:spec": {}})
_STATUS = FieldSet.from_fields_v1({"f:status": {}})
_SPEC_AND_LABELS = FieldSet.from_fields_v1({"f:spec": {}, "f:metadata": {"f:labels": {}}})


def reset_fields(resource: str, subresource: str) -> FieldSet:
    """Return the fields that a write there cannot change, so that it manages none of them."""
    if subresource == "status":
        return _SPEC_AND_LABELS if resource in ("deployments.apps", "replicasets.apps") else _SPEC
    return _STATUS if subresource != "scale" else FieldSet()


@dataclass(frozen=True, slots=True)
class Manager:
    """What identifies an entry of managedFields."""

    name: str
    operation: Literal["Apply", "Update"]
    api_version: str
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """The fields of one manager. ``time`` is RFC 3339, None where an apply has changed nothing."""

    fields: FieldSet
    time: str | None = None


Managers = dict[Manager, Entry]


def decode(entries: Iterable[Mapping[str, Any]]) -> Managers:
    """Return the managers of an object. Raises ValueError for entries that are not well-formed."""
    result: Managers = {}
    for entry in entries:
        operation = entry.get("operation")
        if operation not in ("Apply", "Update"):
            raise ValueError(f"operation must be `Apply` or `Update`, got {operation!r}")
        if entry.get("fieldsType") != "FieldsV1":
            raise ValueError(f"fieldsType must be `FieldsV1`, got {entry.get('fieldsType')!r}")
        manager = Manager(
            entry.get("manager", ""), operation, entry.get("apiVersion", ""), entry.get("subresource", "")
        )
        result[manager] = Entry(FieldSet.from_fields_v1(entry.get("fieldsV1") or {}), entry.get("time"))
    return result


def encode(managers: Managers) -> list[Object]:
    """Return the entries in the order in which kube-apiserver writes them; none for managers of nothing."""
    ordered = sorted(
        ((manager, entry) for manager, entry in managers.items() if entry.fields or manager.operation == "Apply"),
        key=lambda pair: (
            pair[0].operation,
            pair[1].time or "",
            pair[0].name,
            pair[0].api_version,
            pair[0].subresource,
        ),
    )
    return [_entry(manager, entry) for manager, entry in ordered]


def _entry(manager: Manager, entry: Entry) -> Object:
    result: Object = {"manager": manager.name, "operation": manager.operation, "apiVersion": manager.api_version}
    if entry.time is not None:
        result["time"] = entry.time
    result["fieldsType"] = "FieldsV1"
    result["fieldsV1"] = entry.fields.to_fields_v1()
    if manager.subresource:
        result["subresource"] = manager.subresource
    return result


def after_update(
    managers: Managers,
    manager: Manager,
    *,
    added_or_modified: FieldSet,
    removed: FieldSet,
    reset: FieldSet,
    now: float,
) -> Managers:
    """Return the managers after an update by ``manager``: it takes what it changed from all others."""
    changed = added_or_modified
    result: Managers = {}
    for owner, entry in managers.items():
        left = entry.fields - changed - removed
        if left:
            result[owner] = replace(entry, fields=left)
    taken = changed.without_subtrees(reset) - STRIPPED
    if taken:
        before = result.get(manager)
        result[manager] = Entry(taken | before.fields if before is not None else taken, rfc3339(now))
    return _capped(result)


def _capped(managers: Managers) -> Managers:
    """Merge the oldest updates into one entry where there are more than MAX_UPDATE_MANAGERS."""
    updates = sorted(
        (manager for manager in managers if manager.operation == "Update" and not manager.subresource),
        key=lambda manager: managers[manager].time or "",
    )
    surplus = len(updates) - MAX_UPDATE_MANAGERS
    if surplus <= 0:
        return managers
    result = dict(managers)
    for manager in updates[: surplus + 1]:
        entry = result.pop(manager)
        bucket = Manager(ANCIENT_CHANGES, "Update", manager.api_version)
        before = result.get(bucket)
        fields = entry.fields | before.fields if before is not None else entry.fields
        result[bucket] = Entry(fields, entry.time)
    return result
