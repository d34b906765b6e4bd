"""Who a bearer token belongs to, and which permissions an impersonation needs."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.authorization.decisions import AccessAttributes, AccessDecision, refusal
from podrole.cluster.core.errors import StatusError
from podrole.cluster.core.store import Create
from podrole.cluster.core.users import ADMINISTRATOR, ANONYMOUS, User
from podrole.cluster.identity.authentication import Authenticator, bearer_token, impersonated_user
from podrole.cluster.identity.service_accounts import ServiceAccountTokens
from podrole.cluster.kinds.registry import BY_NAME
from podrole.cluster.store.memory import MemoryStore
from podrole.oidc.issuer import mint
from podrole.oidc.keys import SigningKey

ISSUER = "https://oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
KEY = SigningKey.generate("ES256")
NOW = 1_800_000_000
ACCOUNT = {"metadata": {"name": "app", "namespace": "demo", "uid": "u"}}
JANE = User("jane", groups=("developers",))


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer x", "x"),
        ("bearer  x ", "x"),
        (" BEARER x", "x"),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic x", None),
        ("Bearerx", None),
        ("", None),
    ],
)
def test_a_bearer_token_is_read_from_its_header(header: str, token: str | None) -> None:
    assert bearer_token(header) == token


class Others:
    """A token authenticator that knows Jane's token, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, token: str) -> User | None:
        self.asked.append(token)
        return JANE if token == "jane-token" else None


@pytest.fixture
def tokens() -> ServiceAccountTokens:
    store = MemoryStore()
    store.seed([Create(BY_NAME["serviceaccounts"], {"metadata": dict(ACCOUNT["metadata"])})])
    return ServiceAccountTokens(store, [ISSUER], [KEY], lambda: NOW)


@pytest.fixture
def others() -> Others:
    return Others()


@pytest.fixture
def authenticator(tokens: ServiceAccountTokens, others: Others) -> Authenticator:
    return Authenticator("secret", tokens, ["api"], [lambda _: None, others])


def test_no_token_is_anonymous(authenticator: Authenticator) -> None:
    assert authenticator.authenticate(None) is ANONYMOUS
    assert authenticator.authenticate("Basic c2VjcmV0") is ANONYMOUS


@pytest.mark.parametrize("token", ["wrong", "secret2", "Secret", "a.b.c"])
def test_an_unknown_token_is_refused_and_not_anonymous(authenticator: Authenticator, token: str) -> None:
    with pytest.raises(StatusError) as refused:
        authenticator.authenticate(f"Bearer {token}")
    assert refused.value.http_status == 401


def test_the_administrator_is_known_by_its_token(authenticator: Authenticator) -> None:
    assert authenticator.authenticate("Bearer secret") is ADMINISTRATOR


def test_a_service_account_is_known_by_its_token(authenticator: Authenticator, tokens: Any, others: Others) -> None:
    token = tokens.mint(ACCOUNT, ["api"], seconds=600)
    assert authenticator.authenticate(f"Bearer {token}").name == "system:serviceaccount:demo:app"
    assert others.asked == []


def test_a_service_accounts_token_for_another_audience_is_refused(authenticator: Authenticator, tokens: Any) -> None:
    assert authenticator.user_of(tokens.mint(ACCOUNT, ["sts.amazonaws.com"], seconds=600)) is None


def test_a_forged_token_of_this_issuer_is_shown_to_no_other_authenticator(
    authenticator: Authenticator, others: Others
) -> None:
    forged = mint({"iss": ISSUER, "sub": "x", "aud": "api", "exp": NOW + 9, "iat": NOW}, SigningKey.generate("ES256"))
    assert authenticator.user_of(forged) is None
    assert others.asked == []


def test_another_token_belongs_to_whom_an_authenticator_says(authenticator: Authenticator, others: Others) -> None:
    user = authenticator.authenticate("Bearer jane-token")
    assert (user.name, user.groups) == ("jane", ("developers", "system:authenticated"))
    assert others.asked == ["jane-token"]


class Granting:
    """An authorizer that allows all but one thing; it remembers what it was asked."""

    def __init__(self, denied: str = "") -> None:
        self.denied = denied
        self.asked: list[tuple[str, ...]] = []

    def check(self, wanted: AccessAttributes) -> None:
        assert wanted.verb == "impersonate"
        assert wanted.version == "v1"
        self.asked.append((wanted.group, wanted.resource, wanted.subresource, wanted.namespace, wanted.name))
        if wanted.resource == self.denied:
            raise refusal(wanted, AccessDecision(allowed=False))


AUTHENTICATION = "authentication.k8s.io"
EVERYTHING = [
    ("Impersonate-User", "jane"),
    ("Impersonate-Group", "developers"),
    ("Impersonate-Uid", "7"),
    ("Impersonate-Extra-Reason%2fwhy", "audit"),
]


def impersonate(headers: list[tuple[str, str]], authorizer: Granting) -> User:
    return impersonated_user(User("operator"), headers, authorizer)  # type: ignore[arg-type] # what it uses of it


def test_each_part_of_an_impersonation_is_asked_for() -> None:
    authorizer = Granting()
    user = impersonate(EVERYTHING, authorizer)
    assert authorizer.asked == [
        ("", "users", "", "", "jane"),
        ("", "groups", "", "", "developers"),
        (AUTHENTICATION, "uids", "", "", "7"),
        (AUTHENTICATION, "userextras", "reason/why", "", "audit"),
    ]
    assert user == User("jane", "7", ("developers", "system:authenticated"), {"reason/why": ("audit",)})


@pytest.mark.parametrize("denied", ["users", "groups", "uids", "userextras"])
def test_each_part_of_an_impersonation_can_be_refused(denied: str) -> None:
    with pytest.raises(StatusError) as refused:
        impersonate(EVERYTHING, Granting(denied))
    assert refused.value.http_status == 403


def test_every_group_and_every_value_is_asked_for() -> None:
    authorizer = Granting()
    several = [("Impersonate-Group", "a"), ("Impersonate-Group", "b"), ("Impersonate-Extra-X", "1"),
               ("Impersonate-Extra-X", "2"), ("Impersonate-User", "jane")]  # fmt: skip
    user = impersonate(several, authorizer)
    assert [one[-1] for one in authorizer.asked] == ["jane", "a", "b", "1", "2"]
    assert user.extra == {"x": ("1", "2")}


def test_a_service_account_is_impersonated_as_the_object_that_it_is() -> None:
    authorizer = Granting()
    user = impersonate([("Impersonate-User", "system:serviceaccount:demo:app")], authorizer)
    assert authorizer.asked == [("", "serviceaccounts", "", "demo", "app")]
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:demo", "system:authenticated")
    with pytest.raises(StatusError):
        impersonate([("Impersonate-User", "system:serviceaccount:demo:app")], Granting("serviceaccounts"))


@pytest.mark.parametrize(
    ("headers", "groups"),
    [
        ([("Impersonate-User", "jane")], ("system:authenticated",)),
        (
            [("Impersonate-User", "system:serviceaccount:demo:app"), ("Impersonate-Group", "a")],
            ("a", "system:authenticated"),
        ),
        ([("Impersonate-User", "system:anonymous")], ("system:unauthenticated",)),
        (
            [("Impersonate-User", "system:anonymous"), ("Impersonate-Group", "system:unauthenticated")],
            ("system:unauthenticated",),
        ),
        (
            [("Impersonate-User", "jane"), ("Impersonate-Group", "system:authenticated")],
            ("system:authenticated",),
        ),
    ],
)
def test_the_impersonated_user_has_the_groups_that_it_would_have(headers: Any, groups: tuple[str, ...]) -> None:
    assert impersonate(headers, Granting()).groups == groups


def test_without_impersonation_headers_nothing_is_asked() -> None:
    authorizer = Granting()
    user = impersonate([("Authorization", "Bearer x"), ("X-Impersonate-User", "jane")], authorizer)
    assert (user.name, authorizer.asked) == ("operator", [])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("Impersonate-Group", "a")], 500),
        ([("Impersonate-Uid", "7")], 500),
        ([("Impersonate-User", "")], 500),
        ([("Impersonate-User", "jane"), ("Impersonate-Role", "x")], 400),
    ],
)
def test_an_impersonation_of_nobody_or_by_an_unknown_header_is_refused(headers: Any, status: int) -> None:
    authorizer = Granting()
    with pytest.raises(StatusError) as refused:
        impersonate(headers, authorizer)
    assert (refused.value.http_status, authorizer.asked) == (status, [])
