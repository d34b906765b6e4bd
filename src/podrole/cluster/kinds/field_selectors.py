"""Field selectors: conditions on single fields of an object.

https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from podrole.cluster.core.errors import bad_request
from podrole.cluster.core.resources import Resource

Object = dict[str, Any]

Getter = Callable[[Object], str]


def _at(*path: str, default: str = "") -> Getter:
    def get(obj: Object) -> str:
        value: Any = obj
        for key in path:
            if not isinstance(value, dict):
                return default
            value = value.get(key)
        if value is None:
            return default
        return str(value).lower() if isinstance(value, bool) else str(value)

    return get


_METADATA = {"metadata.name": _at("metadata", "name"), "metadata.namespace": _at("metadata", "namespace")}
_INVOLVED = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_FIELDS: Mapping[str, Mapping[str, Getter]] = {
    "pods": {
        "spec.nodeName": _at("spec", "nodeName"),
        "spec.restartPolicy": _at("spec", "restartPolicy"),
        "spec.schedulerName": _at("spec", "schedulerName"),
        "spec.serviceAccountName": _at("spec", "serviceAccountName"),
        "spec.hostNetwork": _at("spec", "hostNetwork", default="false"),
        "status.phase": _at("status", "phase"),
        "status.podIP": _at("status", "podIP"),
        "status.nominatedNodeName": _at("status", "nominatedNodeName"),
    },
    "secrets": {"type": _at("type")},
    "namespaces": {"status.phase": _at("status", "phase")},
    "nodes": {"spec.unschedulable": _at("spec", "unschedulable", default="false")},
    "services": {"spec.clusterIP": _at("spec", "clusterIP"), "spec.type": _at("spec", "type")},
    "jobs.batch": {"status.successful": _at("status", "succeeded", default="0")},
    "replicasets.apps": {"status.replicas": _at("status", "replicas", default="0")},
    "events": {
        **{f"involvedObject.{name}": _at("involvedObject", name) for name in _INVOLVED},
        "reason": _at("reason"),
        "reportingComponent": _at("reportingComponent"),
        "source": _at("source", "component"),
        "type": _at("type"),
    },
}


@dataclass(frozen=True, slots=True)
class FieldSelector:
    """Conditions on single fields, all of which must hold: (field, getter, value, equal?)."""

    terms: tuple[tuple[str, Getter, str, bool], ...] = ()

    def matches(self, obj: Object) -> bool:
        return all((get(obj) == value) is equal for _, get, value, equal in self.terms)

    def exactly(self, field: str) -> str | None:
        """Return the value that ``field`` must have, None where any will do."""
        return next((value for name, _, value, equal in self.terms if name == field and equal), None)


_TERM = re.compile(r"((?:\\.|[^\\=,!])*)(==|!=|=)((?:\\.|[^\\,=])*)")


@functools.lru_cache(maxsize=1024)
def parse_fields(text: str, resource: Resource) -> FieldSelector:
    """Read the form that ``fieldSelector`` has in a URL. Raises StatusError (400), also for a field unknown to it."""
    known = _FIELDS.get(resource.qualified, {})
    terms = []
    for part in re.split(r"(?<!\\),", text):
        if not part.strip():
            continue
        match = _TERM.fullmatch(part.strip())
        if match is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        name, operator, value = match.groups()
        getter = _METADATA.get(name) or known.get(name)
        if getter is None:
            raise bad_request(
                f"field label not supported: {name}"
                if known
                else f'"{name}" is not a known field selector: only "metadata.name", "metadata.namespace"'
            )
        terms.append((name, getter, re.sub(r"\\(.)", r"\1", value), operator != "!="))
    return FieldSelector(tuple(terms))
