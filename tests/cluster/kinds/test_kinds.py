"""Every kind has all its parts, or says why it does not need one."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import fields
from typing import Any

import pytest

from podrole.cluster import kinds
from podrole.cluster.controllers.garbage_collector import COLLECTED
from podrole.cluster.controllers.namespace_termination import NAMESPACED
from podrole.cluster.kinds.kind import Kind
from podrole.cluster.kinds.registry import BY_KIND, BY_NAME, BY_PATH, KINDS, kind_of, table_layout
from podrole.cluster.schema.presence import EMBEDDED
from podrole.cluster.schema.types import extract
from podrole.cluster.tables.tables import columns

PARTS = ("table", "selectable_fields", "default", "prepare", "validate", "validate_update")
"""The parts that a kind has or does without; the others have a value that is right for most kinds."""

STORED = [kind for kind in KINDS if kind.resource.stored]
EMPTY = {one.name: one.default for one in fields(Kind)}


def by_name(kind: Any) -> str:
    return str(kind.resource.qualified)


def test_every_part_is_checked_here() -> None:
    optional = {"name_rule", "update_keeps", "status_keeps", "not_enforced", "checks_changes", "takes_long"}
    assert {one.name for one in fields(Kind)} == {"resource", "without", *PARTS, *optional}


@pytest.mark.parametrize("kind", KINDS, ids=by_name)
@pytest.mark.parametrize("part", PARTS)
def test_a_kind_has_each_part_or_a_reason(kind: Kind, part: str) -> None:
    missing = getattr(kind, part) in (EMPTY[part], None, ())
    assert missing == (part in kind.without), f"{part}: give it, or say in `without` why there is none"
    assert kind.without.get(part, ".").endswith(".")


@pytest.mark.parametrize("kind", KINDS, ids=by_name)
def test_a_reason_names_a_part(kind: Kind) -> None:
    assert set(kind.without) <= set(PARTS)


@pytest.mark.parametrize("kind", KINDS, ids=by_name)
def test_a_kind_has_its_schema(kind: Kind) -> None:
    resource = kind.resource
    versions = extract()[resource.schema]["x-kubernetes-group-version-kind"]
    assert {"group": resource.group, "kind": resource.kind, "version": resource.version} in versions
    if resource.stored:
        assert f"{resource.schema}List" in extract()
    for subresource in resource.subresources:
        if subresource.schema:
            assert subresource.schema in extract()


@pytest.mark.parametrize("kind", STORED, ids=by_name)
def test_the_schema_presence_is_known(kind: Kind) -> None:
    """A kind with a status writes it even when it is empty; kinds whose spec is a pointer in Go are named here."""
    properties = extract()[kind.resource.schema]["properties"]
    embedded = {name for name in ("spec", "status") if name in properties}
    pointers = {"PodDisruptionBudget": {"spec", "status"}}.get(kind.resource.kind, set())
    assert embedded - set(EMBEDDED.get(kind.resource.kind, ())) == pointers


@pytest.mark.parametrize("kind", STORED, ids=by_name)
def test_a_stored_kind_can_be_listed(kind: Kind) -> None:
    assert columns(table_layout(kind.resource))[0]["name"]


def test_a_review_cannot_be_listed() -> None:
    with pytest.raises(LookupError, match="tokenreviews"):
        table_layout(BY_NAME["tokenreviews.authentication.k8s.io"])


def test_every_kind_that_is_described_is_named_in_the_registry() -> None:
    modules = [importlib.import_module(f"{kinds.__name__}.{one.name}") for one in pkgutil.iter_modules(kinds.__path__)]
    values = [value for module in modules for value in vars(module).values()]
    described = [one for value in values for one in (value if isinstance(value, tuple) else (value,))]
    assert [one for one in described if isinstance(one, Kind) and one not in KINDS] == []


def test_every_kind_is_found_by_path_name_and_kind() -> None:
    assert len(BY_PATH) == len(BY_NAME) == len(BY_KIND) == len(KINDS)
    assert all(kind_of(kind.resource) is kind for kind in KINDS)


def test_the_garbage_collector_knows_every_stored_kind() -> None:
    assert {*COLLECTED, "events"} == {kind.resource.qualified for kind in STORED}
    assert set(NAMESPACED) == {kind.resource.qualified for kind in STORED if kind.resource.namespaced}
