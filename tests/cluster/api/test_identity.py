"""Who a request is from and what it may do: tokens, reviews, authorization, impersonation."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from podrole.cluster.assembly.server import Cluster
from podrole.cluster.authorization.authorizer import Authorizer
from podrole.cluster.authorization.roles import Roles
from podrole.cluster.core.client import ClusterClient
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.users import ADMINISTRATOR, User, service_account_groups
from podrole.cluster.identity.authentication import impersonated_user
from podrole.cluster.identity.service_accounts import TokenRejected
from podrole.cluster.store.memory import MemoryStore
from podrole.oidc.issuer import mint
from podrole.oidc.keys import SigningKey

ISSUER = "https://oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
ACCOUNT = User("system:serviceaccount:n:sa", "u", service_account_groups("n"))
OTHER_KEY = SigningKey.generate("ES256")
PODS = "/api/v1/namespaces/default/pods"
NO_ROLES = Authorizer(Roles(MemoryStore()))


def claims_of(token: str) -> dict[str, Any]:
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


async def token_of(client: ClusterClient, name: str = "default", **spec: Any) -> str:
    answer = await client.create_token("default", name, spec)
    token: str = answer["status"]["token"]
    return token


async def make_pod(client: ClusterClient, name: str = "p", **spec: Any) -> dict[str, Any]:
    body = {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i"}], **spec}}
    return await client.create("pods", "default", body)


def pod_reference(pod: dict[str, Any], **more: str) -> dict[str, str]:
    return {"kind": "Pod", "apiVersion": "v1", "name": pod["metadata"]["name"], **more}


# --- TokenRequest


async def test_a_token_has_the_claims_that_kubernetes_gives_it(admin: ClusterClient, clock: Any) -> None:
    account = await admin.get("serviceaccounts", "default", "default")
    answer = await admin.create_token("default", "default", {"audiences": ["sts.amazonaws.com"]})
    claims = claims_of(answer["status"]["token"])
    jti = claims.pop("jti")
    assert claims == {
        "aud": ["sts.amazonaws.com"],
        "exp": clock.now + 3600,
        "iat": clock.now,
        "iss": ISSUER,
        "kubernetes.io": {
            "namespace": "default",
            "serviceaccount": {"name": "default", "uid": account["metadata"]["uid"]},
        },
        "nbf": clock.now,
        "sub": "system:serviceaccount:default:default",
    }
    assert len(jti) == 36
    assert answer["status"]["expirationTimestamp"] == "2027-01-15T09:00:00Z"
    assert answer["spec"]["expirationSeconds"] == 3600
    assert answer["metadata"]["uid"] == account["metadata"]["uid"]


async def test_a_token_without_audiences_is_for_the_api_server(admin: ClusterClient) -> None:
    assert claims_of(await token_of(admin))["aud"] == [ISSUER]


async def test_a_token_bound_to_a_pod_names_it_and_its_node(admin: ClusterClient) -> None:
    pod = await make_pod(admin)
    bound = claims_of(await token_of(admin, boundObjectRef=pod_reference(pod)))["kubernetes.io"]
    assert bound["pod"] == {"name": "p", "uid": pod["metadata"]["uid"]}
    assert "node" not in bound
    await admin.update("pods", "default", "p", {"target": {"kind": "Node", "name": "n1"}}, subresource="binding")
    unknown = claims_of(await token_of(admin, boundObjectRef=pod_reference(pod)))["kubernetes.io"]
    assert unknown["node"] == {"name": "n1"}
    node = await admin.create("nodes", None, {"metadata": {"name": "n1"}})
    known = claims_of(await token_of(admin, boundObjectRef=pod_reference(pod)))["kubernetes.io"]
    assert known["node"] == {"name": "n1", "uid": node["metadata"]["uid"]}
    assert list(known) == sorted(known)


async def test_the_token_of_the_service_account_plugin_is_valid_for_a_year(admin: ClusterClient, clock: Any) -> None:
    pod = await make_pod(admin)
    answer = await admin.create_token(
        "default", "default", {"expirationSeconds": 3607, "boundObjectRef": pod_reference(pod)}
    )
    claims = claims_of(answer["status"]["token"])
    assert claims["exp"] == clock.now + 365 * 24 * 3600
    assert claims["kubernetes.io"]["warnafter"] == clock.now + 3607
    assert answer["status"]["expirationTimestamp"] == "2027-01-15T09:00:07Z"


async def test_a_token_for_sts_is_never_extended(admin: ClusterClient, clock: Any) -> None:
    pod = await make_pod(admin)
    token = await token_of(
        admin, audiences=["sts.amazonaws.com"], expirationSeconds=3607, boundObjectRef=pod_reference(pod)
    )
    assert claims_of(token)["exp"] == clock.now + 3607


async def test_a_token_lives_no_longer_than_the_cluster_allows(make: Callable[..., Cluster]) -> None:
    async with make(settings={"max_token_seconds": 7200}) as cluster:
        client = cluster.client(ADMINISTRATOR)
        await client.create("serviceaccounts", "default", {"metadata": {"name": "default"}})
        answer = await client.create_token("default", "default", {"expirationSeconds": 86400})
    assert answer["spec"]["expirationSeconds"] == 7200


@pytest.mark.parametrize(
    ("spec", "status", "text"),
    [
        ({"expirationSeconds": 599}, 422, "may not specify a duration less than 10 minutes"),
        ({"expirationSeconds": 2**32 + 1}, 422, "may not specify a duration larger than 2^32 seconds"),
        ({"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "absent"}}, 404, 'pods "absent" not found'),
        (
            {"boundObjectRef": {"kind": "ConfigMap", "apiVersion": "v1", "name": "x"}},
            400,
            "cannot bind token to object of type /v1, Kind=ConfigMap",
        ),
        (
            {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "others"}},
            400,
            'cannot bind token for serviceaccount "default" to pod running with different serviceaccount name.',
        ),
        (
            {"boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "own", "uid": "another"}},
            409,
            "the UID in the bound object reference (another) does not match the UID in record",
        ),
        (
            {"boundObjectRef": {"kind": "Secret", "apiVersion": "v1", "name": "absent"}},
            404,
            'secrets "absent" not found',
        ),
    ],
)
async def test_a_token_that_cannot_be_given_is_refused(
    admin: ClusterClient, spec: dict[str, Any], status: int, text: str
) -> None:
    await admin.create("serviceaccounts", "default", {"metadata": {"name": "other"}})
    await make_pod(admin, "others", serviceAccountName="other")
    await make_pod(admin, "own")
    with pytest.raises(StatusError) as raised:
        await admin.create_token("default", "default", spec)
    assert raised.value.http_status == status
    assert text in raised.value.message


async def test_an_account_that_is_not_there_gets_no_token(admin: ClusterClient) -> None:
    with pytest.raises(StatusError) as raised:
        await admin.create_token("default", "missing", {})
    assert raised.value.message == 'serviceaccounts "missing" not found'


def test_over_http_a_shortened_token_is_warned_of(serve: Callable[..., Any]) -> None:
    with serve(settings={"max_token_seconds": 3600}) as served, served.client() as http:
        http.post("/api/v1/namespaces/default/serviceaccounts", json={"metadata": {"name": "sa"}})
        answer = http.post(
            "/api/v1/namespaces/default/serviceaccounts/sa/token", json={"spec": {"expirationSeconds": 7200}}
        )
        assert answer.status_code == 201
        assert answer.headers["warning"] == ('299 - "requested expiration of 7200 seconds shortened to 3600 seconds"')


# --- checking tokens


def user_of(cluster: Cluster, token: str, audience: str = ISSUER) -> User:
    return cluster.tokens.authenticate(token, [audience]).user


async def test_a_good_token_is_its_service_account(cluster: Cluster, admin: ClusterClient) -> None:
    pod = await make_pod(admin)
    token = await token_of(admin, boundObjectRef=pod_reference(pod))
    user = user_of(cluster, token)
    assert user.name == "system:serviceaccount:default:default"
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated")
    assert user.extra == {
        "authentication.kubernetes.io/credential-id": (f"JTI={claims_of(token)['jti']}",),
        "authentication.kubernetes.io/pod-name": ("p",),
        "authentication.kubernetes.io/pod-uid": (pod["metadata"]["uid"],),
    }


async def test_a_token_is_good_until_a_minute_after_its_end(cluster: Cluster, admin: ClusterClient, clock: Any) -> None:
    token = await token_of(admin, expirationSeconds=600)
    for later, good in ((0, True), (660, True), (661, False)):
        clock.now = 1_800_000_000.0 + later
        if good:
            assert user_of(cluster, token)
        else:
            with pytest.raises(TokenRejected, match="service account token has expired"):
                user_of(cluster, token)


async def test_a_token_of_another_time_is_refused(cluster: Cluster, admin: ClusterClient, clock: Any) -> None:
    token = await token_of(admin)
    clock.now -= 61
    with pytest.raises(TokenRejected, match="invalid bearer token: The token is not valid yet"):
        user_of(cluster, token)


async def test_a_token_for_another_audience_is_refused(cluster: Cluster, admin: ClusterClient) -> None:
    token = await token_of(admin, audiences=["sts.amazonaws.com", "a"])
    with pytest.raises(TokenRejected) as raised:
        user_of(cluster, token)
    assert str(raised.value) == (
        f'token audiences ["sts.amazonaws.com" "a"] is invalid for the target audiences ["{ISSUER}"]'
    )


async def test_a_token_dies_with_its_account(cluster: Cluster, admin: ClusterClient) -> None:
    token = await token_of(admin)
    await admin.delete("serviceaccounts", "default", "default")
    with pytest.raises(TokenRejected, match='serviceaccounts "default" not found'):
        user_of(cluster, token)
    await admin.create("serviceaccounts", "default", {"metadata": {"name": "default"}})
    with pytest.raises(TokenRejected, match=r"service account UID \(.*\) does not match claim \(.*\)"):
        user_of(cluster, token)


async def test_a_bound_token_dies_with_its_pod(cluster: Cluster, admin: ClusterClient, clock: Any) -> None:
    pod = await make_pod(admin)
    await admin.update("pods", "default", "p", {"target": {"kind": "Node", "name": "n1"}}, subresource="binding")
    token = await token_of(admin, boundObjectRef=pod_reference(pod))
    await admin.delete("pods", "default", "p", grace_seconds=30)
    clock.now += 80
    assert user_of(cluster, token)  # going, but its process may still say goodbye
    clock.now += 20
    with pytest.raises(TokenRejected, match="service account token has been invalidated"):
        user_of(cluster, token)
    clock.now -= 100
    await admin.delete("pods", "default", "p", grace_seconds=0)
    with pytest.raises(TokenRejected, match="service account token has been invalidated"):
        user_of(cluster, token)
    await make_pod(admin)
    with pytest.raises(TokenRejected, match=r"pod UID \(.*\) does not match service account pod ref claim"):
        user_of(cluster, token)


async def test_a_token_bound_to_a_secret_dies_with_it(cluster: Cluster, admin: ClusterClient) -> None:
    await admin.create("secrets", "default", {"metadata": {"name": "s"}})
    reference = {"kind": "Secret", "apiVersion": "v1", "name": "s"}
    token = await token_of(admin, boundObjectRef=reference)
    assert user_of(cluster, token)
    await admin.delete("secrets", "default", "s")
    with pytest.raises(TokenRejected, match="invalidated"):
        user_of(cluster, token)


async def test_forged_tokens_are_refused(cluster: Cluster, admin: ClusterClient) -> None:
    good = await token_of(admin)
    claims = claims_of(good)
    key = cluster.tokens.keys[0]
    head, payload, signature = good.split(".")
    other_account = {**claims, "sub": "system:serviceaccount:kube-system:default"}
    forged = [
        "",
        "x",
        "a.b.c",
        f"{head}.{payload}.",
        f"{head}.{payload}.{signature[:-8]}AAAAAAAA",
        mint(claims, OTHER_KEY),
        mint(claims, SigningKey(OTHER_KEY.private_key, key.kid, "ES256")),
        mint({**claims, "iss": "https://elsewhere.example"}, key),
        mint(other_account, key),
        mint({**claims, "sub": "system:admin"}, key),
        mint({key: value for key, value in claims.items() if key != "kubernetes.io"}, key),
        mint({**claims, "kubernetes.io": {**claims["kubernetes.io"], "serviceaccount": "x"}}, key),
        mint({**claims, "kubernetes.io": {**claims["kubernetes.io"], "namespace": "kube-system"}}, key),
        mint({**claims, "exp": 1}, key),
        mint({**claims, "iat": 2_000_000_000}, key),
        mint({**claims, "aud": "other"}, key),
    ]
    for token in forged:
        with pytest.raises(TokenRejected) as raised:
            user_of(cluster, token)
        assert token == "" or token not in str(raised.value)
    assert user_of(cluster, good)


async def test_after_a_rotation_both_keys_verify_and_the_new_one_signs(cluster: Cluster, admin: ClusterClient) -> None:
    before = await token_of(admin)
    cluster.tokens.use_keys([OTHER_KEY, *cluster.tokens.keys])
    after = await token_of(admin)
    assert user_of(cluster, before)
    assert user_of(cluster, after)
    assert json.loads(base64.urlsafe_b64decode(after.split(".")[0] + "=="))["kid"] == OTHER_KEY.kid
    cluster.tokens.use_keys([OTHER_KEY])
    with pytest.raises(TokenRejected):
        user_of(cluster, before)


# --- over HTTP


@pytest.fixture
def account_token(served: Any, http: httpx2.Client) -> str:
    path = "/api/v1/namespaces/default/serviceaccounts"
    http.post(path, json={"metadata": {"name": "caller"}})
    answer = http.post(f"{path}/caller/token", json={"spec": {}}).json()
    token: str = answer["status"]["token"]
    return token


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/version"])
def test_anybody_may_ask_whether_the_server_lives(served: Any, path: str) -> None:
    with served.client("") as nobody:
        assert nobody.get(path).status_code == 200


def test_nobody_may_do_more(served: Any) -> None:
    with served.client("") as nobody:
        answer = nobody.get(PODS)
        assert answer.status_code == 403
        assert answer.json()["message"] == (
            'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" in the namespace '
            '"default"'
        )
        assert nobody.get("/api").json()["message"] == 'forbidden: User "system:anonymous" cannot get path "/api"'
        assert nobody.get("/api").json()["details"] == {}


@pytest.mark.parametrize("authorization", ["Bearer wrong", "bearer a.b.c", "Bearer " + "x" * 30_000])
def test_a_bad_token_is_unauthorized_and_not_anonymous(served: Any, authorization: str) -> None:
    with served.client("", Authorization=authorization) as http:
        for path in ("/livez", PODS):
            answer = http.get(path)
            assert (answer.status_code, answer.json()["reason"]) == (401, "Unauthorized")
            assert answer.json()["message"] == "Unauthorized"


def test_a_service_account_may_review_itself_and_read_discovery(served: Any, account_token: str) -> None:
    with served.client(account_token) as http:
        for path in ("/api", "/apis", "/api/v1", "/openapi/v3", "/.well-known/openid-configuration", "/openid/v1/jwks"):
            assert http.get(path).status_code == 200, path
        me = http.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", json={}).json()
        assert me["status"]["userInfo"]["username"] == "system:serviceaccount:default:caller"


@pytest.mark.parametrize(
    ("method", "path", "verb", "where"),
    [
        ("GET", PODS, 'list resource "pods" in API group ""', 'in the namespace "default"'),
        ("GET", "/api/v1/pods?watch=true", 'watch resource "pods" in API group ""', "at the cluster scope"),
        ("POST", PODS, 'create resource "pods" in API group ""', 'in the namespace "default"'),
        ("GET", "/api/v1/nodes", 'list resource "nodes" in API group ""', "at the cluster scope"),
        ("GET", f"{PODS}/p/log", 'get resource "pods/log" in API group ""', 'in the namespace "default"'),
        (
            "PATCH",
            "/api/v1/namespaces/default",
            'patch resource "namespaces" in API group ""',
            'in the namespace "default"',
        ),
        (
            "DELETE",
            "/apis/apps/v1/namespaces/default/deployments",
            'deletecollection resource "deployments" in API group "apps"',
            'in the namespace "default"',
        ),
        (
            "POST",
            "/api/v1/namespaces/default/serviceaccounts/caller/token",
            'create resource "serviceaccounts/token" in API group ""',
            'in the namespace "default"',
        ),
        (
            "POST",
            "/apis/authorization.k8s.io/v1/subjectaccessreviews",
            'create resource "subjectaccessreviews" in API group "authorization.k8s.io"',
            "at the cluster scope",
        ),
    ],
)
def test_a_service_account_may_do_nothing_else(
    served: Any, account_token: str, method: str, path: str, verb: str, where: str
) -> None:
    with served.client(account_token) as http:
        answer = http.request(method, path, json={} if method in ("POST", "PATCH") else None)
    assert answer.status_code == 403
    assert answer.json()["message"].endswith(
        f'is forbidden: User "system:serviceaccount:default:caller" cannot {verb} {where}'
    )


def test_a_missing_object_is_forbidden_to_users_without_rights(served: Any, account_token: str) -> None:
    with served.client(account_token) as http:
        assert http.get("/nothing").status_code == 403
        assert http.get(f"{PODS}/absent").status_code == 403


def test_a_service_account_may_review_no_token(served: Any, account_token: str) -> None:
    with served.client(account_token) as caller:
        path = "/apis/authentication.k8s.io/v1/tokenreviews"
        assert caller.post(path, json={"spec": {"token": account_token}}).status_code == 403


def test_a_token_review_tells_the_user_and_the_audiences(http: httpx2.Client, account_token: str) -> None:
    path = "/apis/authentication.k8s.io/v1/tokenreviews"
    status = http.post(path, json={"spec": {"token": account_token}}).json()["status"]
    assert status["user"]["username"] == "system:serviceaccount:default:caller"
    assert status["user"]["groups"] == list(service_account_groups("default"))
    assert status["audiences"] == [ISSUER]
    bad = http.post(path, json={"spec": {"token": "x.y.z"}}).json()["status"]
    assert (bad["user"], "authenticated" in bad) == ({}, False)
    assert bad["error"].startswith("invalid bearer token")
    wrong = http.post(path, json={"spec": {"token": account_token, "audiences": ["sts"]}}).json()["status"]
    assert "is invalid for the target audiences" in wrong["error"]
    none = http.post(path, json={"spec": {}})
    assert (none.status_code, none.json()["message"]) == (400, "token is required for TokenReview in authentication")


def test_the_administrators_token_is_reviewed_as_the_administrator(served: Any, http: httpx2.Client) -> None:
    path = "/apis/authentication.k8s.io/v1/tokenreviews"
    token = served.cluster.administrator_token
    status = http.post(path, json={"spec": {"token": token}}).json()["status"]
    assert status["user"] == {"username": "admin", "groups": ["system:masters", "system:authenticated"]}
    other = http.post(path, json={"spec": {"token": token, "audiences": ["sts"]}}).json()["status"]
    assert "authenticated" not in other


def review(http: httpx2.Client, kind: str, **spec: Any) -> Any:
    path = "/apis/authorization.k8s.io/v1"
    if kind == "localsubjectaccessreviews":
        path += "/namespaces/default"
    return http.post(f"{path}/{kind}", json={"spec": spec})


def test_another_token_is_passed_to_the_token_authenticators(serve: Callable[..., Any]) -> None:
    asked: list[str] = []

    def cloud(token: str) -> User | None:
        asked.append(token)
        return User("arn:jane", groups=("developers",)) if token == "cloud.jane" else None

    with serve(token_authenticators=[lambda _: None, cloud]) as served:
        with served.client("cloud.jane") as http:
            me = {"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1"}
            answer = http.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", json=me).json()
            assert answer["status"]["userInfo"] == {
                "username": "arn:jane",
                "groups": ["developers", "system:authenticated"],
            }
            assert http.get(PODS).json()["message"] == (
                'pods is forbidden: User "arn:jane" cannot list resource "pods" in API group "" in the namespace '
                '"default"'
            )
        with served.client("cloud.john") as http:
            assert http.get(PODS).status_code == 401
        assert asked.count("cloud.john") == 1
        asked.clear()
        with served.client() as http:
            review = {"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "spec": {"token": "cloud.jane"}}
            answer = http.post("/apis/authentication.k8s.io/v1/tokenreviews", json=review).json()
            assert answer["status"]["user"]["username"] == "arn:jane"
        assert asked == ["cloud.jane"]  # and not the administrator's


async def test_no_other_authenticator_sees_a_service_accounts_token(make: Callable[..., Cluster], clock: Any) -> None:
    asked: list[str] = []
    cluster = make(token_authenticators=[asked.append], clock=clock)
    authenticator = cluster.api.authenticator
    async with cluster:
        admin = cluster.client(ADMINISTRATOR)
        await admin.create("serviceaccounts", "default", {"metadata": {"name": "default"}})
        token = await token_of(admin)
        clock.now += 4000
        assert authenticator.user_of(token) is None
        forged = token.rpartition(".")[0] + "." + "A" * len(token.rpartition(".")[2])
        assert authenticator.user_of(forged) is None
    assert asked == []


def test_access_reviews_ask_the_same_decision(served: Any, http: httpx2.Client, account_token: str) -> None:
    wanted = {"verb": "list", "resource": "pods", "namespace": "default"}
    assert review(http, "selfsubjectaccessreviews", resourceAttributes=wanted).json()["status"]["allowed"] is True
    with served.client(account_token) as caller:
        denied = review(caller, "selfsubjectaccessreviews", resourceAttributes=wanted)
        assert denied.json()["status"] == {"allowed": False}
        path = {"verb": "get", "path": "/apis"}
        assert (
            review(caller, "selfsubjectaccessreviews", nonResourceAttributes=path).json()["status"]["allowed"] is True
        )
    for kind in ("subjectaccessreviews", "localsubjectaccessreviews"):
        asked = review(http, kind, resourceAttributes=wanted, user="jane", groups=["system:authenticated"])
        assert asked.json()["status"] == {"allowed": False}
        masters = review(http, kind, resourceAttributes=wanted, user="jane", groups=["system:masters"])
        assert masters.json()["status"]["allowed"] is True


@pytest.mark.parametrize(
    ("kind", "spec", "text"),
    [
        ("selfsubjectaccessreviews", {}, "exactly one of nonResourceAttributes or resourceAttributes"),
        (
            "selfsubjectaccessreviews",
            {"resourceAttributes": {}, "nonResourceAttributes": {}},
            "cannot be specified in combination with resourceAttributes",
        ),
        ("subjectaccessreviews", {"resourceAttributes": {}}, "at least one of user or group must be specified"),
        ("localsubjectaccessreviews", {"resourceAttributes": {"namespace": "x"}}, "must match metadata.namespace"),
        ("selfsubjectrulesreviews", {}, "no namespace on request"),
    ],
)
def test_a_review_that_asks_nothing_is_refused(http: httpx2.Client, kind: str, spec: Any, text: str) -> None:
    answer = review(http, kind, **spec)
    assert 400 <= answer.status_code < 500
    assert text in answer.json()["message"]


def test_an_administrator_may_act_as_another(http: httpx2.Client) -> None:
    headers = {
        "Impersonate-User": "jane",
        "Impersonate-Group": "dev",
        "Impersonate-Uid": "7",
        "Impersonate-Extra-Scopes%2fA": "view",
    }
    me = http.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", json={}, headers=headers).json()
    assert me["status"]["userInfo"] == {
        "username": "jane",
        "uid": "7",
        "groups": ["dev", "system:authenticated"],
        "extra": {"scopes/a": ["view"]},
    }
    refused = http.get(PODS, headers={"Impersonate-User": "system:serviceaccount:default:caller"})
    assert (refused.status_code, "serviceaccount:default:caller" in refused.json()["message"]) == (403, True)


def test_a_service_account_may_not_act_as_another(served: Any, account_token: str) -> None:
    with served.client(account_token) as http:
        answer = http.get(PODS, headers={"Impersonate-User": "admin", "Impersonate-Group": "system:masters"})
    assert answer.status_code == 403
    assert answer.json()["message"] == (
        'users "admin" is forbidden: User "system:serviceaccount:default:caller" cannot impersonate resource "users" '
        'in API group "" at the cluster scope'
    )


@pytest.mark.parametrize("header", ["Impersonate-Group", "Impersonate-Uid", "Impersonate-Extra-a"])
def test_impersonation_needs_a_user(http: httpx2.Client, header: str) -> None:
    answer = http.get(PODS, headers={header: "x"})
    assert answer.status_code == 500
    assert "without impersonating a user" in answer.json()["message"]


def test_an_unknown_impersonation_header_is_refused() -> None:
    with pytest.raises(StatusError, match="impersonate-foo is not known"):
        impersonated_user(ADMINISTRATOR, [("Impersonate-User", "x"), ("Impersonate-Foo", "y")], NO_ROLES)


@pytest.mark.parametrize(
    ("headers", "groups"),
    [
        ([("Impersonate-User", "jane")], ("system:authenticated",)),
        ([("Impersonate-User", "system:anonymous")], ("system:unauthenticated",)),
        ([("Impersonate-User", "system:serviceaccount:n:sa")], service_account_groups("n")),
    ],
)
def test_an_impersonated_user_has_the_groups_that_everyone_has(headers: Any, groups: tuple[str, ...]) -> None:
    assert impersonated_user(ADMINISTRATOR, headers, NO_ROLES).groups == groups


# --- the issuer


def test_the_issuers_documents_are_public_on_their_own_listener(cluster_app: Any) -> None:
    base = "/id/0123456789ABCDEF0123456789ABCDEF"
    status, headers, body = cluster_app(f"{base}/.well-known/openid-configuration")
    assert (status, headers["content-type"]) == (200, "application/json")
    document = json.loads(body)
    assert document == {
        "issuer": ISSUER,
        "jwks_uri": f"{ISSUER}/keys",
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }
    status, headers, body = cluster_app(f"{base}/keys")
    assert (status, headers["content-type"]) == (200, "application/jwk-set+json")
    assert headers["cache-control"] == "public, max-age=3600"
    (key,) = json.loads(body)["keys"]
    assert (key["use"], key["kty"], key["alg"]) == ("sig", "RSA", "RS256")
    assert cluster_app("/keys")[0] == 404
    assert cluster_app(f"{base}/keys", method="POST")[0] == 405
    assert cluster_app(f"{base}/keys", method="HEAD")[2] == b""


@pytest.fixture
def cluster_app(make: Callable[..., Cluster]) -> Callable[..., tuple[int, dict[str, str], bytes]]:
    import asyncio

    app = make().issuer_app

    def ask(path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        asyncio.run(app({"type": "http", "method": method, "path": path}, None, send))
        headers = {key.decode(): value.decode() for key, value in sent[0]["headers"]}
        return sent[0]["status"], headers, sent[1]["body"]

    return ask


def test_the_api_listener_serves_the_issuers_documents_to_authenticated_users(http: httpx2.Client) -> None:
    assert http.get("/.well-known/openid-configuration").json()["issuer"] == ISSUER
    assert http.get("/openid/v1/jwks").headers["content-type"] == "application/jwk-set+json"
