"""Aliases, the password policy and the reports of an account: what IAM refuses, with AWS's code, status and text."""

from __future__ import annotations

import csv
import io
from urllib.parse import quote

import pytest

from podrole.base.clock import rfc3339
from support.complete import mfa_codes
from support.iam_account import (
    ACCOUNT,
    ANN,
    ARN,
    AWS_POLICY,
    DOCUMENT,
    IAM,
    LINKED,
    NODE,
    NOW,
    OWN,
    READER,
    RESERVED,
    STAFF,
    VERSION,
    Before,
    Given,
    Refusal,
    exists,
    no_such,
)

REFUSED: dict[str, Refusal] = {
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


def test_an_alias_belongs_to_one_account_of_the_world(iam: IAM) -> None:
    iam("CreateAccountAlias", account="444455556666", AccountAlias="other")
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


def test_an_account_has_one_alias(iam: IAM) -> None:
    assert iam("ListAccountAliases") == {"AccountAliases": [], "IsTruncated": False}
    for alias in ("shop", "store"):
        iam("CreateAccountAlias", AccountAlias=alias)
    assert iam("ListAccountAliases")["AccountAliases"] == ["store"]
    assert iam.refused("DeleteAccountAlias", AccountAlias="shop")[0] == "NoSuchEntity"
    iam("DeleteAccountAlias", AccountAlias="store")
    assert iam("ListAccountAliases")["AccountAliases"] == []


DEFAULT_POLICY = {
    "MinimumPasswordLength": 6,
    "RequireSymbols": False,
    "RequireNumbers": False,
    "RequireUppercaseCharacters": False,
    "RequireLowercaseCharacters": False,
    "AllowUsersToChangePassword": False,
    "ExpirePasswords": False,
}


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({}, DEFAULT_POLICY),
        *(({name: True}, {**DEFAULT_POLICY, name: True}) for name in list(DEFAULT_POLICY)[1:6]),
        ({"MinimumPasswordLength": 9}, {**DEFAULT_POLICY, "MinimumPasswordLength": 9}),
        ({"MaxPasswordAge": 30}, {**DEFAULT_POLICY, "ExpirePasswords": True, "MaxPasswordAge": 30}),
        ({"PasswordReusePrevention": 3}, {**DEFAULT_POLICY, "PasswordReusePrevention": 3}),
        ({"HardExpiry": False}, {**DEFAULT_POLICY, "HardExpiry": False}),
    ],
)
def test_what_an_update_of_the_password_policy_leaves_out_is_the_default(iam: IAM, given: Given, shown: Given) -> None:
    iam("UpdateAccountPasswordPolicy", MaxPasswordAge=90, RequireSymbols=True)
    iam("UpdateAccountPasswordPolicy", **given)
    assert iam("GetAccountPasswordPolicy")["PasswordPolicy"] == shown
    iam("DeleteAccountPasswordPolicy")
    assert iam.refused("GetAccountPasswordPolicy")[0] == "NoSuchEntity"


SUMMARY = {
    "AccessKeysPerUserQuota": 2,
    "AccountAccessKeysPresent": 0,
    "AccountMFAEnabled": 0,
    "AccountPasswordPresent": 0,
    "AccountSigningCertificatesPresent": 0,
    "AssumeRolePolicySizeQuota": 2_048,
    "AttachedPoliciesPerGroupQuota": 10,
    "AttachedPoliciesPerRoleQuota": 20,
    "AttachedPoliciesPerUserQuota": 10,
    "GlobalEndpointTokenVersion": 1,
    "GroupPolicySizeQuota": 5_120,
    "Groups": 1,
    "GroupsPerUserQuota": 10,
    "GroupsQuota": 500,
    "InstanceProfiles": 1,
    "InstanceProfilesQuota": 10_000,
    "MFADevices": 1,
    "MFADevicesInUse": 0,
    "Policies": 1,
    "PoliciesQuota": 10_000,
    "PolicySizeQuota": 6_144,
    "PolicyVersionsInUse": 2,
    "PolicyVersionsInUseQuota": 10_000,
    "Providers": 2,
    "RolePolicySizeQuota": 10_240,
    "Roles": 3,
    "RolesQuota": 10_000,
    "ServerCertificates": 0,
    "ServerCertificatesQuota": 20,
    "SigningCertificatesPerUserQuota": 2,
    "UserPolicySizeQuota": 2_048,
    "Users": 2,
    "UsersQuota": 5_000,
    "VersionsPerPolicyQuota": 5,
}


def test_the_summary_counts_what_is_there(iam: IAM) -> None:
    iam(VERSION[0], **VERSION[1])
    iam("CreateOpenIDConnectProvider", Url="https://example.com", ThumbprintList=["a" * 40])
    assert iam("GetAccountSummary")["SummaryMap"] == SUMMARY
    made = iam("CreateVirtualMFADevice", VirtualMFADeviceName="used")["VirtualMFADevice"]
    codes = mfa_codes(made["Base32StringSeed"].decode(), NOW)
    iam("EnableMFADevice", **ANN, SerialNumber=made["SerialNumber"], **codes)
    for version, number in (("v2Token", 2), ("v1Token", 1)):
        iam("SetSecurityTokenServicePreferences", GlobalEndpointTokenVersion=version)
        summary = iam("GetAccountSummary")["SummaryMap"]
        assert (summary["MFADevicesInUse"], summary["GlobalEndpointTokenVersion"]) == (1, number)


def test_details_are_of_the_kinds_that_the_filter_names(iam: IAM) -> None:
    iam("AttachRolePolicy", **READER, PolicyArn=AWS_POLICY)
    whole = {"User": ["ann", "bob"], "Group": ["staff"], "Role": sorted([LINKED, RESERVED, "reader"])}

    def details(*kinds: str) -> tuple[dict[str, list[str]], list[str]]:
        answer = iam("GetAccountAuthorizationDetails", **({"Filter": list(kinds)} if kinds else {}))
        names = {kind: sorted(one[f"{kind}Name"] for one in answer[f"{kind}DetailList"]) for kind in whole}
        assert answer["IsTruncated"] is False
        assert "Items" not in answer
        return names, sorted(one["PolicyName"] for one in answer["Policies"])

    nothing: dict[str, list[str]] = {kind: [] for kind in whole}
    assert details() == (whole, ["AdministratorAccess", "own"])
    assert details("LocalManagedPolicy") == (nothing, ["own"])
    assert details("AWSManagedPolicy") == (nothing, ["AdministratorAccess"])
    for kind, names in whole.items():
        assert details(kind) == ({**nothing, kind: names}, [])


def test_details_show_what_belongs_to_each(iam: IAM) -> None:
    given = {"PolicyName": "p", "PolicyDocument": DOCUMENT}
    for kind, holder in (("User", ANN), ("Group", STAFF), ("Role", READER)):
        iam(f"Put{kind}Policy", **holder, **given)
        iam(f"Attach{kind}Policy", **holder, **ARN)
    iam("AddUserToGroup", **ANN, **STAFF)
    iam("AddRoleToInstanceProfile", **READER, **NODE)
    iam("UpdateRole", **READER, Description="mine")
    iam("TagPolicy", **ARN, Tags=[{"Key": "a", "Value": "b"}])
    answer = iam("GetAccountAuthorizationDetails")
    attached = [{"PolicyName": "own", "PolicyArn": OWN}]
    inline = [{"PolicyName": "p", "PolicyDocument": quote(DOCUMENT, safe="")}]
    (ann,) = (one for one in answer["UserDetailList"] if one["UserName"] == "ann")
    assert (ann["UserPolicyList"], ann["AttachedManagedPolicies"], ann["GroupList"]) == (inline, attached, ["staff"])
    (staff,) = answer["GroupDetailList"]
    assert (staff["GroupPolicyList"], staff["AttachedManagedPolicies"]) == (inline, attached)
    (reader,) = (one for one in answer["RoleDetailList"] if one["RoleName"] == "reader")
    assert (reader["RolePolicyList"], reader["AttachedManagedPolicies"]) == (inline, attached)
    assert [one["InstanceProfileName"] for one in reader["InstanceProfileList"]] == ["node"]
    assert {"MaxSessionDuration", "Description"}.isdisjoint(reader)
    (own,) = answer["Policies"]
    assert "Tags" not in own
    assert [one["VersionId"] for one in own["PolicyVersionList"]] == ["v1"]


def report(iam: IAM) -> list[dict[str, str]]:
    iam("GenerateCredentialReport")
    return list(csv.DictReader(io.StringIO(iam("GetCredentialReport")["Content"].decode())))


def test_a_first_report_is_started(iam: IAM) -> None:
    assert iam("GenerateCredentialReport")["State"] == "STARTED"
    assert iam("GenerateCredentialReport") == {"State": "COMPLETE"}


CREATED = rfc3339(NOW)
NOTHING = "N/A"


def test_the_report_has_the_root_user_without_credentials(iam: IAM) -> None:
    root = report(iam)[0]
    assert (root["user"], root["arn"]) == ("<root_account>", f"arn:aws:iam::{ACCOUNT}:root")
    assert {name for name, value in root.items() if value == "false"} == {
        *("password_enabled", "mfa_active", "access_key_1_active", "access_key_2_active"),
        *("cert_1_active", "cert_2_active"),
    }
    assert {name for name, value in root.items() if value == "not_supported"} == {
        *("password_last_changed", "password_next_rotation"),
    }


def test_the_report_shows_the_credentials_of_each_user(iam: IAM) -> None:
    _, ann, bob = report(iam)
    assert (ann["user"], bob["user"], ann["user_creation_time"]) == ("ann", "bob", CREATED)
    assert {name for name, value in ann.items() if value == "false"} == {
        *("password_enabled", "mfa_active", "access_key_1_active", "access_key_2_active"),
        *("cert_1_active", "cert_2_active"),
    }
    key = iam("CreateAccessKey", **ANN)["AccessKey"]["AccessKeyId"]
    iam("CreateLoginProfile", **ANN, Password="pass-Word-1")
    made = iam("CreateVirtualMFADevice", VirtualMFADeviceName="used")["VirtualMFADevice"]
    codes = mfa_codes(made["Base32StringSeed"].decode(), NOW)
    iam("EnableMFADevice", **ANN, SerialNumber=made["SerialNumber"], **codes)
    ann = report(iam)[1]
    assert {name for name, value in ann.items() if value == "true"} == {
        *("password_enabled", "mfa_active", "access_key_1_active"),
    }
    assert {name for name, value in ann.items() if value == CREATED} == {
        *("user_creation_time", "password_last_changed", "access_key_1_last_rotated"),
    }
    assert ann["password_last_used"] == "no_information"
    iam("UpdateAccountPasswordPolicy")
    assert report(iam)[1]["password_next_rotation"] == NOTHING
    iam("UpdateAccountPasswordPolicy", MaxPasswordAge=30)
    assert report(iam)[1]["password_next_rotation"] == rfc3339(NOW + 30 * 24 * 3_600)
    iam("UpdateAccessKey", **ANN, AccessKeyId=key, Status="Inactive")
    iam("CreateAccessKey", **ANN)
    ann = report(iam)[1]
    assert sorted((ann["access_key_1_active"], ann["access_key_2_active"])) == ["false", "true"]
    assert ann["access_key_2_last_rotated"] == CREATED
