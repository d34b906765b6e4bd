"""The checks of a service-account token, each in a case in which it alone refuses."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from podrole.base.clock import rfc3339
from podrole.cluster.core.store import Create
from podrole.cluster.identity.service_accounts import ServiceAccountTokens, TokenBinding, TokenRejected
from podrole.cluster.kinds.registry import BY_NAME
from podrole.cluster.store.memory import MemoryStore
from podrole.oidc.issuer import mint
from podrole.oidc.keys import SigningKey
from podrole.oidc.token import parse_token
from podrole.oidc.verify import verify_signature

ISSUER = "https://oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
KEY, SECOND_KEY, FOREIGN_KEY = SigningKey.generate(), SigningKey.generate("ES256"), SigningKey.generate("ES256")
NOW = 1_800_000_000
AUDIENCE = "api"

ACCOUNT = {"metadata": {"name": "app", "namespace": "demo", "uid": "account-uid"}}
POD = {"metadata": {"name": "web", "namespace": "demo", "uid": "pod-uid"}}
SECRET = {"metadata": {"name": "key", "namespace": "demo", "uid": "secret-uid"}}
NODE = {"metadata": {"name": "n1", "uid": "node-uid"}}
BOUND = {"Pod": POD, "Secret": SECRET, "Node": NODE}
RESOURCES = {"ServiceAccount": "serviceaccounts", "Pod": "pods", "Secret": "secrets", "Node": "nodes"}


class Clock:
    def __init__(self) -> None:
        self.now: float = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def copy(obj: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {**obj, "metadata": {**obj["metadata"], **metadata}}


def deleted_since(obj: dict[str, Any], seconds: float) -> dict[str, Any]:
    return copy(obj, deletionTimestamp=rfc3339(NOW - seconds))


def tokens(clock: Clock, objects: dict[str, dict[str, Any]] | None = None) -> ServiceAccountTokens:
    """Return the tokens of a cluster that holds ``objects``, by kind; everything that a token names by default."""
    store = MemoryStore()
    held = {"ServiceAccount": ACCOUNT, **BOUND} if objects is None else objects
    store.seed(Create(BY_NAME[RESOURCES[kind]], copy(obj)) for kind, obj in held.items())
    return ServiceAccountTokens(store, [ISSUER], [KEY, SECOND_KEY], clock)


def without(kind: str) -> dict[str, dict[str, Any]]:
    return {key: obj for key, obj in {"ServiceAccount": ACCOUNT, **BOUND}.items() if key != kind}


def replaced(kind: str, obj: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {**without(kind), kind: obj}


def decoded(text: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def test_the_expiry_of_a_token_is_announced_before_it_is_signed(clock: Clock) -> None:
    announced: list[tuple[str, float]] = []
    issuing = tokens(clock)
    issuing.before_signing = lambda kid, expiry: announced.append((kid, expiry))
    issuing.mint(ACCOUNT, [AUDIENCE], seconds=600)
    assert announced == [(KEY.kid, NOW + 600)]


def claims(**changes: Any) -> dict[str, Any]:
    valid: dict[str, Any] = decoded(tokens(Clock()).mint(ACCOUNT, [AUDIENCE], seconds=3600).split(".")[1])
    return {key: value for key, value in {**valid, **changes}.items() if value is not None}


def bound_claims(**bindings: Any) -> dict[str, Any]:
    return claims(**{"kubernetes.io": {**claims()["kubernetes.io"], **bindings}})


def refusal(checker: ServiceAccountTokens, token: str) -> str:
    with pytest.raises(TokenRejected) as refused:
        checker.authenticate(token, [AUDIENCE])
    assert token not in str(refused.value)
    return str(refused.value)


@pytest.mark.parametrize("key", [KEY, SECOND_KEY])
def test_a_token_of_every_key_of_the_cluster_is_accepted(clock: Clock, key: SigningKey) -> None:
    user = tokens(clock).authenticate(mint(claims(), key), [AUDIENCE]).user
    assert (user.name, user.uid) == ("system:serviceaccount:demo:app", "account-uid")


def test_a_token_is_signed_by_the_first_key_and_says_when_to_reload_it(clock: Clock) -> None:
    binding = TokenBinding("Pod", POD, NODE)
    token = tokens(clock).mint(ACCOUNT, [AUDIENCE], seconds=600, warn_after=60, binding=binding)
    header, payload, _ = token.split(".")
    assert decoded(header)["kid"] == KEY.kid
    assert decoded(payload)["kubernetes.io"] == {
        "namespace": "demo",
        "node": {"name": "n1", "uid": "node-uid"},
        "pod": {"name": "web", "uid": "pod-uid"},
        "serviceaccount": {"name": "app", "uid": "account-uid"},
        "warnafter": NOW + 60,
    }
    assert "warnafter" not in claims()["kubernetes.io"]


@pytest.mark.parametrize(
    ("binding", "extra"),
    [
        (None, {}),
        (TokenBinding("Secret", SECRET), {}),
        (TokenBinding("Node", NODE), {"node-name": "n1", "node-uid": "node-uid"}),
        (TokenBinding("Pod", POD), {"pod-name": "web", "pod-uid": "pod-uid"}),
        (
            TokenBinding("Pod", POD, NODE),
            {"pod-name": "web", "pod-uid": "pod-uid", "node-name": "n1", "node-uid": "node-uid"},
        ),
        (
            TokenBinding("Pod", POD, {"metadata": {"name": "lost"}}),
            {"pod-name": "web", "pod-uid": "pod-uid", "node-name": "lost"},
        ),
    ],
)
def test_a_user_has_what_its_token_is_bound_to(
    clock: Clock, binding: TokenBinding | None, extra: dict[str, str]
) -> None:
    token = tokens(clock).mint(ACCOUNT, [AUDIENCE], seconds=600, binding=binding)
    found = dict(tokens(clock).authenticate(token, [AUDIENCE]).user.extra)
    assert found.pop("authentication.kubernetes.io/credential-id") == (f"JTI={decoded(token.split('.')[1])['jti']}",)
    assert found == {f"authentication.kubernetes.io/{key}": (value,) for key, value in extra.items()}


def test_a_token_is_parsed_and_its_signature_checked_once(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []
    parsed: list[str] = []

    def verify(token: Any, keys: Any) -> Any:
        checked.append(token.kid)
        return verify_signature(token, keys)

    def parse(text: str) -> Any:
        parsed.append(text)
        return parse_token(text)

    monkeypatch.setattr("podrole.cluster.identity.service_accounts.verify_signature", verify)
    monkeypatch.setattr("podrole.cluster.identity.service_accounts.parse_token", parse)
    checker = tokens(clock)
    first, second = mint(claims(), KEY), mint(claims(), SECOND_KEY)
    for token in (first, second, first, second):
        assert checker.authenticate(token, [AUDIENCE])
        assert checker.issued(token)
    assert (checked, parsed) == ([KEY.kid, SECOND_KEY.kid], [first, second])


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"iss": "https://elsewhere.example"}, "invalid bearer token: it is not from this cluster's issuer"),
        ({"aud": ["sts.amazonaws.com"]}, 'token audiences ["sts.amazonaws.com"] is invalid for the target audiences'),
        ({"exp": NOW - 61}, "service account token has expired"),
        ({"iat": NOW + 61, "nbf": None}, "invalid bearer token: "),
        ({"nbf": NOW + 61}, "invalid bearer token: The token is not valid yet"),
        ({"sub": "system:admin"}, "invalid bearer token: it is no service account's"),
        ({"sub": "system:serviceaccount:demo:other"}, "invalid bearer token: its claims contradict its subject"),
        ({"sub": "system:serviceaccount:other:app"}, "invalid bearer token: its claims contradict its subject"),
        ({"kubernetes.io": None}, "invalid bearer token: it is no service account's"),
        ({"kubernetes.io": "demo"}, "invalid bearer token: it is no service account's"),
    ],
)
def test_a_claim_that_is_wrong_is_refused(clock: Clock, changes: dict[str, Any], text: str) -> None:
    assert refusal(tokens(clock), mint(claims(**changes), KEY)).startswith(text)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"serviceaccount": None}, "invalid bearer token: it names no service account"),
        ({"serviceaccount": "app"}, "invalid bearer token: it names no service account"),
        ({"serviceaccount": {"name": "app", "uid": "other"}}, "service account UID (account-uid) does not match"),
        ({"serviceaccount": {"name": "app"}}, "service account UID (account-uid) does not match claim (None)"),
        ({"serviceaccount": {"name": "x", "uid": "account-uid"}}, "invalid bearer token: its claims contradict"),
        ({"namespace": "other"}, "invalid bearer token: its claims contradict its subject"),
        ({"namespace": None}, "invalid bearer token: its claims contradict its subject"),
    ],
)
def test_a_kubernetes_claim_that_is_wrong_is_refused(clock: Clock, changes: dict[str, Any], text: str) -> None:
    assert refusal(tokens(clock), mint(bound_claims(**changes), KEY)).startswith(text)


@pytest.mark.parametrize(
    "key",
    [
        FOREIGN_KEY,
        SigningKey(FOREIGN_KEY.private_key, KEY.kid, "ES256"),
        SigningKey(FOREIGN_KEY.private_key, SECOND_KEY.kid, "ES256"),
        SigningKey(SECOND_KEY.private_key, FOREIGN_KEY.kid, "ES256"),
    ],
    ids=["unknown key id", "key id of another algorithm", "known key id", "known key with unknown id"],
)
def test_a_token_of_a_foreign_key_is_refused(clock: Clock, key: SigningKey) -> None:
    assert refusal(tokens(clock), mint(claims(), key)).startswith("invalid bearer token: ")


def test_a_key_that_was_withdrawn_is_refused_at_once(clock: Clock) -> None:
    checker, token = tokens(clock), mint(claims(), KEY)
    assert checker.authenticate(token, [AUDIENCE])
    checker.use_keys([SECOND_KEY])
    assert refusal(checker, token).startswith("invalid bearer token: ")


@pytest.mark.parametrize(("later", "accepted"), [(3660, True), (3661, False), (-60, True), (-61, False)])
@pytest.mark.parametrize("seen_before", [False, True])
def test_the_times_count_each_time(clock: Clock, later: int, accepted: bool, seen_before: bool) -> None:
    checker, token = tokens(clock), mint(claims(), KEY)
    if seen_before:
        assert checker.authenticate(token, [AUDIENCE])
    clock.now = NOW + later
    if accepted:
        assert checker.authenticate(token, [AUDIENCE])
    else:
        assert refusal(checker, token)


def test_only_the_wanted_audiences_are_told(clock: Clock) -> None:
    token = mint(claims(aud=["a", "b", "c"]), KEY)
    assert tokens(clock).authenticate(token, ["c", "x", "a"]).audiences == ("c", "a")


def test_an_account_that_is_gone_is_refused(clock: Clock) -> None:
    checker = tokens(clock, without("ServiceAccount"))
    assert refusal(checker, mint(claims(), KEY)) == 'serviceaccounts "app" not found'


@pytest.mark.parametrize("kind", list(BOUND))
def test_an_object_that_is_gone_takes_its_token_with_it(clock: Clock, kind: str) -> None:
    metadata = BOUND[kind]["metadata"]
    token = mint(bound_claims(**{kind.lower(): {"name": metadata["name"], "uid": metadata["uid"]}}), KEY)
    assert tokens(clock).authenticate(token, [AUDIENCE])
    assert refusal(tokens(clock, without(kind)), token) == "service account token has been invalidated"


@pytest.mark.parametrize("kind", ["ServiceAccount", *BOUND])
def test_an_object_that_is_being_deleted_is_accepted_for_a_minute(clock: Clock, kind: str) -> None:
    obj = {"ServiceAccount": ACCOUNT, **BOUND}[kind]
    metadata = obj["metadata"]
    bindings = {kind.lower(): {"name": metadata["name"], "uid": metadata["uid"]}} if kind in BOUND else {}
    token = mint(bound_claims(**bindings), KEY)
    assert tokens(clock, replaced(kind, deleted_since(obj, 60))).authenticate(token, [AUDIENCE])
    checker = tokens(clock, replaced(kind, deleted_since(obj, 61)))
    assert refusal(checker, token) == "service account token has been invalidated"


@pytest.mark.parametrize("kind", list(BOUND))
@pytest.mark.parametrize("uid", ["other", None])
def test_an_object_with_another_uid_is_refused(clock: Clock, kind: str, uid: str | None) -> None:
    reference = {"name": BOUND[kind]["metadata"]["name"], **({"uid": uid} if uid else {})}
    text = refusal(tokens(clock), mint(bound_claims(**{kind.lower(): reference}), KEY))
    assert text == (
        f"{kind.lower()} UID ({kind.lower()}-uid) does not match service account {kind.lower()} ref claim ({uid})"
    )


def test_the_node_of_a_bound_pod_may_be_gone(clock: Clock) -> None:
    pod = {"name": "web", "uid": "pod-uid"}
    token = mint(bound_claims(pod=pod, node={"name": "n1", "uid": "node-uid"}), KEY)
    user = tokens(clock, without("Node")).authenticate(token, [AUDIENCE]).user
    assert user.extra["authentication.kubernetes.io/node-name"] == ("n1",)
    assert user.extra["authentication.kubernetes.io/node-uid"] == ("node-uid",)


@pytest.mark.parametrize("kind", list(BOUND))
def test_a_token_is_checked_against_what_it_was_bound_to(clock: Clock, kind: str) -> None:
    token = tokens(clock).mint(ACCOUNT, [AUDIENCE], seconds=600, binding=TokenBinding(kind, BOUND[kind]))
    assert tokens(clock).authenticate(token, [AUDIENCE])
    assert refusal(tokens(clock, without(kind)), token)


def test_a_pod_of_the_same_name_in_another_namespace_does_not_count(clock: Clock) -> None:
    token = mint(bound_claims(pod={"name": "web", "uid": "pod-uid"}), KEY)
    checker = tokens(clock, replaced("Pod", copy(POD, namespace="other")))
    assert refusal(checker, token) == "service account token has been invalidated"


def test_the_signatures_that_are_remembered_are_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podrole.cluster.identity.service_accounts._REMEMBERED_SIGNATURES", 3)
    checker = tokens(clock)
    for number in range(10):
        assert checker.authenticate(mint(claims(jti=str(number)), SECOND_KEY), [AUDIENCE])
        assert len(checker._signed) <= 3


def test_a_token_is_known_by_its_issuer(clock: Clock) -> None:
    assert tokens(clock).issued(mint(claims(), FOREIGN_KEY))
    assert not tokens(clock).issued(mint(claims(iss="https://x.example"), KEY))
    assert not tokens(clock).issued("")
