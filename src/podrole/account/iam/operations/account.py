"""The account as a whole: alias, password policy, summary, details and the credential report.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html and its siblings.
"""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any

from podrole.account.errors import AccountError, no_such_entity
from podrole.account.iam.operations import shown
from podrole.account.iam.operations.policies import MOST_ATTACHED, MOST_VERSIONS, policies_named
from podrole.account.iam.operations.users import MOST_GROUPS
from podrole.account.iam.records import (
    AccessKeyRecord,
    GroupRecord,
    InstanceProfileRecord,
    ManagedPolicyRecord,
    MFADeviceRecord,
    OIDCProviderRecord,
    PasswordPolicy,
    PolicyHolder,
    RoleRecord,
    SAMLProviderRecord,
    ServerCertificateRecord,
    SigningCertificateRecord,
    UserRecord,
)
from podrole.account.iam.request import IAMRequest, Output, time

# Alias


def create_account_alias(request: IAMRequest) -> Output:
    """CreateAccountAlias: an account has one, so it replaces the one before."""
    request.put(replace(request.state.settings, alias=request.input["AccountAlias"]))
    return {}


def delete_account_alias(request: IAMRequest) -> Output:
    """DeleteAccountAlias."""
    alias, settings = request.input["AccountAlias"], request.state.settings
    if settings.alias != alias:
        raise no_such_entity(f"The account alias {alias} cannot be found.")
    request.put(replace(settings, alias=None))
    return {}


def list_account_aliases(request: IAMRequest) -> Output:
    """ListAccountAliases."""
    alias = request.state.settings.alias
    return {"AccountAliases": [alias] if alias is not None else [], "IsTruncated": False}


# Password policy


def update_account_password_policy(request: IAMRequest) -> Output:
    """UpdateAccountPasswordPolicy: what the request leaves out becomes the default."""
    given = request.input
    policy = PasswordPolicy(
        minimum_length=given.get("MinimumPasswordLength", 6),
        symbols=given.get("RequireSymbols", False),
        numbers=given.get("RequireNumbers", False),
        uppercase=given.get("RequireUppercaseCharacters", False),
        lowercase=given.get("RequireLowercaseCharacters", False),
        users_may_change=given.get("AllowUsersToChangePassword", False),
        max_age_days=given.get("MaxPasswordAge"),
        reuse_prevention=given.get("PasswordReusePrevention"),
        hard_expiry=given.get("HardExpiry"),
    )
    request.put(replace(request.state.settings, password_policy=policy))
    return {}


def get_account_password_policy(request: IAMRequest) -> Output:
    """GetAccountPasswordPolicy."""
    policy = request.state.settings.password_policy
    if policy is None:
        raise no_such_entity(f"The Password Policy with domain name {request.state.account} cannot be found.")
    output: dict[str, Any] = {
        "MinimumPasswordLength": policy.minimum_length,
        "RequireSymbols": policy.symbols,
        "RequireNumbers": policy.numbers,
        "RequireUppercaseCharacters": policy.uppercase,
        "RequireLowercaseCharacters": policy.lowercase,
        "AllowUsersToChangePassword": policy.users_may_change,
        "ExpirePasswords": policy.max_age_days is not None,
    }
    further = {
        "MaxPasswordAge": policy.max_age_days,
        "PasswordReusePrevention": policy.reuse_prevention,
        "HardExpiry": policy.hard_expiry,
    }
    return {"PasswordPolicy": output | {name: value for name, value in further.items() if value is not None}}


def delete_account_password_policy(request: IAMRequest) -> Output:
    """DeleteAccountPasswordPolicy."""
    if request.state.settings.password_policy is None:
        raise no_such_entity("The account policy with name PasswordPolicy cannot be found.")
    request.put(replace(request.state.settings, password_policy=None))
    return {}


def set_security_token_service_preferences(request: IAMRequest) -> Output:
    """SetSecurityTokenServicePreferences: kept and shown in the summary; tokens here have one form."""
    version = 2 if request.input["GlobalEndpointTokenVersion"] == "v2Token" else 1
    request.put(replace(request.state.settings, global_token_version=version))
    return {}


# Summary and details


def get_account_summary(request: IAMRequest) -> Output:
    """GetAccountSummary."""
    state = request.state
    devices = state.records(MFADeviceRecord)
    holders = list(state.holders())
    summary = {
        "AccessKeysPerUserQuota": 2,
        "AccountAccessKeysPresent": 0,
        "AccountMFAEnabled": 0,
        "AccountPasswordPresent": 0,
        "AccountSigningCertificatesPresent": 0,
        "AssumeRolePolicySizeQuota": 2_048,
        "AttachedPoliciesPerGroupQuota": MOST_ATTACHED["group"],
        "AttachedPoliciesPerRoleQuota": MOST_ATTACHED["role"],
        "AttachedPoliciesPerUserQuota": MOST_ATTACHED["user"],
        "GlobalEndpointTokenVersion": state.settings.global_token_version,
        "GroupPolicySizeQuota": 5_120,
        "Groups": state.count(GroupRecord),
        "GroupsPerUserQuota": MOST_GROUPS,
        "GroupsQuota": 300,
        "InstanceProfiles": state.count(InstanceProfileRecord),
        "InstanceProfilesQuota": 1_000,
        "MFADevices": len(devices),
        "MFADevicesInUse": sum(device.user_id is not None for device in devices),
        "Policies": state.count(ManagedPolicyRecord),
        "PoliciesQuota": 1_500,
        "PolicySizeQuota": 6_144,
        "PolicyVersionsInUse": sum(len(policy.versions) for policy in state.records(ManagedPolicyRecord)),
        "PolicyVersionsInUseQuota": 10_000,
        "Providers": state.count(OIDCProviderRecord) + state.count(SAMLProviderRecord),
        "RolePolicySizeQuota": 10_240,
        "Roles": state.count(RoleRecord),
        "RolesQuota": 1_000,
        "ServerCertificates": state.count(ServerCertificateRecord),
        "ServerCertificatesQuota": 20,
        "SigningCertificatesPerUserQuota": 2,
        "UserPolicySizeQuota": 2_048,
        "Users": sum(isinstance(holder, UserRecord) for holder in holders),
        "UsersQuota": 5_000,
        "VersionsPerPolicyQuota": MOST_VERSIONS,
    }
    return {"SummaryMap": summary}


def get_account_authorization_details(request: IAMRequest) -> Output:
    """GetAccountAuthorizationDetails: a page of users, groups, roles and policies together."""
    state, wanted = request.state, set(request.input.get("Filter") or ())
    lists: dict[str, list[Any]] = {"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": [], "Policies": []}
    items: list[tuple[str, str, Any]] = []
    for kind, key, records in (
        ("User", "UserDetailList", state.records(UserRecord)),
        ("Group", "GroupDetailList", state.records(GroupRecord)),
        ("Role", "RoleDetailList", state.records(RoleRecord)),
    ):
        if not wanted or kind in wanted:
            items += [(key, record.id, _holder_detail(request, record)) for record in records]
    if not wanted or "LocalManagedPolicy" in wanted:
        items += [
            ("Policies", policy.id, _policy_detail(request, policy)) for policy in state.records(ManagedPolicyRecord)
        ]
    if not wanted or "AWSManagedPolicy" in wanted:
        used = {arn for holder in state.holders() for arn in holder.attached}
        managed = [policy for arn in sorted(used) if (policy := request.catalogue.get(arn)) is not None]
        items += [("Policies", policy.id, _aws_policy_detail(request, policy)) for policy in managed]
    page = request.page("Items", sorted(items, key=lambda item: item[1]), lambda item: item[1], lambda item: item)
    for key, _, detail in page["Items"]:
        lists[key].append(detail)
    return {**lists, **{key: value for key, value in page.items() if key != "Items"}}


def _holder_detail(request: IAMRequest, record: PolicyHolder) -> dict[str, Any]:
    state = request.state
    attached = policies_named(record.attached)
    inline = [
        {"PolicyName": name, "PolicyDocument": shown.document(text)} for name, text in sorted(record.inline.items())
    ]
    if isinstance(record, UserRecord):
        groups = [group.name for group in state.groups_of(record)]
        further = {"UserPolicyList": inline, "GroupList": groups, "AttachedManagedPolicies": attached}
        return shown.user(record, state) | further
    if isinstance(record, GroupRecord):
        return shown.group(record, state) | {"GroupPolicyList": inline, "AttachedManagedPolicies": attached}
    assert isinstance(record, RoleRecord)  # noqa: S101 - the third and last kind of holder
    profiles = [profile for profile in state.records(InstanceProfileRecord) if profile.role_id == record.id]
    detail = shown.role(record, state)
    for member in ("MaxSessionDuration", "Description"):
        detail.pop(member, None)
    return detail | {
        "InstanceProfileList": [shown.instance_profile(profile, state) for profile in profiles],
        "RolePolicyList": inline,
        "AttachedManagedPolicies": attached,
    }


def _policy_detail(request: IAMRequest, policy: ManagedPolicyRecord) -> dict[str, Any]:
    detail = shown.policy(policy, request.state)
    detail.pop("Tags", None)
    return detail | {
        "PolicyVersionList": [shown.policy_version(version, policy.default) for version in policy.versions]
    }


def _aws_policy_detail(request: IAMRequest, policy: Any) -> dict[str, Any]:
    version = {
        "Document": shown.document(policy.document),
        "VersionId": policy.version,
        "IsDefaultVersion": True,
        "CreateDate": time(policy.updated_at),
    }
    return shown.aws_policy(policy, request.state) | {"PolicyVersionList": [version]}


# Credential report


def generate_credential_report(request: IAMRequest) -> Output:
    """GenerateCredentialReport: done at once."""
    settings = request.state.settings
    if settings.report is None:
        request.put(replace(settings, report=_report(request), report_at=request.now))
        return {"State": "STARTED", "Description": "No report exists. Starting a new report generation task"}
    request.put(replace(settings, report=_report(request), report_at=request.now))
    return {"State": "COMPLETE"}


def get_credential_report(request: IAMRequest) -> Output:
    """GetCredentialReport: the report that was last generated."""
    settings = request.state.settings
    if settings.report is None or settings.report_at is None:
        raise AccountError(
            "ReportNotPresent", 410, "Credential report not present. Use GenerateCredentialReport to create one."
        )
    return {"Content": settings.report, "ReportFormat": "text/csv", "GeneratedTime": time(settings.report_at)}


_COLUMNS = (
    *("user", "arn", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed"),
    *("password_next_rotation", "mfa_active"),
    *(
        f"access_key_{number}_{column}"
        for number in (1, 2)
        for column in ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
    ),
    *(f"cert_{number}_{column}" for number in (1, 2) for column in ("active", "last_rotated")),
)
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html."""


def _report(request: IAMRequest) -> bytes:
    """Return the report. When something was last used is not kept, and is ``no_information``."""
    state, text = request.state, io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, restval="N/A", lineterminator="\n")
    writer.writeheader()
    for user in state.records(UserRecord):
        password = user.password
        row = {
            "user": user.name,
            "arn": state.arn(user),
            "user_creation_time": time(user.created_at),
            "password_enabled": _flag(password is not None),
            "password_last_used": "no_information" if password else "N/A",
            "password_last_changed": time(password.created_at) if password else "N/A",
            "mfa_active": _flag(bool(state.owned(MFADeviceRecord, user))),
        }
        keys = state.owned(AccessKeyRecord, user)
        for number, key in enumerate([*keys, None, None][:2], 1):
            row[f"access_key_{number}_active"] = _flag(key is not None and key.active)
            if key is not None:
                row[f"access_key_{number}_last_rotated"] = time(key.created_at)
        certificates = state.owned(SigningCertificateRecord, user)
        for number, certificate in enumerate([*certificates, None, None][:2], 1):
            row[f"cert_{number}_active"] = _flag(certificate is not None and certificate.active)
            if certificate is not None:
                row[f"cert_{number}_last_rotated"] = time(certificate.uploaded_at)
        writer.writerow(row)
    return text.getvalue().encode()


def _flag(value: bool) -> str:
    return "true" if value else "false"
