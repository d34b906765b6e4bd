"""Which bindings count for whom, and how many indexes of them are kept."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.authorization.authorizer import Authorizer
from podrole.cluster.authorization.decisions import AccessAttributes
from podrole.cluster.authorization.roles import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES, Roles
from podrole.cluster.core.store import Create, Delete, Update
from podrole.cluster.core.users import User
from podrole.cluster.store.memory import MemoryStore

GROUP = "rbac.authorization.k8s.io"
SUBJECT = {"kind": "User", "apiGroup": GROUP, "name": "jane"}
GET_PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}


def binding(*subjects: dict[str, Any], namespace: str = "demo", role: str = "reader") -> dict[str, Any]:
    reference = {"apiGroup": GROUP, "kind": "Role", "name": role}
    metadata = {"name": "b", "namespace": namespace}
    return {"kind": "RoleBinding", "metadata": metadata, "roleRef": reference, "subjects": list(subjects)}


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    made.seed([Create(ROLES, {"metadata": {"name": "reader", "namespace": "demo"}, "rules": [GET_PODS]})])
    return made


def allowed(authorizer: Authorizer, user: User, namespace: str = "demo") -> bool:
    return authorizer.decide(AccessAttributes(user, "get", resource="pods", namespace=namespace)).allowed


@pytest.mark.parametrize(
    ("subject", "user", "expected"),
    [
        (SUBJECT, User("jane"), True),
        (SUBJECT, User("jane2"), False),
        (SUBJECT, User("x", groups=("jane",)), False),
        ({"kind": "Group", "name": "team"}, User("jane", groups=("team",)), True),
        ({"kind": "Group", "name": "team"}, User("team"), False),
        ({"kind": "ServiceAccount", "name": "app", "namespace": "demo"}, User("system:serviceaccount:demo:app"), True),
        ({"kind": "ServiceAccount", "name": "app"}, User("system:serviceaccount:demo:app"), True),
        ({"kind": "ServiceAccount", "name": "app"}, User("system:serviceaccount:other:app"), False),
        ({"kind": "ServiceAccount", "name": "app", "namespace": "demo"}, User("app"), False),
        ({"kind": "User", "name": "system:serviceaccount:demo:app"}, User("system:serviceaccount:demo:app"), True),
    ],
)
def test_a_binding_counts_for_its_subjects_alone(store: Any, subject: Any, user: User, expected: bool) -> None:
    store.seed([Create(ROLE_BINDINGS, binding(subject))])
    assert allowed(Authorizer(Roles(store)), user) is expected


async def test_a_change_of_a_binding_counts_at_once(store: MemoryStore) -> None:
    authorizer, jane = Authorizer(Roles(store)), User("jane")
    assert not allowed(authorizer, jane)
    made = await store.commit(Create(ROLE_BINDINGS, binding(SUBJECT)))
    assert allowed(authorizer, jane)
    changed = await store.commit(Update(ROLE_BINDINGS, binding(), made))
    assert not allowed(authorizer, jane)
    again = await store.commit(Update(ROLE_BINDINGS, binding(SUBJECT), changed))
    assert allowed(authorizer, jane)
    await store.commit(Delete(ROLE_BINDINGS, again, again))
    assert not allowed(authorizer, jane)


async def test_a_change_of_a_cluster_binding_counts_at_once(store: MemoryStore) -> None:
    authorizer, jane = Authorizer(Roles(store)), User("jane")
    store.seed([Create(CLUSTER_ROLES, {"metadata": {"name": "reader"}, "rules": [GET_PODS]})])
    assert not allowed(authorizer, jane, "")
    reference = {"apiGroup": GROUP, "kind": "ClusterRole", "name": "reader"}
    new = {"kind": "ClusterRoleBinding", "metadata": {"name": "b"}, "roleRef": reference, "subjects": [SUBJECT]}
    made = await store.commit(Create(CLUSTER_ROLE_BINDINGS, new))
    assert allowed(authorizer, jane, "")
    await store.commit(Delete(CLUSTER_ROLE_BINDINGS, made, made))
    assert not allowed(authorizer, jane, "")


class CountingStore(MemoryStore):
    """Counts how often a resource is listed."""

    listed = 0

    def list(self, *args: Any) -> Any:
        self.listed += 1
        return super().list(*args)


async def test_bindings_are_read_again_only_after_a_change() -> None:
    store = CountingStore()
    authorizer = Authorizer(Roles(store))
    store.seed([Create(ROLE_BINDINGS, binding(SUBJECT))])
    for times_listed in (2, 2):  # the bindings of the cluster and of the namespace
        allowed(authorizer, User("jane"))
        assert store.listed == times_listed
    await store.commit(Create(ROLE_BINDINGS, binding(SUBJECT, namespace="other")))
    for times_listed in (3, 3):
        allowed(authorizer, User("jane"))
        assert store.listed == times_listed


async def test_a_change_of_a_role_counts_at_once(store: MemoryStore) -> None:
    store.seed([Create(ROLE_BINDINGS, binding(SUBJECT))])
    authorizer, jane = Authorizer(Roles(store)), User("jane")
    assert allowed(authorizer, jane)
    before = store.get(ROLES, "demo", "reader")
    assert before is not None
    await store.commit(Update(ROLES, {**before, "metadata": dict(before["metadata"]), "rules": []}, before))
    assert not allowed(authorizer, jane)


def test_asking_about_many_namespaces_keeps_no_index_of_those_without_bindings(store: MemoryStore) -> None:
    store.seed([Create(ROLE_BINDINGS, binding(SUBJECT))])
    roles = Roles(store)
    authorizer = Authorizer(roles)
    for number in range(1000):
        assert not allowed(authorizer, User("jane"), f"namespace-{number}")
    assert allowed(authorizer, User("jane"))
    assert list(roles._of_namespaces[1]) == ["demo"]
