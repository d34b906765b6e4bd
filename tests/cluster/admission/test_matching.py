"""Which requests a webhook sees: each part of a rule and each selector alone decides."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from podrole.cluster.admission.matching import (
    NAMESPACE_NOT_SELECTED,
    NO_RULE,
    OBJECT_NOT_SELECTED,
    WebhookMatch,
    match_webhook,
    seen_as,
)
from podrole.cluster.admission.review import request_body
from podrole.cluster.kinds.custom import custom_resources
from support.admission import admission_request

POD_RULE = {"operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "scope": "*"}
EVERYTHING = {"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*"], "scope": "*"}


def webhook(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "w", "rules": list(rules), "namespaceSelector": {}, "objectSelector": {}, **more}


def labelled(**labels: str) -> dict[str, Any]:
    return {"metadata": {"name": "p", "namespace": "demo", "labels": labels}}


def test_a_pod_that_a_rule_names_is_seen() -> None:
    assert match_webhook(webhook(POD_RULE), admission_request(), {}) == WebhookMatch(called=True, rules_match=True)


@pytest.mark.parametrize(
    "change",
    [
        {"operations": ["UPDATE"]},
        {"operations": ["UPDATE", "DELETE", "CONNECT"]},
        {"apiGroups": ["apps"]},
        {"apiVersions": ["v2"]},
        {"resources": ["services"]},
        {"resources": ["pods/status"]},
        {"resources": ["*/status"]},
        {"resources": []},
        {"scope": "Cluster"},
    ],
)
def test_each_part_of_a_rule_alone_keeps_a_request_away(change: dict[str, Any]) -> None:
    match = match_webhook(webhook({**POD_RULE, **change}), admission_request(), {})
    assert (match.called, match.why, match.rules_match) == (False, NO_RULE, False)


@pytest.mark.parametrize(
    "change",
    [
        {"operations": ["*"]},
        {"operations": ["DELETE", "CREATE"]},
        {"apiGroups": ["*"]},
        {"apiVersions": ["*"]},
        {"resources": ["*"]},
        {"resources": ["pods/*"]},
        {"resources": ["*/*"]},
        {"resources": ["services", "pods"]},
        {"scope": "Namespaced"},
    ],
)
def test_each_part_of_a_rule_may_be_wider(change: dict[str, Any]) -> None:
    assert match_webhook(webhook({**POD_RULE, **change}), admission_request(), {}).called


@pytest.mark.parametrize(
    ("pattern", "subresource", "called"),
    [
        ("pods/exec", "exec", True),
        ("pods/*", "exec", True),
        ("*/exec", "exec", True),
        ("*/*", "exec", True),
        ("pods", "exec", False),
        ("*", "exec", False),
        ("pods/log", "exec", False),
        ("services/exec", "exec", False),
    ],
)
def test_a_subresource_needs_a_rule_of_its_own(pattern: str, subresource: str, called: bool) -> None:
    request = admission_request(operation="CREATE", subresource=subresource)
    assert match_webhook(webhook({**POD_RULE, "resources": [pattern]}), request, {}).called is called


@pytest.mark.parametrize(("scope", "called"), [("*", True), ("Cluster", True), ("Namespaced", False)])
def test_a_namespace_is_cluster_scoped(scope: str, called: bool) -> None:
    request = admission_request("namespaces", name="demo")
    assert match_webhook(webhook({**EVERYTHING, "scope": scope}), request, {}).called is called


@pytest.mark.parametrize("plural", ["mutatingwebhookconfigurations", "validatingwebhookconfigurations"])
def test_a_webhook_configuration_is_never_seen(plural: str) -> None:
    request = admission_request(f"{plural}.admissionregistration.k8s.io")
    match = match_webhook(webhook(EVERYTHING), request, None)
    assert (match.called, match.why) == (False, "webhook configurations are never sent to webhooks")


@pytest.mark.parametrize("labels", [{}, {"team": "b"}])
def test_a_namespace_that_is_not_selected_keeps_a_request_away(labels: dict[str, str]) -> None:
    match = match_webhook(
        webhook(POD_RULE, namespaceSelector={"matchLabels": {"team": "a"}}), admission_request(), labels
    )
    assert (match.called, match.why, match.rules_match) == (False, NAMESPACE_NOT_SELECTED, True)


def test_an_object_that_is_not_selected_keeps_a_request_away() -> None:
    hook = webhook(POD_RULE, objectSelector={"matchLabels": {"team": "a"}})
    match = match_webhook(hook, admission_request(object=labelled(team="b")), {})
    assert (match.called, match.why, match.rules_match) == (False, OBJECT_NOT_SELECTED, True)


@pytest.mark.parametrize(
    ("new", "old", "called"),
    [("a", "b", True), ("b", "a", True), ("b", "b", False), ("a", "a", True)],
)
def test_an_update_is_seen_if_the_object_is_selected_before_or_after(new: str, old: str, called: bool) -> None:
    hook = webhook({**POD_RULE, "operations": ["UPDATE"]}, objectSelector={"matchLabels": {"team": "a"}})
    request = admission_request(operation="UPDATE", object=labelled(team=new), old=labelled(team=old))
    assert match_webhook(hook, request, {}).called is called


def test_a_cluster_scoped_object_has_no_namespace_to_select() -> None:
    hook = webhook(EVERYTHING, namespaceSelector={"matchLabels": {"team": "a"}})
    assert match_webhook(hook, admission_request("nodes", name="n"), None).called


def test_a_webhook_sees_the_version_of_a_custom_resource_that_it_names() -> None:
    version = {"served": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    definition = {
        "metadata": {"name": "lions.zoo.example"},
        "spec": {
            "group": "zoo.example",
            "scope": "Namespaced",
            "names": {"plural": "lions", "kind": "Lion"},
            "conversion": {"strategy": "None"},
            "versions": [{**version, "name": "v1", "storage": True}, {**version, "name": "v2", "storage": False}],
        },
    }
    old, new = custom_resources(definition)
    lion = {"apiVersion": "zoo.example/v1", "kind": "Lion", "metadata": {"name": "a"}}
    request = replace(admission_request(), resource=old, object=lion)
    rule = {**POD_RULE, "apiGroups": ["zoo.example"], "apiVersions": ["v2"], "resources": ["lions"]}
    assert seen_as(webhook(rule, matchPolicy="Exact"), request) is None
    assert seen_as(webhook(rule, matchPolicy="Equivalent"), request) is new
    assert seen_as(webhook({**rule, "apiVersions": ["v1", "v2"]}, matchPolicy="Equivalent"), request) is old
    body = json.loads(request_body(request, "u", new))["request"]
    assert (body["kind"]["version"], body["requestKind"]["version"]) == ("v2", "v1")
    assert (body["resource"]["version"], body["requestResource"]["version"]) == ("v2", "v1")
    assert body["object"]["apiVersion"] == "zoo.example/v2"
