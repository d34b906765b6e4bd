"""Event of the core group."""

from __future__ import annotations

from podrole.cluster.core.field_selectors import at
from podrole.cluster.core.resources import Resource
from podrole.cluster.kinds.kind import Kind
from podrole.cluster.schema.types import META
from podrole.cluster.tables.core import event_cells
from podrole.cluster.tables.layout import Column, TableLayout
from podrole.cluster.validation.core import validate_event

_EVENT = "io.k8s.api.core.v1.Event"
_INVOLVED = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")

EVENT = Kind(
    Resource("", "events", "Event", _EVENT, short_names=("ev",)),
    table=TableLayout(
        (
            Column("Last Seen", f"{_EVENT}.lastTimestamp"),
            Column("Type", f"{_EVENT}.type"),
            Column("Reason", f"{_EVENT}.reason"),
            Column("Object", f"{_EVENT}.involvedObject"),
            Column("Subobject", "io.k8s.api.core.v1.ObjectReference.fieldPath", wide=True),
            Column("Source", f"{_EVENT}.source", wide=True),
            Column("Message", f"{_EVENT}.message"),
            Column("First Seen", f"{_EVENT}.firstTimestamp", wide=True),
            Column("Count", f"{_EVENT}.count", wide=True),
            Column("Name", f"{META}.ObjectMeta.name", wide=True),
        ),
        event_cells,
    ),
    selectable_fields=(
        *((f"involvedObject.{name}", at("involvedObject", name)) for name in _INVOLVED),
        ("reason", at("reason")),
        ("reportingComponent", at("reportingComponent")),
        ("source", at("source", "component")),
        ("type", at("type")),
    ),
    validate=validate_event,
    without={
        "default": "Kubernetes sets no defaults.",
        "prepare": "It has no status.",
        "validate_update": "An update is checked like a new event.",
    },
)
