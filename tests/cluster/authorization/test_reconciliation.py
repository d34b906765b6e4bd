"""The default roles of a cluster that was started before are brought up to date, and what was added to them stays."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from podrole.cluster.authorization.bootstrap import AUTOUPDATE, cluster_role_bindings, cluster_roles
from podrole.cluster.authorization.reconciliation import reconciled
from podrole.cluster.authorization.roles import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES
from podrole.cluster.core.store import Update
from podrole.cluster.store.memory import MemoryStore
from support.cluster import make_cluster

DEFAULTS = {role["metadata"]["name"]: role for role in cluster_roles()}
BINDINGS = {binding["metadata"]["name"]: binding for binding in cluster_role_bindings()}
SECRETS = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}


def without_last_rule(role: Any) -> None:
    role["rules"] = role["rules"][:-1]


def with_rule(role: Any) -> None:
    role["rules"] = [*role["rules"], SECRETS]


def protected(role: Any) -> None:
    role["rules"] = []
    role["metadata"]["annotations"][AUTOUPDATE] = "false"


def without_labels(role: Any) -> None:
    del role["metadata"]["labels"]


@pytest.mark.parametrize(
    ("change", "restored"),
    [(without_last_rule, True), (with_rule, False), (protected, False), (without_labels, True)],
)
def test_a_role_gets_what_it_lacks(change: Callable[[Any], None], restored: bool) -> None:
    default = DEFAULTS["system:aggregate-to-admin"]
    current = copy.deepcopy(default)
    change(current)
    before = copy.deepcopy(current)
    new = reconciled(current, default)
    assert (new == default) if restored else (new is None)
    assert current == before


def test_a_rule_that_another_one_covers_is_not_added() -> None:
    default = DEFAULTS["system:aggregate-to-admin"]
    assert reconciled({**default, "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}, default) is None


def test_the_rules_of_an_aggregated_role_are_its_controllers() -> None:
    default = DEFAULTS["view"]
    assert reconciled({**default, "rules": []}, default) is None
    own = {"clusterRoleSelectors": [{"matchLabels": {"mine": "true"}}]}
    new = reconciled({**default, "aggregationRule": own}, default)
    assert new is not None
    expected = [*own["clusterRoleSelectors"], *default["aggregationRule"]["clusterRoleSelectors"]]
    assert new["aggregationRule"]["clusterRoleSelectors"] == expected


def test_a_binding_gets_its_subjects_and_keeps_others() -> None:
    default = BINDINGS["system:public-info-viewer"]
    own = {"kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": "me"}
    new = reconciled({**default, "subjects": [own]}, default)
    assert new is not None
    assert new["subjects"] == [own, *default["subjects"]]
    other = {**default, "roleRef": {**default["roleRef"], "name": "another"}, "subjects": []}
    assert reconciled(other, default) is None


async def test_a_second_start_keeps_what_is_there_and_restores_what_is_missing() -> None:
    store = MemoryStore()
    make_cluster(store=store)
    revision = store.revision
    first = {resource: store.list(resource) for resource in (CLUSTER_ROLES, CLUSTER_ROLE_BINDINGS)}
    make_cluster(store=store)
    assert store.revision == revision, "a second start without changes has written something"
    role = store.get(CLUSTER_ROLES, "", "system:discovery")
    assert role is not None
    changed = {**role, "metadata": dict(role["metadata"]), "rules": [SECRETS]}
    await store.commit(Update(CLUSTER_ROLES, changed, role))
    make_cluster(store=store)
    restored = store.get(CLUSTER_ROLES, "", "system:discovery")
    assert restored is not None
    assert restored["rules"] == [SECRETS, *role["rules"]]
    assert restored["metadata"]["uid"] == role["metadata"]["uid"]
    others = [one for one in store.list(CLUSTER_ROLES) if one["metadata"]["name"] != "system:discovery"]
    assert others == [one for one in first[CLUSTER_ROLES] if one["metadata"]["name"] != "system:discovery"]
