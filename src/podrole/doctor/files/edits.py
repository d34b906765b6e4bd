"""Changes as edits of the files that hold the objects: JSON Patch operations on one document of a file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from podrole.doctor.remedies.changes import (
    Annotate,
    Change,
    Operation,
    PatchPods,
    Restart,
    SetEnvironment,
    SetTrustPolicy,
    json_pointer,
)
from podrole.doctor.sources.cluster import Workload
from podrole.doctor.sources.items import Origin

Origins = Mapping[tuple[str, str, str], Origin]


@dataclass(frozen=True, slots=True)
class Edit:
    """``operations`` (RFC 6902) change the document of that ``index`` in the file, from 0."""

    path: Path
    index: int
    operations: tuple[Operation, ...]


def edits_of(changes: Iterable[Change], origins: Origins) -> tuple[Edit, ...]:
    """Return the edits that make the changes; none if one of the changes cannot be made in these files."""
    edits: list[Edit] = []
    for change in changes:
        if isinstance(change, Restart):
            continue  # pods are created from the files
        made = _edit_in(change, origins)
        if made is None:
            return ()
        edits.append(made)
    return tuple(edits)


def _edit_in(change: Change, origins: Origins) -> Edit | None:
    match change:
        case Annotate():
            origin = origins.get((change.kind, change.namespace, change.name))
            return None if origin is None else _at(origin, _annotated(change, _value(origin)))
        case SetTrustPolicy():
            origin = origins.get(("Role", "", change.role_arn.rpartition("/")[2]))
            document = json.loads(change.document)
            return None if origin is None else _at(origin, [{"op": "replace", "path": "", "value": document}])
        case SetEnvironment() | PatchPods():
            workload = change.workload
            origin = origins.get((workload.kind, workload.namespace, workload.name))
            if origin is None:
                return None
            prefix = json_pointer(*workload.template)
            operations = change.operations if isinstance(change, PatchPods) else _environment(change, _value(origin))
            return _at(origin, [{**operation, "path": prefix + operation["path"]} for operation in operations])
    return None


def _at(origin: Origin, operations: Iterable[Operation]) -> Edit:
    prefix = json_pointer(*origin.where)
    moved = tuple({**operation, "path": prefix + operation["path"]} for operation in operations)
    return Edit(origin.document.path, origin.document.index, moved)


def _value(origin: Origin) -> Any:
    value = origin.document.value
    for step in origin.where:
        value = value[step]
    return value


def _annotated(change: Annotate, value: Any) -> Iterator[Operation]:
    known = value["metadata"].get("annotations")
    if known is None:
        yield {"op": "add", "path": "/metadata/annotations", "value": {}}
    for key, text in change.annotations.items():
        path = json_pointer("metadata", "annotations", key)
        if text is not None:
            yield {"op": "add", "path": path, "value": text}
        elif key in (known or {}):
            yield {"op": "remove", "path": path}


def _environment(change: SetEnvironment, value: Any) -> Iterator[Operation]:
    """Yield the operations on the pod; the last entries first, so that the indexes of the others stay valid."""
    pod = _pod(change.workload, value)
    for kind in ("containers", "initContainers"):
        for position, container in enumerate(pod["spec"].get(kind) or ()):
            if container.get("name") != change.container:
                continue
            entries = list(enumerate(container.get("env") or ()))
            for index, entry in reversed(entries):
                if entry.get("name") in change.variables:
                    path = f"/spec/{kind}/{position}/env/{index}"
                    text = change.variables[entry["name"]]
                    entry_now = {"name": entry["name"], "value": text}
                    yield (
                        {"op": "remove", "path": path}
                        if text is None
                        else {
                            "op": "replace",
                            "path": path,
                            "value": entry_now,
                        }
                    )


def _pod(workload: Workload, value: Any) -> Any:
    for step in workload.template:
        value = value[step]
    return value
