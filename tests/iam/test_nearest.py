"""Each near miss has its sentence: what was probably meant."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.iam.evaluate import PolicySet, evaluate
from podrole.iam.explain import Evidence, explain
from podrole.iam.nearest import Near
from podrole.iam.policy import PolicyKind
from podrole.iam.principal import ANONYMOUS, Principal, PrincipalType, principal_of
from podrole.iam.request import Request

HERE, THERE = "111122223333", "444455556666"
ISSUER = "oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
PROVIDER = f"arn:aws:iam::{HERE}:oidc-provider/{ISSUER}"
ROLE = f"arn:aws:iam::{HERE}:role/reader"
SUBJECT = "system:serviceaccount:default:app"
CLAIMS = {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": SUBJECT}
BY_TOKEN = "sts:AssumeRoleWithWebIdentity"
WEB = Principal(PrincipalType.WEB_IDENTITY, arn=PROVIDER)
USER = principal_of(f"arn:aws:iam::{HERE}:user/bob")
SESSION = Principal(
    PrincipalType.ASSUMED_ROLE,
    HERE,
    f"arn:aws:sts::{HERE}:assumed-role/reader/pod-1",
    "",
    f"arn:aws:iam::{HERE}:role/p/reader",
)
TRUST = {"Effect": "Allow", "Principal": {"Federated": PROVIDER}, "Action": BY_TOKEN}


def of_token(
    policy: Any, *, version: str = "2012-10-17", context: Any = CLAIMS, action: str = BY_TOKEN, **elements: Any
) -> tuple[Evidence, ...]:
    trust = policy(TRUST | elements, kind=PolicyKind.TRUST, version=version)
    request = Request(WEB, action, ROLE, HERE, context)
    policies = PolicySet(resource=trust)
    return explain(request, policies, evaluate(request, policies))


def hints(evidence: tuple[Evidence, ...]) -> str:
    return "\n".join(
        [*(failure.hint for one in evidence for failure in one.failures), *(n for one in evidence for n in one.notes)]
    )


@pytest.mark.parametrize(
    ("condition", "hint"),
    [
        pytest.param(
            {"StringEquals": {f"{ISSUER}:sub": "system:serviceaccount:default:*"}},
            "StringEquals compares `*` and `?` literally; use StringLike",
            id="a star under StringEquals",
        ),
        pytest.param(
            {"StringEquals": {f"https://{ISSUER}:sub": SUBJECT}},
            f"the key is spelt with https://; IAM leaves the scheme out: {ISSUER}:sub",
            id="a scheme in the key",
        ),
        pytest.param(
            {"StringEquals": {f"{ISSUER.replace('/', ':443/', 1)}:sub": SUBJECT}},
            f"the key is spelt with port 443; IAM's providers have none: {ISSUER}:sub",
            id="a port in the key",
        ),
        pytest.param(
            {"StringEquals": {f"{ISSUER}/:sub": SUBJECT}},
            f"the issuer has no slash at its end: {ISSUER}:sub",
            id="a slash at the end of the issuer",
        ),
        pytest.param(
            {"StringEquals": {f"{ISSUER}:sub": "system:serviceaccount:defualt:app"}},
            "differs only in the namespace: the policy has 'defualt', the request 'default'",
            id="another namespace",
        ),
        pytest.param(
            {"StringLike": {f"{ISSUER}:sub": "system:serviceaccount:*:ap"}},
            "differs only in the service account: the policy has 'ap', the request 'app'",
            id="another service account",
        ),
        pytest.param(
            {"StringEquals": {f"{ISSUER}:sub": "default/app"}},
            "the subject of a pod's token is system:serviceaccount:NAMESPACE:NAME",
            id="a subject of another form",
        ),
        pytest.param(
            {"StringEquals": {f"{ISSUER}:aud": SUBJECT}},
            "aud and sub are swapped: that value is the token's sub",
            id="aud for sub",
        ),
        pytest.param(
            {"StringEquals": {f"{ISSUER}:sub": "sts.amazonaws.com"}},
            "aud and sub are swapped: that value is the token's aud",
            id="sub for aud",
        ),
        pytest.param(
            {"StringEquals": {f"{ISSUER}:kubernetes.io/namespace": "default"}},
            "kubernetes.io/namespace is not among the condition keys of this token: aud, sub",
            id="a claim that is no key",
        ),
        pytest.param(
            {"StringEquals": {f"{ISSUER[:-1]}0:sub": SUBJECT}}, f"the token is of {ISSUER}", id="another issuer"
        ),
        pytest.param(
            {"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com/"}},
            "differs only in the slash at its end",
            id="a slash",
        ),
        pytest.param(
            {"StringEquals": {f"{ISSUER}:aud": "https://sts.amazonaws.com"}},
            "differs only in the https:// before it",
            id="a scheme",
        ),
        pytest.param(
            {"StringEquals": {f"{ISSUER}:aud": "STS.amazonaws.com"}},
            "differs only in case, and StringEquals is case-sensitive",
            id="case",
        ),
        pytest.param(
            {"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com "}},
            "differs only in white space at an end",
            id="a blank",
        ),
        pytest.param(
            {"StringEquals": {f"{ISSUER}:aud": "${aws:PrincipalTag/x}"}},
            "${aws:PrincipalTag/x} has no value in this request",
            id="a variable without value",
        ),
        pytest.param(
            {"StringEquals": {"aws:SourceIpp": "x"}},
            "the request has aws:sourceip, not aws:SourceIpp",
            id="a misspelt key",
        ),
        pytest.param(
            {"StringEquals": {"aws:TagKeys": "a"}},
            "the key has 2 values; it takes ForAnyValue: or ForAllValues: before the operator",
            id="a set under an operator for one",
        ),
        pytest.param(
            {"NumericEquals": {"aws:SourceIp": "1"}},
            "the request's value is not a number",
            id="no number in the request",
        ),
        pytest.param(
            {"NumericNotEquals": {"aws:Count": "one"}},
            "a value of the policy is not a number",
            id="no number in the policy",
        ),
        pytest.param(
            {"ArnLike": {f"{ISSUER}:aud": "arn:aws:s3:::b"}},
            "the request's value is not an ARN of six parts",
            id="no ARN",
        ),
        pytest.param(
            {"IpAddress": {"aws:SourceIp": "2001:db8::/32"}},
            "the request came over IPv4, the policy lists only IPv6",
            id="another family of addresses",
        ),
        pytest.param(
            {"StringEquals": {"aws:PrincipalArn": f"arn:aws:sts::{HERE}:assumed-role/a/s"}},
            f"aws:PrincipalArn of a role session is the role's ARN: arn:aws:iam::{HERE}:role/a",
            id="a session for its role",
        ),
    ],
)
def test_the_nearest_miss_of_a_condition(policy: Any, condition: Any, hint: str) -> None:
    context = CLAIMS | {
        "aws:SourceIp": "10.0.0.1",
        "aws:TagKeys": ["a", "b"],
        "aws:Count": "1",
        "aws:PrincipalArn": f"arn:aws:iam::{HERE}:role/a",
    }
    assert hint in hints(of_token(policy, Condition=condition, context=context))


@pytest.mark.parametrize(
    ("elements", "near"),
    [
        ({"Action": "sts:AssumeRole"}, Near.ACTION_OF_OTHER_CALLERS),
        ({"Principal": {"Service": "ec2.amazonaws.com"}}, Near.PRINCIPAL_TYPE),
        ({"Principal": {"Federated": PROVIDER.replace(HERE, THERE)}}, Near.PRINCIPAL_ACCOUNT),
        ({"Principal": {"Federated": f"{PROVIDER}0"}}, Near.OTHER_PROVIDER),
        ({"Condition": {"StringEquals": {f"{ISSUER}:sub": "system:serviceaccount:*:app"}}}, Near.LITERAL_WILDCARD),
        ({"Condition": {"StringEquals": {f"{ISSUER}:sub": "default:app"}}}, Near.SUBJECT_FORM),
        ({"Condition": {"StringEquals": {f"{ISSUER}:aud": SUBJECT}}}, Near.SWAPPED_CLAIMS),
    ],
)
def test_a_near_miss_has_a_name_for_programs(policy: Any, elements: Any, near: Near) -> None:
    (failure,) = of_token(policy, **elements)[0].failures
    assert failure.near == near
    assert failure.to_dict()["near"] == near.value


def test_the_old_version_is_pointed_out(policy: Any) -> None:
    condition = {"StringEquals": {f"{ISSUER}:sub": "${aws:username}"}}
    assert "Version 2008-10-17 leaves ${…} as literal text" in hints(
        of_token(policy, Condition=condition, version="2008-10-17")
    )


@pytest.mark.parametrize(
    ("elements", "hint"),
    [
        ({"Action": "sts:AssumeRole"}, "a web identity comes by sts:AssumeRoleWithWebIdentity"),
        ({"Principal": {"AWS": HERE}}, "a web identity matches only Federated, never AWS"),
        ({"Principal": {"Service": "ec2.amazonaws.com"}}, "a web identity matches only Federated"),
        (
            {"Principal": {"Federated": PROVIDER.replace(HERE, THERE)}},
            f"the same provider in another account: {THERE} instead of {HERE}",
        ),
        ({"Principal": {"Federated": f"{PROVIDER}/"}}, "differs only in the slash at its end"),
        ({"Principal": {"Federated": PROVIDER.lower()}}, "differs only in case"),
        (
            {"Principal": {"Federated": f"arn:aws:iam::{HERE}:oidc-provider/*"}},
            "a wildcard in Federated is an ordinary character",
        ),
        ({"Principal": {"Federated": "accounts.google.com"}}, "the token was validated by another provider"),
    ],
)
def test_the_nearest_miss_of_a_trust_policy(policy: Any, elements: Any, hint: str) -> None:
    assert hint in hints(of_token(policy, **elements))


def test_a_missing_tag_session_is_named(policy: Any) -> None:
    evidence = of_token(policy, action="sts:TagSession")
    assert "the session asks for sts:TagSession, which has to be allowed beside the assumption itself" in hints(
        evidence
    )


def test_for_all_values_on_an_absent_key_is_pointed_out_where_it_lets_in(policy: Any) -> None:
    evidence = of_token(policy, Condition={"ForAllValues:StringEquals": {f"{ISSUER}:groups": "admins"}})
    assert evidence[0].applies
    assert "ForAllValues is true of an absent key" in hints(evidence)
    for operator, why in (("StringNotEquals", "a negated operator"), ("StringEqualsIfExists", "IfExists")):
        assert f"{why} is true of an absent key" in hints(of_token(policy, Condition={operator: {"aws:none": "x"}}))
    assert not of_token(policy, Condition={"Null": {"aws:none": "true"}})[0].notes


def on_identity(
    policy: Any,
    *statements: Any,
    caller: Principal = USER,
    action: str = "s3:GetObject",
    resource: str = "arn:aws:s3:::b/k",
    **more: Any,
) -> tuple[Evidence, ...]:
    request = Request(caller, action, resource, **more)
    policies = PolicySet((policy(*statements, name="inline policy X of user bob"),)) if statements else PolicySet()
    return explain(request, policies, evaluate(request, policies))


@pytest.mark.parametrize(
    ("elements", "action", "resource", "hint"),
    [
        (
            {"Resource": "arn:aws:s3:::b"},
            "s3:GetObject",
            "arn:aws:s3:::b/k",
            "arn:aws:s3:::b does not cover what lies in it; that is arn:aws:s3:::b/*",
        ),
        (
            {"Resource": "arn:aws:s3:::b/*"},
            "s3:ListBucket",
            "arn:aws:s3:::b",
            "covers what lies in it, not the thing itself; that is arn:aws:s3:::b",
        ),
        (
            {"Resource": "arn:aws:s3:::b"},
            "s3:ListAllMyBuckets",
            "*",
            'this action takes no resource: only "Resource": "*" speaks of it',
        ),
        (
            {"Resource": "arn:aws:sqs:us-east-1:*:q"},
            "sqs:SendMessage",
            f"arn:aws:sqs:eu-west-1:{HERE}:q",
            "differs only in the region: the policy has 'us-east-1', the request 'eu-west-1'",
        ),
        (
            {"Resource": f"arn:aws:sqs:*:{THERE}:q"},
            "sqs:SendMessage",
            f"arn:aws:sqs:eu-west-1:{HERE}:q",
            "differs only in the account",
        ),
        (
            {"Resource": "arn:aws:s3:::B"},
            "s3:ListBucket",
            "arn:aws:s3:::b",
            "differs only in case: the policy has 'B', the request 'b'",
        ),
        (
            {"Resource": "arn:aws:s3:::${aws:username}"},
            "s3:ListBucket",
            "arn:aws:s3:::b",
            "${aws:username} has no value in this request",
        ),
        (
            {"Resource": "arn:aws:sqs:*:${aws:a}:q"},
            "sqs:SendMessage",
            f"arn:aws:sqs:eu-west-1:{HERE}:q",
            "a policy variable can stand only after the fifth colon of an ARN",
        ),
        (
            {"Resource": "arn:aws:sq*"},
            "sqs:SendMessage",
            f"arn:aws:sqs:eu-west-1:{HERE}:q",
            "the service of an ARN takes no wildcard",
        ),
        ({"NotResource": "*"}, "s3:GetObject", "arn:aws:s3:::b/k", "NotResource lists this resource"),
        (
            {"Action": "s3:GetObjects", "Resource": "*"},
            "s3:GetObject",
            "arn:aws:s3:::b/k",
            "s3:GetObjects looks like a misspelling of s3:GetObject",
        ),
        (
            {"NotAction": "s3:GetObject", "Resource": "*"},
            "s3:GetObject",
            "arn:aws:s3:::b/k",
            "NotAction lists this action",
        ),
    ],
)
def test_the_nearest_miss_of_an_identity_policy(
    policy: Any, elements: Any, action: str, resource: str, hint: str
) -> None:
    action_element = {} if {"Action", "NotAction"} & elements.keys() else {"Action": f"{action.partition(':')[0]}:*"}
    assert hint in hints(
        on_identity(policy, {"Effect": "Allow"} | action_element | elements, action=action, resource=resource)
    )


@pytest.mark.parametrize(
    ("principal", "caller", "hint"),
    [
        (
            {"AWS": f"arn:aws:iam::{THERE}:user/bob"},
            USER,
            "the same name in another account: the policy has '444455556666', the request '111122223333'",
        ),
        ({"AWS": f"arn:aws:iam::{HERE}:role/bob"}, USER, "that is the role of this name, the caller is the user"),
        ({"AWS": f"arn:aws:iam::{HERE}:user/Bob"}, USER, "differs only in case"),
        (
            {"AWS": f"arn:aws:iam::{HERE}:role/reader"},
            SESSION,
            "the same name under another path: the policy has 'role/reader', the request 'role/p/reader'",
        ),
        (
            {"AWS": f"arn:aws:sts::{HERE}:assumed-role/reader/pod-2"},
            SESSION,
            "another session of the role; naming the role",
        ),
        ({"AWS": THERE}, USER, f"the caller is of account {HERE}"),
        ({"Service": "ec2.amazonaws.com"}, USER, "the caller is of AWS, the statement names only Service"),
        ({"AWS": HERE}, principal_of("ec2.amazonaws.com"), "the caller is a service: it matches only Service"),
        (
            {"Service": "ec3.amazonaws.com"},
            principal_of("ec2.amazonaws.com"),
            "the caller is ec2.amazonaws.com, not ec3.amazonaws.com",
        ),
        ({"AWS": "AROAEXAMPLEEXAMPLEEXA"}, SESSION, "AROAEXAMPLEEXAMPLEEXA is the unique id that AWS shows for a role"),
        (
            {"AWS": ["AROAEXAMPLEEXAMPLEEXA", "AIDAEXAMPLEEXAMPLEEXA"]},
            USER,
            "AIDAEXAMPLEEXAMPLEEXA is the unique id that AWS shows for a user which was deleted",
        ),
        ({"AWS": HERE}, ANONYMOUS, 'the request is not signed: only "*" means everyone'),
    ],
)
def test_the_nearest_miss_of_a_principal(policy: Any, principal: Any, caller: Principal, hint: str) -> None:
    resource = policy({"Effect": "Allow", "Principal": principal, "Action": "s3:*"}, kind=PolicyKind.RESOURCE)
    request = Request(caller, "s3:GetObject", "arn:aws:s3:::b/k")
    policies = PolicySet(resource=resource)
    evidence = explain(request, policies, evaluate(request, policies))
    assert hint in hints(tuple(one for one in evidence if one.kind is PolicyKind.RESOURCE))


def test_not_principal_names_what_is_not_listed(policy: Any) -> None:
    deny = {"Effect": "Deny", "NotPrincipal": {"AWS": USER.arn}, "Action": "s3:*"}
    request = Request(USER, "s3:GetObject", "arn:aws:s3:::b/k")
    for boundaries, note in (
        (None, f"not listed: {HERE}"),
        ((), "NotPrincipal does not exempt a principal that has a permissions boundary"),
    ):
        policies = PolicySet(resource=policy(deny, kind=PolicyKind.RESOURCE), boundaries=boundaries)
        assert note in hints(explain(request, policies, evaluate(request, policies)))


def test_another_action_that_exists_is_no_misspelling(policy: Any) -> None:
    request = Request(USER, "s3:GetObject", "arn:aws:s3:::b/k")
    policies = PolicySet(identity=(policy({"Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}),))
    assert not any("misspelling" in hint for hint in hints(explain(request, policies, evaluate(request, policies))))
