"""A trust policy on an issuer that many share names its tenant."""

from __future__ import annotations

import json
from typing import Any

import pytest

from podrole.iam.document import parse_policy
from podrole.iam.errors import MalformedPolicyDocument
from podrole.iam.policy import PolicyKind
from podrole.iam.shared_issuers import check_shared_issuers

GITHUB = "token.actions.githubusercontent.com"
KEY = f"{GITHUB}:sub"


def check(policy: Any, condition: Any, *, issuer: str = GITHUB, **elements: Any) -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::111122223333:oidc-provider/{issuer}"},
        "Action": "sts:AssumeRole*",
        "Condition": condition,
    }
    check_shared_issuers(policy(statement | elements, kind=PolicyKind.TRUST).policy)


@pytest.mark.parametrize(
    "condition",
    [
        {"StringEquals": {KEY: "repo:org/repo:ref:refs/heads/main"}},
        {"StringLike": {KEY.upper(): "repo:org/*"}},
        {"ForAnyValue:StringLike": {KEY: ["repo:org/a:*", "repo:org/b:*"]}},
    ],
)
def test_a_named_tenant_is_enough(policy: Any, condition: Any) -> None:
    check(policy, condition)


@pytest.mark.parametrize(
    "condition",
    [
        {},
        {"StringEquals": {f"{GITHUB}:aud": "sts.amazonaws.com"}},
        {"StringLike": {KEY: "*"}},
        {"StringLike": {KEY: ["repo:org/*", "?*"]}},
        {"StringEquals": {KEY: []}},
        {"StringEqualsIfExists": {KEY: "repo:org/repo"}},
        {"ForAllValues:StringEquals": {KEY: "repo:org/repo"}},
        {"StringNotEquals": {KEY: "repo:evil/repo"}},
        {"Null": {KEY: "false"}},
    ],
)
def test_what_lets_every_tenant_in_is_refused(policy: Any, condition: Any) -> None:
    with pytest.raises(MalformedPolicyDocument, match=KEY) as refused:
        check(policy, condition)
    assert refused.value.faults[0].path == "$.Statement[0]"


def test_other_issuers_actions_and_denys_are_not_concerned(policy: Any) -> None:
    check(policy, {}, issuer="oidc.eks.eu-west-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF")
    check(policy, {}, Action="sts:AssumeRole")
    check(policy, {}, Principal={"Federated": "arn:aws:iam::111122223333:saml-provider/gitlab.com"})
    check(policy, {}, Effect="Deny")
    with pytest.raises(MalformedPolicyDocument, match=r"api\.pulumi\.com/oidc:aud"):
        check(policy, {}, issuer="api.pulumi.com/oidc")
    with pytest.raises(MalformedPolicyDocument, match=r"cognito-identity\.amazonaws\.com:aud"):
        check(policy, {}, Principal={"Federated": "cognito-identity.amazonaws.com"})


OPEN = {
    "Effect": "Allow",
    "Principal": {"Federated": f"arn:aws:iam::111122223333:oidc-provider/{GITHUB}"},
    "Action": "sts:AssumeRoleWithWebIdentity",
}
OTHERS = [
    {**OPEN, "Effect": "Deny"},
    {**OPEN, "Principal": {"AWS": "111122223333"}},
    {**OPEN, "Action": "sts:AssumeRole"},
]


@pytest.mark.parametrize(
    ("statements", "path"),
    [(OPEN, "$.Statement"), ([OPEN], "$.Statement[0]"), *(([other, OPEN], "$.Statement[1]") for other in OTHERS)],
)
def test_the_open_statement_is_found_wherever_it_stands(statements: Any, path: str) -> None:
    text = json.dumps({"Statement": statements})
    with pytest.raises(MalformedPolicyDocument) as refused:
        check_shared_issuers(parse_policy(text, PolicyKind.TRUST))
    fault = refused.value.faults[0]
    assert (fault.path, fault.line) == (path, 1)
    assert text[fault.column - 1 :].startswith(json.dumps(OPEN))


def test_a_policy_without_principals_is_not_concerned(policy: Any) -> None:
    check_shared_issuers(policy({"Effect": "Allow", "Action": "*", "Resource": "*"}).policy)
