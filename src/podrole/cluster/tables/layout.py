"""The form of a kind's table: its columns, and the function that fills a row.

A column's description is the OpenAPI description of the field that it shows, where it shows one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from podrole.cluster.schema.types import META

Object = dict[str, Any]
Cells = Callable[[Object, float], list[Any]]
"""Returns the cells of an object's row; the second argument is the time now, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``field`` is the full name of the OpenAPI field whose description it takes; else ``description``.

    ``wide``: kubectl shows it only with ``-o wide``.
    """

    name: str
    field: str = ""
    description: str = ""
    type: Literal["string", "integer", "boolean", "date"] = "string"
    wide: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class TableLayout:
    """The table of a kind. ``conditions`` returns the conditions of a row (TableRowCondition), for most kinds none."""

    columns: tuple[Column, ...]
    cells: Cells
    conditions: Callable[[Object], list[Object]] | None = None


NAME = Column("Name", f"{META}.ObjectMeta.name")
AGE = Column("Age", f"{META}.ObjectMeta.creationTimestamp")
CREATED_AT = Column("Created At", f"{META}.ObjectMeta.creationTimestamp", type="date")
CONTAINERS = Column("Containers", description="Names of each container in the template.", wide=True)
IMAGES = Column("Images", description="Images referenced by each container in the template.", wide=True)
