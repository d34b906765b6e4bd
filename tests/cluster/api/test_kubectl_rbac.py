"""The real kubectl, about who may do what: roles made, bound, described, asked about, reconciled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def run(kubectl: Any) -> Iterator[Any]:
    def run(arguments: str, stdin: str | None = None) -> Any:
        return kubectl.shell(f"kubectl {arguments}", stdin)

    run("create namespace team")
    yield run
    run("delete clusterrole,clusterrolebinding -l test")
    run("delete role,rolebinding --all -n team")


def said(done: Any) -> str:
    return f"{done.stdout}{done.stderr}".rstrip("\n")


def test_a_role_is_made_bound_and_asked_about(run: Any) -> None:
    role = "create role reader -n team --verb=get,list --resource=pods,pods/log,deployments.apps"
    assert said(run(role)) == "role.rbac.authorization.k8s.io/reader created"
    binding = "create rolebinding readers -n team --role=reader --serviceaccount=team:app --user=jane --group=devs"
    assert said(run(binding)) == "rolebinding.rbac.authorization.k8s.io/readers created"
    app = "--as=system:serviceaccount:team:app"
    assert said(run(f"auth can-i list deployments -n team {app}")) == "yes"
    assert said(run(f"auth can-i get pods --subresource=log -n team {app}")) == "yes"
    assert said(run("auth can-i get pods -n team --as=x --as-group=devs")) == "yes"
    refused = run(f"auth can-i list deployments {app}")
    assert (refused.returncode, said(refused)) == (1, "no")
    assert said(run(f"get secrets -n team {app}")) == (
        'Error from server (Forbidden): secrets is forbidden: User "system:serviceaccount:team:app" cannot list '
        'resource "secrets" in API group "" in the namespace "team"'
    )
    listed = run(f"auth can-i --list -n team {app}").stdout
    assert ["deployments.apps", "[]", "[]", "[get", "list]"] in [line.split() for line in listed.splitlines()]
    table = run("get rolebindings -n team -o wide").stdout.splitlines()
    assert table[0].split() == ["NAME", "ROLE", "AGE", "USERS", "GROUPS", "SERVICEACCOUNTS"]
    assert table[1].split()[:2] == ["readers", "Role/reader"]
    assert table[1].split()[3:] == ["jane", "devs", "team/app"]
    described = run("describe role reader -n team").stdout
    assert "deployments.apps  []                 []              [get list]" in described


def test_cluster_roles_in_all_their_forms(run: Any) -> None:
    for made in (
        "clusterrole one --verb=get --resource=secrets --resource-name=a",
        'clusterrole two --verb=get --non-resource-url="/metrics"',
        'clusterrole all --aggregation-rule="gather=this"',
        "clusterrolebinding three --clusterrole=two --user=jane",
    ):
        assert run(f"create {made}").returncode == 0
        run(f"label {' '.join(made.split()[:2])} test=1")
    assert said(run("auth can-i get /metrics --as=jane")) == "yes"
    assert said(run("auth can-i get /healthz/x --as=jane")) == "no"
    assert said(run("get clusterrole one -o jsonpath={.rules}")) == (
        '[{"apiGroups":[""],"resourceNames":["a"],"resources":["secrets"],"verbs":["get"]}]'
    )
    assert "ClusterRole/two" in run("get clusterrolebindings three").stdout


RECONCILED = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: kept, namespace: team}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: kept, namespace: team}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: kept}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: jane}]
"""


def test_reconcile_adds_what_is_missing(run: Any) -> None:
    assert "role.rbac.authorization.k8s.io/kept reconciled" in run("auth reconcile -f -", RECONCILED).stdout
    assert said(run("auth can-i get pods -n team --as=jane")) == "yes"
    more = RECONCILED.replace("verbs: [get]", "verbs: [list]").replace("name: jane", "name: john")
    done = run("auth reconcile -f -", more)
    assert done.returncode == 0, done.stderr
    assert "rolebinding.rbac.authorization.k8s.io/kept reconciled" in done.stdout
    assert said(run("auth can-i list pods -n team --as=john")) == "yes"
    other = more.replace("kind: Role, name: kept", "kind: Role, name: other")
    assert "rolebinding.rbac.authorization.k8s.io/kept reconciled" in run("auth reconcile -f -", other).stdout
    assert run("get rolebinding kept -n team -o jsonpath={.roleRef.name}").stdout == "other"
    rules = run("get role kept -n team -o jsonpath={.rules[*].verbs}").stdout
    assert rules == '["get"] ["list"]'


def test_a_pods_token_with_a_role_does_what_the_role_says(run: Any) -> None:
    run("create serviceaccount app -n team")
    run("create rolebinding app -n team --clusterrole=edit --serviceaccount=team:app")
    token = run("create token app -n team").stdout.strip()
    as_app = f"--token={token} -n team"
    assert run(f"{as_app} create configmap made --from-literal=a=b").returncode == 0
    assert run(f"{as_app} get configmap made -o name").stdout == "configmap/made\n"
    escalation = run(f"{as_app} create rolebinding mine --clusterrole=cluster-admin --serviceaccount=team:app")
    assert 'cannot create resource "rolebindings"' in escalation.stderr
    run("create rolebinding admin -n team --clusterrole=admin --serviceaccount=team:app")
    escalation = run(f"{as_app} create rolebinding mine --clusterrole=cluster-admin --serviceaccount=team:app")
    assert "is attempting to grant RBAC permissions not currently held" in escalation.stderr
    assert run(f"{as_app} create rolebinding mine --clusterrole=view --user=jane").returncode == 0
