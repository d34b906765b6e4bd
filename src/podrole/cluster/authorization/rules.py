"""Policy rules: what a rule allows, and whether rules cover other rules.

A rule is a PolicyRule (rbac.authorization.k8s.io/v1) as a plain dict. Pure functions, after k8s.io/component-helpers
``auth/rbac/validation``. https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from podrole.cluster.authorization.decisions import AccessAttributes

Rule = Mapping[str, Any]

_PARTS = {
    "APIGroups": "apiGroups",
    "Resources": "resources",
    "NonResourceURLs": "nonResourceURLs",
    "ResourceNames": "resourceNames",
    "Verbs": "verbs",
}


def allows(rule: Rule, wanted: AccessAttributes) -> bool:
    """Say whether the rule allows ``wanted``."""
    if not _among(wanted.verb, rule["verbs"]):
        return False
    if wanted.path:
        return any(_url_covers(url, wanted.path) for url in rule.get("nonResourceURLs", ()))
    names = rule.get("resourceNames")
    return (
        _among(wanted.group, rule.get("apiGroups", ()))
        and _resource_matches(rule.get("resources", ()), wanted.resource, wanted.subresource)
        and (not names or wanted.name in names)
    )


def _among(value: str, values: Sequence[str]) -> bool:
    return "*" in values or value in values


def _resource_matches(resources: Sequence[str], resource: str, subresource: str) -> bool:
    if not subresource:
        return _among(resource, resources)
    return _among(f"{resource}/{subresource}", resources) or f"*/{subresource}" in resources


def _url_covers(pattern: str, path: str) -> bool:
    return pattern in ("*", path) or (pattern.endswith("*") and path.startswith(pattern.rstrip("*")))


def uncovered_parts(held: Sequence[Rule], wanted: Iterable[Rule]) -> list[Rule]:
    """Return the parts of ``wanted`` that no rule in ``held`` covers; a part is one verb on one resource or URL."""
    return [part for rule in wanted for part in _parts(rule) if not any(_covers(held_rule, part) for held_rule in held)]


def _parts(rule: Rule) -> list[Rule]:
    """Split a rule into parts of one verb on one resource or URL each."""
    verbs = rule.get("verbs") or ()
    parts: list[Rule] = []
    for group, resource, verb in itertools.product(rule.get("apiGroups", ()), rule.get("resources", ()), verbs):
        plain = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
        names = rule.get("resourceNames")
        parts.extend([{**plain, "resourceNames": [name]} for name in names] if names else [plain])
    urls = rule.get("nonResourceURLs", ())
    return [*parts, *({"nonResourceURLs": [url], "verbs": [verb]} for url in urls for verb in verbs)]


def _covers(held: Rule, part: Rule) -> bool:
    if not _among(part["verbs"][0], held["verbs"]):
        return False
    if "nonResourceURLs" in part:
        return any(_url_covers(url, part["nonResourceURLs"][0]) for url in held.get("nonResourceURLs", ()))
    if not _among(part["apiGroups"][0], held.get("apiGroups", ())):
        return False
    resource, _, subresource = part["resources"][0].partition("/")
    if not _resource_matches(held.get("resources", ()), resource, subresource):
        return False
    names = held.get("resourceNames")
    return not names or part.get("resourceNames", [None])[0] in names


def describe_parts(parts: Iterable[Rule]) -> list[str]:
    """Return the parts as kube-apiserver lists them in a refusal: verbs on the same thing together, sorted."""
    together: dict[tuple[Any, ...], dict[str, Any]] = {}
    others: list[Rule] = []
    for part in parts:
        if "nonResourceURLs" in part:
            others.append(part)
            continue
        key = (part["apiGroups"][0], part["resources"][0], *part.get("resourceNames", ()))
        if key in together:
            together[key]["verbs"].extend(part["verbs"])
        else:
            together[key] = {**part, "verbs": list(part["verbs"])}
    return sorted({_described(part) for part in (*others, *together.values())})


def _described(rule: Rule) -> str:
    texts = [f"{name}:{quoted_list(rule[key])}" for name, key in _PARTS.items() if rule.get(key)]
    return "{" + ", ".join(texts) + "}"


def quoted_list(values: Iterable[str]) -> str:
    """Write texts as Go's ``%q`` does a slice of them."""
    return "[" + " ".join(json.dumps(value, ensure_ascii=False) for value in values) + "]"
