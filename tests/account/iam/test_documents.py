"""What a trust policy names as principals, and which documents are stored."""

from __future__ import annotations

import pytest

from support.iam_account import ACCOUNT, ANN, DOCUMENT, IAM, OWN, READER, TRUST, Given, policy

ANN_ARN, ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:user/ann", f"arn:aws:iam::{ACCOUNT}:role/reader"
STRANGER = "arn:aws:iam::999988887777:role/any"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/session"


def trusting(*principals: str) -> str:
    return policy(Principal={"AWS": list(principals)}, Action="sts:AssumeRole")


@pytest.mark.parametrize("missing", ["user/x", "role/x"])
def test_trust_in_a_principal_that_does_not_exist_is_refused(iam: IAM, missing: str) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:{missing}"
    expected = ("MalformedPolicyDocument", 400, f'Invalid principal in policy: "AWS":"{arn}"')
    assert iam.refused("UpdateAssumeRolePolicy", **READER, PolicyDocument=trusting(ANN_ARN, arn)) == expected


def test_trust_in_principals_of_accounts_elsewhere_and_in_sessions_is_stored(iam: IAM) -> None:
    iam("UpdateAssumeRolePolicy", **READER, PolicyDocument=trusting(STRANGER, SESSION))
    service = policy(Principal={"Service": "ec2.amazonaws.com"}, Action="sts:AssumeRole")
    iam("UpdateAssumeRolePolicy", **READER, PolicyDocument=service)


@pytest.mark.parametrize("arn", [ANN_ARN, ROLE_ARN])
def test_trust_ends_with_the_principal(iam: IAM, arn: str) -> None:
    document = trusting(arn)
    iam("CreateRole", RoleName="trusts", AssumeRolePolicyDocument=document)
    gone = ("DeleteUser", ANN) if arn == ANN_ARN else ("DeleteRole", READER)
    iam(gone[0], **gone[1])
    shown = iam("GetRole", RoleName="trusts")["Role"]["AssumeRolePolicyDocument"]
    assert ("AIDA" if arn == ANN_ARN else "AROA") in shown


@pytest.mark.parametrize(
    ("operation", "given"),
    [
        ("CreateRole", {"RoleName": "x", "AssumeRolePolicyDocument": DOCUMENT}),
        ("CreatePolicy", {"PolicyName": "x", "PolicyDocument": TRUST}),
        ("CreatePolicyVersion", {"PolicyArn": OWN, "PolicyDocument": TRUST}),
        ("PutUserPolicy", {**ANN, "PolicyName": "x", "PolicyDocument": TRUST}),
    ],
)
def test_a_document_of_another_kind_is_refused(iam: IAM, operation: str, given: Given) -> None:
    assert iam.refused(operation, **given)[0] == "MalformedPolicyDocument"
