"""Every operation of IAM's model is answered as the model says, or says that it is not simulated."""

from __future__ import annotations

import time
from typing import Any

import botocore.session
import pytest

from support.aws import ACCOUNT, LocalAWS, allow, policy, refused, trust_of
from support.complete import Calls, key_and_certificate, known_members_only, mfa_codes

TRUST = policy(trust_of(f"arn:aws:iam::{ACCOUNT}:root"))
DOCUMENT = policy(allow("s3:GetObject"))
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
TAGS = [{"Key": "team", "Value": "shop"}]
METADATA = f"<EntityDescriptor xmlns='urn:oasis:names:tc:SAML:2.0:metadata'>{' ' * 1_000}</EntityDescriptor>"
NOT_SIMULATED = frozenset(
    {
        "AcceptDelegationRequest",
        "AcquireRole",
        "AssociateDelegationRequest",
        "CreateDelegationRequest",
        "CreateServiceSpecificCredential",
        "DeleteServiceSpecificCredential",
        "DisableOrganizationsRootCredentialsManagement",
        "DisableOrganizationsRootSessions",
        "DisableOutboundWebIdentityFederation",
        "EnableOrganizationsRootCredentialsManagement",
        "EnableOrganizationsRootSessions",
        "EnableOutboundWebIdentityFederation",
        "GenerateOrganizationsAccessReport",
        "GenerateServiceLastAccessedDetails",
        "GetAccountProperties",
        "GetDelegationRequest",
        "GetHumanReadableSummary",
        "GetOrganizationsAccessReport",
        "GetOutboundWebIdentityFederationInfo",
        "GetRoleTemplateVersion",
        "GetServiceLastAccessedDetails",
        "GetServiceLastAccessedDetailsWithEntities",
        "ListDelegationRequests",
        "ListOrganizationsFeatures",
        "ListPoliciesGrantingServiceAccess",
        "ListServiceSpecificCredentials",
        "PutAccountProperties",
        "RejectDelegationRequest",
        "ResetServiceSpecificCredential",
        "SendDelegationToken",
        "UpdateDelegationRequest",
        "UpdateServiceSpecificCredential",
    }
)


def test_every_operation_is_answered_as_the_model_says(aws: LocalAWS) -> None:
    call = Calls(aws.client("iam"))
    with known_members_only():
        users_and_groups(call)
        credentials(call, aws)
        devices_keys_and_certificates(call)
        roles_and_profiles(call)
        policies(call)
        providers(call)
        the_account(call)
        simulator(call)
        deletions(call)
    assert call.names() - call.done == NOT_SIMULATED


def users_and_groups(call: Calls) -> None:
    made = call("CreateUser", UserName="ann", Path="/staff/", Tags=TAGS, PermissionsBoundary=READ_ONLY)["User"]
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/staff/ann"
    assert made["Tags"] == TAGS
    assert call("GetUser", UserName="ann")["User"] == made
    assert call("ListUsers", PathPrefix="/staff/")["Users"] == [
        {name: value for name, value in made.items() if name not in ("Tags", "PermissionsBoundary")}
    ]
    call("TagUser", UserName="ann", Tags=[{"Key": "Stage", "Value": "test"}])
    call("UntagUser", UserName="ann", TagKeys=["TEAM"])
    assert call("ListUserTags", UserName="ann")["Tags"] == [{"Key": "Stage", "Value": "test"}]
    call("DeleteUserPermissionsBoundary", UserName="ann")
    call("PutUserPermissionsBoundary", UserName="ann", PermissionsBoundary=READ_ONLY)
    assert call("CreateGroup", GroupName="staff", Path="/people/")["Group"]["GroupId"].startswith("AGPA")
    call("AddUserToGroup", GroupName="staff", UserName="ann")
    group = call("GetGroup", GroupName="staff")
    assert [user["UserName"] for user in group["Users"]] == ["ann"]
    assert call("ListGroups")["Groups"] == [group["Group"]]
    assert call("ListGroupsForUser", UserName="ann")["Groups"] == [group["Group"]]
    call("UpdateGroup", GroupName="staff", NewGroupName="crew", NewPath="/")
    call("UpdateUser", UserName="ann", NewUserName="anna", NewPath="/")
    renamed = call("GetUser", UserName="anna")["User"]
    assert (renamed["UserId"], renamed["Arn"]) == (made["UserId"], f"arn:aws:iam::{ACCOUNT}:user/anna")
    assert [group["GroupName"] for group in call("ListGroupsForUser", UserName="anna")["Groups"]] == ["crew"]


def credentials(call: Calls, aws: LocalAWS) -> None:
    key = call("CreateAccessKey", UserName="anna")["AccessKey"]
    call("UpdateAccessKey", UserName="anna", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    listed = call("ListAccessKeys", UserName="anna")["AccessKeyMetadata"]
    assert [(one["AccessKeyId"], one["Status"]) for one in listed] == [(key["AccessKeyId"], "Inactive")]
    assert "SecretAccessKey" not in listed[0]
    used = call("GetAccessKeyLastUsed", AccessKeyId=key["AccessKeyId"])
    assert (used["UserName"], used["AccessKeyLastUsed"]["ServiceName"]) == ("anna", "N/A")
    profile = call("CreateLoginProfile", UserName="anna", Password="pass-Word-1", PasswordResetRequired=True)
    assert profile["LoginProfile"]["PasswordResetRequired"] is True
    call("UpdateLoginProfile", UserName="anna", PasswordResetRequired=False)
    shown = call("GetLoginProfile", UserName="anna")["LoginProfile"]
    assert shown["CreateDate"] == profile["LoginProfile"]["CreateDate"]
    assert shown["PasswordResetRequired"] is False
    call("UpdateAccessKey", UserName="anna", AccessKeyId=key["AccessKeyId"], Status="Active")
    call("PutUserPolicy", UserName="anna", PolicyName="own", PolicyDocument=policy(allow("iam:*")))
    call("DeleteUserPermissionsBoundary", UserName="anna")
    own = Calls(aws.client("iam", key))
    own("ChangePassword", OldPassword="pass-Word-1", NewPassword="other-Word-2")
    assert refused(own.client.change_password, OldPassword="pass-Word-1", NewPassword="third-Word-3")[1] == 400
    call.done |= own.done
    assert call("GetAccessKeyLastUsed", AccessKeyId=key["AccessKeyId"])["AccessKeyLastUsed"]["ServiceName"] == "iam"


def devices_keys_and_certificates(call: Calls) -> None:
    device = call("CreateVirtualMFADevice", VirtualMFADeviceName="phone", Tags=TAGS)["VirtualMFADevice"]
    serial = device["SerialNumber"]
    assert serial == f"arn:aws:iam::{ACCOUNT}:mfa/phone"
    assert [one["SerialNumber"] for one in call("ListVirtualMFADevices")["VirtualMFADevices"]] == [serial]
    codes = mfa_codes(device["Base32StringSeed"].decode(), time.time())
    call("EnableMFADevice", UserName="anna", SerialNumber=serial, **codes)
    assert call("GetMFADevice", SerialNumber=serial)["UserName"] == "anna"
    assert [one["SerialNumber"] for one in call("ListMFADevices", UserName="anna")["MFADevices"]] == [serial]
    call("ResyncMFADevice", UserName="anna", SerialNumber=serial, **codes)
    call("TagMFADevice", SerialNumber=serial, Tags=[{"Key": "a", "Value": ""}])
    call("UntagMFADevice", SerialNumber=serial, TagKeys=["team"])
    assert call("ListMFADeviceTags", SerialNumber=serial)["Tags"] == [{"Key": "a", "Value": ""}]
    assigned = call("ListVirtualMFADevices", AssignmentStatus="Assigned")["VirtualMFADevices"]
    assert [one["User"]["UserName"] for one in assigned] == ["anna"]
    assert call("ListVirtualMFADevices", AssignmentStatus="Unassigned")["VirtualMFADevices"] == []
    call("DeactivateMFADevice", UserName="anna", SerialNumber=serial)
    call("DeleteVirtualMFADevice", SerialNumber=serial)

    private, certificate, public = key_and_certificate()
    ssh = call("UploadSSHPublicKey", UserName="anna", SSHPublicKeyBody=public)["SSHPublicKey"]
    identified = {"UserName": "anna", "SSHPublicKeyId": ssh["SSHPublicKeyId"]}
    body = call("GetSSHPublicKey", **identified, Encoding="SSH")["SSHPublicKey"]["SSHPublicKeyBody"]
    assert body.split()[1] == public.split()[1]
    call("UpdateSSHPublicKey", **identified, Status="Inactive")
    assert call("ListSSHPublicKeys", UserName="anna")["SSHPublicKeys"][0]["Status"] == "Inactive"
    call("DeleteSSHPublicKey", **identified)

    signing = call("UploadSigningCertificate", UserName="anna", CertificateBody=certificate)["Certificate"]
    identified = {"UserName": "anna", "CertificateId": signing["CertificateId"]}
    call("UpdateSigningCertificate", **identified, Status="Inactive")
    listed = call("ListSigningCertificates", UserName="anna")["Certificates"]
    assert [(one["CertificateBody"], one["Status"]) for one in listed] == [(certificate, "Inactive")]
    call("DeleteSigningCertificate", **identified)

    given = {"CertificateBody": certificate, "PrivateKey": private, "CertificateChain": certificate}
    made = call("UploadServerCertificate", ServerCertificateName="web", **given, Path="/tls/", Tags=TAGS)
    metadata = made["ServerCertificateMetadata"]
    assert metadata["Arn"] == f"arn:aws:iam::{ACCOUNT}:server-certificate/tls/web"
    assert call("ListServerCertificates")["ServerCertificateMetadataList"] == [metadata]
    named = {"ServerCertificateName": "web"}
    shown = call("GetServerCertificate", **named)["ServerCertificate"]
    assert (shown["CertificateBody"], shown["CertificateChain"]) == (certificate, certificate)
    call("TagServerCertificate", **named, Tags=[{"Key": "a", "Value": "b"}])
    call("UntagServerCertificate", **named, TagKeys=["team"])
    assert call("ListServerCertificateTags", **named)["Tags"] == [{"Key": "a", "Value": "b"}]
    call("UpdateServerCertificate", **named, NewServerCertificateName="www", NewPath="/")
    call("DeleteServerCertificate", ServerCertificateName="www")


def roles_and_profiles(call: Calls) -> None:
    made = call("CreateRole", RoleName="reader", AssumeRolePolicyDocument=TRUST, Tags=TAGS, Description="reads")["Role"]
    assert made["AssumeRolePolicyDocument"]["Version"] == "2012-10-17"
    named = {"RoleName": "reader"}
    assert call("GetRole", **named)["Role"] == {**made, "RoleLastUsed": {}}
    call("UpdateRole", **named, Description="reads more", MaxSessionDuration=7_200)
    assert call("UpdateRoleDescription", **named, Description="again")["Role"]["Description"] == "again"
    changed = call("GetRole", **named)["Role"]
    assert (changed["Description"], changed["MaxSessionDuration"]) == ("again", 7_200)
    call("UpdateRole", **named)
    assert call("GetRole", **named)["Role"]["MaxSessionDuration"] == 3_600
    call("UpdateAssumeRolePolicy", **named, PolicyDocument=TRUST)
    call("PutRolePermissionsBoundary", **named, PermissionsBoundary=READ_ONLY)
    assert call("GetRole", **named)["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"] == READ_ONLY
    call("DeleteRolePermissionsBoundary", **named)
    call("TagRole", **named, Tags=[{"Key": "a", "Value": "b"}])
    call("UntagRole", **named, TagKeys=["team"])
    assert call("ListRoleTags", **named)["Tags"] == [{"Key": "a", "Value": "b"}]
    assert "reader" in [role["RoleName"] for role in call("ListRoles")["Roles"]]

    profile = {"InstanceProfileName": "node"}
    call("CreateInstanceProfile", **profile, Tags=TAGS)
    call("AddRoleToInstanceProfile", **profile, **named)
    shown = call("GetInstanceProfile", **profile)["InstanceProfile"]
    assert [role["RoleName"] for role in shown["Roles"]] == ["reader"]
    names = [one["InstanceProfileName"] for one in call("ListInstanceProfiles")["InstanceProfiles"]]
    assert names == ["node"]
    assert len(call("ListInstanceProfilesForRole", **named)["InstanceProfiles"]) == 1
    call("TagInstanceProfile", **profile, Tags=[{"Key": "a", "Value": "b"}])
    call("UntagInstanceProfile", **profile, TagKeys=["a"])
    assert call("ListInstanceProfileTags", **profile)["Tags"] == TAGS

    service = call("CreateServiceLinkedRole", AWSServiceName="autoscaling.amazonaws.com", CustomSuffix="x")["Role"]
    assert service["Arn"] == (
        f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling_x"
    )
    task = call("DeleteServiceLinkedRole", RoleName=service["RoleName"])["DeletionTaskId"]
    assert call("GetServiceLinkedRoleDeletionStatus", DeletionTaskId=task)["Status"] == "SUCCEEDED"


def policies(call: Calls) -> None:
    made = call("CreatePolicy", PolicyName="own", PolicyDocument=DOCUMENT, Description="d", Tags=TAGS)["Policy"]
    arn = {"PolicyArn": made["Arn"]}
    assert call("GetPolicy", **arn)["Policy"]["Description"] == "d"
    version = call("CreatePolicyVersion", **arn, PolicyDocument=DOCUMENT)["PolicyVersion"]
    assert (version["VersionId"], version["IsDefaultVersion"]) == ("v2", False)
    updated = call("GetPolicy", **arn)["Policy"]["UpdateDate"]
    call("SetDefaultPolicyVersion", **arn, VersionId="v2")
    shown = call("GetPolicy", **arn)["Policy"]
    assert (shown["DefaultVersionId"], shown["UpdateDate"]) == ("v2", updated)
    listed = [one["VersionId"] for one in call("ListPolicyVersions", **arn)["Versions"]]
    assert listed == ["v2", "v1"]
    document = call("GetPolicyVersion", **arn, VersionId="v1")["PolicyVersion"]["Document"]
    assert document["Statement"][0]["Action"] == "s3:GetObject"
    call("DeletePolicyVersion", **arn, VersionId="v1")
    call("TagPolicy", **arn, Tags=[{"Key": "a", "Value": "b"}])
    call("UntagPolicy", **arn, TagKeys=["team"])
    assert call("ListPolicyTags", **arn)["Tags"] == [{"Key": "a", "Value": "b"}]
    for title, name in (("User", "anna"), ("Group", "crew"), ("Role", "reader")):
        named: dict[str, Any] = {f"{title}Name": name}
        call(f"Attach{title}Policy", **named, **arn)
        attached = call(f"ListAttached{title}Policies", **named)["AttachedPolicies"]
        assert attached == [{"PolicyName": "own", "PolicyArn": made["Arn"]}]
        call(f"Put{title}Policy", **named, PolicyName="inline", PolicyDocument=DOCUMENT)
        inline = call(f"Get{title}Policy", **named, PolicyName="inline")
        assert inline["PolicyDocument"]["Statement"][0]["Action"] == "s3:GetObject"
        assert "inline" in call(f"List{title}Policies", **named)["PolicyNames"]
    assert [one["PolicyName"] for one in call("ListPolicies", Scope="Local")["Policies"]] == ["own"]
    assert call("GetPolicy", **arn)["Policy"]["AttachmentCount"] == 3
    entities = call("ListEntitiesForPolicy", **arn)
    assert [one["UserName"] for one in entities["PolicyUsers"]] == ["anna"]
    assert [one["GroupName"] for one in entities["PolicyGroups"]] == ["crew"]
    assert [one["RoleName"] for one in entities["PolicyRoles"]] == ["reader"]


def providers(call: Calls) -> None:
    given = {"Url": "https://example.com/id", "ClientIDList": ["a"], "ThumbprintList": ["a" * 40]}
    arn = call("CreateOpenIDConnectProvider", **given, Tags=TAGS)["OpenIDConnectProviderArn"]
    named = {"OpenIDConnectProviderArn": arn}
    assert call("ListOpenIDConnectProviders")["OpenIDConnectProviderList"] == [{"Arn": arn}]
    call("AddClientIDToOpenIDConnectProvider", **named, ClientID="b")
    call("RemoveClientIDFromOpenIDConnectProvider", **named, ClientID="a")
    call("UpdateOpenIDConnectProviderThumbprint", **named, ThumbprintList=["b" * 40])
    shown = call("GetOpenIDConnectProvider", **named)
    assert (shown["Url"], shown["ClientIDList"], shown["ThumbprintList"]) == ("example.com/id", ["b"], ["b" * 40])
    call("TagOpenIDConnectProvider", **named, Tags=[{"Key": "a", "Value": "b"}])
    call("UntagOpenIDConnectProvider", **named, TagKeys=["a"])
    assert call("ListOpenIDConnectProviderTags", **named)["Tags"] == TAGS
    call("DeleteOpenIDConnectProvider", **named)

    arn = call("CreateSAMLProvider", Name="corp", SAMLMetadataDocument=METADATA, Tags=TAGS)["SAMLProviderArn"]
    named = {"SAMLProviderArn": arn}
    assert [one["Arn"] for one in call("ListSAMLProviders")["SAMLProviderList"]] == [arn]
    assert call("UpdateSAMLProvider", **named, SAMLMetadataDocument=METADATA + " ")["SAMLProviderArn"] == arn
    assert call("GetSAMLProvider", **named)["SAMLMetadataDocument"] == METADATA + " "
    call("TagSAMLProvider", **named, Tags=[{"Key": "a", "Value": "b"}])
    call("UntagSAMLProvider", **named, TagKeys=["a"])
    assert call("ListSAMLProviderTags", **named)["Tags"] == TAGS
    call("DeleteSAMLProvider", **named)


def the_account(call: Calls) -> None:
    call("CreateAccountAlias", AccountAlias="shop")
    assert call("ListAccountAliases")["AccountAliases"] == ["shop"]
    call("DeleteAccountAlias", AccountAlias="shop")
    call("UpdateAccountPasswordPolicy", MinimumPasswordLength=12, MaxPasswordAge=90)
    shown = call("GetAccountPasswordPolicy")["PasswordPolicy"]
    assert (shown["MinimumPasswordLength"], shown["MaxPasswordAge"], shown["ExpirePasswords"]) == (12, 90, True)
    assert call("GenerateCredentialReport")["State"] == "STARTED"
    assert call("GenerateCredentialReport")["State"] == "COMPLETE"
    lines = call("GetCredentialReport")["Content"].decode().splitlines()
    assert [line.split(",")[0] for line in lines] == ["user", "<root_account>", "admin", "anna"]
    assert {line.count(",") for line in lines} == {lines[0].count(",")}
    call("DeleteAccountPasswordPolicy")
    call("SetSecurityTokenServicePreferences", GlobalEndpointTokenVersion="v2Token")
    summary = call("GetAccountSummary")["SummaryMap"]
    assert (summary["Users"], summary["Groups"], summary["GlobalEndpointTokenVersion"]) == (2, 1, 2)
    details = call("GetAccountAuthorizationDetails")
    assert [one["UserName"] for one in details["UserDetailList"] if one["GroupList"] == ["crew"]] == ["anna"]
    role = next(one for one in details["RoleDetailList"] if one["RoleName"] == "reader")
    assert [one["InstanceProfileName"] for one in role["InstanceProfileList"]] == ["node"]
    assert {"own", "AdministratorAccess"} <= {one["PolicyName"] for one in details["Policies"]}


def simulator(call: Calls) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:user/anna"
    call("SimulateCustomPolicy", PolicyInputList=[DOCUMENT], ActionNames=["s3:GetObject"])
    call("SimulatePrincipalPolicy", PolicySourceArn=arn, ActionNames=["s3:GetObject"])
    call("GetContextKeysForCustomPolicy", PolicyInputList=[DOCUMENT])
    call("GetContextKeysForPrincipalPolicy", PolicySourceArn=arn)


def deletions(call: Calls) -> None:
    arn = {"PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/own"}
    for title, name in (("User", "anna"), ("Group", "crew"), ("Role", "reader")):
        named: dict[str, Any] = {f"{title}Name": name}
        call(f"Detach{title}Policy", **named, **arn)
        call(f"Delete{title}Policy", **named, PolicyName="inline")
    call("DeletePolicy", **arn)
    call("DeleteUserPolicy", UserName="anna", PolicyName="own")
    call("RemoveRoleFromInstanceProfile", InstanceProfileName="node", RoleName="reader")
    call("DeleteInstanceProfile", InstanceProfileName="node")
    call("DeleteRole", RoleName="reader")
    call("RemoveUserFromGroup", GroupName="crew", UserName="anna")
    call("DeleteGroup", GroupName="crew")
    call("DeleteLoginProfile", UserName="anna")
    for key in call("ListAccessKeys", UserName="anna")["AccessKeyMetadata"]:
        call("DeleteAccessKey", UserName="anna", AccessKeyId=key["AccessKeyId"])
    call("DeleteUser", UserName="anna")


@pytest.mark.parametrize("name", sorted(NOT_SIMULATED))
def test_what_is_not_simulated_says_so_by_name(aws: LocalAWS, name: str) -> None:
    call = Calls(aws.client("iam", parameter_validation=False))
    given = call.minimal(name)
    if name in ("CreateServiceSpecificCredential", "ListServiceSpecificCredentials"):
        given["UserName"] = "admin"
    assert refused(lambda: call(name, **given)) == (
        "NotImplemented",
        501,
        f"podrole's local AWS does not simulate iam:{name}.",
    )


# Lists in pages

PAGED = sorted(botocore.session.get_session().get_paginator_model("iam")._paginator_config)


@pytest.fixture
def full(aws: LocalAWS) -> LocalAWS:
    """An account in which every list has at least three entries."""
    client = aws.client("iam")
    arns = [
        client.create_policy(PolicyName=f"p{number}", PolicyDocument=DOCUMENT)["Policy"]["Arn"] for number in range(3)
    ]
    for number in range(3):
        client.create_policy_version(PolicyArn=arns[0], PolicyDocument=DOCUMENT)
        client.create_group(GroupName=f"g{number}")
        for kind, given in (("user", {}), ("role", {"AssumeRolePolicyDocument": TRUST})):
            getattr(client, f"create_{kind}")(**{f"{kind.title()}Name": f"x{number}"}, **given)
        client.create_instance_profile(InstanceProfileName=f"i{number}")
        client.add_role_to_instance_profile(InstanceProfileName=f"i{number}", RoleName="x0")
        client.add_user_to_group(GroupName=f"g{number}", UserName="x0")
        client.add_user_to_group(GroupName="g0", UserName=f"x{number}")
        private, certificate, public = key_and_certificate(number)
        client.upload_ssh_public_key(UserName="x0", SSHPublicKeyBody=public)
        given = {"CertificateBody": certificate, "PrivateKey": private}
        client.upload_server_certificate(ServerCertificateName=f"c{number}", **given)
        if number < 2:
            client.create_access_key(UserName="x0")
            client.upload_signing_certificate(UserName="x0", CertificateBody=certificate)
        device = client.create_virtual_mfa_device(VirtualMFADeviceName=f"d{number}")["VirtualMFADevice"]
        codes = mfa_codes(device["Base32StringSeed"].decode(), time.time())
        client.enable_mfa_device(UserName="x0", SerialNumber=device["SerialNumber"], **codes)
    for kind, name in (("user", "x0"), ("group", "g0"), ("role", "x0")):
        named: dict[str, str] = {f"{kind.title()}Name": name}
        for number in range(3):
            getattr(client, f"attach_{kind}_policy")(**named, PolicyArn=arns[number])
            inline = {"PolicyName": f"p{number}", "PolicyDocument": DOCUMENT}
            getattr(client, f"put_{kind}_policy")(**named, **inline)
    client.create_saml_provider(Name="corp", SAMLMetadataDocument=METADATA)
    client.create_open_id_connect_provider(Url="https://example.com/id", ThumbprintList=["a" * 40])
    for kind, parameter in TAGGED.items():
        tags = [{"Key": f"k{number}", "Value": "v"} for number in range(3)]
        getattr(client, f"tag_{kind}")(**{parameter: SUBJECTS[parameter]}, Tags=tags)
    return aws


SUBJECTS: dict[str, Any] = {
    "UserName": "x0",
    "GroupName": "g0",
    "RoleName": "x0",
    "InstanceProfileName": "i0",
    "ServerCertificateName": "c0",
    "SerialNumber": f"arn:aws:iam::{ACCOUNT}:mfa/d0",
    "SAMLProviderArn": f"arn:aws:iam::{ACCOUNT}:saml-provider/corp",
    "OpenIDConnectProviderArn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/example.com/id",
    "PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/p0",
    "PolicySourceArn": f"arn:aws:iam::{ACCOUNT}:user/x0",
    "PolicyInputList": [DOCUMENT],
    "ActionNames": ["s3:GetObject", "s3:PutObject", "ec2:RunInstances"],
}
TAGGED = {
    "user": "UserName",
    "role": "RoleName",
    "policy": "PolicyArn",
    "instance_profile": "InstanceProfileName",
    "server_certificate": "ServerCertificateName",
    "mfa_device": "SerialNumber",
    "saml_provider": "SAMLProviderArn",
    "open_id_connect_provider": "OpenIDConnectProviderArn",
}


def test_every_list_comes_in_pages(full: LocalAWS) -> None:
    client = full.client("iam")
    for name in PAGED:
        operation = client.meta.service_model.operation_model(name)
        given = {member: SUBJECTS[member] for member in operation.input_shape.required_members}
        if name in ("ListMFADevices", "ListSigningCertificates", "ListAccessKeys", "ListSSHPublicKeys"):
            given["UserName"] = "x0"
        if name == "ListPolicies":
            given["Scope"] = "Local"
        if name == "ListAccountAliases":
            client.create_account_alias(AccountAlias="shop")
        paginator = client.get_paginator(botocore.xform_name(name))
        size = 1 if name in ("ListAccessKeys", "ListSigningCertificates", "ListAccountAliases") else 2
        pages = list(paginator.paginate(**given, PaginationConfig={"PageSize": size}))
        whole = list(paginator.paginate(**given))
        assert len(whole) == 1, name
        keys = [one.expression for one in paginator.result_keys]
        for key in keys:
            together = [item for page in pages for item in page.get(key, [])]
            assert together == whole[0][key], (name, key)
        if name != "ListAccountAliases":
            assert len(pages) > 1, name
            assert all(sum(len(page.get(key, [])) for key in keys) <= size for page in pages), name


def test_a_list_of_aws_own_policies_comes_in_pages(aws: LocalAWS) -> None:
    paginator = aws.client("iam").get_paginator("list_policies")
    names = [policy["PolicyName"] for page in paginator.paginate(Scope="AWS") for policy in page["Policies"]]
    assert len(names) == len(set(names)) > 1_000
    assert "AmazonEC2ReadOnlyAccess" in names


def test_a_page_goes_on_where_it_ended_although_entries_went_and_came(aws: LocalAWS) -> None:
    client = aws.client("iam")
    for name in ("b", "d", "f"):
        client.create_group(GroupName=name)
    first = client.list_groups(MaxItems=2)
    client.delete_group(GroupName="b")
    client.create_group(GroupName="c")
    client.create_group(GroupName="e")
    rest = client.list_groups(Marker=first["Marker"])
    assert [group["GroupName"] for group in rest["Groups"]] == ["e", "f"]
    assert refused(client.list_groups, Marker="%") == ("ValidationError", 400, "Invalid Marker.")


WAITED = {
    "user_exists": {"UserName": "x"},
    "role_exists": {"RoleName": "x"},
    "instance_profile_exists": {"InstanceProfileName": "x"},
    "policy_exists": {"PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/x"},
}


def test_the_waiters_end(aws: LocalAWS) -> None:
    client = aws.client("iam")
    assert set(client.waiter_names) == set(WAITED)
    client.create_user(UserName="x")
    client.create_role(RoleName="x", AssumeRolePolicyDocument=TRUST)
    client.create_instance_profile(InstanceProfileName="x")
    client.create_policy(PolicyName="x", PolicyDocument=DOCUMENT)
    for name, given in WAITED.items():
        client.get_waiter(name).wait(**given, WaiterConfig={"Delay": 0, "MaxAttempts": 1})
