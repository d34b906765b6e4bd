"""The account as a whole: alias, password policy, summary, details and the credential report.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html and its siblings.
"""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any

from podrole.account.errors import AccountError, already_exists, no_such_entity, validation_error
from podrole.account.iam.operations import shown
from podrole.account.iam.operations.attached_policies import MOST_ATTACHED, policies_named
from podrole.account.iam.operations.managed_policies import MOST_VERSIONS, versions_of
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
from podrole.account.iam.request import MOST, IAMRequest, Output, time
from podrole.account.iam.state import IAMState
from podrole.account.managed_policies import ManagedPolicy
from podrole.iam.arn import is_account_id

# Alias


def create_account_alias(request: IAMRequest) -> Output:
    """CreateAccountAlias: an account has one, so it replaces the one before. No other account may have it."""
    alias, state = request.input["AccountAlias"], request.state
    if any(other is not state and other.settings.alias == alias for other in state.every_account()):
        raise already_exists(f"The account alias {alias} already exists.")
    if is_account_id(alias):
        raise validation_error("The account alias must not be a number of 12 digits.")
    request.put(replace(state.settings, alias=alias))
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
    parameters = request.input
    policy = PasswordPolicy(
        minimum_length=parameters.get("MinimumPasswordLength", 6),
        symbols=parameters.get("RequireSymbols", False),
        numbers=parameters.get("RequireNumbers", False),
        uppercase=parameters.get("RequireUppercaseCharacters", False),
        lowercase=parameters.get("RequireLowercaseCharacters", False),
        users_may_change=parameters.get("AllowUsersToChangePassword", False),
        max_age_days=parameters.get("MaxPasswordAge"),
        reuse_prevention=parameters.get("PasswordReusePrevention"),
        hard_expiry=parameters.get("HardExpiry"),
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
        "GroupsQuota": MOST[GroupRecord][1],
        "InstanceProfiles": state.count(InstanceProfileRecord),
        "InstanceProfilesQuota": MOST[InstanceProfileRecord][1],
        "MFADevices": len(devices),
        "MFADevicesInUse": sum(device.user_id is not None for device in devices),
        "Policies": state.count(ManagedPolicyRecord),
        "PoliciesQuota": MOST[ManagedPolicyRecord][1],
        "PolicySizeQuota": 6_144,
        "PolicyVersionsInUse": sum(len(policy.versions) for policy in state.records(ManagedPolicyRecord)),
        "PolicyVersionsInUseQuota": 10_000,
        "Providers": state.count(OIDCProviderRecord) + state.count(SAMLProviderRecord),
        "RolePolicySizeQuota": 10_240,
        "Roles": state.count(RoleRecord),
        "RolesQuota": MOST[RoleRecord][1],
        "ServerCertificates": state.count(ServerCertificateRecord),
        "ServerCertificatesQuota": MOST[ServerCertificateRecord][1],
        "SigningCertificatesPerUserQuota": 2,
        "UserPolicySizeQuota": 2_048,
        "Users": state.count(UserRecord),
        "UsersQuota": MOST[UserRecord][1],
        "VersionsPerPolicyQuota": MOST_VERSIONS,
    }
    return {"SummaryMap": summary}


def get_account_authorization_details(request: IAMRequest) -> Output:
    """GetAccountAuthorizationDetails: a page of users, groups, roles and policies together.

    Of AWS's own policies it shows those that are attached to something.
    """
    state, wanted = request.state, set(request.input.get("Filter") or ())
    items: list[PolicyHolder | ManagedPolicyRecord | ManagedPolicy] = [
        holder for holder in state.holders() if not wanted or holder.noun.capitalize() in wanted
    ]
    if not wanted or "LocalManagedPolicy" in wanted:
        items += state.records(ManagedPolicyRecord)
    if not wanted or "AWSManagedPolicy" in wanted:
        used = {arn for holder in state.holders() for arn in holder.attached}
        items += [policy for arn in used if (policy := request.catalogue.get(arn)) is not None]
    page = request.page("Items", sorted(items, key=lambda item: item.id), lambda item: item.id, lambda item: item)
    lists: dict[str, list[Any]] = {"UserDetailList": [], "GroupDetailList": [], "RoleDetailList": [], "Policies": []}
    for item in page["Items"]:
        if isinstance(item, PolicyHolder):
            lists[f"{item.noun.capitalize()}DetailList"].append(_holder_detail(state, item))
        else:
            lists["Policies"].append(_policy_detail(state, item))
    return {**lists, **{key: value for key, value in page.items() if key != "Items"}}


def _holder_detail(state: IAMState, record: PolicyHolder) -> dict[str, Any]:
    attached = {"AttachedManagedPolicies": policies_named(record.attached)}
    inline = [
        {"PolicyName": name, "PolicyDocument": shown.document(text)} for name, text in sorted(record.inline.items())
    ]
    if isinstance(record, UserRecord):
        groups = [group.name for group in state.groups_of(record)]
        return shown.user(record, state) | {"UserPolicyList": inline, "GroupList": groups} | attached
    if isinstance(record, RoleRecord):
        detail = shown.role(record, state)
        for member in ("MaxSessionDuration", "Description"):
            detail.pop(member, None)
        profiles = [shown.instance_profile(profile, state) for profile in state.profiles_of(record)]
        return detail | {"InstanceProfileList": profiles, "RolePolicyList": inline} | attached
    assert isinstance(record, GroupRecord)  # noqa: S101 - the third and last kind of holder
    return shown.group(record, state) | {"GroupPolicyList": inline} | attached


def _policy_detail(state: IAMState, policy: ManagedPolicyRecord | ManagedPolicy) -> dict[str, Any]:
    if isinstance(policy, ManagedPolicy):
        detail = shown.aws_policy(policy, state)
    else:
        detail = shown.policy(policy, state)
        detail.pop("Tags", None)
    versions, default = versions_of(policy)
    return detail | {"PolicyVersionList": [shown.policy_version(version, default) for version in versions]}


# Credential report


_REPORT_SECONDS = 4 * 3_600
"""How long IAM gives a report before it has to be generated again."""


def generate_credential_report(request: IAMRequest) -> Output:
    """GenerateCredentialReport: done at once."""
    settings = request.state.settings
    request.put(replace(settings, report=_report(request), report_at=request.now))
    if settings.report is None:
        return {"State": "STARTED", "Description": "No report exists. Starting a new report generation task"}
    return {"State": "COMPLETE"}


def get_credential_report(request: IAMRequest) -> Output:
    """GetCredentialReport: the report that was last generated."""
    settings = request.state.settings
    if settings.report_at is None:
        raise AccountError(
            "ReportNotPresent", 410, "Credential report not present. Use GenerateCredentialReport to create one."
        )
    if request.now - settings.report_at > _REPORT_SECONDS:
        raise AccountError(
            "ReportExpired", 410, "Credential report expired. Use GenerateCredentialReport to create a new one."
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
    "additional_credentials_info",
)
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html."""


def _report(request: IAMRequest) -> bytes:
    """Return the report. When a password or key was last used is not known here."""
    state, text = request.state, io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, restval="N/A", lineterminator="\n")
    writer.writeheader()
    writer.writerow(_root_row(state))
    for user in state.records(UserRecord):
        keys = state.owned(AccessKeyRecord, user)
        certificates = state.owned(SigningCertificateRecord, user)
        row = {
            "user": user.name,
            "arn": state.arn(user),
            "user_creation_time": time(user.created_at),
            "mfa_active": _flag(bool(state.owned(MFADeviceRecord, user))),
            **_password_columns(state, user),
        }
        for column, records in (("access_key", keys), ("cert", certificates)):
            for number, record in enumerate([*records, None, None][:2], 1):
                row[f"{column}_{number}_active"] = _flag(record is not None and record.active)
                if record is not None:
                    row[f"{column}_{number}_last_rotated"] = time(record.created_at)
        writer.writerow(row)
    return text.getvalue().encode()


def _password_columns(state: IAMState, user: UserRecord) -> dict[str, str]:
    password, policy = user.password, state.settings.password_policy
    if password is None:
        return {"password_enabled": "false"}
    columns = {
        "password_enabled": "true",
        "password_last_used": "no_information",
        "password_last_changed": time(password.changed_at),
    }
    if policy is not None and policy.max_age_days is not None:
        columns["password_next_rotation"] = time(password.changed_at + policy.max_age_days * 86_400)
    return columns


def _root_row(state: IAMState) -> dict[str, str]:
    """Return the row of the root user, which has no credentials here."""
    flags = ("password_enabled", "mfa_active", "access_key_1_active", "access_key_2_active")
    return {
        "user": "<root_account>",
        "arn": f"arn:{state.partition}:iam::{state.account}:root",
        **dict.fromkeys((*flags, "cert_1_active", "cert_2_active"), "false"),
        "password_last_changed": "not_supported",
        "password_next_rotation": "not_supported",
    }


def _flag(value: bool) -> str:
    return "true" if value else "false"
