"""Rules for roles and their bindings (k8s.io/kubernetes ``pkg/apis/rbac/validation``)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from podrole.cluster.core.errors import FieldError, invalid, not_supported, required
from podrole.cluster.validation.workloads import validate_selector
from podrole.kube.names import path_segment, subdomain

Object = dict[str, Any]

GROUP = "rbac.authorization.k8s.io"


def validate_role(role: Object) -> list[FieldError]:
    """Check the rules of a Role."""
    return [error for index, rule in enumerate(_rules(role)) for error in _rule(rule, f"rules[{index}]", local=True)]


def validate_cluster_role(role: Object) -> list[FieldError]:
    """Check the rules of a ClusterRole and its aggregationRule."""
    errors = [error for index, rule in enumerate(_rules(role)) for error in _rule(rule, f"rules[{index}]", local=False)]
    aggregation = role.get("aggregationRule")
    if aggregation is not None:
        field = "aggregationRule.clusterRoleSelectors"
        selectors = aggregation.get("clusterRoleSelectors", ())
        if not selectors:
            errors.append(required(field, "at least one clusterRoleSelector required if aggregationRule is non-nil"))
        for index, selector in enumerate(selectors):
            errors.extend(validate_selector(selector, f"{field}[{index}]"))
    return errors


def _rules(role: Object) -> list[Object]:
    return role.get("rules") or []


def _rule(rule: Object, field: str, *, local: bool) -> Iterator[FieldError]:
    if not rule.get("verbs"):
        yield required(f"{field}.verbs", "verbs must contain at least one value")
    urls = rule.get("nonResourceURLs")
    if urls:
        if local:
            why = "namespaced rules cannot apply to non-resource URLs"
            yield invalid(f"{field}.nonResourceURLs", urls, why)
        if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
            why = "rules cannot apply to both regular resources and non-resource URLs"
            yield invalid(f"{field}.nonResourceURLs", urls, why)
        return
    if not rule.get("apiGroups"):
        yield required(f"{field}.apiGroups", "resource rules must supply at least one api group")
    if not rule.get("resources"):
        yield required(f"{field}.resources", "resource rules must supply at least one resource")


def validate_binding(binding: Object) -> list[FieldError]:
    """Check the role reference and the subjects of a RoleBinding or ClusterRoleBinding."""
    local = binding["kind"] == "RoleBinding"
    errors = list(_role_ref(binding["roleRef"], ("Role", "ClusterRole") if local else ("ClusterRole",)))
    for index, subject in enumerate(binding.get("subjects", ())):
        errors.extend(_subject(subject, f"subjects[{index}]", local=local))
    return errors


def validate_binding_update(new: Object, old: Object) -> list[FieldError]:
    """Check that the role reference stays."""
    if new["roleRef"] != old["roleRef"]:
        return [*validate_binding(new), invalid("roleRef", new["roleRef"], "cannot change roleRef")]
    return []


def _role_ref(role: Object, kinds: tuple[str, ...]) -> Iterator[FieldError]:
    if role.get("apiGroup") != GROUP:
        yield not_supported("roleRef.apiGroup", role.get("apiGroup", ""), [GROUP])
    if role["kind"] not in kinds:
        yield not_supported("roleRef.kind", role["kind"], kinds)
    if not role["name"]:
        yield required("roleRef.name")
    else:
        yield from (invalid("roleRef.name", role["name"], text) for text in path_segment(role["name"]))


def _subject(subject: Object, field: str, *, local: bool) -> Iterator[FieldError]:
    name, group = subject["name"], subject.get("apiGroup", "")
    if not name:
        yield required(f"{field}.name")
    match subject["kind"]:
        case "ServiceAccount":
            if name:
                yield from (invalid(f"{field}.name", name, text) for text in subdomain(name))
            if group:
                yield not_supported(f"{field}.apiGroup", group, [""])
            if not local and not subject.get("namespace"):
                yield required(f"{field}.namespace")
        case "User" | "Group":
            if group != GROUP:
                yield not_supported(f"{field}.apiGroup", group, [GROUP])
        case other:
            yield not_supported(f"{field}.kind", other, ("ServiceAccount", "User", "Group"))
