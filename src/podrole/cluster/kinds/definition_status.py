"""The status of a CustomResourceDefinition: which names it got, whether it is established, its stored versions.

As kube-apiserver's naming, establishing and approval controllers do it (k8s.io/apiextensions-apiserver
``pkg/controller``), but with the answer to the write.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

Object = dict[str, Any]

APPROVED = "api-approved.kubernetes.io"
_SEE = "see https://github.com/kubernetes/enhancements/pull/1111"
_PROTECTED = ("k8s.io", "kubernetes.io")


_VERSION = re.compile("v([1-9][0-9]{0,9})(?:(alpha|beta)([1-9][0-9]{0,9}))?")


def version_order(version: str) -> tuple[int, int, int, str]:
    """Return what sorts versions from the most to the least preferred: v2, v1, v2beta1, v1alpha1, others by name."""
    match = _VERSION.fullmatch(version)
    if match is None:
        return 3, 0, 0, version
    major, stability, minor = match.groups("0")
    return ("0", "beta", "alpha").index(stability), -int(major), -int(minor), ""


def is_established(definition: Mapping[str, Any]) -> bool:
    """Say whether a definition's kind is served."""
    return _is_true(definition, "Established")


def _is_true(definition: Mapping[str, Any], kind: str) -> bool:
    conditions = (definition.get("status") or {}).get("conditions") or ()
    return any(condition["type"] == kind and condition["status"] == "True" for condition in conditions)


def names_accepted(definition: Mapping[str, Any]) -> bool:
    """Say whether a definition got all the names that it asks for."""
    return _is_true(definition, "NamesAccepted")


def is_protected(group: str) -> bool:
    """Say whether a group belongs to the Kubernetes community."""
    return any(group == domain or group.endswith(f".{domain}") for domain in _PROTECTED)


def approval(definition: Mapping[str, Any]) -> tuple[str, str]:
    """Return how a definition in a protected group is approved, and the text about it.

    ``approved``, ``bypassed``, ``missing`` or ``invalid``.
    """
    value = (definition["metadata"].get("annotations") or {}).get(APPROVED, "")
    if not value:
        return "missing", f'protected groups must have approval annotation "{APPROVED}", {_SEE}'
    if value.startswith("unapproved"):
        return "bypassed", f'not approved: "{value}"'
    try:
        url = urlsplit(value)
    except ValueError:
        url = None
    if url is not None and url.scheme and url.netloc:
        return "approved", f"approved in {value}"
    why = "with either a URL or a reason starting with"
    return "invalid", f'protected groups must have approval annotation "{APPROVED}" {why} "unapproved", {_SEE}'


def settled_status(definition: Mapping[str, Any], others: Iterable[Mapping[str, Any]], now: str) -> Object:
    """Return the status that a definition has beside the other definitions of its cluster.

    Definitions share their names within a group. Who is established stays so.
    """
    spec, old = definition["spec"], definition.get("status") or {}
    in_group = [other for other in others if other["spec"]["group"] == spec["group"]]
    accepted = [(other.get("status") or {}).get("acceptedNames") or {} for other in in_group]
    names, problem = _accepted_names(spec["names"], old.get("acceptedNames") or {}, accepted)
    conditions = [_names_condition(problem)]
    if is_established(definition) or problem is None:
        text = "the initial names have been accepted"
        conditions.append(("Established", "True", "InitialNamesAccepted", text))
    else:
        conditions.append(("Established", "False", "NotAccepted", "not all names are accepted"))
    if is_protected(spec["group"]):
        state, text = approval(definition)
        reason = {"approved": "ApprovedAnnotation", "bypassed": "UnapprovedAnnotation"}.get(state, "MissingAnnotation")
        status = "True" if state == "approved" else "False"
        conditions.append(("KubernetesAPIApprovalPolicyConformant", status, reason, text))
    storage = [version["name"] for version in spec.get("versions", ()) if version["storage"]]
    stored = old.get("storedVersions") or []
    return {
        "conditions": _with_times(conditions, old.get("conditions") or (), now),
        "acceptedNames": names,
        "storedVersions": [*stored, *(name for name in storage if name not in stored)],
    }


def _names_condition(problem: tuple[str, str] | None) -> tuple[str, str, str, str]:
    if problem is None:
        return "NamesAccepted", "True", "NoConflicts", "no conflicts found"
    return "NamesAccepted", "False", *problem


def _accepted_names(
    wanted: Mapping[str, Any], mine: Mapping[str, Any], others: list[Mapping[str, Any]]
) -> tuple[Object, tuple[str, str] | None]:
    """Return the names that are free or its own already, and the last conflict: its reason and its message."""
    resources: set[str | None] = {
        name for other in others for name in (other.get("plural"), other.get("singular"), *other.get("shortNames", ()))
    }
    kinds: set[str | None] = {name for other in others for name in (other.get("kind"), other.get("listKind"))}
    names: Object = {}
    problem = None
    for key, taken, reason in (
        ("plural", resources, "PluralConflict"),
        ("singular", resources, "SingularConflict"),
        ("shortNames", resources, "ShortNamesConflict"),
        ("kind", kinds, "KindConflict"),
        ("listKind", kinds, "ListKindConflict"),
    ):
        conflicts = list(_conflicts(wanted.get(key), mine.get(key), taken))
        chosen = mine.get(key) if conflicts else wanted.get(key)
        if chosen:
            names[key] = chosen
        elif key in ("plural", "kind"):
            names[key] = ""
        if conflicts:
            text = conflicts[0] if len(conflicts) == 1 else f"[{', '.join(conflicts)}]"
            problem = (reason, text)
    if wanted.get("categories"):
        names["categories"] = wanted["categories"]
    return names, problem


def _conflicts(wanted: Any, mine: Any, taken: set[str | None]) -> Iterator[str]:
    own = mine if isinstance(mine, list) else [mine]
    for name in wanted if isinstance(wanted, list) else [wanted]:
        if name and name not in own and name in taken:
            yield f'"{name}" is already in use'


def _with_times(
    conditions: Iterable[tuple[str, str, str, str]], old: Iterable[Mapping[str, Any]], now: str
) -> list[Object]:
    since = {(condition["type"], condition["status"]): condition.get("lastTransitionTime", now) for condition in old}
    return [
        {
            "type": kind,
            "status": status,
            "lastTransitionTime": since.get((kind, status), now),
            "reason": reason,
            "message": message,
        }
        for kind, status, reason, message in conditions
    ]
