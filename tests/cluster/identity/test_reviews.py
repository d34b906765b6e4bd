"""Reviews: who may be asked about, and how a question must be put."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.authorization.authorizer import Authorizer
from podrole.cluster.authorization.roles import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES, Roles
from podrole.cluster.core.calls import Call
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.store import Create
from podrole.cluster.core.users import User
from podrole.cluster.identity.authentication import Authenticator
from podrole.cluster.identity.reviews import Reviews
from podrole.cluster.identity.service_accounts import ServiceAccountTokens
from podrole.cluster.kinds.registry import BY_NAME
from podrole.cluster.store.memory import MemoryStore
from podrole.oidc.keys import SigningKey

ISSUER = "https://oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
KEY = SigningKey.generate("ES256")
NOW = 1_800_000_000
GROUP = "rbac.authorization.k8s.io"
ACCOUNT = {"metadata": {"name": "app", "namespace": "demo", "uid": "u"}}
GET_PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
SUBJECTS = [{"kind": "User", "apiGroup": GROUP, "name": "jane"}, {"kind": "Group", "apiGroup": GROUP, "name": "team"}]


@pytest.fixture
def tokens() -> ServiceAccountTokens:
    store = MemoryStore()
    metadata = {"name": "reader", "namespace": "demo"}
    reference = {"apiGroup": GROUP, "kind": "Role", "name": "reader"}
    urls = {"nonResourceURLs": ["/", "/metrics"], "verbs": ["get"]}
    store.seed(
        [
            Create(BY_NAME["serviceaccounts"], {"metadata": dict(ACCOUNT["metadata"])}),
            Create(ROLES, {"metadata": dict(metadata), "rules": [GET_PODS]}),
            Create(
                ROLE_BINDINGS,
                {"kind": "RoleBinding", "metadata": dict(metadata), "roleRef": reference, "subjects": SUBJECTS},
            ),
            Create(CLUSTER_ROLES, {"metadata": {"name": "urls"}, "rules": [urls]}),
            Create(
                CLUSTER_ROLE_BINDINGS,
                {
                    "kind": "ClusterRoleBinding",
                    "metadata": {"name": "urls"},
                    "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": "urls"},
                    "subjects": SUBJECTS,
                },
            ),
        ]
    )
    return ServiceAccountTokens(store, [ISSUER], [KEY], lambda: NOW)


@pytest.fixture
def reviews(tokens: ServiceAccountTokens) -> Reviews:
    authorizer = Authorizer(Roles(tokens._store))
    authenticator = Authenticator("secret", tokens, ["api", "other"])
    return Reviews(authenticator, authorizer, tokens, ["api", "other"], lambda: NOW)


def ask(reviews: Reviews, plural: str, spec: dict[str, Any], *, user: str = "jane", namespace: str = "") -> Any:
    group = "authentication.k8s.io" if plural in ("tokenreviews", "selfsubjectreviews") else "authorization.k8s.io"
    call = Call(BY_NAME[f"{plural}.{group}"], namespace, User(user), "test")
    review = {"kind": call.resource.kind, "apiVersion": f"{group}/v1", "metadata": {}, "spec": spec}
    return reviews.create(call, review)["status"]


def refusal(reviews: Reviews, plural: str, spec: dict[str, Any], **more: Any) -> StatusError:
    with pytest.raises(StatusError) as refused:
        ask(reviews, plural, spec, **more)
    return refused.value


PODS = {"verb": "get", "resource": "pods", "namespace": "demo"}


@pytest.mark.parametrize(
    ("spec", "allowed"),
    [
        ({"user": "jane", "resourceAttributes": PODS}, True),
        ({"groups": ["team"], "resourceAttributes": PODS}, True),
        ({"user": "joe", "groups": ["team"], "resourceAttributes": PODS}, True),
        ({"user": "joe", "resourceAttributes": PODS}, False),
        ({"user": "joe", "groups": ["other"], "resourceAttributes": PODS}, False),
        ({"user": "root", "groups": ["system:masters"], "resourceAttributes": PODS}, True),
        ({"user": "jane", "resourceAttributes": {**PODS, "verb": "list"}}, False),
        ({"user": "jane", "resourceAttributes": {**PODS, "resource": "secrets"}}, False),
        ({"user": "jane", "resourceAttributes": {**PODS, "subresource": "log"}}, False),
        ({"user": "jane", "resourceAttributes": {**PODS, "group": "apps"}}, False),
        ({"user": "jane", "resourceAttributes": {**PODS, "namespace": "other"}}, False),
        ({"user": "jane", "resourceAttributes": {**PODS, "namespace": ""}}, False),
        ({"user": "jane", "nonResourceAttributes": {"verb": "get", "path": "/pods"}}, False),
        ({"user": "jane", "nonResourceAttributes": {"verb": "get", "path": "/metrics"}}, True),
        ({"user": "jane", "nonResourceAttributes": {"verb": "post", "path": "/metrics"}}, False),
        ({"user": "jane", "nonResourceAttributes": {"verb": "get", "path": ""}}, True),  # the path /
        ({"user": "jane", "nonResourceAttributes": {"verb": "get"}}, True),
    ],
)
def test_a_subject_access_review_answers_for_its_subject(reviews: Reviews, spec: dict[str, Any], allowed: bool) -> None:
    assert ask(reviews, "subjectaccessreviews", spec, user="somebody")["allowed"] is allowed


def test_a_decision_has_a_reason_if_there_is_one(reviews: Reviews) -> None:
    spec = {"user": "jane", "resourceAttributes": PODS}
    assert ask(reviews, "subjectaccessreviews", spec) == {
        "allowed": True,
        "reason": 'RBAC: allowed by RoleBinding "reader/demo" of Role "reader" to User "jane"',
    }
    assert ask(reviews, "subjectaccessreviews", {**spec, "user": "joe"}) == {"allowed": False}


def test_a_self_subject_access_review_answers_for_who_asks(reviews: Reviews) -> None:
    spec = {"user": "jane", "resourceAttributes": PODS}
    assert ask(reviews, "selfsubjectaccessreviews", spec)["allowed"]
    assert not ask(reviews, "selfsubjectaccessreviews", spec, user="joe")["allowed"]


def test_a_review_of_nobody_is_refused(reviews: Reviews) -> None:
    assert refusal(reviews, "subjectaccessreviews", {"resourceAttributes": PODS}).http_status == 422
    assert refusal(reviews, "subjectaccessreviews", {"user": "", "groups": [], "resourceAttributes": PODS})


@pytest.mark.parametrize(
    ("attributes", "text"),
    [
        ({}, "exactly one of nonResourceAttributes or resourceAttributes must be specified"),
        (
            {"resourceAttributes": PODS, "nonResourceAttributes": {"path": "/", "verb": "get"}},
            "cannot be specified in combination with resourceAttributes",
        ),
    ],
)
def test_a_review_asks_about_one_thing(reviews: Reviews, attributes: dict[str, Any], text: str) -> None:
    error = refusal(reviews, "selfsubjectaccessreviews", attributes)
    assert (error.http_status, text in error.message) == (422, True)


@pytest.mark.parametrize(
    ("attributes", "refused_value"), [(PODS, None), ({**PODS, "namespace": "other"}, "other"), ({"verb": "get"}, "")]
)
def test_a_local_review_is_about_its_namespace(
    reviews: Reviews, attributes: dict[str, Any], refused_value: str | None
) -> None:
    spec = {"user": "jane", "resourceAttributes": attributes}
    if refused_value is None:
        assert ask(reviews, "localsubjectaccessreviews", spec, namespace="demo")["allowed"]
        return
    error = refusal(reviews, "localsubjectaccessreviews", spec, namespace="demo")
    assert error.http_status == 422
    assert error.message == (
        'LocalSubjectAccessReview.authorization.k8s.io "" is invalid: spec.resourceAttributes.namespace: Invalid '
        f'value: "{refused_value}": must match metadata.namespace'
    )


def test_a_local_review_without_resource_attributes_is_refused(reviews: Reviews) -> None:
    spec = {"user": "jane", "nonResourceAttributes": {"path": "/", "verb": "get"}}
    assert refusal(reviews, "localsubjectaccessreviews", spec, namespace="demo").http_status == 422
    assert refusal(reviews, "localsubjectaccessreviews", {"user": "jane"}, namespace="").http_status == 422


def test_a_rules_review_needs_a_namespace(reviews: Reviews) -> None:
    assert refusal(reviews, "selfsubjectrulesreviews", {}).http_status == 400
    status = ask(reviews, "selfsubjectrulesreviews", {"namespace": "demo"})
    assert status["resourceRules"] == [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}]
    assert ask(reviews, "selfsubjectrulesreviews", {"namespace": "demo"}, user="joe")["resourceRules"] == []


def test_a_token_review_needs_a_token(reviews: Reviews) -> None:
    assert refusal(reviews, "tokenreviews", {}).http_status == 400
    assert refusal(reviews, "tokenreviews", {"token": ""}).http_status == 400


@pytest.mark.parametrize(
    ("audiences", "expected"),
    [(None, ["api", "other"]), ([], ["api", "other"]), (["other", "x"], ["other"]), (["x"], None)],
)
def test_a_token_without_audiences_is_for_the_api_server(reviews: Reviews, audiences: Any, expected: Any) -> None:
    spec = {"token": "secret", **({"audiences": audiences} if audiences is not None else {})}
    status = ask(reviews, "tokenreviews", spec)
    assert status.get("audiences") == expected
    assert status.get("authenticated", False) is (expected is not None)
    assert status["user"].get("username") == ("admin" if expected else None)


@pytest.mark.parametrize(
    ("audiences", "expected"), [(None, ["api"]), (["api", "x"], ["api"]), (["sts"], ["sts"]), (["x"], None)]
)
def test_a_service_accounts_token_is_for_its_audiences(
    reviews: Reviews, tokens: ServiceAccountTokens, audiences: Any, expected: Any
) -> None:
    token = tokens.mint(ACCOUNT, ["api", "sts"], seconds=600)
    spec = {"token": token, **({"audiences": audiences} if audiences is not None else {})}
    status = ask(reviews, "tokenreviews", spec)
    assert status.get("audiences") == expected
    assert ("error" in status) is (expected is None)


def test_a_token_that_is_no_good_is_not_authenticated(reviews: Reviews) -> None:
    status = ask(reviews, "tokenreviews", {"token": "wrong"})
    assert "authenticated" not in status
    assert status["user"] == {}
