"""What IAM refuses: for each rule a case in which it alone refuses, with AWS's code, status and text."""

from __future__ import annotations

import asyncio
import dataclasses
import os
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from podrole.account.errors import AccountError
from podrole.account.iam import request as iam_request
from podrole.account.iam import state as state_module
from podrole.account.iam.operations.catalogue import OPERATIONS
from podrole.account.iam.records import GroupRecord, RoleRecord
from podrole.account.store import AccountStore
from podrole.iam.errors import PolicyError
from support.aws import allow, policy, trust_of
from support.clock import Turned
from support.complete import key_and_certificate, mfa_codes

ACCOUNT, NOW = "111122223333", 1_800_000_000
OWN = f"arn:aws:iam::{ACCOUNT}:policy/own"
PHONE = f"arn:aws:iam::{ACCOUNT}:mfa/phone"
TRUST = policy(trust_of(f"arn:aws:iam::{ACCOUNT}:root"))
DOCUMENT = policy(allow("s3:GetObject"))
METADATA = "<EntityDescriptor/>"
LINKED = "AWSServiceRoleForAutoScaling"
RESERVED = "AWSReservedSSO_Admin_0123456789abcdef"
PRIVATE, CERTIFICATE, PUBLIC = key_and_certificate()
OTHER_PRIVATE, OTHER_CERTIFICATE, _ = key_and_certificate()


class IAM:
    """An account whose operations are called by name."""

    def __init__(self) -> None:
        self.clock = Turned(NOW)
        self.store = AccountStore(self.clock, os.urandom)

    def __call__(self, operation: str, account: str = ACCOUNT, user_id: str = "", **given: Any) -> Mapping[str, Any]:
        run = self.store.run(OPERATIONS[operation], given, account=account, partition="aws", user_id=user_id)
        return asyncio.run(run)

    def refused(self, operation: str, **given: Any) -> tuple[str, int, str]:
        try:
            answer = self(operation, **given)
        except AccountError as refusal:
            return refusal.aws_code, refusal.status, refusal.what
        except PolicyError as refusal:
            return refusal.aws_code, refusal.status, refusal.message
        raise AssertionError(f"it was not refused: {answer}")


@pytest.fixture
def iam() -> IAM:
    """An account with a user, a group, a role, a policy and the like, none of which holds another."""
    iam = IAM()
    iam("CreateUser", UserName="ann")
    iam("CreateUser", UserName="bob")
    iam("CreateGroup", GroupName="staff")
    iam("CreateRole", RoleName="reader", AssumeRolePolicyDocument=TRUST)
    iam("CreatePolicy", PolicyName="own", PolicyDocument=DOCUMENT)
    iam("CreateInstanceProfile", InstanceProfileName="node")
    iam("CreateServiceLinkedRole", AWSServiceName="autoscaling.amazonaws.com")
    iam("CreateSAMLProvider", Name="corp", SAMLMetadataDocument=METADATA)
    iam("CreateVirtualMFADevice", VirtualMFADeviceName="phone")
    given = {"CertificateBody": CERTIFICATE, "PrivateKey": PRIVATE}
    iam("UploadServerCertificate", ServerCertificateName="web", **given)
    state = iam.store.newest_iam(ACCOUNT, "aws")
    role = RoleRecord(id="AROA0", name=RESERVED, path="/aws-reserved/sso/", created_at=NOW, trust_policy=TRUST)
    asyncio.run(iam.store.transact(lambda transaction: transaction.put(state, role)))
    return iam


Given = dict[str, Any]
Before = list[tuple[str, Given]]
ANN, READER, STAFF, NODE = (
    {"UserName": "ann"},
    {"RoleName": "reader"},
    {"GroupName": "staff"},
    {"InstanceProfileName": "node"},
)
ARN = {"PolicyArn": OWN}
VERSION = ("CreatePolicyVersion", {**ARN, "PolicyDocument": DOCUMENT})
PROTECTED = "Cannot perform the operation on the protected role '{}' - this role is only modifiable by AWS"
AWS_POLICY = "arn:aws:iam::aws:policy/AdministratorAccess"
AWS_POLICY_TEXT = f"Policy {AWS_POLICY} is an AWS managed policy and cannot be changed."
SERVICE_POLICY = "arn:aws:iam::aws:policy/aws-service-role/AutoScalingServiceRolePolicy"


def conflict(what: str) -> tuple[str, int, str]:
    return "DeleteConflict", 409, f"Cannot delete entity, must {what} first."


def quota(name: str, most: int) -> tuple[str, int, str]:
    return "LimitExceeded", 409, f"Cannot exceed quota for {name}: {most}"


def no_such(text: str) -> tuple[str, int, str]:
    return "NoSuchEntity", 404, text


def exists(text: str) -> tuple[str, int, str]:
    return "EntityAlreadyExists", 409, text


REFUSED: dict[str, tuple[Before, str, Given, tuple[str, int, str]]] = {
    # Deletions
    "a user with an SSH key": (
        [("UploadSSHPublicKey", {**ANN, "SSHPublicKeyBody": PUBLIC})],
        "DeleteUser",
        ANN,
        conflict("delete SSH public keys"),
    ),
    "a user with a signing certificate": (
        [("UploadSigningCertificate", {**ANN, "CertificateBody": CERTIFICATE})],
        "DeleteUser",
        ANN,
        conflict("delete signing certificates"),
    ),
    "a group with an inline policy": (
        [("PutGroupPolicy", {**STAFF, "PolicyName": "p", "PolicyDocument": DOCUMENT})],
        "DeleteGroup",
        STAFF,
        conflict("delete policies"),
    ),
    "a role in an instance profile": (
        [("AddRoleToInstanceProfile", {**READER, **NODE})],
        "DeleteRole",
        READER,
        conflict("remove roles from instance profile"),
    ),
    "an instance profile with a role": (
        [("AddRoleToInstanceProfile", {**READER, **NODE})],
        "DeleteInstanceProfile",
        NODE,
        conflict("remove roles from instance profile"),
    ),
    "a policy with two versions": (
        [VERSION],
        "DeletePolicy",
        ARN,
        (
            "DeleteConflict",
            409,
            (
                "This policy has more than one version. Before you delete a policy, you must delete the policy's "
                "versions. The default version is deleted with the policy."
            ),
        ),
    ),
    "a policy that is a role's boundary": (
        [("PutRolePermissionsBoundary", {**READER, "PermissionsBoundary": OWN})],
        "DeletePolicy",
        ARN,
        ("DeleteConflict", 409, "Cannot delete a policy attached to entities."),
    ),
    "the default version": (
        [VERSION],
        "DeletePolicyVersion",
        {**ARN, "VersionId": "v1"},
        ("DeleteConflict", 409, "Cannot delete the default version of a policy."),
    ),
    # Names that are taken
    "a profile's name": (
        [],
        "CreateInstanceProfile",
        {"InstanceProfileName": "Node"},
        exists("Instance Profile Node already exists."),
    ),
    "another group's name": (
        [("CreateGroup", {"GroupName": "crew"})],
        "UpdateGroup",
        {**STAFF, "NewGroupName": "Crew"},
        exists("Group with name Crew already exists."),
    ),
    "a server certificate's name": (
        [],
        "UploadServerCertificate",
        {"ServerCertificateName": "WEB", "CertificateBody": OTHER_CERTIFICATE, "PrivateKey": OTHER_PRIVATE},
        exists("The Server Certificate with name WEB already exists."),
    ),
    "a SAML provider's name": (
        [],
        "CreateSAMLProvider",
        {"Name": "corp", "SAMLMetadataDocument": METADATA},
        exists(f"arn:aws:iam::{ACCOUNT}:saml-provider/corp already exists"),
    ),
    "a device's name": (
        [],
        "CreateVirtualMFADevice",
        {"VirtualMFADeviceName": "phone"},
        exists("MFADevice entity at the same path and name already exists."),
    ),
    "a service-linked role": (
        [],
        "CreateServiceLinkedRole",
        {"AWSServiceName": "autoscaling.amazonaws.com"},
        (
            "InvalidInput",
            400,
            f"Service role name {LINKED} has been taken in this account, please try a different suffix.",
        ),
    ),
    "a second password": (
        [("CreateLoginProfile", {**ANN, "Password": "pass-Word-1"})],
        "CreateLoginProfile",
        {**ANN, "Password": "pass-Word-1"},
        exists("Login Profile for user ann already exists."),
    ),
    "a provider's URL": (
        [("CreateOpenIDConnectProvider", {"Url": "https://example.com", "ThumbprintList": ["a" * 40]})],
        "CreateOpenIDConnectProvider",
        {"Url": "https://example.com", "ThumbprintList": ["a" * 40]},
        exists("Provider with url https://example.com already exists."),
    ),
    # What only AWS changes
    **{
        f"a protected role: {operation} {name}": (
            [],
            operation,
            {"RoleName": name, **given},
            ("UnmodifiableEntity", 400, PROTECTED.format(name)),
        )
        for name in (LINKED, RESERVED)
        for operation, given in {
            "AttachRolePolicy": ARN,
            "DetachRolePolicy": ARN,
            "PutRolePolicy": {"PolicyName": "p", "PolicyDocument": DOCUMENT},
            "DeleteRolePolicy": {"PolicyName": "p"},
            "UpdateAssumeRolePolicy": {"PolicyDocument": TRUST},
            "UpdateRole": {"MaxSessionDuration": 3_600},
            "PutRolePermissionsBoundary": {"PermissionsBoundary": OWN},
            "DeleteRolePermissionsBoundary": {},
            "TagRole": {"Tags": [{"Key": "a", "Value": "b"}]},
            "UntagRole": {"TagKeys": ["a"]},
            "DeleteRole": {},
            "AddRoleToInstanceProfile": NODE,
        }.items()
    },
    "a reserved role's description": (
        [],
        "UpdateRoleDescription",
        {"RoleName": RESERVED, "Description": "x"},
        ("UnmodifiableEntity", 400, PROTECTED.format(RESERVED)),
    ),
    "a role at a reserved path": (
        [],
        "CreateRole",
        {"RoleName": "x", "Path": "/aws-reserved/", "AssumeRolePolicyDocument": TRUST},
        ("AccessDenied", 403, "Roles with the path /aws-reserved/ can be created only by AWS services."),
    ),
    **{
        f"AWS's own policy: {operation}": (
            [],
            operation,
            {"PolicyArn": AWS_POLICY, **given},
            ("AccessDenied", 403, AWS_POLICY_TEXT),
        )
        for operation, given in {
            "CreatePolicyVersion": {"PolicyDocument": DOCUMENT},
            "DeletePolicyVersion": {"VersionId": "v1"},
            "SetDefaultPolicyVersion": {"VersionId": "v1"},
            "DeletePolicy": {},
            "TagPolicy": {"Tags": [{"Key": "a", "Value": "b"}]},
            "UntagPolicy": {"TagKeys": ["a"]},
        }.items()
    },
    "a policy of a service-linked role for another role": (
        [],
        "AttachRolePolicy",
        {**READER, "PolicyArn": SERVICE_POLICY},
        ("PolicyNotAttachable", 400, "Cannot attach a Service Role Policy to a Customer Role."),
    ),
    # Quotas of one entity
    "a sixth version": (
        [VERSION] * 4,
        *VERSION,
        (
            "LimitExceeded",
            409,
            (
                "A managed policy can have up to 5 versions. Before you create a new version, you must delete an "
                "existing version."
            ),
        ),
    ),
    "a second role in a profile": (
        [("AddRoleToInstanceProfile", {**READER, **NODE})],
        "AddRoleToInstanceProfile",
        {**READER, **NODE},
        quota("InstanceSessionsPerInstanceProfile", 1),
    ),
    "a 51st tag": (
        [("TagUser", {**ANN, "Tags": [{"Key": f"k{number}", "Value": ""} for number in range(50)]})],
        "TagUser",
        {**ANN, "Tags": [{"Key": "one more", "Value": ""}]},
        quota("TagsPerUser", 50),
    ),
    "a tag twice": (
        [],
        "TagRole",
        {**READER, "Tags": [{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}]},
        ("InvalidInput", 400, "Duplicate tag keys found. Please note that Tag keys are case insensitive."),
    ),
    "a tag of AWS": (
        [],
        "TagPolicy",
        {**ARN, "Tags": [{"Key": "AWS:x", "Value": ""}]},
        ("InvalidInput", 400, "System tags cannot be added/updated by requester"),
    ),
    "a sixth thumbprint": (
        [],
        "CreateOpenIDConnectProvider",
        {"Url": "https://example.com", "ThumbprintList": ["a" * 40] * 6},
        ("InvalidInput", 400, "Thumbprint list must contain fewer than 5 entries."),
    ),
    "no thumbprint": (
        [("CreateOpenIDConnectProvider", {"Url": "https://example.com", "ThumbprintList": ["a" * 40]})],
        "UpdateOpenIDConnectProviderThumbprint",
        {"OpenIDConnectProviderArn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/example.com", "ThumbprintList": []},
        ("InvalidInput", 400, "Thumbprint list must contain at least one entry."),
    ),
    "a 101st client id": (
        [
            (
                "CreateOpenIDConnectProvider",
                {
                    "Url": "https://example.com",
                    "ThumbprintList": ["a" * 40],
                    "ClientIDList": [f"c{number}" for number in range(100)],
                },
            )
        ],
        "AddClientIDToOpenIDConnectProvider",
        {"OpenIDConnectProviderArn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/example.com", "ClientID": "x"},
        quota("ClientIdsPerOpenIdConnectProvider", 100),
    ),
    # What is not there
    "no version": (
        [],
        "GetPolicyVersion",
        {**ARN, "VersionId": "v9"},
        no_such(f"Policy {OWN} version v9 does not exist or is not attachable."),
    ),
    "no version of AWS's": (
        [],
        "GetPolicyVersion",
        {"PolicyArn": AWS_POLICY, "VersionId": "v99"},
        no_such(f"Policy {AWS_POLICY} version v99 does not exist or is not attachable."),
    ),
    "no profile": (
        [],
        "GetInstanceProfile",
        {"InstanceProfileName": "x"},
        no_such("Instance Profile x cannot be found."),
    ),
    "no such role in the profile": (
        [],
        "RemoveRoleFromInstanceProfile",
        {**READER, **NODE},
        no_such("Role reader in instance profile node cannot be found."),
    ),
    "no password": ([], "GetLoginProfile", ANN, no_such("Login Profile for User ann cannot be found.")),
    "no password to delete": ([], "DeleteLoginProfile", ANN, no_such("Login Profile for User ann cannot be found.")),
    "no password to change": (
        [],
        "UpdateLoginProfile",
        {**ANN, "Password": "pass-Word-1"},
        no_such("Login Profile for User ann cannot be found."),
    ),
    "no device": (
        [],
        "GetMFADevice",
        {"SerialNumber": PHONE + "x"},
        no_such(f"VirtualMFADevice with serial number {PHONE}x doesn't exist."),
    ),
    "a device that nobody uses": (
        [],
        "DeactivateMFADevice",
        {"SerialNumber": PHONE},
        no_such(f"MFA Device {PHONE} is not in use by that user."),
    ),
    "no SSH key": (
        [],
        "GetSSHPublicKey",
        {**ANN, "SSHPublicKeyId": "APKA", "Encoding": "PEM"},
        no_such("The Public Key with id APKA cannot be found."),
    ),
    "no signing certificate": (
        [],
        "DeleteSigningCertificate",
        {**ANN, "CertificateId": "A" * 24},
        no_such(f"The Certificate with id {'A' * 24} cannot be found."),
    ),
    "no server certificate": (
        [],
        "GetServerCertificate",
        {"ServerCertificateName": "x"},
        no_such("The Server Certificate with name x cannot be found."),
    ),
    "no SAML provider": (
        [],
        "GetSAMLProvider",
        {"SAMLProviderArn": f"arn:aws:iam::{ACCOUNT}:saml-provider/x"},
        no_such(f"Manifest not found for arn arn:aws:iam::{ACCOUNT}:saml-provider/x"),
    ),
    "no provider": (
        [],
        "DeleteOpenIDConnectProvider",
        {"OpenIDConnectProviderArn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/x"},
        no_such(f"OpenId connect Provider arn:aws:iam::{ACCOUNT}:oidc-provider/x cannot be found."),
    ),
    "no alias": (
        [],
        "DeleteAccountAlias",
        {"AccountAlias": "shop"},
        no_such("The account alias shop cannot be found."),
    ),
    "no password policy": (
        [],
        "GetAccountPasswordPolicy",
        {},
        no_such(f"The Password Policy with domain name {ACCOUNT} cannot be found."),
    ),
    "no password policy to delete": (
        [],
        "DeleteAccountPasswordPolicy",
        {},
        no_such("The account policy with name PasswordPolicy cannot be found."),
    ),
    "no report": (
        [],
        "GetCredentialReport",
        {},
        ("ReportNotPresent", 410, "Credential report not present. Use GenerateCredentialReport to create one."),
    ),
    "no deletion": (
        [],
        "GetServiceLinkedRoleDeletionStatus",
        {"DeletionTaskId": "task/aws-service-role/x"},
        no_such("The deletion task task/aws-service-role/x cannot be found."),
    ),
    # What does not fit
    "a role that is not service-linked": (
        [],
        "DeleteServiceLinkedRole",
        READER,
        ("InvalidInput", 400, "reader is not a service-linked role."),
    ),
    "a service that is none": (
        [],
        "CreateServiceLinkedRole",
        {"AWSServiceName": "autoscaling"},
        ("InvalidInput", 400, "Service name autoscaling is not valid."),
    ),
    "metadata that is not XML": (
        [],
        "CreateSAMLProvider",
        {"Name": "x", "SAMLMetadataDocument": "<a"},
        ("InvalidInput", 400, "Could not parse metadata"),
    ),
    "metadata of something else": (
        [],
        "CreateSAMLProvider",
        {"Name": "x", "SAMLMetadataDocument": "<a/>"},
        ("InvalidInput", 400, "Could not parse metadata"),
    ),
    "metadata with a document type": (
        [],
        "CreateSAMLProvider",
        {"Name": "x", "SAMLMetadataDocument": "<!DOCTYPE EntityDescriptor><EntityDescriptor/>"},
        ("InvalidInput", 400, "Could not parse metadata"),
    ),
    "encrypted assertions": (
        [],
        "CreateSAMLProvider",
        {"Name": "x", "SAMLMetadataDocument": METADATA, "AssertionEncryptionMode": "Required"},
        ("NotImplemented", 501, "podrole's local AWS does not simulate AssertionEncryptionMode."),
    ),
    "a key of another certificate": (
        [],
        "UploadServerCertificate",
        {"ServerCertificateName": "x", "CertificateBody": CERTIFICATE, "PrivateKey": OTHER_PRIVATE},
        ("KeyPairMismatch", 400, "The public key in certificate does not match the private key."),
    ),
    "no certificate": (
        [],
        "UploadServerCertificate",
        {"ServerCertificateName": "x", "CertificateBody": "x", "PrivateKey": PRIVATE},
        ("MalformedCertificate", 400, "Unable to parse certificate."),
    ),
    "no key": (
        [],
        "UploadServerCertificate",
        {"ServerCertificateName": "x", "CertificateBody": CERTIFICATE, "PrivateKey": "x"},
        ("MalformedCertificate", 400, "Unable to parse key. It must be PEM without a password."),
    ),
    "a signing certificate that is none": (
        [],
        "UploadSigningCertificate",
        {**ANN, "CertificateBody": "x"},
        ("MalformedCertificate", 400, "The certificate is malformed."),
    ),
    "an SSH key that is none": (
        [],
        "UploadSSHPublicKey",
        {**ANN, "SSHPublicKeyBody": "ssh-rsa x"},
        ("InvalidPublicKey", 400, "The public key is not valid."),
    ),
    "an SSH key twice": (
        [("UploadSSHPublicKey", {**ANN, "SSHPublicKeyBody": PUBLIC})],
        "UploadSSHPublicKey",
        {**ANN, "SSHPublicKeyBody": PUBLIC},
        ("DuplicateSSHPublicKey", 400, "The SSH public key is already associated with the user."),
    ),
    "wrong codes": (
        [],
        "EnableMFADevice",
        {**ANN, "SerialNumber": PHONE, "AuthenticationCode1": "1", "AuthenticationCode2": "2"},
        ("InvalidAuthenticationCode", 403, "Authentication code for device is not valid."),
    ),
    "a short password": (
        [],
        "CreateLoginProfile",
        {**ANN, "Password": "aB3-567"},
        ("PasswordPolicyViolation", 400, "Password does not conform to the account password policy."),
    ),
    "a password of two kinds of characters": (
        [],
        "CreateLoginProfile",
        {**ANN, "Password": "password1"},
        ("PasswordPolicyViolation", 400, "Password does not conform to the account password policy."),
    ),
    **{
        f"a password against its policy: {text}": (
            [("UpdateAccountPasswordPolicy", rules)],
            "CreateLoginProfile",
            {**ANN, "Password": password},
            ("PasswordPolicyViolation", 400, text),
        )
        for rules, password, text in (
            ({"MinimumPasswordLength": 9}, "aB3-5678", "Password should have a minimum length of 9"),
            ({"RequireUppercaseCharacters": True}, "password", "Password should have at least one uppercase letter"),
            ({"RequireLowercaseCharacters": True}, "PASSWORD", "Password should have at least one lowercase letter"),
            ({"RequireNumbers": True}, "password", "Password should have at least one number"),
            ({"RequireSymbols": True}, "password", "Password should have at least one symbol"),
        )
    },
    "a password of nobody": (
        [],
        "ChangePassword",
        {"OldPassword": "a", "NewPassword": "b"},
        ("InvalidUserType", 400, "Only IAM Users can change their own password"),
    ),
    "an expired key": (
        [],
        "UpdateAccessKey",
        {**ANN, "AccessKeyId": "", "Status": "Expired"},
        no_such("The Access Key with id  cannot be found."),
    ),
    "an alias of twelve digits": (
        [],
        "CreateAccountAlias",
        {"AccountAlias": "444455556666"},
        ("ValidationError", 400, "The account alias must not be a number of 12 digits."),
    ),
}


@pytest.mark.parametrize(("before", "operation", "given", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_is_refused(iam: IAM, before: Before, operation: str, given: Given, expected: tuple[str, int, str]) -> None:
    for name, arguments in before:
        iam(name, **arguments)
    assert iam.refused(operation, **given) == expected


@pytest.mark.parametrize("kind", iam_request.MOST)
def test_an_account_has_no_more_than_its_quota(iam: IAM, monkeypatch: pytest.MonkeyPatch, kind: Any) -> None:
    state = iam.store.newest_iam(ACCOUNT, "aws")
    create: dict[str, tuple[str, Given]] = {
        "group": ("CreateGroup", {"GroupName": "new"}),
        "instance-profile": ("CreateInstanceProfile", {"InstanceProfileName": "new"}),
        "policy": ("CreatePolicy", {"PolicyName": "new", "PolicyDocument": DOCUMENT}),
        "oidc-provider": ("CreateOpenIDConnectProvider", {"Url": "https://example.com", "ThumbprintList": ["a" * 40]}),
        "role": ("CreateRole", {"RoleName": "new", "AssumeRolePolicyDocument": TRUST}),
        "saml-provider": ("CreateSAMLProvider", {"Name": "new", "SAMLMetadataDocument": METADATA}),
        "server-certificate": (
            "UploadServerCertificate",
            {"ServerCertificateName": "new", "CertificateBody": CERTIFICATE, "PrivateKey": PRIVATE},
        ),
        "user": ("CreateUser", {"UserName": "new"}),
    }
    operation, given = create[kind.table]
    name, _ = iam_request.MOST[kind]
    most = state.count(kind)
    monkeypatch.setitem(iam_request.MOST, kind, (name, most))  # type: ignore[arg-type]
    assert iam.refused(operation, **given) == quota(name, most)
    monkeypatch.setitem(iam_request.MOST, kind, (name, most + 1))  # type: ignore[arg-type]
    iam(operation, **given)


MANY: dict[str, tuple[int, str, Callable[[int], tuple[str, Given]]]] = {
    "signing certificates": (
        2,
        "CertificatesPerUser",
        lambda _: ("UploadSigningCertificate", {**ANN, "CertificateBody": key_and_certificate()[1]}),
    ),
    "SSH keys": (
        5,
        "SSHPublicKeysPerUser",
        lambda _: ("UploadSSHPublicKey", {**ANN, "SSHPublicKeyBody": key_and_certificate()[2]}),
    ),
}


@pytest.mark.parametrize(("most", "name", "call"), MANY.values(), ids=MANY.keys())
def test_a_user_has_no_more_than_its_quota(
    iam: IAM, most: int, name: str, call: Callable[[int], tuple[str, Given]]
) -> None:
    for number in range(most):
        operation, given = call(number)
        iam(operation, **given)
    operation, given = call(most)
    assert iam.refused(operation, **given) == quota(name, most)


def test_a_user_has_eight_devices_and_none_that_is_anothers(iam: IAM) -> None:
    def enable(name: str, user: str) -> Given:
        made = iam("CreateVirtualMFADevice", VirtualMFADeviceName=name)["VirtualMFADevice"]
        codes = mfa_codes(made["Base32StringSeed"].decode(), NOW)
        return {"UserName": user, "SerialNumber": made["SerialNumber"], **codes}

    for number in range(8):
        given = enable(f"d{number}", "ann")
        iam("EnableMFADevice", **given)
    assert iam.refused("EnableMFADevice", **enable("d8", "ann")) == quota("MFADevicesPerUser", 8)
    serial = given["SerialNumber"]
    taken = exists(f"MFA Device {serial} is already in use.")
    assert iam.refused("EnableMFADevice", **{**given, "UserName": "bob"}) == taken
    other = no_such(f"MFA Device {serial} does not exist for user bob.")
    assert iam.refused("ResyncMFADevice", **{**given, "UserName": "bob"}) == other
    in_use = ("DeleteConflict", 409, "MFA VirtualDevice in use. Must deactivate first.")
    assert iam.refused("DeleteVirtualMFADevice", SerialNumber=serial) == in_use
    assert iam.refused("DeactivateMFADevice", SerialNumber=serial, UserName="bob")[0] == "NoSuchEntity"
    assert iam.refused("DeleteUser", UserName="ann") == conflict("delete MFA device")


def test_a_certificate_signs_for_one_user(iam: IAM) -> None:
    made = iam("UploadSigningCertificate", **ANN, CertificateBody=CERTIFICATE)["Certificate"]["CertificateId"]
    answer = iam.refused("UploadSigningCertificate", UserName="bob", CertificateBody=CERTIFICATE)
    assert answer == ("DuplicateCertificate", 409, f"Certificate {made} is a duplicate.")


def test_only_aws_lets_a_key_expire(iam: IAM) -> None:
    key = iam("CreateAccessKey", **ANN)["AccessKey"]["AccessKeyId"]
    answer = iam.refused("UpdateAccessKey", **ANN, AccessKeyId=key, Status="Expired")
    assert answer == ("ValidationError", 400, "Status must be Active or Inactive.")
    assert iam.refused("DeleteAccessKey", UserName="bob", AccessKeyId=key)[0] == "NoSuchEntity"


def test_an_alias_belongs_to_one_account_of_the_world(iam: IAM) -> None:
    iam("CreateAccountAlias", AccountAlias="shop")
    iam("CreateAccountAlias", AccountAlias="shop")
    answer = iam.refused("CreateAccountAlias", account="444455556666", AccountAlias="shop")
    assert answer == exists("The account alias shop already exists.")


def test_a_report_is_given_for_four_hours(iam: IAM) -> None:
    iam("GenerateCredentialReport")
    iam.clock.now += 4 * 3_600
    assert iam("GetCredentialReport")["ReportFormat"] == "text/csv"
    iam.clock.now += 1
    assert iam.refused("GetCredentialReport")[:2] == ("ReportExpired", 410)
    assert iam("GenerateCredentialReport")["State"] == "COMPLETE"
    iam("GetCredentialReport")


def test_the_old_password_must_be_right(iam: IAM) -> None:
    user_id = iam("GetUser", **ANN)["User"]["UserId"]
    iam("CreateLoginProfile", **ANN, Password="pass-Word-1")
    change = {"user_id": user_id, "OldPassword": "other-Word-1", "NewPassword": "pass-Word-2"}
    assert iam.refused("ChangePassword", **change) == ("InvalidInput", 400, "The old password was incorrect.")


def test_of_a_service_linked_role_the_description_alone_is_changed(iam: IAM) -> None:
    iam("UpdateRole", RoleName=LINKED, Description="mine")
    assert iam("UpdateRoleDescription", RoleName=LINKED, Description="ours")["Role"]["Description"] == "ours"
    iam("DeleteServiceLinkedRole", RoleName=LINKED)


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("ecs.amazonaws.com", "AWSServiceRoleForECS"),
        ("eks.amazonaws.com", "AWSServiceRoleForAmazonEKS"),
        ("eks-nodegroup.amazonaws.com", "AWSServiceRoleForAmazonEKSNodegroup"),
        ("spot.amazonaws.com", "AWSServiceRoleForEC2Spot"),
        ("ops.apigateway.amazonaws.com", "AWSServiceRoleForAPIGateway"),
        ("dynamodb.application-autoscaling.amazonaws.com", "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable"),
        ("elasticbeanstalk.amazonaws.com.cn", "AWSServiceRoleForElasticBeanstalk"),
    ],
)
def test_a_service_linked_role_has_the_name_that_its_service_gives_it(iam: IAM, service: str, name: str) -> None:
    role = iam("CreateServiceLinkedRole", AWSServiceName=service)["Role"]
    assert role["RoleName"] == name
    assert role["Path"] == f"/aws-service-role/{service}/"


def test_counts_follow_every_change(iam: IAM) -> None:
    iam("AttachRolePolicy", **READER, **ARN)
    iam("PutUserPermissionsBoundary", **ANN, PermissionsBoundary=OWN)
    shown = iam("GetPolicy", **ARN)["Policy"]
    assert (shown["AttachmentCount"], shown["PermissionsBoundaryUsageCount"]) == (1, 1)
    listed = iam("ListPolicies", OnlyAttached=True, Scope="Local")["Policies"]
    assert [one["PolicyName"] for one in listed] == ["own"]
    usage = iam("ListEntitiesForPolicy", **ARN, PolicyUsageFilter="PermissionsBoundary")
    assert (len(usage["PolicyUsers"]), len(usage["PolicyRoles"])) == (1, 0)
    iam("DetachRolePolicy", **READER, **ARN)
    iam("DeleteUserPermissionsBoundary", **ANN)
    shown = iam("GetPolicy", **ARN)["Policy"]
    assert (shown["AttachmentCount"], shown["PermissionsBoundaryUsageCount"]) == (0, 0)
    assert iam("ListPolicies", OnlyAttached=True, Scope="Local")["Policies"] == []


def test_a_group_goes_with_nobody_in_it(iam: IAM) -> None:
    iam("AddUserToGroup", **ANN, **STAFF)
    state = iam.store.newest_iam(ACCOUNT, "aws")
    group = state.named(GroupRecord, "staff")
    assert group is not None
    assert [user.name for user in state.members(group)] == ["ann"]
    assert iam.refused("DeleteGroup", **STAFF) == conflict("remove users from group")
    iam("RemoveUserFromGroup", **ANN, **STAFF)
    assert state.members(group) == []
    iam("DeleteGroup", **STAFF)


def test_a_role_is_found_by_its_name_while_it_is_changed(iam: IAM) -> None:
    """Signatures may be checked in another thread, which reads beside a change: here after each line of it."""
    state = iam.store.newest_iam(ACCOUNT, "aws")
    role = state.named(RoleRecord, "reader")
    assert role is not None
    found: list[bool] = []

    def after_a_line(frame: types.FrameType, event: str, _: Any) -> Any:
        if event == "line" and frame.f_code.co_filename == state_module.__file__:
            sys.settrace(None)
            found.append(state.named(RoleRecord, "reader") is not None)
            sys.settrace(after_a_line)
        return after_a_line

    before = sys.gettrace()
    sys.settrace(after_a_line)
    try:
        state.put(dataclasses.replace(role, description="changed"))
    finally:
        sys.settrace(before)
    assert len(found) > 10
    assert all(found)


def test_a_new_name_is_free_for_others_and_the_old_one_too(iam: IAM) -> None:
    iam("UpdateUser", UserName="ann", NewUserName="Anna")
    assert iam.refused("GetUser", UserName="ann")[0] == "NoSuchEntity"
    iam("CreateUser", UserName="ann")
    iam("UpdateUser", UserName="Anna", NewUserName="ANNA")
    assert iam.refused("CreateUser", UserName="anna")[0] == "EntityAlreadyExists"
    iam("DeleteUser", UserName="ANNA")
    iam("CreateUser", UserName="anna")
