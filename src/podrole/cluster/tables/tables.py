"""Lists of objects as Tables, as ``kubectl get`` asks for them.

https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any, Literal

from podrole.cluster.schema.types import extract
from podrole.cluster.tables.layout import Column, TableLayout

Object = dict[str, Any]
IncludeObject = Literal["None", "Metadata", "Object"]


@functools.lru_cache(maxsize=64)
def columns(layout: TableLayout) -> list[Object]:
    """Return the column definitions of a layout (TableColumnDefinition)."""
    return [_definition(column) for column in layout.columns]


def _definition(column: Column) -> Object:
    description = column.description
    if column.field:
        type_name, _, field = column.field.rpartition(".")
        description = extract()[type_name]["properties"][field]["description"]
    return {
        "name": column.name,
        "type": column.type,
        "format": "name" if column.name == "Name" else "",
        "description": description,
        "priority": int(column.wide),
    }


def table(
    layout: TableLayout,
    objects: Iterable[Object],
    list_metadata: Object,
    *,
    now: float,
    include: IncludeObject = "Metadata",
    headers: bool = True,
) -> Object:
    """Return the objects as a Table; ``headers`` is false for all but the first event of a watch."""
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": list_metadata,
        "columnDefinitions": columns(layout) if headers else None,
        "rows": [row(layout, obj, now, include) for obj in objects],
    }


def row(layout: TableLayout, obj: Object, now: float, include: IncludeObject) -> Object:
    """Return an object's row of a Table."""
    made: Object = {"cells": layout.cells(obj, now)}
    conditions = layout.conditions(obj) if layout.conditions is not None else None
    if conditions:
        made["conditions"] = conditions
    if include == "Metadata":
        made["object"] = partial(obj)
    else:
        made["object"] = obj if include == "Object" else None
    return made


def partial(obj: Object) -> Object:
    """Return an object's metadata alone (PartialObjectMetadata)."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}
