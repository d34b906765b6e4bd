"""The description of a kind of object: everything that is particular to it, in one place.

The counterpart of the ``strategy.go`` and ``defaults.go`` of each kind in k8s.io/kubernetes. Functions of a kind may
change the object that they are given, which is the request's own; ``old`` in ``validate_update`` is the store's and
must not be changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from podrole.cluster.core.errors import FieldError
from podrole.cluster.core.field_selectors import SelectableFields
from podrole.cluster.core.resources import Resource
from podrole.cluster.tables.layout import TableLayout
from podrole.kube.names import NameRule, subdomain

Object = dict[str, Any]


def do_nothing(_: Object) -> None:
    """Change nothing: what a kind without defaults or without preparation does."""


def no_errors(_: Object) -> list[FieldError]:
    """Find nothing wrong: what a kind without rules of its own does."""
    return []


def no_update_errors(_: Object, __: Object) -> list[FieldError]:
    """Find nothing wrong with an update."""
    return []


@dataclass(frozen=True, slots=True, eq=False)
class Kind:
    """A kind of object.

    ``resource``: its names, path, verbs and subresources, and the schema in the OpenAPI extract.
    ``table``: how ``kubectl get`` shows it; None for a review, which cannot be listed.
    ``selectable_fields``: what field selectors may name besides metadata.name and metadata.namespace.
    ``default``: fills in what a client left out.
    ``name_rule``: what its names must be like.
    ``prepare``: readies a new object that has its name and uid.
    ``validate``: the rules for an object; ``validate_update``: the rules for a change of one.
    ``update_keeps``: fields that an update leaves as they were, besides the status.
    ``status_keeps``: metadata that a write to the status leaves as it was, besides the ownerReferences.
    ``not_enforced``: the warning for the client that creates one, if nothing here does what a real cluster would.
    ``checks_changes``: ``validate_update`` is the whole check of a change, also of one of the status.
    ``takes_long``: its checks may take long even for a small object.
    ``without``: for each part that the kind does not have, the reason.
    """

    resource: Resource
    table: TableLayout | None = None
    selectable_fields: SelectableFields = ()
    default: Callable[[Object], None] = do_nothing
    name_rule: NameRule = subdomain
    prepare: Callable[[Object], None] = do_nothing
    validate: Callable[[Object], list[FieldError]] = no_errors
    validate_update: Callable[[Object, Object], list[FieldError]] = no_update_errors
    update_keeps: tuple[str, ...] = ()
    status_keeps: tuple[str, ...] = ()
    not_enforced: str = ""
    checks_changes: bool = False
    takes_long: bool = False
    without: Mapping[str, str] = field(default_factory=dict)
