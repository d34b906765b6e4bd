"""Kinds that are kept and shown, described as data: a row of columns, defaults, and who acts on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from podrole.cluster.core.errors import FieldError
from podrole.cluster.core.field_selectors import SelectableFields
from podrole.cluster.core.resources import Resource, Subresource, status_subresource
from podrole.cluster.kinds.kind import Kind, Object, do_nothing, no_errors, no_update_errors
from podrole.cluster.tables.cells import age
from podrole.cluster.tables.layout import AGE, NAME, Column, TableLayout
from podrole.kube.names import NameRule, subdomain

Cell = Callable[[Object], Any]

NOT_CHECKED = "Nothing here acts on it, so only its types are checked."
NO_DEFAULTS = "Kubernetes sets no defaults."


def plain_kind(
    schema: str,
    group: str,
    plural: str,
    columns: Sequence[tuple[Column, Cell]],
    *,
    wide: Sequence[tuple[Column, Cell]] = (),
    version: str = "v1",
    namespaced: bool = True,
    short_names: tuple[str, ...] = (),
    categories: tuple[str, ...] = (),
    status: Object | None = None,
    subresources: tuple[Subresource, ...] = (),
    counts_generations: bool = False,
    selectable_fields: SelectableFields = (),
    default: Callable[[Object], None] = do_nothing,
    name_rule: NameRule = subdomain,
    validate: Callable[[Object], list[FieldError]] = no_errors,
    validate_update: Callable[[Object, Object], list[FieldError]] = no_update_errors,
    not_enforced: str = "",
    name: Cell | None = None,
) -> Kind:
    """Return a kind whose table is its name, ``columns``, its age and the ``wide`` columns.

    ``status``: that of a new object; None for a kind without a status. ``name`` replaces what the first column shows.
    ``not_enforced`` is the warning that a client gets who creates one.
    """
    kind = schema.rpartition(".")[2]

    def prepare(obj: Object) -> None:
        obj["status"] = dict(status or {})

    def cells(obj: Object, now: float) -> list[Any]:
        first = name(obj) if name is not None else obj["metadata"]["name"]
        return [first, *(cell(obj) for _, cell in columns), age(obj, now), *(cell(obj) for _, cell in wide)]

    parts = {
        "default": (default is do_nothing, NO_DEFAULTS),
        "prepare": (status is None, "It has no status."),
        "selectable_fields": (not selectable_fields, "Kubernetes selects it by metadata alone."),
        "validate": (validate is no_errors, NOT_CHECKED),
        "validate_update": (validate_update is no_update_errors, NOT_CHECKED),
    }
    own = (status_subresource(kind),) if status is not None else ()
    return Kind(
        Resource(
            group,
            plural,
            kind,
            schema,
            namespaced=namespaced,
            version=version,
            short_names=short_names,
            categories=categories,
            subresources=(*subresources, *own),
            counts_generations=counts_generations,
        ),
        table=TableLayout((NAME, *(column for column, _ in columns), AGE, *(column for column, _ in wide)), cells),
        selectable_fields=selectable_fields,
        default=default,
        name_rule=name_rule,
        prepare=prepare if status is not None else do_nothing,
        validate=validate,
        validate_update=validate_update,
        not_enforced=not_enforced,
        without={part: reason for part, (missing, reason) in parts.items() if missing},
    )


def value_at(*path: str, default: Any = "") -> Cell:
    """Return a cell that shows the value at a path, or ``default``."""

    def cell(obj: Object) -> Any:
        value: Any = obj
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        return default if value is None else value

    return cell


def text_at(*path: str, default: str = "") -> Cell:
    """Return a cell that shows the value at a path as text: booleans as Go writes them."""
    get = value_at(*path)

    def cell(obj: Object) -> str:
        value = get(obj)
        return str(value).lower() if isinstance(value, bool) else str(value) or default

    return cell
