"""The kinds that CustomResourceDefinitions define, read from the store."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any

from podrole.cluster.cel.rules import SchemaRules
from podrole.cluster.core.errors import FieldError, invalid
from podrole.cluster.core.field_selectors import SelectableFields, at
from podrole.cluster.core.resources import (
    SCALE,
    STORED_VERBS,
    CustomParts,
    Resource,
    ScalePaths,
    Subresource,
    status_subresource,
)
from podrole.cluster.core.store import Store
from podrole.cluster.kinds.custom_columns import table_of
from podrole.cluster.kinds.custom_resource_definition import CUSTOM_RESOURCE_DEFINITION
from podrole.cluster.kinds.definition_status import is_established, version_order
from podrole.cluster.kinds.kind import Kind, Object
from podrole.cluster.schema.structural import custom_struct
from podrole.cluster.schema.types import META
from podrole.cluster.schema.values import ABSENT, TooMuchWork, Work, problems

DEFINITIONS = CUSTOM_RESOURCE_DEFINITION.resource
_ALWAYS_THERE = ("metadata", "apiVersion", "kind")
MAX_FAULTS = 100
"""Faults that one answer names."""
_Versions = tuple[Resource, ...]


class CustomKinds:
    """The custom resources of a cluster. They follow its CustomResourceDefinitions without delay."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read_at: int | None = None
        self._known: dict[str, tuple[Object, bool, bool, _Versions]] = {}
        self._stored: _Versions = ()
        self._served: _Versions = ()

    def resources(self) -> _Versions:
        """Return the resource of each definition, at the version in which its objects are stored."""
        self._read()
        return self._stored

    def served(self) -> _Versions:
        """Return the resources of all versions that are served, the same tuple until a definition changes."""
        self._read()
        return self._served

    def by_name(self, name: str) -> Resource | None:
        """Return the resource of a plural with its group, at its storage version."""
        return next((each for each in self.resources() if each.qualified == name), None)

    def by_path(self, group: str, version: str, plural: str) -> Resource | None:
        """Return the resource of a path, if its version is served."""
        path = (group, version, plural)
        return next((each for each in self.served() if (each.group, each.version, each.plural) == path), None)

    def _read(self) -> None:
        changed = self._store.changed_at(DEFINITIONS)
        if changed == self._read_at:
            return
        known = {}
        for definition in self._store.list(DEFINITIONS):
            name, spec = definition["metadata"]["name"], definition["spec"]
            established, ending = is_established(definition), "deletionTimestamp" in definition["metadata"]
            old = self._known.get(name)
            if old is not None and old[:3] == (spec, established, ending):
                known[name] = old
            else:
                known[name] = (spec, established, ending, custom_resources(definition))
        self._known, self._read_at = known, changed
        self._stored = tuple(versions[0] for _, _, _, versions in known.values())
        self._served = tuple(
            each for _, established, _, versions in known.values() if established for each in versions if each.verbs
        )


def custom_resources(definition: Object) -> _Versions:
    """Return the resources that a definition defines, one for each version, the storage version first."""
    spec = definition["spec"]
    storage = next(each for each in spec["versions"] if each["storage"])
    stored_as = f"{spec['group']}/{storage['name']}"
    others = [each for each in spec["versions"] if each is not storage and spec["conversion"]["strategy"] == "None"]
    ending = "deletionTimestamp" in definition["metadata"]
    versions = tuple(_custom_resource(spec, version, stored_as, ending=ending) for version in (storage, *others))
    served = tuple(sorted((each for each in versions if each.verbs), key=lambda each: version_order(each.version)))
    for each in versions:
        if each.custom is not None:
            each.custom.versions = served
    return versions


def _custom_resource(spec: Object, version: Mapping[str, Any], stored_as: str, *, ending: bool) -> Resource:
    names, group = spec["names"], spec["group"]
    schema: Mapping[str, Any] = version["schema"]["openAPIV3Schema"]
    kind = names["kind"]
    below = version.get("subresources") or {}
    has_status = "status" in below
    published = {
        **schema,
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            **schema.get("properties", {}),
            "metadata": {"$ref": f"{META}.ObjectMeta"},
        },
        "x-kubernetes-group-version-kind": [{"group": group, "kind": kind, "version": version["name"]}],
    }
    parts = CustomParts(
        custom_struct(kind, schema), published, stored_as, _scale(below), _deprecation(spec, version), ending
    )
    subresources: list[Subresource] = [status_subresource(kind)] if has_status else []
    resource = Resource(
        group,
        names["plural"],
        kind,
        f"{'.'.join(reversed(group.split('.')))}.{version['name']}.{kind}",
        namespaced=spec["scope"] == "Namespaced",
        verbs=STORED_VERBS if version["served"] else (),
        version=version["name"],
        short_names=tuple(names.get("shortNames", ())),
        categories=tuple(names.get("categories", ())),
        subresources=(*subresources, SCALE) if parts.scale is not None else tuple(subresources),
        unconditional_update=False,
        counts_generations=True,
        custom=parts,
        singular_name=names.get("singular", ""),
    )

    check = _ObjectCheck(schema)

    def prepare(obj: Object) -> None:
        if has_status:
            obj.pop("status", None)

    parts.kind = Kind(
        resource,
        table=table_of(version),
        prepare=prepare,
        validate=lambda obj: check.faults(obj, ABSENT),
        validate_update=check.faults,
        selectable_fields=_selectable(version),
        checks_changes=True,
        takes_long=True,
    )
    return resource


class _ObjectCheck:
    """The check of the objects of one version: its schema, then its rules."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        names = [name for name in schema.get("required", ()) if name not in _ALWAYS_THERE]
        self._schema = {**schema, "required": names}
        self._rules = SchemaRules(self._schema)

    def faults(self, obj: Object, old: Any) -> list[FieldError]:
        """Return what is wrong with an object; ``old`` is what it replaces, or ABSENT."""
        work = Work()
        before = old if old is ABSENT else _own_fields(old)
        try:
            faults = list(itertools.islice(problems(self._schema, _own_fields(obj), "", before, work), MAX_FAULTS))
            # A rule may rely on what the schema says.
            return faults or list(itertools.islice(self._rules.broken(obj, old, work), MAX_FAULTS))
        except TooMuchWork as problem:
            return [invalid("", obj["metadata"].get("name", ""), str(problem))]


def _own_fields(obj: Object) -> Object:
    return {key: value for key, value in obj.items() if key not in _ALWAYS_THERE}


def path_of(json_path: str) -> tuple[str, ...]:
    """Return the names of a simple path (``.spec.replicas``), empty for any other."""
    return tuple(json_path.split(".")[1:]) if re.fullmatch(r"(\.[\w-]+)+", json_path) else ()


def _scale(below: Mapping[str, Any]) -> ScalePaths | None:
    scale = below.get("scale")
    if scale is None:
        return None
    return ScalePaths(
        path_of(scale["specReplicasPath"]),
        path_of(scale["statusReplicasPath"]),
        path_of(scale.get("labelSelectorPath", "")),
    )


def _deprecation(spec: Object, version: Mapping[str, Any]) -> str:
    if not version.get("deprecated"):
        return ""
    if version.get("deprecationWarning"):
        return str(version["deprecationWarning"])
    group, kind, own = spec["group"], spec["names"]["kind"], version["name"]
    text = f"{group}/{own} {kind} is deprecated"
    others = sorted(
        (other["name"] for other in spec["versions"] if other["served"] and not other.get("deprecated")),
        key=version_order,
    )
    if others and version_order(others[0]) < version_order(own):
        return f"{text}; use {group}/{others[0]} {kind}"
    return text


def _selectable(version: Mapping[str, Any]) -> SelectableFields:
    paths = [path_of(each["jsonPath"]) for each in version.get("selectableFields") or ()]
    return tuple((".".join(path), at(*path)) for path in paths if path)
