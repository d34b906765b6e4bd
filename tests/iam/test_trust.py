"""Trust policies: who may assume a role, by which action, under which claims."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.iam.evaluate import NamedPolicy, Outcome, PolicySet, evaluate, evaluate_trust
from podrole.iam.policy import PolicyKind
from podrole.iam.principal import ANONYMOUS, Principal, PrincipalType, principal_of
from podrole.iam.principal_element import Grant
from podrole.iam.request import Request

HERE = "111122223333"
ISSUER = "oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
PROVIDER = f"arn:aws:iam::{HERE}:oidc-provider/{ISSUER}"
ROLE = f"arn:aws:iam::{HERE}:role/reader"
WEB = Principal(PrincipalType.WEB_IDENTITY, arn=PROVIDER)
SUBJECT = "system:serviceaccount:default:app"
CLAIMS = {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": SUBJECT}
BY_TOKEN = "sts:AssumeRoleWithWebIdentity"


def trusting(
    policy: Any, *, principal: Any = None, action: Any = BY_TOKEN, effect: str = "Allow", **condition: Any
) -> NamedPolicy:
    statement = {
        "Effect": effect,
        "Principal": principal or {"Federated": PROVIDER},
        "Action": action,
        "Condition": condition,
    }
    named: NamedPolicy = policy(statement, kind=PolicyKind.TRUST)
    return named


def assume(trust: NamedPolicy, caller: Principal = WEB, action: str = BY_TOKEN, context: Any = CLAIMS) -> Any:
    return evaluate_trust(Request(caller, action, ROLE, HERE, context), trust)


def test_a_pod_is_let_in_by_its_provider_audience_and_subject(policy: Any) -> None:
    trust = trusting(policy, StringEquals={f"{ISSUER}:sub": SUBJECT, f"{ISSUER}:aud": "sts.amazonaws.com"})
    decision = assume(trust)
    assert (decision.outcome, decision.decided_by, decision.grant) == (Outcome.ALLOWED, PolicyKind.TRUST, Grant.CALLER)
    for key in CLAIMS:
        assert not assume(trust, context={**CLAIMS, key: "other"}).allowed
        assert not assume(trust, context={k: v for k, v in CLAIMS.items() if k != key}).allowed


@pytest.mark.parametrize(
    ("action", "allowed"),
    [
        (BY_TOKEN, True),
        ("sts:AssumeRole*", True),
        ("STS:assumerolewithWEBIDENTITY", True),
        ("sts:*", True),
        (["sts:TagSession", BY_TOKEN], True),
        ("sts:AssumeRole", False),
        ("sts:AssumeRoleWithSAML", False),
    ],
)
def test_the_action_must_be_that_of_a_token(policy: Any, action: Any, allowed: bool) -> None:
    assert assume(trusting(policy, action=action)).allowed is allowed


@pytest.mark.parametrize(
    "principal",
    [
        {"AWS": "*"},
        {"AWS": HERE},
        {"AWS": PROVIDER.replace("oidc-provider", "role")},
        {"Service": "eks.amazonaws.com"},
        {"Federated": PROVIDER.replace(HERE, "444455556666")},
        {"Federated": PROVIDER[:-1] + "0"},
        {"Federated": f"{PROVIDER}/"},
        {"Federated": f"arn:aws:iam::{HERE}:oidc-provider/*"},
        {"Federated": ISSUER.split("/", maxsplit=1)[0]},
    ],
)
def test_only_the_very_provider_lets_a_token_in(policy: Any, principal: Any) -> None:
    decision = assume(trusting(policy, principal=principal))
    assert (decision.outcome, decision.decided_by) == (Outcome.IMPLICITLY_DENIED, PolicyKind.TRUST)


def test_a_provider_among_others_lets_in(policy: Any) -> None:
    assert assume(trusting(policy, principal={"Federated": ["accounts.google.com", PROVIDER], "AWS": HERE})).allowed


def test_a_deny_wins(policy: Any) -> None:
    allow = {"Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": BY_TOKEN}
    deny = allow | {"Effect": "Deny", "Condition": {"StringLike": {f"{ISSUER}:sub": "system:serviceaccount:default:*"}}}
    decision = assume(policy(allow, deny, kind=PolicyKind.TRUST))
    assert decision.outcome is Outcome.EXPLICITLY_DENIED
    assert assume(policy(allow, deny, kind=PolicyKind.TRUST), context={f"{ISSUER}:sub": "other"}).allowed


def test_tags_and_source_identity_are_asked_for_on_their_own(policy: Any) -> None:
    plain, tagging = trusting(policy), trusting(policy, action=[BY_TOKEN, "sts:TagSession", "sts:SetSourceIdentity"])
    for action in ("sts:TagSession", "sts:SetSourceIdentity"):
        assert not assume(plain, action=action).allowed
        assert assume(tagging, action=action).allowed


def test_claims_that_are_no_condition_keys_are_absent(policy: Any) -> None:
    """The misconfiguration that lets everybody in: ForAllValues on a key that is never there."""
    key = f"{ISSUER}:kubernetes.io/namespace"
    assert not assume(trusting(policy, StringEquals={key: "default"})).allowed
    assert assume(trusting(policy, **{"ForAllValues:StringEquals": {key: "default"}})).allowed


@pytest.mark.parametrize(
    ("principal", "caller", "grant"),
    [
        ({"AWS": f"arn:aws:iam::{HERE}:user/bob"}, f"arn:aws:iam::{HERE}:user/bob", Grant.CALLER),
        ({"AWS": f"arn:aws:iam::{HERE}:role/a"}, f"arn:aws:sts::{HERE}:assumed-role/a/s", Grant.ROLE),
        ({"AWS": f"arn:aws:sts::{HERE}:assumed-role/a/s"}, f"arn:aws:sts::{HERE}:assumed-role/a/s", Grant.CALLER),
        ({"AWS": HERE}, f"arn:aws:iam::{HERE}:user/bob", Grant.ACCOUNT),
        ({"AWS": f"arn:aws:iam::{HERE}:root"}, f"arn:aws:sts::{HERE}:assumed-role/a/s", Grant.ACCOUNT),
        ({"AWS": "*"}, f"arn:aws:iam::{HERE}:user/bob", Grant.CALLER),
        ({"Service": "pods.eks.amazonaws.com"}, "pods.eks.amazonaws.com", Grant.CALLER),
    ],
)
def test_the_grant_says_whether_identity_policies_are_asked_too(
    policy: Any, principal: Any, caller: str, grant: Grant
) -> None:
    trust = trusting(policy, principal=principal, action="sts:AssumeRole")
    who = principal_of(caller)
    decision = assume(trust, who, "sts:AssumeRole", {})
    assert (decision.allowed, decision.grant) == (True, grant)
    whole = evaluate(Request(who, "sts:AssumeRole", ROLE, HERE), PolicySet(resource=trust))
    assert whole.allowed is (grant is not Grant.ACCOUNT)


def test_neither_root_nor_nobody_assumes_a_role(policy: Any) -> None:
    for caller in (principal_of(f"arn:aws:iam::{HERE}:root"), ANONYMOUS):
        decision = assume(
            trusting(policy, principal={"AWS": HERE}, action="sts:AssumeRole"), caller, "sts:AssumeRole", {}
        )
        assert decision.outcome is Outcome.IMPLICITLY_DENIED


def test_an_rcp_of_the_roles_organization_limits_a_token_and_an_scp_does_not(policy: Any) -> None:
    request = Request(WEB, BY_TOKEN, ROLE, HERE, CLAIMS)
    elements = {"Effect": "Deny", "Action": BY_TOKEN, "Resource": "*"}
    rcp = policy(elements | {"Principal": "*"}, kind=PolicyKind.RCP)
    scp = policy(elements, kind=PolicyKind.SCP)
    trust = trusting(policy)
    assert evaluate(request, PolicySet(resource=trust, scps=((scp,),))).allowed
    assert evaluate(request, PolicySet(resource=trust, rcps=((rcp,),))).decided_by is PolicyKind.RCP
