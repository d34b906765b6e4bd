"""What a CustomResourceDefinition may say, in the words of k8s.io/apiextensions-apiserver (``validation.go``)."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from podrole.cluster.cel import rules
from podrole.cluster.core.errors import FieldError, invalid, not_supported, required
from podrole.cluster.kinds.definition_status import approval, is_established, is_protected
from podrole.cluster.schema.structural_rules import schema_faults, unchecked
from podrole.kube.names import label_1035, subdomain

Object = dict[str, Any]

_OWN_GROUPS = frozenset(
    (
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "autoscaling",
        "batch",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
    )
)
_SCOPES = ("Cluster", "Namespaced")
_STRATEGIES = ("None", "Webhook")
_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_SIMPLE_PATH = re.compile(r"(\.[\w-]+)+")
_MAX_SELECTABLE = 8
MAX_FAULTS = 100
"""Faults of one schema that an answer names."""


def validate_definition(definition: Object) -> list[FieldError]:
    """Check the names, the versions and the schemas."""
    spec = definition["spec"]
    names = spec["names"]
    errors = [required(f"spec.names.{key}") for key in ("plural", "kind") if not names.get(key)]
    if spec["group"] in _OWN_GROUPS:
        return [*errors, invalid("spec.group", spec["group"], "is a group of Kubernetes' own")]
    if not spec["group"]:
        return [*errors, required("spec.group")]
    errors.extend(invalid("spec.group", spec["group"], text) for text in subdomain(spec["group"]))
    if "." not in spec["group"]:
        errors.append(invalid("spec.group", spec["group"], "should be a domain with at least one dot"))
    errors.extend(_of_names(names))
    if definition["metadata"]["name"] != f"{names['plural']}.{spec['group']}":
        why = 'must be spec.names.plural+"."+spec.group'
        errors.append(invalid("metadata.name", definition["metadata"]["name"], why))
    if spec["scope"] not in _SCOPES:
        errors.append(not_supported("spec.scope", spec["scope"], _SCOPES))
    if spec["conversion"]["strategy"] not in _STRATEGIES:
        errors.append(not_supported("spec.conversion.strategy", spec["conversion"]["strategy"], _STRATEGIES))
    if is_protected(spec["group"]) and not is_established(definition):
        state, text = approval(definition)
        field = "metadata.annotations[api-approved.kubernetes.io]"
        if state == "missing":
            errors.append(required(field, text))
        elif state == "invalid":
            errors.append(invalid(field, definition["metadata"]["annotations"]["api-approved.kubernetes.io"], text))
    return [*errors, *_of_versions(spec.get("versions", ())), *_of_stored_versions(definition)]


def validate_definition_update(new: Object, old: Object) -> list[FieldError]:
    """Check that the group, the names and the scope stay."""
    fields = [("group",), ("scope",), ("names", "plural"), ("names", "kind")]
    errors: list[FieldError] = []
    for path in fields:
        before, after = old["spec"], new["spec"]
        for key in path:
            before, after = before.get(key), after.get(key)
        if before != after:
            errors.append(invalid(f"spec.{'.'.join(path)}", after, "field is immutable"))
    return errors


def warnings_of(definition: Object) -> list[str]:
    """Return what of a definition podrole does not do, each as a warning."""
    spec = definition["spec"]
    versions = [each for each in spec.get("versions", ()) if each["served"]]
    warnings = []
    if spec["conversion"]["strategy"] == "Webhook":
        others = [each["name"] for each in versions if not each["storage"]]
        tail = f", not {', '.join(others)}" if others else ""
        warnings.append(f"podrole calls no conversion webhooks: it serves the storage version only{tail}")
    ignored: set[str] = set()
    for each in versions:
        schema = (each.get("schema") or {}).get("openAPIV3Schema")
        ignored |= unchecked(schema)
        ignored |= rules.unchecked(schema)
    if ignored:
        warnings.append(f"podrole does not check these rules of the schema: {', '.join(sorted(ignored))}")
    return warnings


def _of_names(names: Mapping[str, Any]) -> Iterator[FieldError]:
    for key in ("plural", "singular"):
        if names.get(key):
            yield from (invalid(f"spec.names.{key}", names[key], text) for text in label_1035(names[key]))
    for key in ("kind", "listKind"):
        if names.get(key):
            for text in label_1035(names[key].lower()):
                why = f"may have mixed case, but should otherwise match: {text}"
                yield invalid(f"spec.names.{key}", names[key], why)
    for key in ("shortNames", "categories"):
        for index, name in enumerate(names.get(key) or ()):
            yield from (invalid(f"spec.names.{key}[{index}]", name, text) for text in label_1035(name))
    if names.get("kind") and names.get("kind") == names.get("listKind"):
        yield invalid("spec.names.listKind", names["listKind"], "kind and listKind may not be the same")


def _of_versions(versions: Any) -> Iterator[FieldError]:
    names = [version["name"] for version in versions]
    if sum(version["storage"] for version in versions) != 1:
        yield invalid("spec.versions", names, "must have exactly one version marked as storage version")
    if len(set(names)) != len(names):
        yield invalid("spec.versions", names, "must contain unique version names")
    for index, version in enumerate(versions):
        path = f"spec.versions[{index}]"
        yield from (invalid(f"{path}.name", version["name"], text) for text in label_1035(version["name"]))
        if version.get("deprecationWarning") and not version.get("deprecated"):
            text = "can only be set for deprecated versions"
            yield invalid(f"{path}.deprecationWarning", version["deprecationWarning"], text)
    for part, top, check in _PARTS:
        values = [version.get(part) or {} for version in versions]
        shared = all(value == values[0] for value in values)
        for index, value in enumerate(values[:1] if shared else values):
            yield from check(f"spec.{top}" if shared else f"spec.versions[{index}].{part}", value)


def _of_schema(path: str, validation: Mapping[str, Any]) -> Iterator[FieldError]:
    schema, field = validation.get("openAPIV3Schema"), f"{path}.openAPIV3Schema"
    if schema is None:
        yield required(field, "schemas are required")
        return
    faults = list(itertools.islice(schema_faults(schema, field), MAX_FAULTS))
    yield from faults or itertools.islice(rules.faults(schema, field), MAX_FAULTS)


def _of_columns(path: str, columns: Any) -> Iterator[FieldError]:
    for index, column in enumerate(columns):
        here = f"{path}[{index}]"
        if not column["name"]:
            yield required(f"{here}.name")
        if not column["type"]:
            yield required(f"{here}.type", f"must be one of {','.join(sorted(_COLUMN_TYPES))}")
        elif column["type"] not in _COLUMN_TYPES:
            text = f"must be one of {','.join(sorted(_COLUMN_TYPES))}"
            yield invalid(f"{here}.type", column["type"], text)
        if not column["jsonPath"]:
            yield required(f"{here}.jsonPath")
        elif not column["jsonPath"].startswith("."):
            yield invalid(f"{here}.jsonPath", column["jsonPath"], "must be a simple json path starting with .")


def _of_subresources(path: str, below: Mapping[str, Any]) -> Iterator[FieldError]:
    scale = below.get("scale")
    if scale is None:
        return
    for key, root in (("specReplicasPath", "spec"), ("statusReplicasPath", "status"), ("labelSelectorPath", "")):
        value, here = scale.get(key), f"{path}.scale.{key}"
        if not value:
            if root:
                yield required(here)
            continue
        if not _SIMPLE_PATH.fullmatch(value):
            yield invalid(here, value, "must be a json path without array notation")
        elif root and not value.startswith(f".{root}."):
            yield invalid(here, value, f"should be a json path under .{root}")
        elif not value.startswith((".spec.", ".status.")):
            yield invalid(here, value, "should be a json path under either .status or .spec")


def _of_selectable_fields(path: str, fields: Any) -> Iterator[FieldError]:
    if len(fields) > _MAX_SELECTABLE:
        yield FieldError("FieldValueTooMany", path, f"Too many: {len(fields)}: must have at most 8 items")
    for index, each in enumerate(fields):
        value, here = each["jsonPath"], f"{path}[{index}].jsonPath"
        if not value:
            yield required(here)
        elif not _SIMPLE_PATH.fullmatch(value):
            yield invalid(here, value, "is an invalid path: does not appear to be a simple path")
        elif value.startswith(".metadata."):
            yield invalid(here, value, "must not point to fields in metadata")


_PARTS: tuple[tuple[str, str, Callable[[str, Any], Iterator[FieldError]]], ...] = (
    ("additionalPrinterColumns", "additionalPrinterColumns", _of_columns),
    ("subresources", "subresources", _of_subresources),
    ("selectableFields", "selectableFields", _of_selectable_fields),
    ("schema", "validation", _of_schema),
)
"""The parts of a version. What all versions have in common counts as the definition's own, under the second name."""


def _of_stored_versions(definition: Mapping[str, Any]) -> Iterator[FieldError]:
    names = [version["name"] for version in definition["spec"].get("versions", ())]
    for index, stored in enumerate((definition.get("status") or {}).get("storedVersions") or ()):
        if stored not in names:
            yield invalid(
                f"status.storedVersions[{index}]",
                stored,
                f"missing from spec.versions; {stored} was previously a storage version, and must remain in "
                "spec.versions until a storage migration ensures no data remains persisted in "
                f"{stored} and removes {stored} from status.storedVersions",
            )
