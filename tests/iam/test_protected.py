"""What only AWS itself may change, nobody's policies allow."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.iam.evaluate import Outcome, PolicySet, evaluate
from podrole.iam.explain import denial_message, summary
from podrole.iam.principal import principal_of
from podrole.iam.request import Request

USER = principal_of("arn:aws:iam::111122223333:user/bob")
ROOT = principal_of("arn:aws:iam::111122223333:root")
AWS_POLICY = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"
OWN_POLICY = "arn:aws:iam::111122223333:policy/own"
LINKED = "arn:aws:iam::111122223333:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS"
RESERVED = "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin_1234567890abcdef"
OWN_ROLE = "arn:aws:iam::111122223333:role/aws-service-role-of-ours"
ALIAS = "arn:aws:kms:us-east-1:111122223333:alias/aws/s3"
ROLE_CHANGES = [
    "iam:AttachRolePolicy",
    "iam:DeleteRole",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DeleteRolePolicy",
    "iam:DetachRolePolicy",
    "iam:PutRolePermissionsBoundary",
    "iam:PutRolePolicy",
    "iam:TagRole",
    "iam:UntagRole",
    "iam:UpdateAssumeRolePolicy",
]
POLICY_CHANGES = [
    "iam:CreatePolicyVersion",
    "iam:DeletePolicy",
    "iam:DeletePolicyVersion",
    "iam:SetDefaultPolicyVersion",
    "iam:TagPolicy",
    "iam:UntagPolicy",
]
ALIAS_CHANGES = ["kms:CreateAlias", "kms:UpdateAlias", "kms:DeleteAlias"]
DENIED = [
    *((action, AWS_POLICY) for action in POLICY_CHANGES),
    *((action, AWS_POLICY.replace("arn:aws:", "arn:aws-cn:")) for action in POLICY_CHANGES[:1]),
    *((action, LINKED) for action in ROLE_CHANGES),
    *((action, RESERVED) for action in [*ROLE_CHANGES, "iam:PassRole", "iam:UpdateRole", "iam:UpdateRoleDescription"]),
    *((action, ALIAS) for action in ALIAS_CHANGES),
    ("IAM:deletepolicy", AWS_POLICY),
]
ALLOWED = [
    *((action, OWN_POLICY) for action in POLICY_CHANGES),
    *((action, OWN_ROLE) for action in ROLE_CHANGES),
    ("iam:GetPolicy", AWS_POLICY),
    ("iam:ListEntitiesForPolicy", AWS_POLICY),
    ("iam:DeleteServiceLinkedRole", LINKED),
    ("iam:UpdateRoleDescription", LINKED),
    ("iam:GetRole", RESERVED),
    ("sts:AssumeRole", OWN_ROLE),
    ("kms:Encrypt", ALIAS),
    ("kms:CreateAlias", "arn:aws:kms:us-east-1:111122223333:alias/awsome"),
    ("kms:CreateAlias", "arn:aws:kms:us-east-1:111122223333:key/alias/aws/s3"),
    ("s3:DeletePolicy", AWS_POLICY),
]


@pytest.fixture
def everything(policy: Any) -> PolicySet:
    return PolicySet((policy({"Effect": "Allow", "Action": "*", "Resource": "*"}),))


@pytest.mark.parametrize(("action", "resource"), DENIED)
def test_what_aws_protects_is_denied_whatever_the_policies_allow(
    everything: PolicySet, action: str, resource: str
) -> None:
    for caller in (USER, ROOT):
        decision = evaluate(Request(caller, action, resource, "111122223333"), everything)
        assert decision.outcome is Outcome.IMPLICITLY_DENIED
        assert decision.decided_by is None
        assert decision.protected


@pytest.mark.parametrize(("action", "resource"), DENIED)
def test_the_policies_alone_allow_it(everything: PolicySet, action: str, resource: str) -> None:
    asked = Request(ROOT, action, resource, "111122223333")
    if action.startswith("kms"):
        asked = Request(USER, action, resource, "111122223333")
    assert evaluate(asked, everything, by_policies_alone=True).allowed


@pytest.mark.parametrize(("action", "resource"), [pair for pair in ALLOWED if not pair[0].startswith("sts")])
def test_what_aws_does_not_protect_is_for_the_policies_to_decide(
    everything: PolicySet, action: str, resource: str
) -> None:
    decision = evaluate(Request(USER, action, resource, "111122223333"), everything)
    assert decision.protected == ""
    assert decision.allowed or resource.startswith("arn:aws:kms:us-east-1:111122223333:key/")


def test_the_explanation_says_that_no_policy_can_allow_it(everything: PolicySet) -> None:
    asked = Request(USER, "iam:DeletePolicy", AWS_POLICY)
    decision = evaluate(asked, everything)
    assert summary(decision, (), asked) == (
        f"iam:DeletePolicy on {AWS_POLICY} is refused whatever the policies allow: "
        "nobody can change a policy that AWS manages."
    )
    assert denial_message(asked, decision) == (
        f"User: {USER} is not authorized to perform: iam:DeletePolicy on resource: {AWS_POLICY}"
    )
