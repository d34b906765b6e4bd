"""Nobody writes a role or binding that gives more than they have. Each condition alone decides in one case."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.authorization.authorizer import Authorizer
from podrole.cluster.authorization.escalation import Escalation
from podrole.cluster.authorization.roles import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES, Roles
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.resources import Resource
from podrole.cluster.core.store import Create
from podrole.cluster.core.users import MASTERS, User
from podrole.cluster.kinds.registry import BY_NAME
from podrole.cluster.store.memory import MemoryStore

GROUP = "rbac.authorization.k8s.io"
JANE = User("jane", groups=("system:authenticated",))
GET_PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
GET_SECRETS = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
EVERYTHING = [
    {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
    {"nonResourceURLs": ["*"], "verbs": ["*"]},
]


def rule(verb: str, resource: str, *names: str, group: str = GROUP) -> dict[str, Any]:
    made: dict[str, Any] = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
    return {**made, "resourceNames": list(names)} if names else made


def role(*rules: dict[str, Any], name: str = "r", namespace: str = "demo", **more: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {}), **more.pop("metadata", {})}
    return {"kind": "Role" if namespace else "ClusterRole", "metadata": metadata, "rules": list(rules), **more}


def binding(to: str, kind: str = "Role", *, namespace: str = "demo", **more: Any) -> dict[str, Any]:
    metadata = {"name": "b", **({"namespace": namespace} if namespace else {})}
    reference = {"apiGroup": GROUP, "kind": kind, "name": to}
    made = "RoleBinding" if namespace else "ClusterRoleBinding"
    return {"kind": made, "metadata": metadata, "roleRef": reference, "subjects": [], **more}


def check(
    resource: Resource,
    new: dict[str, Any],
    *,
    held: list[dict[str, Any]] = [],  # noqa: B006 - never changed
    held_everywhere: list[dict[str, Any]] = [],  # noqa: B006
    old: dict[str, Any] | None = None,
    user: User = JANE,
) -> None:
    """Check a write of Jane, who has the rules ``held`` in the namespace demo and ``held_everywhere`` in all."""
    subject = {"kind": "User", "apiGroup": GROUP, "name": "jane"}
    store = MemoryStore()
    objects = [
        (ROLES, role(*held, name="janes")),
        (ROLE_BINDINGS, binding("janes", subjects=[subject])),
        (CLUSTER_ROLES, role(*held_everywhere, name="janes-everywhere", namespace="")),
        (CLUSTER_ROLE_BINDINGS, binding("janes-everywhere", "ClusterRole", namespace="", subjects=[subject])),
        (ROLES, role(GET_PODS, name="reader")),
        (ROLES, role(GET_SECRETS, name="spy")),
        (CLUSTER_ROLES, role(GET_PODS, name="reader", namespace="")),
        (CLUSTER_ROLES, role(GET_SECRETS, name="spy", namespace="")),
    ]
    store.seed(Create(kind, obj) for kind, obj in objects)
    roles = Roles(store)
    Escalation(Authorizer(roles), roles).check(resource, user, new, old)


def refused(*args: Any, **more: Any) -> str:
    with pytest.raises(StatusError) as raised:
        check(*args, **more)
    assert raised.value.http_status == 403
    return raised.value.message


def test_a_role_with_what_its_writer_has_is_accepted() -> None:
    check(ROLES, role(GET_PODS), held=[GET_PODS])


def test_a_role_with_more_is_refused() -> None:
    message = refused(ROLES, role(GET_PODS, GET_SECRETS), held=[GET_PODS])
    assert message.endswith(
        "is attempting to grant RBAC permissions not currently held:\n"
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}'
    )


def test_what_is_held_in_one_namespace_is_not_held_in_another_or_in_all() -> None:
    assert refused(ROLES, role(GET_PODS, namespace="elsewhere"), held=[GET_PODS])
    assert refused(CLUSTER_ROLES, role(GET_PODS, namespace=""), held=[GET_PODS])
    check(CLUSTER_ROLES, role(GET_PODS, namespace=""), held_everywhere=[GET_PODS])


def test_a_kind_of_another_group_is_not_checked() -> None:
    check(BY_NAME["configmaps"], {"metadata": {"name": "c", "namespace": "demo"}, "rules": [GET_SECRETS]})


def test_masters_may_write_anything() -> None:
    check(ROLES, role(GET_SECRETS), user=User("root", groups=(MASTERS,)))
    assert refused(ROLES, role(GET_SECRETS), user=User("root", groups=("system:master",)))


@pytest.mark.parametrize("key", ["ownerReferences", "finalizers", "managedFields", "resourceVersion"])
def test_what_the_garbage_collector_writes_is_not_checked(key: str) -> None:
    check(ROLES, role(GET_SECRETS, metadata={key: ["x"]}), old=role(GET_SECRETS))


@pytest.mark.parametrize("change", [{"labels": {"a": "b"}}, {"annotations": {"a": "b"}}])
def test_any_other_change_of_a_role_is_checked(change: dict[str, Any]) -> None:
    assert refused(ROLES, role(GET_SECRETS, metadata=change), old=role(GET_SECRETS))


def test_a_new_role_without_a_change_to_compare_is_checked() -> None:
    assert refused(ROLES, role(GET_SECRETS))


@pytest.mark.parametrize(
    ("escalate", "is_new", "allowed"),
    [
        (rule("escalate", "roles"), True, True),
        (rule("escalate", "roles"), False, True),
        (rule("escalate", "roles", "r"), False, True),
        (rule("escalate", "roles", "r"), True, False),  # the request for a new object names none
        (rule("escalate", "roles", "another"), False, False),
        (rule("escalate", "clusterroles"), False, False),
        (rule("escalate", "roles", group="apps"), False, False),
        (rule("bind", "roles"), False, False),
    ],
)
def test_the_verb_escalate_lets_a_role_have_more(escalate: dict[str, Any], is_new: bool, allowed: bool) -> None:
    old = None if is_new else role(GET_PODS)
    if allowed:
        check(ROLES, role(GET_SECRETS), held=[escalate], old=old)
    else:
        assert refused(ROLES, role(GET_SECRETS), held=[escalate], old=old)


def test_escalate_in_one_namespace_does_not_count_in_another() -> None:
    assert refused(ROLES, role(GET_SECRETS, namespace="elsewhere"), held=[rule("escalate", "roles")])
    assert refused(CLUSTER_ROLES, role(GET_SECRETS, namespace=""), held=[rule("escalate", "clusterroles")])


AGGREGATION = {"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}}


@pytest.mark.parametrize(("new", "old"), [(AGGREGATION, None), (AGGREGATION, {}), ({}, AGGREGATION)])
def test_an_aggregation_rule_needs_everything(new: dict[str, Any], old: dict[str, Any] | None) -> None:
    before = role(GET_PODS, namespace="", **old) if old is not None else None
    after = role(GET_PODS, namespace="", metadata={"labels": {"x": "y"}}, **new)
    message = refused(CLUSTER_ROLES, after, old=before, held_everywhere=[GET_PODS])
    assert message.endswith("must have cluster-admin privileges to use the aggregationRule")
    assert refused(
        CLUSTER_ROLES, after, old=before, held_everywhere=[{**EVERYTHING[0], "verbs": ["get"]}, EVERYTHING[1]]
    )
    check(CLUSTER_ROLES, after, old=before, held_everywhere=EVERYTHING)


def test_everything_in_a_namespace_is_not_everything() -> None:
    assert refused(CLUSTER_ROLES, role(namespace="", **AGGREGATION), held=EVERYTHING)


@pytest.mark.parametrize("kind", ["Role", "ClusterRole"])
def test_a_binding_gives_at_most_what_its_writer_has(kind: str) -> None:
    check(ROLE_BINDINGS, binding("reader", kind), held=[GET_PODS])
    assert refused(ROLE_BINDINGS, binding("spy", kind), held=[GET_PODS])


def test_a_binding_in_all_namespaces_needs_what_is_held_in_all() -> None:
    new = binding("reader", "ClusterRole", namespace="")
    assert refused(CLUSTER_ROLE_BINDINGS, new, held=[GET_PODS])
    check(CLUSTER_ROLE_BINDINGS, new, held_everywhere=[GET_PODS])


@pytest.mark.parametrize(
    ("bind", "kind", "allowed"),
    [
        (rule("bind", "roles"), "Role", True),
        (rule("bind", "roles", "spy"), "Role", True),
        (rule("bind", "roles", "reader"), "Role", False),
        (rule("bind", "clusterroles"), "Role", False),
        (rule("bind", "clusterroles", "spy"), "ClusterRole", True),
        (rule("bind", "roles"), "ClusterRole", False),
        (rule("bind", "roles", group="apps"), "Role", False),
        (rule("escalate", "roles"), "Role", False),
    ],
)
def test_the_verb_bind_lets_a_binding_give_more(bind: dict[str, Any], kind: str, allowed: bool) -> None:
    if allowed:
        check(ROLE_BINDINGS, binding("spy", kind), held=[bind])
    else:
        assert refused(ROLE_BINDINGS, binding("spy", kind), held=[bind])


def test_bind_in_one_namespace_does_not_count_in_another() -> None:
    new = binding("spy", "ClusterRole", namespace="elsewhere")
    assert refused(ROLE_BINDINGS, new, held=[rule("bind", "clusterroles")])


def test_a_binding_to_a_role_that_is_missing_is_not_found() -> None:
    with pytest.raises(StatusError) as raised:
        check(ROLE_BINDINGS, binding("missing"), held=[GET_PODS])
    assert raised.value.http_status == 404
    check(ROLE_BINDINGS, binding("missing"), held=[rule("bind", "roles")])


def test_a_changed_binding_is_checked_and_one_that_is_the_same_is_not() -> None:
    old = binding("spy")
    check(ROLE_BINDINGS, binding("spy"), old=old)
    assert refused(ROLE_BINDINGS, binding("spy", subjects=[{"kind": "User", "name": "joe"}]), old=old)


@pytest.mark.parametrize(
    ("verb", "name", "allowed"), [("create", "", True), ("create", "x", True), ("update", "", False)]
)
def test_a_patch_that_creates_needs_create_as_well(verb: str, name: str, allowed: bool) -> None:
    store = MemoryStore()
    subject = {"kind": "User", "apiGroup": GROUP, "name": "jane"}
    rules = [rule(verb, "configmaps", *([name] if name else []), group="")]
    store.seed([Create(ROLES, role(*rules)), Create(ROLE_BINDINGS, binding("r", subjects=[subject]))])
    roles = Roles(store)
    escalation = Escalation(Authorizer(roles), roles)
    configmaps = BY_NAME["configmaps"]
    if allowed:
        escalation.check_create(configmaps, JANE, "demo", "x")
    else:
        with pytest.raises(StatusError):
            escalation.check_create(configmaps, JANE, "demo", "x")
    with pytest.raises(StatusError):
        escalation.check_create(configmaps, JANE, "elsewhere", "x")
    with pytest.raises(StatusError):
        escalation.check_create(BY_NAME["secrets"], JANE, "demo", "x")


@pytest.mark.parametrize(
    ("resource", "new"),
    [
        (ROLE_BINDINGS, binding("spy", "User")),
        (CLUSTER_ROLE_BINDINGS, binding("spy", "Role", namespace="")),
    ],
)
def test_a_binding_to_a_kind_that_it_cannot_bind_is_left_to_validation(resource: Resource, new: dict[str, Any]) -> None:
    check(resource, new)


def test_a_refusal_names_the_roles_that_its_writer_is_bound_to_and_that_are_missing() -> None:
    store = MemoryStore()
    subject = {"kind": "User", "apiGroup": GROUP, "name": "jane"}
    store.seed([Create(ROLE_BINDINGS, binding("gone", subjects=[subject]))])
    roles = Roles(store)
    with pytest.raises(StatusError) as refused:
        Escalation(Authorizer(roles), roles).check(ROLES, JANE, role(GET_PODS), None)
    assert refused.value.message.endswith('; resolution errors: [role.rbac.authorization.k8s.io "gone" not found]')


def test_a_role_without_rules_gives_nothing() -> None:
    check(ROLES, {**role(), "rules": None})
