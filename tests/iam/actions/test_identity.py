"""IAM, STS, KMS and Secrets Manager: whose ARNs are more, or other, than the names in the call."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from podrole.iam.actions.identity import iam, secretsmanager, sts
from support.calls import ACCOUNT, REGION, Account, all_needed, all_of, call, text_of

ADA = f"arn:aws:iam::{ACCOUNT}:user/x/ada"
POLICY = "arn:aws:iam::aws:policy/p"
KEY = f"arn:aws:kms:{REGION}:444455556666:key/k"
ALIAS = f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/shop"
KNOWN = Account(
    **{
        "iam:user ada": ADA,
        "iam:group g": f"arn:aws:iam::{ACCOUNT}:group/x/g",
        "iam:instance-profile p": f"arn:aws:iam::{ACCOUNT}:instance-profile/x/p",
        f"kms:key {ALIAS}": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k1",
        "kms:ciphertext 78": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k3",
        f"kms:key arn:aws:kms:{REGION}:{ACCOUNT}:key/k3": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k3",
    }
)


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("GetRole", {"RoleName": "till"}, ["role/shop/till"]),
        ("GetRole", {"RoleName": "other"}, ["role/other"]),
        ("GetUser", {"UserName": "ada"}, ["user/x/ada"]),
        ("GetGroup", {"GroupName": "g"}, ["group/x/g"]),
        ("GetInstanceProfile", {"InstanceProfileName": "p"}, ["instance-profile/x/p"]),
        ("CreatePolicy", {"PolicyName": "p", "Path": "/x/"}, ["policy/x/p!"]),
        ("GetServerCertificate", {"ServerCertificateName": "c"}, ["server-certificate/c"]),
        ("UploadServerCertificate", {"ServerCertificateName": "c"}, ["server-certificate/c!"]),
        ("CreateVirtualMFADevice", {"VirtualMFADeviceName": "m"}, ["mfa/m!"]),
        ("CreateSAMLProvider", {"Name": "s"}, ["saml-provider/s!"]),
        # what is made is not what has the name already
        ("CreateRole", {"RoleName": "till"}, ["role/till!"]),
        ("CreateRole", {"RoleName": "r", "PermissionsBoundary": POLICY}, [f"role/r! iam:PermissionsBoundary={POLICY}"]),
        ("PutRolePolicy", {"RoleName": "till", "PolicyName": "p"}, ["role/shop/till"]),
        ("AttachRolePolicy", {"RoleName": "till", "PolicyArn": POLICY}, [f"role/shop/till iam:PolicyARN={POLICY}"]),
        ("DetachRolePolicy", {"RoleName": "till", "PolicyArn": POLICY}, [f"role/shop/till iam:PolicyARN={POLICY}"]),
        ("AttachRolePolicy", {"RoleName": "till"}, ["role/shop/till"]),
        ("GetPolicy", {"PolicyArn": POLICY}, [POLICY]),
        (
            "DeleteOpenIDConnectProvider",
            {"OpenIDConnectProviderArn": "arn:aws:iam::1:oidc-provider/x"},
            ["arn:aws:iam::1:oidc-provider/x"],
        ),
        ("CreateServiceLinkedRole", {"AWSServiceName": "a.b"}, ["role/aws-service-role/a.b/* iam:AWSServiceName=a.b"]),
        ("CreateServiceLinkedRole", {}, ["role/aws-service-role/*/* iam:AWSServiceName=*"]),
        ("CreateOpenIDConnectProvider", {"Url": "https://a.b/c"}, ["oidc-provider/a.b/c!"]),
        ("CreateOpenIDConnectProvider", {}, ["oidc-provider/*!"]),
        ("AddUserToGroup", {"GroupName": "g", "UserName": "ada"}, ["group/x/g"]),
        ("RemoveUserFromGroup", {"UserName": "ada"}, ["group/*"]),
        ("RemoveRoleFromInstanceProfile", {"InstanceProfileName": "p", "RoleName": "till"}, ["instance-profile/x/p"]),
        ("SimulateCustomPolicy", {"ResourceOwner": ADA}, ["*"]),
        ("GetContextKeysForCustomPolicy", {"PolicyInputList": []}, ["*"]),
        ("SimulatePrincipalPolicy", {"PolicySourceArn": ADA}, ["user/x/ada"]),
    ],
)
def test_call_of_iam_is_on_the_entity_with_its_path(operation: str, given: dict[str, Any], expected: list[str]) -> None:
    found = iam(call("iam", operation, given), KNOWN) or []
    assert [all_of(one).removeprefix(f"iam:{operation} ").removeprefix("arn:aws:iam::ME:") for one in found] == expected


@pytest.mark.parametrize(
    ("given", "profile", "role"),
    [
        ({"InstanceProfileName": "p", "RoleName": "till"}, "x/p", "shop/till"),
        ({}, "*", "*"),
    ],
)
def test_role_in_an_instance_profile_is_passed_to_ec2(given: dict[str, Any], profile: str, role: str) -> None:
    assert [all_of(one) for one in iam(call("iam", "AddRoleToInstanceProfile", given), KNOWN) or []] == [
        f"iam:AddRoleToInstanceProfile arn:aws:iam::ME:instance-profile/{profile}",
        f"iam:PassRole arn:aws:iam::ME:role/{role} iam:PassedToService=ec2.amazonaws.com",
    ]


@pytest.mark.parametrize(
    "operation",
    [
        "ChangePassword",
        "CreateAccessKey",
        "DeleteAccessKey",
        "GetLoginProfile",
        "GetUser",
        "ListAccessKeys",
        "ListMFADevices",
        "ListSSHPublicKeys",
        "ListServiceSpecificCredentials",
        "ListSigningCertificates",
        "UpdateAccessKey",
    ],
)
def test_call_that_names_no_user_is_on_the_caller(operation: str) -> None:
    asked = call("iam", operation, {})
    for_ada, for_nobody, named = (
        iam(replace(asked, user_arn=user, parameters=given), KNOWN) or []
        for user, given in ((ADA, {}), ("", {}), (ADA, {"UserName": "eve"}))
    )
    assert [one.resource for one in for_ada] == [ADA]
    assert [one.resource for one in for_nobody] == [f"arn:aws:iam::{ACCOUNT}:user/*"]
    assert [one.resource for one in named] == [f"arn:aws:iam::{ACCOUNT}:user/eve"]


@pytest.mark.parametrize(
    ("operation", "given"), [("ListRoles", {}), ("DeleteUser", {}), ("GetPolicy", {"PolicyArn": 1})]
)
def test_other_call_of_iam_is_left_to_the_reference(operation: str, given: dict[str, Any]) -> None:
    assert iam(replace(call("iam", operation, given), user_arn=ADA), KNOWN) is None


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("GetFederationToken", {"Name": "f"}, ["arn:aws:sts::ME:federated-user/f!"]),
        ("GetFederationToken", {}, ["arn:aws:sts::ME:federated-user/*!"]),
        ("AssumeRole", {"RoleArn": ADA}, ["arn:aws:iam::ME:user/x/ada"]),
        ("AssumeRoleWithSAML", {"RoleArn": ADA}, ["arn:aws:iam::ME:user/x/ada"]),
        ("AssumeRoleWithWebIdentity", {}, ["*?"]),
        ("GetAccessKeyInfo", {"AccessKeyId": "AKIA"}, ["*"]),
    ],
)
def test_call_of_sts(operation: str, given: dict[str, Any], expected: list[str]) -> None:
    found = sts(call("sts", operation, given), KNOWN) or []
    assert [text_of(one, new=True).removeprefix(f"sts:{operation} ") for one in found] == expected


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("Encrypt", {"KeyId": "k9"}, ["Encrypt HERE:key/k9"]),
        ("Encrypt", {"KeyId": "k2"}, ["Encrypt HERE:key/k2"]),
        ("Encrypt", {"KeyId": KEY}, [f"Encrypt {KEY}"]),
        ("Encrypt", {"KeyId": "alias/shop"}, ["Encrypt HERE:key/k1 kms:RequestAlias=alias/shop"]),
        ("Encrypt", {"KeyId": ALIAS}, ["Encrypt HERE:key/k1 kms:RequestAlias=alias/shop"]),
        ("Encrypt", {"KeyId": "alias/none"}, ["Encrypt HERE:key/*? kms:RequestAlias=alias/none"]),
        (
            "ReEncrypt",
            {"CiphertextBlob": b"x", "DestinationKeyId": "k2"},
            ["ReEncryptFrom HERE:key/k3", "ReEncryptTo HERE:key/k2"],
        ),
        (
            "ReEncrypt",
            {"CiphertextBlob": b"x", "SourceKeyId": "k2", "DestinationKeyId": "k2"},
            ["ReEncryptFrom HERE:key/k2", "ReEncryptTo HERE:key/k2"],
        ),
        (
            "ReEncrypt",
            {"SourceKeyId": "k2", "DestinationKeyId": ""},
            ["ReEncryptFrom HERE:key/k2", "ReEncryptTo HERE:key/*?"],
        ),
        ("ReEncrypt", {"CiphertextBlob": "x"}, ["ReEncryptFrom HERE:key/*?", "ReEncryptTo HERE:key/*?"]),
        ("Decrypt", {"CiphertextBlob": b"x"}, ["Decrypt HERE:key/k3"]),
        ("Decrypt", {"CiphertextBlob": b"y"}, ["Decrypt HERE:key/*?"]),
        ("Decrypt", {"CiphertextBlob": b"x", "KeyId": "k2"}, ["Decrypt HERE:key/k2"]),
        (
            "CreateAlias",
            {"AliasName": "alias/shop", "TargetKeyId": "k2"},
            ["CreateAlias HERE:alias/shop!", "CreateAlias HERE:key/k2"],
        ),
        (
            "UpdateAlias",
            {"AliasName": "alias/shop", "TargetKeyId": "k2"},
            ["UpdateAlias HERE:alias/shop", "UpdateAlias HERE:key/k1", "UpdateAlias HERE:key/k2"],
        ),
        ("DeleteAlias", {"AliasName": ALIAS}, ["DeleteAlias HERE:alias/shop", "DeleteAlias HERE:key/k1"]),
        ("DeleteAlias", {"AliasName": "alias/none"}, ["DeleteAlias HERE:alias/none"]),
        ("DeleteAlias", {}, ["DeleteAlias HERE:alias/*"]),
        ("CreateKey", {}, ["CreateKey *"]),
        ("CreateKey", {"Policy": "{}"}, ["CreateKey *", "PutKeyPolicy *"]),
        ("ListKeys", {}, ["ListKeys *"]),
    ],
)
def test_call_of_kms_is_on_the_key(operation: str, given: dict[str, Any], expected: list[str]) -> None:
    found = all_needed("kms", operation, given, KNOWN)
    assert [one.removeprefix("kms:").replace("arn:aws:kms:HERE:", "HERE:") for one in found] == expected


SECRET = f"arn:aws:secretsmanager:{REGION}:444455556666:secret:s-123456"


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        (
            "GetSecretValue",
            {"SecretId": "db"},
            ["GetSecretValue secret:db-a1B2c3 secretsmanager:SecretId=arn:aws:secretsmanager:HERE:secret:db-a1B2c3"],
        ),
        ("GetSecretValue", {"SecretId": "s"}, ["GetSecretValue secret:s secretsmanager:SecretId=s"]),
        ("GetSecretValue", {"SecretId": SECRET}, [f"GetSecretValue {SECRET} secretsmanager:SecretId={SECRET}"]),
        ("CreateSecret", {"Name": "n"}, ["CreateSecret secret:n! secretsmanager:Name=n"]),
        ("CreateSecret", {}, ["CreateSecret secret:*! secretsmanager:Name="]),
        (
            "BatchGetSecretValue",
            {"SecretIdList": ["s"]},
            ["BatchGetSecretValue *", "GetSecretValue secret:s secretsmanager:SecretId=s"],
        ),
        ("BatchGetSecretValue", {}, ["BatchGetSecretValue *", "GetSecretValue secret:*?"]),
        ("ListSecrets", {}, ["ListSecrets *"]),
    ],
)
def test_call_of_secrets_manager_is_on_the_secret(operation: str, given: dict[str, Any], expected: list[str]) -> None:
    found = all_needed("secretsmanager", operation, given)
    assert [
        one.removeprefix("secretsmanager:").replace(" arn:aws:secretsmanager:HERE:", " ", 1) for one in found
    ] == expected


def test_call_of_secrets_manager_without_a_secret_is_left_to_the_reference() -> None:
    assert secretsmanager(call("secretsmanager", "ListSecrets", {}), KNOWN) is None
