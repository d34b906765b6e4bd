"""What is allowed and by which binding, how a refusal reads, and how a user's rules are listed."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.authorization.authorizer import Authorizer, HeldRules, rules_status
from podrole.cluster.authorization.decisions import AccessAttributes, AccessDecision, refusal
from podrole.cluster.authorization.roles import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES, Roles
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.store import Create
from podrole.cluster.core.users import User
from podrole.cluster.store.memory import MemoryStore

GROUP = "rbac.authorization.k8s.io"
JANE = User("jane", groups=("devs",))
GET_PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
LIST_PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}


def role(*rules: dict[str, Any], name: str, namespace: str = "") -> dict[str, Any]:
    return {"metadata": {"name": name, **({"namespace": namespace} if namespace else {})}, "rules": list(rules)}


def binding(name: str, kind: str, to: str, *subjects: dict[str, str], namespace: str = "") -> dict[str, Any]:
    return {
        "kind": "RoleBinding" if namespace else "ClusterRoleBinding",
        "metadata": {"name": name, **({"namespace": namespace} if namespace else {})},
        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": to},
        "subjects": list(subjects),
    }


ON_JANE = {"kind": "User", "name": "jane"}
ON_DEVS = {"kind": "Group", "name": "devs"}
ON_APP = {"kind": "ServiceAccount", "name": "app"}
ON_APP_ELSEWHERE = {"kind": "ServiceAccount", "name": "app", "namespace": "other"}


def authorizer(*bindings: dict[str, Any]) -> Authorizer:
    """An authorizer with these bindings, roles named ``reader`` (get), and cluster roles ``lister`` and ``empty``."""
    store = MemoryStore()
    store.seed(
        [
            Create(ROLES, role(GET_PODS, name="reader", namespace="demo")),
            Create(CLUSTER_ROLES, role(GET_PODS, name="reader")),
            Create(CLUSTER_ROLES, role(LIST_PODS, name="lister")),
            Create(CLUSTER_ROLES, {"metadata": {"name": "empty"}, "rules": None}),
            *(
                Create(ROLE_BINDINGS if one["kind"] == "RoleBinding" else CLUSTER_ROLE_BINDINGS, one)
                for one in bindings
            ),
        ]
    )
    return Authorizer(Roles(store))


def to_read(user: User = JANE, **more: str) -> AccessAttributes:
    return AccessAttributes(user, **{"verb": "get", "resource": "pods", "namespace": "demo", **more})


@pytest.mark.parametrize(
    ("bindings", "wanted", "reason"),
    [
        ([], to_read(User("root", groups=("devs", "system:masters"))), ""),
        (
            [binding("b", "Role", "reader", ON_JANE, namespace="demo")],
            to_read(),
            'RBAC: allowed by RoleBinding "b/demo" of Role "reader" to User "jane"',
        ),
        (
            [binding("b", "ClusterRole", "reader", ON_DEVS)],
            to_read(namespace=""),
            'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "reader" to Group "devs"',
        ),
        (
            [binding("b", "ClusterRole", "reader", {"kind": "User", "name": "jané"})],
            to_read(User("jané")),
            'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "reader" to User "jané"',
        ),
        (
            [binding("b", "ClusterRole", "reader", ON_APP, namespace="demo")],
            to_read(User("system:serviceaccount:demo:app")),
            'RBAC: allowed by RoleBinding "b/demo" of ClusterRole "reader" to ServiceAccount "app/demo"',
        ),
        (
            [binding("b", "Role", "reader", ON_APP_ELSEWHERE, namespace="demo")],
            to_read(User("system:serviceaccount:other:app")),
            'RBAC: allowed by RoleBinding "b/demo" of Role "reader" to ServiceAccount "app/other"',
        ),
        (  # the cluster's bindings come first, then each namespace's by name
            [
                binding("a", "Role", "reader", ON_JANE, namespace="demo"),
                binding("z", "ClusterRole", "reader", ON_JANE),
                binding("y", "ClusterRole", "lister", ON_JANE),
            ],
            to_read(),
            'RBAC: allowed by ClusterRoleBinding "z" of ClusterRole "reader" to User "jane"',
        ),
        (  # a user who is bound several times by the same binding
            [binding("b", "Role", "reader", ON_DEVS, ON_JANE, namespace="demo")],
            to_read(),
            'RBAC: allowed by RoleBinding "b/demo" of Role "reader" to User "jane"',
        ),
        (  # a missing role does not hide another one
            [
                binding("a", "Role", "missing", ON_JANE, namespace="demo"),
                binding("b", "Role", "reader", ON_JANE, namespace="demo"),
            ],
            to_read(),
            'RBAC: allowed by RoleBinding "b/demo" of Role "reader" to User "jane"',
        ),
    ],
)
def test_what_is_allowed_names_its_binding(
    bindings: list[dict[str, Any]], wanted: AccessAttributes, reason: str
) -> None:
    asked = authorizer(*bindings)
    assert asked.decide(wanted) == AccessDecision(allowed=True, reason=reason)
    asked.check(wanted)


MISSING_ROLE = f'role.{GROUP} "missing" not found'
MISSING_CLUSTER_ROLE = f'clusterrole.{GROUP} "missing" not found'


@pytest.mark.parametrize(
    ("bindings", "wanted", "reason"),
    [
        ([], to_read(), ""),
        ([], to_read(User("system:masters")), ""),
        ([binding("b", "Role", "reader", ON_JANE, namespace="demo")], to_read(namespace="other"), ""),
        ([binding("b", "Role", "reader", ON_JANE, namespace="demo")], to_read(namespace=""), ""),
        ([binding("b", "ClusterRole", "lister", ON_JANE)], to_read(), ""),
        ([binding("b", "ClusterRole", "empty", ON_JANE)], to_read(), ""),
        ([binding("b", "Role", "missing", ON_JANE, namespace="demo")], to_read(), f"RBAC: {MISSING_ROLE}"),
        (  # a Role is looked up in the namespace of its binding only
            [binding("b", "Role", "reader", ON_JANE, namespace="other")],
            to_read(namespace="other"),
            f'RBAC: role.{GROUP} "reader" not found',
        ),
        (
            [
                binding("a", "Role", "missing", ON_JANE, namespace="demo"),
                binding("b", "Role", "missing", ON_JANE, namespace="demo"),
                binding("c", "ClusterRole", "missing", ON_JANE),
            ],
            to_read(),
            f"RBAC: [{MISSING_CLUSTER_ROLE}, {MISSING_ROLE}]",
        ),
    ],
)
def test_what_no_rule_allows_is_refused_and_missing_roles_are_named(
    bindings: list[dict[str, Any]], wanted: AccessAttributes, reason: str
) -> None:
    asked = authorizer(*bindings)
    assert asked.decide(wanted) == AccessDecision(allowed=False, reason=reason)
    with pytest.raises(StatusError) as raised:
        asked.check(wanted)
    assert raised.value.http_status == 403
    assert raised.value.message.endswith(f": {reason}") is bool(reason)


@pytest.mark.parametrize(
    ("wanted", "message", "details"),
    [
        (
            AccessAttributes(JANE, "get", path="/a<b"),
            'forbidden: User "jane" cannot get path "/a&lt;b"',
            {},
        ),
        (
            AccessAttributes(User("a&b>c"), "list", resource="pods"),
            'pods is forbidden: User "a&amp;b&gt;c" cannot list resource "pods" in API group "" at the cluster scope',
            {"kind": "pods"},
        ),
        (
            AccessAttributes(JANE, "get", group="apps", resource="deployments", namespace="demo", name="web"),
            (
                'deployments.apps "web" is forbidden: User "jane" cannot get resource "deployments" in API group '
                '"apps" in the namespace "demo"'
            ),
            {"name": "web", "group": "apps", "kind": "deployments"},
        ),
        (
            AccessAttributes(JANE, "get", resource="pods", subresource="log", namespace="demo", name="web"),
            (
                'pods "web" is forbidden: User "jane" cannot get resource "pods/log" in API group "" in the namespace '
                '"demo"'
            ),
            {"name": "web", "kind": "pods"},
        ),
    ],
)
@pytest.mark.parametrize("reason", ["", "RBAC: why"])
def test_how_a_refusal_reads(wanted: AccessAttributes, message: str, details: dict[str, str], reason: str) -> None:
    error = refusal(wanted, AccessDecision(allowed=False, reason=reason))
    assert (error.http_status, error.reason) == (403, "Forbidden")
    assert error.message == (f"{message}: {reason}" if reason else message)
    assert error.details == details


def test_what_a_user_holds_are_the_rules_of_all_bindings_there() -> None:
    asked = authorizer(
        binding("a", "ClusterRole", "lister", ON_DEVS),
        binding("b", "Role", "reader", ON_JANE, namespace="demo"),
        binding("c", "Role", "missing", ON_JANE, namespace="demo"),
    )
    assert asked.held(JANE, "demo") == HeldRules((LIST_PODS, GET_PODS), (MISSING_ROLE,))
    assert asked.held(JANE, "") == HeldRules((LIST_PODS,), ())


def test_rules_are_listed_by_kind_with_what_is_missing() -> None:
    named = {**GET_PODS, "resourceNames": ["a"]}
    unnamed = {**GET_PODS, "resourceNames": []}
    urls = {"verbs": ["get"], "nonResourceURLs": ["/healthz"]}
    assert rules_status(HeldRules((named, urls, unnamed), ())) == {
        "resourceRules": [named, GET_PODS],
        "nonResourceRules": [urls],
        "incomplete": False,
    }
    assert rules_status(HeldRules((), ("a", "b", "a"))) == {
        "resourceRules": [],
        "nonResourceRules": [],
        "incomplete": True,
        "evaluationError": "[a, b]",
    }
    assert rules_status(HeldRules((), ("a",)))["evaluationError"] == "a"
