"""The exchange of a pod's token for EKS Pod Identity, check by check, without any server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from podrole.iam.directory import Role
from podrole.iam.principal import Principal, PrincipalType
from podrole.oidc.errors import KeysFault
from podrole.oidc.issuer import mint
from podrole.oidc.keys import SigningKey
from podrole.sts.denial import POD_IDENTITY_STEPS, Denial, Step
from podrole.sts.pod_identity import (
    AUDIENCE,
    Association,
    Cluster,
    Granted,
    Pod,
    assume_role_for_pod_identity,
    session_tags,
)
from podrole.sts.session import Session, SessionKind
from podrole.sts.trust import Candidate
from support.sts import (
    ACCOUNT,
    AT,
    NOW,
    OTHER_ACCOUNT,
    ROLE_ARN,
    Accounts,
    Published,
    a_role,
    allow,
    document,
    policies,
)

ISSUER = "https://oidc.eks.us-east-1.amazonaws.com/id/ABC"
CLUSTER_ARN = f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/dev"
CLUSTER = Cluster("dev", CLUSTER_ARN, ACCOUNT, ISSUER, ("a" * 40,))
ASSOCIATION = Association("a-1", f"{CLUSTER_ARN}/a-1", ROLE_ARN)
TARGET_ARN = f"arn:aws:iam::{OTHER_ACCOUNT}:role/target"
TO_TARGET = replace(ASSOCIATION, target_role_arn=TARGET_ARN, external_id="secret")
KEY = SigningKey.generate("ES256")
SUBJECT = "system:serviceaccount:shop:inventory"
KUBERNETES: dict[str, Any] = {
    "namespace": "shop",
    "serviceaccount": {"name": "inventory", "uid": "sa-uid"},
    "pod": {"name": "web-0", "uid": "pod-uid"},
}
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": SUBJECT,
    "aud": [AUDIENCE],
    "iat": NOW,
    "exp": NOW + 3_600,
    "kubernetes.io": KUBERNETES,
}
TAGS = {
    "eks-cluster-arn": CLUSTER_ARN,
    "eks-cluster-name": "dev",
    "kubernetes-namespace": "shop",
    "kubernetes-service-account": "inventory",
    "kubernetes-pod-name": "web-0",
    "kubernetes-pod-uid": "pod-uid",
}
READ_ONLY = document({"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"})
INVALID = "The token included in the request is invalid."
NOT_ASSUMED = "Unauthorized Exception! EKS does not have permissions to assume the associated role."
BOTH = ("sts:AssumeRole", "sts:TagSession")
CHAIN = allow(*BOTH, Resource=TARGET_ARN)


def trust(*actions: str, **elements: Any) -> dict[str, Any]:
    return allow(*(actions or BOTH), **{"Principal": {"Service": AUDIENCE}, **elements})


def accounts(*statements: Mapping[str, Any], target: Mapping[str, Any] | None = None) -> Accounts:
    chained = target or allow(*BOTH, Principal={"AWS": ROLE_ARN})
    return Accounts([a_role(*(statements or (trust(),))), a_role(chained, arn=TARGET_ARN)])


def candidate(session: Session, role: Role, *own: Mapping[str, Any]) -> Candidate:
    principal = Principal(PrincipalType.ASSUMED_ROLE, role.account, session.arn, session.id, role.arn, role.id)
    return Candidate(principal, AT.context_keys(), policies(*own))


async def exchange(
    claims: Mapping[str, Any] | None = None,
    *,
    association: Association | None = ASSOCIATION,
    cluster: Cluster = CLUSTER,
    directory: Accounts | None = None,
    keys: Published | None = None,
    token: str | None = None,
    own: tuple[Mapping[str, Any], ...] = (CHAIN,),
) -> Granted | Denial:
    """Exchange a good token but for what is given; a claim of None is left out."""
    payload = {name: value for name, value in {**CLAIMS, **(claims or {})}.items() if value is not None}
    return await assume_role_for_pod_identity(
        token or mint(payload, KEY),
        cluster,
        lambda namespace, account: association if (namespace, account) == ("shop", "inventory") else None,
        directory or accounts(),
        keys or Published(ISSUER, [KEY.verification_key]),
        AT,
        candidate_of=lambda session, role: candidate(session, role, *own),
        new_id=lambda: "0" * 36,
    )


async def granted(*arguments: Any, **more: Any) -> Granted:
    outcome = await exchange(*arguments, **more)
    assert isinstance(outcome, Granted), outcome
    return outcome


async def denial_of(*arguments: Any, **more: Any) -> Denial:
    outcome = await exchange(*arguments, **more)
    assert isinstance(outcome, Denial), outcome
    assert outcome.steps == POD_IDENTITY_STEPS
    return outcome


async def test_a_pods_token_becomes_a_session_of_its_role() -> None:
    keys = Published(ISSUER, [KEY.verification_key])
    assert await granted(keys=keys) == Granted(
        Session(
            SessionKind.ASSUMED_ROLE,
            ACCOUNT,
            ROLE_ARN,
            "AROAREADER",
            f"eks-dev-web-0-{'0' * 36}",
            NOW,
            NOW + 21_600,
            tags=TAGS,
            transitive_tag_keys=tuple(TAGS),
        ),
        ASSOCIATION,
        Pod("shop", "inventory", "web-0", "pod-uid"),
    )
    assert keys.asked == [(ISSUER, KEY.kid, CLUSTER.thumbprints)]


async def test_a_sessions_name_has_at_most_64_characters() -> None:
    session = (await granted(cluster=replace(CLUSTER, name="c" * 100))).session
    assert session.name == f"eks-{'c' * 23}-{'0' * 36}"
    assert len(session.name) == 64


async def test_a_target_role_is_assumed_by_the_role_for_an_hour() -> None:
    outcome = await granted(association=replace(TO_TARGET, policy=READ_ONLY))
    session = outcome.session
    assert (session.principal_arn, session.account) == (TARGET_ARN, OTHER_ACCOUNT)
    assert session.expires_at - session.issued_at == 3_600
    assert (session.tags, session.policy) == (TAGS, READ_ONLY)


async def test_the_policy_limits_the_last_role_of_the_chain_alone() -> None:
    sessions: list[Session] = []

    def seen(session: Session, role: Role) -> Candidate:
        sessions.append(session)
        return candidate(session, role, CHAIN)

    outcome = await assume_role_for_pod_identity(
        mint(CLAIMS, KEY),
        CLUSTER,
        lambda *_: replace(TO_TARGET, policy=READ_ONLY),
        accounts(),
        Published(ISSUER, [KEY.verification_key]),
        AT,
        candidate_of=seen,
        new_id=lambda: "0" * 36,
    )
    assert isinstance(outcome, Granted)
    assert [session.policy for session in sessions] == [None]
    assert (await granted(association=replace(ASSOCIATION, policy=READ_ONLY))).session.policy == READ_ONLY


async def test_an_association_may_pass_no_tags() -> None:
    session = (await granted(association=replace(ASSOCIATION, session_tags=False))).session
    assert (session.tags, session.transitive_tag_keys) == ({}, ())


def changed(*path: str, value: object) -> dict[str, Any]:
    """Return the claims of Kubernetes with one of them changed; None takes it away."""
    kubernetes = {name: dict(claim) if isinstance(claim, dict) else claim for name, claim in KUBERNETES.items()}
    inner: dict[str, Any] = kubernetes
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return {"kubernetes.io": kubernetes}


PARTS = (("namespace",), ("serviceaccount", "name"), ("serviceaccount", "uid"), ("pod", "name"), ("pod", "uid"))
OTHER_KEY = SigningKey.generate("ES256")


@pytest.mark.parametrize("path", PARTS, ids="/".join)
@pytest.mark.parametrize("value", [None, "", 7, ["web-0"], "line\nbreak", "\ud800"])
async def test_a_token_that_is_not_bound_to_a_pod_is_refused(path: tuple[str, ...], value: object) -> None:
    claims = changed(*path, value=value)
    if path == ("namespace",):
        claims["sub"] = f"system:serviceaccount:{value}:inventory" if isinstance(value, str) and value else SUBJECT
    if path == ("serviceaccount", "name") and isinstance(value, str) and value:
        claims["sub"] = f"system:serviceaccount:shop:{value}"
    denial = await denial_of(claims)
    assert (denial.step, denial.code, denial.message) == (Step.CLAIMS, "InvalidTokenException", INVALID)


@pytest.mark.parametrize("name", ["serviceaccount", "pod"])
@pytest.mark.parametrize("value", [None, "text", [], 7])
async def test_claims_of_another_shape_are_refused(name: str, value: object) -> None:
    denial = await denial_of(changed(name, value=value))
    assert (denial.step, denial.code) == (Step.CLAIMS, "InvalidTokenException")
    assert (await denial_of({"kubernetes.io": value})).step is Step.CLAIMS


@pytest.mark.parametrize(
    ("claims", "step"),
    [
        ({"iss": f"{ISSUER}D"}, Step.CLAIMS),
        ({"sub": None}, Step.CLAIMS),
        ({"iat": "now"}, Step.CLAIMS),
        ({"sub": "system:serviceaccount:shop:other"}, Step.CLAIMS),
        ({"sub": "system:serviceaccount:other:inventory"}, Step.CLAIMS),
        ({"aud": ["sts.amazonaws.com"]}, Step.AUDIENCE),
        ({"aud": [AUDIENCE, "sts.amazonaws.com"]}, Step.AUDIENCE),
        ({"iat": NOW + 301}, Step.TIME),
        ({"nbf": NOW + 301}, Step.TIME),
    ],
)
async def test_each_check_of_the_token_refuses_alone(claims: dict[str, Any], step: Step) -> None:
    denial = await denial_of(claims)
    assert (denial.step, denial.code, denial.status) == (step, "InvalidTokenException", 400)
    assert denial.message == INVALID


async def test_a_text_that_is_not_a_token_is_refused() -> None:
    denial = await denial_of(token="a.b.c.d")
    assert (denial.step, denial.code, denial.message) == (Step.TOKEN, "InvalidTokenException", INVALID)
    assert denial.evidence == {"cluster": "dev"}


@pytest.mark.parametrize(
    ("claims", "step"),
    [
        ({"iss": f"{ISSUER}D", "aud": ["sts.amazonaws.com"]}, Step.CLAIMS),
        ({"kubernetes.io": None, "aud": ["sts.amazonaws.com"]}, Step.CLAIMS),
        ({"aud": ["sts.amazonaws.com"], "exp": NOW - 1}, Step.AUDIENCE),
    ],
)
async def test_of_two_faults_the_first_check_refuses(claims: dict[str, Any], step: Step) -> None:
    assert (await denial_of(claims)).step is step


@pytest.mark.parametrize(
    ("keys", "step"),
    [
        (Published(ISSUER, []), Step.KEYS),
        (Published(ISSUER, [], KeysFault.TIMEOUT), Step.KEYS),
        (Published(ISSUER, [replace(KEY.verification_key, algorithm="ES384")]), Step.SIGNATURE),
        (Published(ISSUER, [replace(OTHER_KEY.verification_key, kid=KEY.kid)]), Step.SIGNATURE),
    ],
)
async def test_a_token_is_believed_only_with_the_clusters_key(keys: Published, step: Step) -> None:
    denial = await denial_of(keys=keys)
    assert (denial.step, denial.code) == (step, "InvalidTokenException")


@pytest.mark.parametrize(
    ("expiry", "text"),
    [(NOW - 1, "2027-01-15T07:59:59Z"), (-(10**15), str(-(10**15)))],
)
async def test_an_expired_token_is_refused_without_any_leeway(expiry: int, text: str) -> None:
    denial = await denial_of({"exp": expiry})
    assert (denial.step, denial.code) == (Step.TIME, "ExpiredTokenException")
    assert denial.message == (
        "The token included in the request is expired: current date/time 2027-01-15T08:00:00.900000Z must be before "
        f"the expiration date/time {text}."
    )


async def test_a_token_in_its_last_second_is_taken_however_old_it_is() -> None:
    assert await granted({"exp": NOW, "iat": NOW - 1_000_000})
    assert await granted({"iat": NOW + 300, "nbf": NOW + 300})


async def test_a_service_account_without_an_association_is_refused() -> None:
    denial = await denial_of(association=None)
    assert (denial.step, denial.code, denial.status) == (Step.ASSOCIATION, "ResourceNotFoundException", 404)
    assert denial.message == (
        "No EKS Pod Identity association found for service account shop/inventory in cluster dev."
    )


@pytest.mark.parametrize("missing", BOTH)
async def test_the_role_must_let_eks_do_both_actions(missing: str) -> None:
    denial = await denial_of(directory=accounts(trust(*(action for action in BOTH if action != missing))))
    assert (denial.step, denial.code, denial.status) == (Step.TRUST, "AccessDeniedException", 400)
    assert denial.message == NOT_ASSUMED
    assert denial.evidence["action"] == missing
    explained = denial.explanation()
    assert (explained["cluster"], explained["association"], explained["role"]) == ("dev", "a-1", ROLE_ARN)
    assert explained["token"]["claims"]["sub"] == SUBJECT


@pytest.mark.parametrize(
    "condition",
    [
        {"aws:SourceArn": CLUSTER_ARN},
        {"aws:SourceAccount": ACCOUNT},
        {"aws:SecureTransport": "true"},
        {"aws:PrincipalIsAWSService": "true"},
        {"aws:PrincipalServiceName": AUDIENCE},
        {"aws:RequestTag/kubernetes-namespace": "shop"},
        {"aws:RequestedRegion": AT.region},
    ],
)
async def test_a_condition_of_the_trust_policy_sees_the_call_of_eks(condition: dict[str, str]) -> None:
    assert await granted(directory=accounts(trust(Condition={"StringEquals": condition})))
    other = {key: f"{value}x" for key, value in condition.items()}
    assert (await denial_of(directory=accounts(trust(Condition={"StringEquals": other})))).step is Step.TRUST


@pytest.mark.parametrize("key", ["aws:SourceIp", "aws:UserAgent"])
async def test_a_condition_does_not_see_where_the_pod_asked_from(key: str) -> None:
    assert await granted(directory=accounts(trust(Condition={"Null": {key: "true"}})))


@pytest.mark.parametrize(
    "wrong",
    [
        {"association": replace(ASSOCIATION, role_arn=f"{ROLE_ARN}s")},
        {"association": replace(TO_TARGET, target_role_arn=f"{TARGET_ARN}s")},
        {"association": TO_TARGET, "own": ()},
        {"association": TO_TARGET, "own": (allow("sts:AssumeRole", Resource=TARGET_ARN),)},
        {"association": TO_TARGET, "directory": accounts(target=allow(*BOTH, Principal={"AWS": ACCOUNT[::-1]}))},
        {"association": TO_TARGET, "directory": accounts(target=allow("sts:AssumeRole", Principal={"AWS": ROLE_ARN}))},
        {
            "association": replace(TO_TARGET, external_id="other"),
            "directory": accounts(
                target=allow(
                    *BOTH, Principal={"AWS": ROLE_ARN}, Condition={"StringEquals": {"sts:ExternalId": "secret"}}
                )
            ),
        },
    ],
)
async def test_each_role_of_the_chain_refuses_alone(wrong: dict[str, Any]) -> None:
    denial = await denial_of(**wrong)
    assert (denial.step, denial.code, denial.message) == (Step.TRUST, "AccessDeniedException", NOT_ASSUMED)


async def test_the_target_role_sees_the_external_id() -> None:
    equals = {"StringEquals": {"sts:ExternalId": "secret"}}
    directory = accounts(target=allow(*BOTH, Principal={"AWS": ROLE_ARN}, Condition=equals))
    assert await granted(association=TO_TARGET, directory=directory)


async def test_a_malformed_policy_of_the_association_is_refused() -> None:
    denial = await denial_of(association=replace(ASSOCIATION, policy="{}"))
    assert (denial.step, denial.code) == (Step.SESSION_POLICY, "MalformedPolicyDocument")


async def test_tags_that_are_too_large_are_refused() -> None:
    """A pod's name may be 253 characters; the packed size of them all is bounded as for every session."""
    noise = "".join(chr(0x4E00 + (number * 7919) % 20_000) for number in range(1_200))
    denial = await denial_of(changed("pod", "name", value=noise))
    assert (denial.step, denial.code) == (Step.SESSION_POLICY, "PackedPolicyTooLarge")


def test_a_pods_tags_are_all_transitive() -> None:
    tags = session_tags(CLUSTER, Pod("shop", "inventory", "web-0", "pod-uid"))
    assert (tags.tags, tags.transitive_keys) == (TAGS, tuple(TAGS))
