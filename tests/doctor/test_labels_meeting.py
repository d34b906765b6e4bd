"""Labels that make a selector match are proposed only where the API server's own matcher says that they do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from podrole.cluster.core.label_selectors import label_selector
from podrole.cluster.kinds.namespace import NAME_LABEL
from podrole.doctor.facts.registered_webhooks import (
    excluding_by_name,
    labels_meeting,
    registered,
    selecting_by_name,
)
from podrole.doctor.links.injection.registration import check_registration
from podrole.doctor.remedies.changes import ByHand, Change, Label, PatchObject

Part = tuple[str, str] | tuple[str, str, list[str]]


def selector(*parts: Part) -> dict[str, Any]:
    return {
        "matchExpressions": [
            {"key": one[0], "operator": one[1], **({"values": one[2]} if len(one) > 2 else {})} for one in parts
        ]
    }


CASES: dict[str, tuple[dict[str, Any], dict[str, str], dict[str, str | None] | None]] = {
    "met": (selector(("team", "Exists")), {"team": "a"}, {}),
    "set": (selector(("team", "Exists")), {}, {"team": "true"}),
    "one-of": (selector(("team", "In", ["a", "b"])), {"team": "c"}, {"team": "a"}),
    "removed": (selector(("team", "NotIn", ["a"])), {"team": "a"}, {"team": None}),
    "match-labels": ({"matchLabels": {"team": "a", "tier": "b"}}, {}, {"team": "a", "tier": "b"}),
    "the first value is excluded elsewhere": (
        selector(("team", "In", ["a", "b"]), ("team", "NotIn", ["a"])),
        {},
        {"team": "b"},
    ),
    "a value is asked for twice": (selector(("team", "In", ["a"]), ("team", "Exists")), {}, {"team": "a"}),
    "contradiction": (selector(("team", "In", ["a"]), ("team", "NotIn", ["a"])), {}, None),
    "set and not set": (selector(("team", "Exists"), ("team", "DoesNotExist")), {"team": "a"}, None),
    "two values": ({"matchLabels": {"team": "a"}, **selector(("team", "In", ["b"]))}, {}, None),
}


@pytest.mark.parametrize(("wanted", "labels", "changes"), CASES.values(), ids=CASES)
def test_labels_meet_the_whole_selector_or_none_are_proposed(
    wanted: dict[str, Any], labels: dict[str, str], changes: dict[str, str | None] | None
) -> None:
    assert labels_meeting(wanted, labels) == changes


def by_name(operator: str, *values: str) -> Part:
    return (NAME_LABEL, operator, list(values))


EXISTS: Part = ("team", "Exists")
BY_NAME: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "excluded alone": (selector(by_name("NotIn", "shop")), {}),
    "excluded beside another": (
        selector(by_name("NotIn", "shop", "kube-system")),
        selector(by_name("NotIn", "kube-system")),
    ),
    "not among those that are included": (selector(by_name("In", "a")), selector(by_name("In", "a", "shop"))),
    "another is included by matchLabels": ({"matchLabels": {NAME_LABEL: "a"}}, selector(by_name("In", "a", "shop"))),
    "what other labels must have stays": (selector(by_name("NotIn", "shop"), EXISTS), selector(EXISTS)),
    "what matchLabels require stays": (
        {"matchLabels": {"team": "a"}, **selector(by_name("NotIn", "shop"))},
        {"matchLabels": {"team": "a"}},
    ),
    "included by name": (selector(by_name("In", "shop"), EXISTS), selector(by_name("In", "shop"), EXISTS)),
    "a label that every namespace has": (selector((NAME_LABEL, "DoesNotExist")), None),
}
OTHERS: list[dict[str, str]] = [
    {NAME_LABEL: name, **more} for name in ("a", "kube-system") for more in ({}, {"team": "a"})
]


@pytest.mark.parametrize(("before", "after"), BY_NAME.values(), ids=BY_NAME)
def test_a_selector_includes_a_namespace_by_name_and_says_the_same_of_all_others(
    before: dict[str, Any], after: dict[str, Any] | None
) -> None:
    found = selecting_by_name(before, "shop")
    assert found == after
    if found is not None:
        assert label_selector(found).matches({NAME_LABEL: "shop", "team": "a"})
        for labels in OTHERS:
            assert label_selector(found).matches(labels) == label_selector(before).matches(labels)


@pytest.mark.parametrize("before", [{}, selector(EXISTS), {"matchLabels": {"team": "a"}}])
def test_a_selector_excludes_a_namespace_by_name_and_says_the_same_of_all_others(before: dict[str, Any]) -> None:
    found = excluding_by_name(before, "shop")
    assert not label_selector(found).matches({NAME_LABEL: "shop", "team": "a"})
    for labels in OTHERS:
        assert label_selector(found).matches(labels) == label_selector(before).matches(labels)


def selecting(wanted: dict[str, Any], labels: dict[str, str]) -> tuple[Change, ...]:
    """Return the changes of the remedy for a namespace that the identity webhook's selector excludes."""
    (hook,) = registered(
        [{"metadata": {"name": "pod-identity-webhook"}, "webhooks": [{**HOOK, "namespaceSelector": wanted}]}]
    )
    facts: Any = SimpleNamespace(
        webhook=SimpleNamespace(registered=(hook,), known=(hook,)),
        service_account=SimpleNamespace(namespace_labels=labels),
        target=SimpleNamespace(namespace="shop"),
    )
    (finding,) = check_registration(facts, {"metadata": {}}).findings
    assert finding.code == "PR203"
    return finding.remedy.changes


HOOK = {
    "name": "irsa",
    "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}],
    "clientConfig": {"url": "https://127.0.0.1:1"},
}


def to(value: dict[str, Any]) -> PatchObject:
    operation = {"op": "add", "path": "/webhooks/0/namespaceSelector", "value": value}
    return PatchObject("MutatingWebhookConfiguration", "", "pod-identity-webhook", (operation,))


def test_a_namespace_that_is_excluded_by_name_also_gets_the_labels_that_the_selector_requires() -> None:
    wanted = selector(by_name("NotIn", "shop"), EXISTS)
    assert selecting(wanted, {NAME_LABEL: "shop"}) == (
        to(selector(EXISTS)),
        Label("Namespace", "", "shop", {"team": "true"}),
    )
    assert selecting(wanted, {NAME_LABEL: "shop", "team": "a"}) == (to(selector(EXISTS)),)
    assert selecting(selector(EXISTS), {}) == (Label("Namespace", "", "shop", {"team": "true"}),)


def test_a_selector_that_no_namespace_meets_is_changed_by_hand() -> None:
    (change,) = selecting(selector((NAME_LABEL, "DoesNotExist")), {NAME_LABEL: "shop"})
    assert isinstance(change, ByHand)
