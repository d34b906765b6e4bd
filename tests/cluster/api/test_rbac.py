"""Roles and bindings decide, from the very next request on, and nobody gives away what they do not have."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from podrole.cluster.assembly.server import Cluster
from podrole.cluster.authorization.authorizer import Authorizer
from podrole.cluster.authorization.decisions import AccessAttributes
from podrole.cluster.authorization.roles import Roles
from podrole.cluster.core.client import ClusterClient
from podrole.cluster.core.users import ADMINISTRATOR, ANONYMOUS, User, service_account_groups

RBAC = "/apis/rbac.authorization.k8s.io/v1"
GROUP = "rbac.authorization.k8s.io"
JANE = User("jane", groups=("system:authenticated",))
ACCOUNT = User("system:serviceaccount:default:caller", "u", service_account_groups("default"))
READ_PODS = {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]}


def rules(verbs: str, resources: str, group: str = "", **more: Any) -> list[dict[str, Any]]:
    return [{"verbs": verbs.split(), "apiGroups": [group], "resources": resources.split(), **more}]


def to(kind: str, name: str, **more: str) -> dict[str, str]:
    return {"kind": kind, "name": name, **more}


def bound(name: str, role: str, *subjects: dict[str, str], kind: str = "Role") -> dict[str, Any]:
    return {
        "metadata": {"name": name},
        "roleRef": {"apiGroup": GROUP, "kind": kind, "name": role},
        "subjects": list(subjects),
    }


class Rbac:
    """Writes roles and bindings in the namespace default, and asks what they allow."""

    def __init__(self, cluster: Cluster, user: User = ADMINISTRATOR) -> None:
        self.client: ClusterClient = cluster.client(user, "test")
        self._authorizer = Authorizer(Roles(cluster.store))

    async def role(self, name: str, given: list[dict[str, Any]]) -> None:
        await self.client.create(f"roles.{GROUP}", "default", {"metadata": {"name": name}, "rules": given})

    async def cluster_role(self, name: str, given: list[dict[str, Any]], **more: Any) -> None:
        await self.client.create(f"clusterroles.{GROUP}", None, {"metadata": {"name": name}, "rules": given, **more})

    async def bind(self, name: str, role: str, *subjects: dict[str, str], kind: str = "Role") -> None:
        await self.client.create(f"rolebindings.{GROUP}", "default", bound(name, role, *subjects, kind=kind))

    async def bind_everywhere(self, name: str, role: str, *subjects: dict[str, str]) -> None:
        body = bound(name, role, *subjects, kind="ClusterRole")
        await self.client.create(f"clusterrolebindings.{GROUP}", None, body)

    def reason(self, user: User, verb: str, resource: str = "", **more: str) -> str | None:
        """Return why it is allowed, None where it is not."""
        resource, _, subresource = resource.partition("/")
        wanted = AccessAttributes(user, verb, resource=resource, subresource=subresource, **more)
        decision = self._authorizer.decide(wanted)
        return decision.reason if decision.allowed else None


@pytest.fixture
def rbac(cluster: Cluster) -> Rbac:
    return Rbac(cluster)


# --- what everyone has


@pytest.mark.parametrize(
    ("user", "verb", "what", "allowed"),
    [
        (ADMINISTRATOR, "delete", {"resource": "nodes"}, True),
        (ADMINISTRATOR, "post", {"path": "/anything"}, True),
        (ACCOUNT, "get", {"resource": "secrets", "namespace": "default"}, False),
        (ACCOUNT, "get", {"resource": "serviceaccounts", "namespace": "default", "name": "caller"}, False),
        (ACCOUNT, "create", {"group": "authentication.k8s.io", "resource": "selfsubjectreviews"}, True),
        (ACCOUNT, "get", {"group": "authentication.k8s.io", "resource": "selfsubjectreviews"}, False),
        (ACCOUNT, "create", {"group": "authentication.k8s.io", "resource": "tokenreviews"}, False),
        (ACCOUNT, "create", {"group": "evil.example", "resource": "selfsubjectreviews"}, False),
        (ACCOUNT, "post", {"path": "/api"}, False),
        (ACCOUNT, "get", {"path": "/apis/apps"}, True),
        (ACCOUNT, "get", {"path": "/apix"}, False),
        (ACCOUNT, "get", {"path": "/openid/v1/jwks"}, True),
        (JANE, "get", {"path": "/openid/v1/jwks"}, False),
        (JANE, "get", {"path": "/openapi/v3"}, True),
        (ANONYMOUS, "get", {"path": "/openapi/v3"}, False),
        (ANONYMOUS, "get", {"path": "/readyz"}, True),
        (ANONYMOUS, "get", {"path": "/readyz/ping"}, False),
        (ANONYMOUS, "get", {"path": "/metrics"}, False),
        (ANONYMOUS, "list", {"resource": "pods"}, False),
    ],
)
def test_what_the_default_roles_give(rbac: Rbac, user: User, verb: str, what: dict[str, str], allowed: bool) -> None:
    assert (rbac.reason(user, verb, **what) is not None) is allowed


# --- who is bound to what


async def test_a_binding_counts_in_its_namespace_and_is_named_as_the_reason(rbac: Rbac) -> None:
    await rbac.role("reader", [READ_PODS])
    await rbac.bind("b", "reader", to("User", "jane"))
    reason = 'RBAC: allowed by RoleBinding "b/default" of Role "reader" to User "jane"'
    assert rbac.reason(JANE, "get", "pods", namespace="default") == reason
    assert rbac.reason(JANE, "get", "pods", namespace="kube-system") is None
    assert rbac.reason(JANE, "list", "pods") is None
    assert rbac.reason(JANE, "get", "pods/log", namespace="default") is None
    assert rbac.reason(User("john"), "get", "pods", namespace="default") is None


async def test_a_subject_without_namespace_is_a_service_account_of_the_bindings_namespace(
    rbac: Rbac,
) -> None:
    await rbac.role("reader", [READ_PODS])
    await rbac.bind("b", "reader", to("ServiceAccount", "caller"))
    assert rbac.reason(ACCOUNT, "get", "pods", namespace="default") == (
        'RBAC: allowed by RoleBinding "b/default" of Role "reader" to ServiceAccount "caller/default"'
    )
    namesake = User("system:serviceaccount:kube-system:caller", groups=service_account_groups("kube-system"))
    assert rbac.reason(namesake, "get", "pods", namespace="default") is None
    await rbac.bind("c", "reader", to("ServiceAccount", "caller", namespace="kube-system"))
    assert rbac.reason(namesake, "get", "pods", namespace="default") is not None


async def test_groups_and_the_service_accounts_of_a_namespace(rbac: Rbac) -> None:
    await rbac.bind_everywhere("g", "view", to("Group", "system:serviceaccounts:default"), to("Group", "devs"))
    assert rbac.reason(ACCOUNT, "list", "pods", namespace="kube-system") == (
        'RBAC: allowed by ClusterRoleBinding "g" of ClusterRole "view" to Group "system:serviceaccounts:default"'
    )
    assert rbac.reason(User("x", groups=("devs",)), "list", "pods") is not None
    assert rbac.reason(JANE, "list", "pods") is None


async def test_a_user_cannot_take_a_service_accounts_name_for_a_group(rbac: Rbac) -> None:
    await rbac.bind_everywhere("g", "view", to("User", "system:masters"), to("User", "devs"))
    assert rbac.reason(User("x", groups=("devs",)), "list", "pods") is None
    assert rbac.reason(User("system:masters"), "delete", "pods") is None


async def test_a_change_counts_from_the_next_question_on(rbac: Rbac) -> None:
    await rbac.bind_everywhere("b", "view", to("User", "jane"))
    assert rbac.reason(JANE, "list", "pods") is not None
    await rbac.client.delete(f"clusterrolebindings.{GROUP}", None, "b")
    assert rbac.reason(JANE, "list", "pods") is None
    await rbac.cluster_role("later", rules("get", "pods"))
    await rbac.bind_everywhere("b", "later", to("User", "jane"))
    assert rbac.reason(JANE, "list", "pods") is None
    await rbac.client.merge_patch(f"clusterroles.{GROUP}", None, "later", {"rules": rules("list", "pods")})
    assert rbac.reason(JANE, "list", "pods") is not None
    await rbac.client.delete(f"clusterroles.{GROUP}", None, "later")
    assert rbac.reason(JANE, "list", "pods") is None


# --- over HTTP


@pytest.fixture
def caller(served: Any, http: httpx2.Client) -> Any:
    """A client that acts as a service account which is bound to nothing at first."""
    http.post("/api/v1/namespaces/default/serviceaccounts", json={"metadata": {"name": "caller"}})
    answer = http.post("/api/v1/namespaces/default/serviceaccounts/caller/token", json={})
    with served.client(answer.json()["status"]["token"]) as client:
        yield client
    for path in (
        f"{RBAC}/clusterrolebindings?labelSelector=test",
        f"{RBAC}/clusterroles?labelSelector=test",
        f"{RBAC}/namespaces/default/rolebindings",
        f"{RBAC}/namespaces/default/roles",
    ):
        assert http.delete(path).status_code == 200


def give(http: httpx2.Client, given: list[dict[str, Any]], *, everywhere: bool = False) -> None:
    """Give the service account ``caller`` these rules."""
    where, role = (RBAC, "ClusterRole") if everywhere else (f"{RBAC}/namespaces/default", "Role")
    metadata = {"name": "given", "labels": {"test": "1"}}
    plural = f"{role.lower()}s"
    assert http.post(f"{where}/{plural}", json={"metadata": metadata, "rules": given}).status_code == 201
    binding = bound("given", "given", to("ServiceAccount", "caller", namespace="default"), kind=role)
    made = http.post(f"{where}/{role.lower()}bindings", json={**binding, "metadata": metadata})
    assert made.status_code == 201, made.text


FORBIDDEN = 'User "system:serviceaccount:default:caller" cannot'
EVERYWHERE, HERE = "at the cluster scope", 'in the namespace "default"'
CORE = "/api/v1/namespaces/default"
ACCOUNT_PATH = f"{CORE}/serviceaccounts/caller"
TOKEN = f"{ACCOUNT_PATH}/token"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
NAMED_A = "fieldSelector=metadata.name%3Da"


@pytest.mark.parametrize(
    ("method", "path", "subject", "verb", "resource", "scope"),
    [
        ("GET", "/api/v1/pods", "pods", "list", 'resource "pods" in API group ""', EVERYWHERE),
        ("GET", f"{CORE}/pods?watch=1", "pods", "watch", 'resource "pods" in API group ""', HERE),
        ("GET", f"{CORE}/secrets?{NAMED_A}", 'secrets "a"', "list", 'resource "secrets" in API group ""', HERE),
        (
            "DELETE",
            DEPLOYMENTS,
            "deployments.apps",
            "deletecollection",
            'resource "deployments" in API group "apps"',
            HERE,
        ),
        ("POST", TOKEN, 'serviceaccounts "caller"', "create", 'resource "serviceaccounts/token" in API group ""', HERE),
        ("GET", CORE, 'namespaces "default"', "get", 'resource "namespaces" in API group ""', HERE),
        ("GET", "/apis/no.such/v1/x", "x.no.such", "list", 'resource "x" in API group "no.such"', EVERYWHERE),
    ],
)
def test_a_service_account_without_bindings_may_do_nothing(
    caller: Any, method: str, path: str, subject: str, verb: str, resource: str, scope: str
) -> None:
    answer = caller.request(method, path)
    message = f"{subject} is forbidden: {FORBIDDEN} {verb} {resource} {scope}"
    assert (answer.status_code, answer.json()["message"]) == (403, message)


def test_an_unknown_path_is_forbidden_by_its_name(caller: Any) -> None:
    answer = caller.get("/metrics")
    assert (answer.status_code, answer.json()["message"]) == (403, f'forbidden: {FORBIDDEN} get path "/metrics"')


def test_verbs_subresources_and_names_are_distinguished(http: httpx2.Client, caller: Any) -> None:
    give(http, [*rules("get list", "serviceaccounts"), *rules("get", "configmaps", resourceNames=["kube-root-ca.crt"])])
    assert caller.get(ACCOUNT_PATH).status_code == 200
    assert caller.get("/api/v1/namespaces/default/serviceaccounts").status_code == 200
    assert caller.get("/api/v1/namespaces/default/serviceaccounts?watch=1").status_code == 403
    assert caller.get("/api/v1/serviceaccounts").status_code == 403
    assert caller.get("/api/v1/namespaces/kube-system/serviceaccounts/default").status_code == 403
    assert caller.post(f"{ACCOUNT_PATH}/token", json={}).status_code == 403
    assert caller.delete(ACCOUNT_PATH).status_code == 403
    assert caller.get("/api/v1/namespaces/default/configmaps/kube-root-ca.crt").status_code == 200
    assert caller.get("/api/v1/namespaces/default/configmaps/other").status_code == 403
    assert caller.get("/api/v1/namespaces/default/configmaps").status_code == 403


def test_a_name_is_authorized_as_it_is_looked_up(http: httpx2.Client, caller: Any) -> None:
    """No writing of a path reaches an object under another name than the one that was authorized."""
    give(http, rules("get", "configmaps", resourceNames=["kube-root-ca.crt"]))
    paths = ("../secrets/x", "%2e%2e/secrets/x", "kube-root-ca.crt/../other", "kube-root-ca.crt%2f..%2fother")
    for path in paths:
        answer = caller.get(f"/api/v1/namespaces/default/configmaps/{path}")
        assert answer.status_code in (403, 404), path
    assert caller.get("/api/v1/namespaces/default/configmaps/kube%2droot-ca.crt").status_code == 200


def test_server_side_apply_that_creates_needs_create_as_well(http: httpx2.Client, caller: Any) -> None:
    give(http, rules("patch get", "configmaps"))
    headers = {"Content-Type": "application/apply-patch+yaml"}
    body = '{"apiVersion":"v1","kind":"ConfigMap","data":{"a":"b"}}'
    path = "/api/v1/namespaces/default/configmaps/applied?fieldManager=t"
    refused = caller.patch(path, content=body, headers=headers)
    assert refused.json()["message"] == (
        f'configmaps "applied" is forbidden: {FORBIDDEN} create resource "configmaps" in API group "" {HERE}'
    )
    http.patch(path, content=body, headers=headers).raise_for_status()
    assert caller.patch(path, content=body, headers=headers).status_code == 200
    http.delete(path)


def test_a_binding_to_a_missing_role_is_told(http: httpx2.Client, caller: Any) -> None:
    path = f"{RBAC}/namespaces/default/rolebindings"
    for name, role, kind in (("a", "absent", "Role"), ("b", "absent", "Role"), ("c", "gone", "ClusterRole")):
        http.post(path, json=bound(name, role, to("ServiceAccount", "caller"), kind=kind)).raise_for_status()
    problems = [f'role.{GROUP} "absent" not found', f'clusterrole.{GROUP} "gone" not found']
    refused = caller.get(f"{CORE}/pods").json()["message"]
    assert refused.endswith(f"{HERE}: RBAC: [{', '.join(problems)}]")
    review = {"spec": {"namespace": "default"}}
    status = caller.post("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", json=review).json()["status"]
    assert status["incomplete"] is True
    assert 'clusterrole.rbac.authorization.k8s.io "gone" not found' in status["evaluationError"]


def test_rules_are_listed_as_they_are_decided(http: httpx2.Client, caller: Any) -> None:
    path, spec = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews", {"spec": {"namespace": "default"}}
    everything = http.post(path, json=spec).json()["status"]
    assert {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]} in everything["resourceRules"]
    assert {"verbs": ["*"], "nonResourceURLs": ["*"]} in everything["nonResourceRules"]
    give(http, rules("get", "secrets", resourceNames=["a"]))
    status = caller.post(path, json=spec).json()["status"]
    granted = {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"], "resourceNames": ["a"]}
    assert granted in status["resourceRules"]
    assert status["incomplete"] is False
    elsewhere = caller.post(path, json={"spec": {"namespace": "kube-system"}}).json()["status"]
    assert granted not in elsewhere["resourceRules"]


def test_impersonation_is_a_permission_like_any_other(http: httpx2.Client, caller: Any) -> None:
    give(http, rules("impersonate", "users", resourceNames=["jane"]), everywhere=True)
    path, review = "/apis/authentication.k8s.io/v1/selfsubjectreviews", {}
    answer = caller.post(path, json=review, headers={"Impersonate-User": "jane"})
    assert answer.json()["status"]["userInfo"] == {"username": "jane", "groups": ["system:authenticated"]}
    assert caller.post(path, json=review, headers={"Impersonate-User": "john"}).status_code == 403
    as_master = {"Impersonate-User": "jane", "Impersonate-Group": "system:masters"}
    assert caller.post(path, json=review, headers=as_master).status_code == 403


# --- escalation


GRANTING = rules("create update patch delete", "roles rolebindings clusterroles clusterrolebindings", GROUP)


def test_nobody_writes_a_role_with_more_than_they_have(http: httpx2.Client, caller: Any) -> None:
    give(http, [*GRANTING, READ_PODS])
    path = f"{RBAC}/namespaces/default/roles"
    more = {"metadata": {"name": "r"}, "rules": rules("get delete", "pods secrets")}
    refused = caller.post(path, json=more)
    assert refused.status_code == 403
    assert refused.json()["message"] == (
        'roles.rbac.authorization.k8s.io "r" is forbidden: user "system:serviceaccount:default:caller" '
        '(groups=["system:serviceaccounts" "system:serviceaccounts:default" "system:authenticated"]) is attempting to '
        "grant RBAC permissions not currently held:\n"
        '{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}\n'
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "delete"]}'
    )
    assert caller.post(path, json={**more, "rules": [READ_PODS]}).status_code == 201
    assert caller.put(f"{path}/r", json=more).status_code == 403
    patch = {"Content-Type": "application/merge-patch+json"}
    assert caller.patch(f"{path}/r", json={"rules": more["rules"]}, headers=patch).status_code == 403
    assert http.get(f"{path}/r").status_code == 200
    dry = caller.post(f"{path}?dryRun=All", json={**more, "metadata": {"name": "dry"}})
    assert dry.status_code == 403


def test_nobody_binds_a_role_with_more_than_they_have(http: httpx2.Client, caller: Any) -> None:
    give(http, [*GRANTING, READ_PODS])
    path = f"{RBAC}/namespaces/default/rolebindings"
    admin = bound("b", "cluster-admin", to("ServiceAccount", "caller"), kind="ClusterRole")
    refused = caller.post(path, json=admin)
    assert refused.status_code == 403
    assert '{NonResourceURLs:["*"], Verbs:["*"]}' in refused.json()["message"]
    missing = caller.post(path, json=bound("b", "absent", to("ServiceAccount", "caller")))
    assert (missing.status_code, missing.json()["message"]) == (
        404,
        'roles.rbac.authorization.k8s.io "absent" not found',
    )
    http.post(f"{RBAC}/namespaces/default/roles", json={"metadata": {"name": "pods"}, "rules": [READ_PODS]})
    assert caller.post(path, json=bound("b", "pods", to("User", "jane"))).status_code == 201
    everywhere = caller.post(f"{RBAC}/clusterrolebindings", json={**admin, "subjects": [to("User", "x")]})
    assert everywhere.status_code == 403


def test_escalate_and_bind_are_permissions_of_their_own(http: httpx2.Client, caller: Any) -> None:
    permissions = [*GRANTING, *rules("bind", "clusterroles", GROUP, resourceNames=["view"])]
    give(http, permissions)
    path = f"{RBAC}/namespaces/default/rolebindings"
    assert caller.post(path, json=bound("v", "view", to("User", "jane"), kind="ClusterRole")).status_code == 201
    assert caller.post(path, json=bound("e", "edit", to("User", "jane"), kind="ClusterRole")).status_code == 403
    more = {"metadata": {"name": "r"}, "rules": rules("*", "*")}
    roles = f"{RBAC}/namespaces/default/roles"
    assert caller.post(roles, json=more).status_code == 403
    http.patch(
        f"{roles}/given",
        json={"rules": [*permissions, *rules("escalate", "roles", GROUP)]},
        headers={"Content-Type": "application/merge-patch+json"},
    ).raise_for_status()
    assert caller.post(roles, json=more).status_code == 201


def test_a_role_that_gathers_needs_everything(http: httpx2.Client, caller: Any) -> None:
    give(http, GRANTING, everywhere=True)
    gathers = {"clusterRoleSelectors": [{"matchLabels": {"test": "1"}}]}
    body = {"metadata": {"name": "g", "labels": {"test": "1"}}, "aggregationRule": gathers}
    refused = caller.post(f"{RBAC}/clusterroles", json=body)
    assert refused.json()["message"] == (
        'clusterroles.rbac.authorization.k8s.io "g" is forbidden: must have cluster-admin privileges to use the '
        "aggregationRule"
    )
    http.post(f"{RBAC}/clusterroles", json=body).raise_for_status()
    tightened = {"metadata": {"name": "g"}, "rules": []}
    assert caller.put(f"{RBAC}/clusterroles/g", json=tightened).status_code == 403


def test_a_user_who_may_update_may_change_the_garbage_collectors_fields(http: httpx2.Client, caller: Any) -> None:
    give(http, GRANTING)
    path = f"{RBAC}/namespaces/default/roles"
    http.post(path, json={"metadata": {"name": "r", "finalizers": ["a.b/c"]}, "rules": rules("*", "*")})
    patch = {"Content-Type": "application/merge-patch+json"}
    assert caller.patch(f"{path}/r", json={"metadata": {"finalizers": None}}, headers=patch).status_code == 200
    assert caller.patch(f"{path}/r", json={"metadata": {"labels": {"a": "b"}}}, headers=patch).status_code == 403


# --- validation


ROLE, BINDING = f"{RBAC}/namespaces/default/roles", f"{RBAC}/namespaces/default/rolebindings"
CLUSTER_ROLE = f"{RBAC}/clusterroles"


@pytest.mark.parametrize(
    ("path", "body", "causes"),
    [
        (ROLE, {"rules": [{}]}, ["rules[0].verbs: Required value: verbs must contain at least one value",
            "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
            "rules[0].resources: Required value: resource rules must supply at least one resource"]),
        (ROLE, {"rules": [{"verbs": ["get"], "nonResourceURLs": ["/x"]}]},
            ['rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs']),
        (CLUSTER_ROLE, {"rules": [{"verbs": ["get"], "nonResourceURLs": ["/x"], "resources": ["pods"]}]},
            [('rules[0].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and '
             "non-resource URLs")]),
        (CLUSTER_ROLE, {"aggregationRule": {}}, [("aggregationRule.clusterRoleSelectors: Required value: at least one "
            "clusterRoleSelector required if aggregationRule is non-nil")]),
        (ROLE, {"metadata": {"name": "a%b"}}, ["metadata.name: Invalid value: \"a%b\": may not contain '%'"]),
        (BINDING, {"roleRef": {"kind": "Pod", "name": ""}}, [
            'roleRef.kind: Unsupported value: "Pod": supported values: "ClusterRole", "Role"',
            "roleRef.name: Required value"]),
        (BINDING, {"roleRef": {"kind": "Role", "name": "r"}, "subjects": [
                {"kind": "User", "name": "", "apiGroup": "x"}, {"kind": "Robot", "name": "r"},
                {"kind": "ServiceAccount", "name": "A", "apiGroup": "x"}]}, [
            "subjects[0].name: Required value",
            'subjects[0].apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"',
            'subjects[1].kind: Unsupported value: "Robot": supported values: "Group", "ServiceAccount", "User"',
            'subjects[2].apiGroup: Unsupported value: "x": supported values: ""']),
        (f"{RBAC}/clusterrolebindings", {"roleRef": {"kind": "Role", "name": "r"},
                "subjects": [{"kind": "ServiceAccount", "name": "a"}]}, [
            'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
            "subjects[0].namespace: Required value"]),
    ],
)  # fmt: skip
def test_what_makes_a_role_or_binding_invalid(
    http: httpx2.Client, path: str, body: dict[str, Any], causes: list[str]
) -> None:
    answer = http.post(path, json={"metadata": {"name": "x"}, **body})
    assert answer.status_code == 422, answer.text
    found = [f"{one['field']}: {one['message']}" for one in answer.json()["details"]["causes"]]
    assert [one for one in found if "RFC 1123" not in one] == causes


def test_a_bindings_role_is_for_ever(http: httpx2.Client, caller: Any) -> None:
    http.post(BINDING, json=bound("b", "one", to("User", "jane"))).raise_for_status()
    answer = http.put(f"{BINDING}/b", json=bound("b", "two", to("User", "jane")))
    assert answer.status_code == 422
    assert answer.json()["details"]["causes"][0]["message"].endswith(": cannot change roleRef")
    assert http.put(f"{BINDING}/b", json=bound("b", "one", to("User", "john"))).status_code == 200
