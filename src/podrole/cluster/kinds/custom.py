"""The kinds that CustomResourceDefinitions define, read from the store."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, cast

from podrole.cluster.core.errors import FieldError
from podrole.cluster.core.resources import STORED_VERBS, CustomParts, Resource, status_subresource
from podrole.cluster.core.store import Store
from podrole.cluster.kinds.custom_resource_definition import CUSTOM_RESOURCE_DEFINITION
from podrole.cluster.kinds.kind import Kind, Object
from podrole.cluster.schema.structural import custom_struct, problems, unchecked
from podrole.cluster.schema.types import META
from podrole.cluster.tables.cells import UNKNOWN, age, human_duration, seconds_of
from podrole.cluster.tables.layout import AGE, NAME, Column, TableLayout

DEFINITIONS = CUSTOM_RESOURCE_DEFINITION.resource
_STEP = re.compile(r"\.?([\w-]+)|\['([^']+)'\]|\[(\d+)\]|\[\?\(@\.(\w+)\s*==\s*[\"']([^\"']*)[\"']\)\]")
_COLUMN_TYPES = ("string", "integer", "boolean", "date")


class CustomKinds:
    """The custom resources of a cluster. They follow its CustomResourceDefinitions without delay."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read_at = -1
        self._known: dict[str, tuple[Object, Resource]] = {}
        self._resources: tuple[Resource, ...] = ()

    def resources(self) -> tuple[Resource, ...]:
        """Return the resources, the same tuple until a definition changes."""
        changed = self._store.changed_at(DEFINITIONS)
        if changed != self._read_at:
            known = {}
            for definition in self._store.list(DEFINITIONS):
                name, spec = definition["metadata"]["name"], definition["spec"]
                old = self._known.get(name)
                known[name] = (spec, old[1] if old is not None and old[0] == spec else custom_resource(definition))
            self._known, self._read_at = known, changed
            self._resources = tuple(resource for _, resource in known.values())
        return self._resources

    def served(self) -> tuple[Resource, ...]:
        """Return the resources whose version is served."""
        resources = self.resources()
        return (
            tuple(each for each in resources if each.verbs) if not all(each.verbs for each in resources) else resources
        )

    def by_name(self, name: str) -> Resource | None:
        """Return the resource of a plural with its group."""
        return next((each for each in self.resources() if each.qualified == name), None)

    def by_path(self, group: str, version: str, plural: str) -> Resource | None:
        """Return the resource of a path, if its version is served."""
        found = self.by_name(f"{plural}.{group}")
        return found if found is not None and found.version == version and found.verbs else None


def custom_resource(definition: Object) -> Resource:
    """Return the resource that a definition defines, at its storage version."""
    spec = definition["spec"]
    names, version = spec["names"], next(each for each in spec["versions"] if each["storage"])
    schema: Mapping[str, Any] = version["schema"]["openAPIV3Schema"]
    kind, group = names["kind"], spec["group"]
    has_status = "status" in (version.get("subresources") or {})
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
    parts = CustomParts(custom_struct(kind, schema), published)
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
        subresources=(status_subresource(kind),) if has_status else (),
        unconditional_update=False,
        counts_generations=True,
        custom=parts,
        singular_name=names.get("singular", ""),
    )

    def validate(obj: Object) -> list[FieldError]:
        return list(
            problems(
                {
                    **schema,
                    "required": [
                        one for one in schema.get("required", ()) if one not in ("metadata", "apiVersion", "kind")
                    ],
                },
                {key: one for key, one in obj.items() if key not in ("metadata", "apiVersion", "kind")},
            )
        )

    def prepare(obj: Object) -> None:
        if has_status:
            obj.pop("status", None)

    parts.kind = Kind(resource, table=_table(version), prepare=prepare, validate=validate)
    return resource


def not_served(definition: Object) -> list[str]:
    """Return what of a definition podrole does not do, each as a warning."""
    warnings = []
    versions = definition["spec"].get("versions", ())
    others = [each["name"] for each in versions if each["served"] and not each["storage"]]
    if others:
        warnings.append(f"podrole serves the storage version only, not {', '.join(others)}")
    storage = next((each for each in versions if each["storage"]), None)
    if storage is not None:
        if "scale" in (storage.get("subresources") or {}):
            warnings.append("podrole does not serve the scale subresource of custom resources")
        ignored = sorted(unchecked((storage.get("schema") or {}).get("openAPIV3Schema")))
        if ignored:
            warnings.append(f"podrole does not check these rules of the schema: {', '.join(ignored)}")
    return warnings


def _table(version: Mapping[str, Any]) -> TableLayout:
    given = version.get("additionalPrinterColumns") or ()
    columns, cells = [NAME], []
    for each in given:
        kind = each["type"] if each["type"] in _COLUMN_TYPES else "string"
        columns.append(
            Column(
                each["name"],
                description=each.get("description")
                or f"Custom resource definition column (in JSONPath format): {each['jsonPath']}",
                type=cast("Literal['string', 'integer', 'boolean', 'date']", kind),
                wide=bool(each.get("priority")),
            )
        )
        cells.append(_cell(each["jsonPath"], each["type"]))
    if not given:
        columns.append(AGE)

    def row(obj: Object, now: float) -> list[Any]:
        own = [cell(obj, now) for cell in cells]
        return [obj["metadata"]["name"], *(own if given else [age(obj, now)])]

    return TableLayout(tuple(columns), row)


def _cell(path: str, kind: str) -> Callable[[Object, float], Any]:
    steps = [match.groups() for match in _STEP.finditer(path)]
    understood = "".join(match[0] for match in _STEP.finditer(path)) == path

    def cell(obj: Object, now: float) -> Any:
        value: Any = obj
        for name, quoted, index, key, wanted in steps if understood else ():
            if isinstance(value, dict):
                value = value.get(name or quoted)
            elif isinstance(value, list) and index is not None:
                value = value[int(index)] if int(index) < len(value) else None
            elif isinstance(value, list) and key is not None:
                value = next((one for one in value if isinstance(one, dict) and one.get(key) == wanted), None)
            else:
                value = None
        if value is None or not understood:
            return UNKNOWN if kind == "date" else ""
        if kind == "date":
            try:
                return human_duration(now - seconds_of(str(value)))
            except ValueError:
                return "<invalid>"
        return value if isinstance(value, str | int | float) else str(value)

    return cell
