"""What one rule allows, and which rules cover others."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podrole.cluster.authorization.aggregation import aggregated_rules
from podrole.cluster.authorization.bootstrap import cluster_roles
from podrole.cluster.authorization.decisions import AccessAttributes
from podrole.cluster.authorization.rules import allows, describe_parts, quoted_list, uncovered_parts
from podrole.cluster.core.users import User

JANE = User("jane", groups=("system:authenticated",))


def rule(verbs: str, resources: str, *, groups: str = "", names: str = "") -> dict[str, Any]:
    made: dict[str, Any] = {"verbs": verbs.split(), "apiGroups": groups.split() or [""], "resources": resources.split()}
    return {**made, "resourceNames": names.split()} if names else made


def urls(verbs: str, paths: str) -> dict[str, Any]:
    return {"verbs": verbs.split(), "nonResourceURLs": paths.split()}


def wanted(verb: str, resource: str = "", **more: str) -> AccessAttributes:
    resource, _, subresource = resource.partition("/")
    return AccessAttributes(JANE, verb, resource=resource, subresource=subresource, **more)


@pytest.mark.parametrize(
    ("given_rule", "attributes", "allowed"),
    [
        (rule("get", "pods"), wanted("get", "pods"), True),
        (rule("get", "pods"), wanted("list", "pods"), False),
        (rule("*", "pods"), wanted("impersonate", "pods"), True),
        (rule("get", "pods"), wanted("get", "pods", group="apps"), False),
        (rule("get", "*", groups="*"), wanted("get", "deployments", group="apps"), True),
        (rule("get", "pods"), wanted("get", "pods/log"), False),
        (rule("get", "pods/log"), wanted("get", "pods"), False),
        (rule("get", "pods/*"), wanted("get", "pods/log"), False),
        (rule("get", "*/log"), wanted("get", "pods/log"), True),
        (rule("get", "*/log"), wanted("get", "pods"), False),
        (rule("get", "*/log"), wanted("get", "pods/status"), False),
        (rule("get", "*"), wanted("get", "pods/log"), True),
        (rule("get", "secrets", names="a b"), wanted("get", "secrets", name="b"), True),
        (rule("get", "secrets", names="a b"), wanted("get", "secrets", name="c"), False),
        (rule("list", "secrets", names="a"), wanted("list", "secrets"), False),
        (rule("get", "pods"), wanted("get", path="/pods"), False),
        (urls("get", "/metrics"), wanted("get", path="/metrics"), True),
        (urls("get", "/metrics"), wanted("get", path="/metrics/x"), False),
        (urls("get", "/metrics/*"), wanted("get", path="/metrics/x"), True),
        (urls("get", "/metrics/*"), wanted("get", path="/metrics"), False),
        (urls("get", "*"), wanted("get", path="/anything"), True),
        (urls("get", "*"), wanted("post", path="/anything"), False),
        (urls("*", "*"), wanted("get", "pods"), False),
    ],
)
def test_what_a_rule_allows(given_rule: dict[str, Any], attributes: AccessAttributes, allowed: bool) -> None:
    assert allows(given_rule, attributes) is allowed


def test_what_is_missing_is_named_in_its_smallest_parts() -> None:
    held = [rule("get list", "pods"), rule("get", "secrets", names="a"), urls("get", "/metrics*")]
    asked = [
        rule("get delete", "pods pods/log"),
        urls("get post", "/metrics/x"),
        rule("get", "secrets", names="a b"),
        rule("get", "secrets"),
        {"apiGroups": [""], "resources": ["nodes"]},  # validation refuses it
    ]
    assert describe_parts(uncovered_parts(held, asked)) == [
        '{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}',
        '{APIGroups:[""], Resources:["pods/log"], Verbs:["get" "delete"]}',
        '{APIGroups:[""], Resources:["secrets"], ResourceNames:["b"], Verbs:["get"]}',
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}',
        '{NonResourceURLs:["/metrics/x"], Verbs:["post"]}',
    ]


def test_texts_are_quoted_as_go_does() -> None:
    assert quoted_list(["", "jané", 'a"b']) == '["" "jané" "a\\"b"]'


WORDS = {
    "verbs": st.lists(st.sampled_from(["get", "list", "*"]), min_size=1, max_size=2),
    "apiGroups": st.lists(st.sampled_from(["", "apps", "*"]), min_size=1, max_size=2),
    "resources": st.lists(st.sampled_from(["pods", "pods/log", "*/log", "*", "nodes"]), min_size=1, max_size=2),
}
RULES = st.one_of(
    st.fixed_dictionaries(WORDS, optional={"resourceNames": st.lists(st.sampled_from(["a", "b"]), max_size=2)}),
    st.fixed_dictionaries(
        {"verbs": WORDS["verbs"], "nonResourceURLs": st.lists(st.sampled_from(["/a", "/a/*", "*", "/a/b"]), min_size=1)}
    ),
)
EVERY_REQUEST = [
    *(
        wanted(verb, resource, group=group, name=name)
        for verb, resource, group, name in itertools.product(
            ("get", "list", "watch"), ("pods", "pods/log", "nodes", "nodes/log", "x"), ("", "apps"), ("", "a", "b", "c")
        )
    ),
    *(wanted(verb, path=path) for verb in ("get", "watch") for path in ("/a", "/a/b", "/a/c", "/z")),
]


@given(held=st.lists(RULES, max_size=3), asked=RULES)
def test_nothing_is_granted_by_what_is_covered_that_was_not_held(held: list[Any], asked: Any) -> None:
    """Escalation prevention compares rules; what counts is which requests they let through."""
    if uncovered_parts(held, [asked]):
        return
    for request in EVERY_REQUEST:
        assert not allows(asked, request) or any(allows(one, request) for one in held), request


def test_gathered_rules_are_those_of_the_selected_roles_each_once() -> None:
    def role(name: str, *rules: Any, **labels: str) -> dict[str, Any]:
        return {"metadata": {"name": name, "labels": labels}, "rules": list(rules)}

    gatherer = {
        "metadata": {"name": "all", "labels": {"a": "1"}},
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "1"}}, {"matchLabels": {"b": "1"}}]},
        "rules": [rule("get", "old")],
    }
    one, two = role("y", rule("get", "pods"), rule("get", "nodes"), a="1"), role("x", rule("get", "pods"), a="1", b="1")
    others = (
        role("z", rule("get", "secrets"), c="1"),
        {"metadata": {"name": "empty", "labels": {"a": "1"}}, "rules": None},
    )
    assert aggregated_rules(gatherer, [gatherer, one, two, *others]) == [rule("get", "pods"), rule("get", "nodes")]
    assert aggregated_rules(one, [one, two]) is None


def test_the_default_roles_of_people_grow_from_view_over_edit_to_admin() -> None:
    rules = {one["metadata"]["name"]: one["rules"] for one in cluster_roles()}
    assert rules["view"] == rules["system:aggregate-to-view"]
    assert all(one in rules["edit"] for one in rules["view"])
    assert all(one in rules["admin"] for one in rules["edit"])
    reads = AccessAttributes(JANE, "get", resource="secrets")
    assert [any(allows(one, reads) for one in rules[name]) for name in ("view", "edit", "admin")] == [False, True, True]
    binds = AccessAttributes(JANE, "create", group="rbac.authorization.k8s.io", resource="rolebindings")
    assert [any(allows(one, binds) for one in rules[name]) for name in ("view", "edit", "admin")] == [
        False,
        False,
        True,
    ]
