"""Every operation of Organizations' model is answered as the model says, or says that it is not simulated."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from support.aws import LocalAWS, allow, policy, refused
from support.complete import Calls

SCP, TAGS = "SERVICE_CONTROL_POLICY", [{"Key": "team", "Value": "shop"}]
DOCUMENT = policy(allow("s3:GetObject"))
SERVICE = "config.amazonaws.com"
NOT_SIMULATED = frozenset(
    {
        "AcceptHandshake",
        "CancelHandshake",
        "CreateGovCloudAccount",
        "DeclineHandshake",
        "DeleteResourcePolicy",
        "DescribeEffectivePolicy",
        "DescribeHandshake",
        "DescribeResourcePolicy",
        "DescribeResponsibilityTransfer",
        "EnableAllFeatures",
        "InviteAccountToOrganization",
        "InviteOrganizationToTransferResponsibility",
        "LeaveOrganization",
        "ListAccountsWithInvalidEffectivePolicy",
        "ListEffectivePolicyValidationErrors",
        "ListHandshakesForAccount",
        "ListHandshakesForOrganization",
        "ListInboundResponsibilityTransfers",
        "ListOutboundResponsibilityTransfers",
        "PutResourcePolicy",
        "TerminateResponsibilityTransfer",
        "UpdateResponsibilityTransfer",
    }
)


def test_every_operation_is_answered_as_the_model_says(aws: LocalAWS) -> None:
    call = Calls(aws.client("organizations"))
    made = call("CreateOrganization", FeatureSet="ALL")["Organization"]
    assert call("DescribeOrganization")["Organization"] == made
    root = call("ListRoots")["Roots"][0]["Id"]

    unit = call("CreateOrganizationalUnit", ParentId=root, Name="shop", Tags=TAGS)["OrganizationalUnit"]
    call("UpdateOrganizationalUnit", OrganizationalUnitId=unit["Id"], Name="store")
    shown = call("DescribeOrganizationalUnit", OrganizationalUnitId=unit["Id"])["OrganizationalUnit"]
    assert shown == {**unit, "Name": "store"}
    assert call("ListOrganizationalUnitsForParent", ParentId=root)["OrganizationalUnits"] == [shown]

    status = call("CreateAccount", Email="a@example.com", AccountName="a")["CreateAccountStatus"]
    account = status["AccountId"]
    assert call("DescribeCreateAccountStatus", CreateAccountRequestId=status["Id"])["CreateAccountStatus"] == status
    assert call("ListCreateAccountStatus")["CreateAccountStatuses"] == [status]
    assert call("DescribeAccount", AccountId=account)["Account"]["Name"] == "a"
    assert account in [one["Id"] for one in call("ListAccounts")["Accounts"]]
    call("MoveAccount", AccountId=account, SourceParentId=root, DestinationParentId=unit["Id"])
    assert [one["Id"] for one in call("ListAccountsForParent", ParentId=unit["Id"])["Accounts"]] == [account]
    assert call("ListParents", ChildId=account)["Parents"] == [{"Id": unit["Id"], "Type": "ORGANIZATIONAL_UNIT"}]
    children = call("ListChildren", ParentId=unit["Id"], ChildType="ACCOUNT")["Children"]
    assert children == [{"Id": account, "Type": "ACCOUNT"}]

    call("EnablePolicyType", RootId=root, PolicyType=SCP)
    given = {"Name": "own", "Description": "d", "Type": SCP, "Content": DOCUMENT}
    own = call("CreatePolicy", **given, Tags=TAGS)["Policy"]["PolicySummary"]["Id"]
    call("UpdatePolicy", PolicyId=own, Description="e")
    assert call("DescribePolicy", PolicyId=own)["Policy"]["PolicySummary"]["Description"] == "e"
    assert [one["Name"] for one in call("ListPolicies", Filter=SCP)["Policies"]] == ["FullAWSAccess", "own"]
    call("AttachPolicy", PolicyId=own, TargetId=account)
    targets = call("ListTargetsForPolicy", PolicyId=own)["Targets"]
    assert [(one["TargetId"], one["Type"]) for one in targets] == [(account, "ACCOUNT")]
    attached = call("ListPoliciesForTarget", TargetId=account, Filter=SCP)["Policies"]
    assert [one["Name"] for one in attached] == ["FullAWSAccess", "own"]
    call("DetachPolicy", PolicyId=own, TargetId=account)
    call("DeletePolicy", PolicyId=own)
    call("DisablePolicyType", RootId=root, PolicyType=SCP)

    call("EnableAWSServiceAccess", ServicePrincipal=SERVICE)
    services = call("ListAWSServiceAccessForOrganization")["EnabledServicePrincipals"]
    assert [one["ServicePrincipal"] for one in services] == [SERVICE]
    delegated = {"AccountId": account, "ServicePrincipal": SERVICE}
    call("RegisterDelegatedAdministrator", **delegated)
    assert [one["Id"] for one in call("ListDelegatedAdministrators")["DelegatedAdministrators"]] == [account]
    services = call("ListDelegatedServicesForAccount", AccountId=account)["DelegatedServices"]
    assert [one["ServicePrincipal"] for one in services] == [SERVICE]
    call("DeregisterDelegatedAdministrator", **delegated)
    call("DisableAWSServiceAccess", ServicePrincipal=SERVICE)

    call("TagResource", ResourceId=account, Tags=TAGS)
    assert call("ListTagsForResource", ResourceId=account)["Tags"] == TAGS
    call("UntagResource", ResourceId=account, TagKeys=["team"])
    call("CloseAccount", AccountId=account)
    assert call("DescribeAccount", AccountId=account)["Account"]["Status"] == "SUSPENDED"
    call("RemoveAccountFromOrganization", AccountId=account)
    call("DeleteOrganizationalUnit", OrganizationalUnitId=unit["Id"])
    call("DeleteOrganization")
    assert call.names() - call.done == NOT_SIMULATED


@pytest.mark.parametrize("name", sorted(NOT_SIMULATED))
def test_what_is_not_simulated_says_so_by_name(aws: LocalAWS, name: str) -> None:
    call = Calls(aws.client("organizations", parameter_validation=False))
    answer = refused(lambda: call(name, **call.minimal(name)))
    assert answer == ("NotImplemented", 501, f"podrole's local AWS does not simulate organizations:{name}.")


@pytest.fixture
def organization(aws: LocalAWS) -> dict[str, str]:
    """An organization with three of everything; the ids of its parts."""
    client = aws.client("organizations")
    client.create_organization(FeatureSet="ALL")
    root = client.list_roots()["Roots"][0]["Id"]
    client.enable_policy_type(RootId=root, PolicyType=SCP)
    ids = {"root": root}
    for number in range(3):
        unit = client.create_organizational_unit(ParentId=root, Name=f"u{number}")["OrganizationalUnit"]["Id"]
        given = {"Email": f"a{number}@example.com", "AccountName": f"a{number}"}
        account = client.create_account(**given)["CreateAccountStatus"]["AccountId"]
        given = {"Name": f"p{number}", "Description": "", "Type": SCP, "Content": DOCUMENT}
        own = client.create_policy(**given)["Policy"]["PolicySummary"]["Id"]
        ids |= {f"u{number}": unit, f"a{number}": account, f"p{number}": own}
        service = f"s{number}.amazonaws.com"
        client.enable_aws_service_access(ServicePrincipal=service)
        client.register_delegated_administrator(AccountId=account, ServicePrincipal=SERVICE)
        client.register_delegated_administrator(AccountId=ids["a0"], ServicePrincipal=service)
        client.attach_policy(PolicyId=own, TargetId=ids["a0"])
        client.attach_policy(PolicyId=ids["p0"], TargetId=account)
    client.tag_resource(ResourceId=ids["a0"], Tags=[{"Key": f"k{number}", "Value": ""} for number in range(3)])
    return ids


def test_every_list_comes_in_pages(aws: LocalAWS, organization: dict[str, str]) -> None:
    client, ids = aws.client("organizations"), organization
    subjects = {
        "ParentId": ids["root"],
        "ChildId": ids["a0"],
        "ChildType": "ACCOUNT",
        "TargetId": ids["a0"],
        "AccountId": ids["a0"],
        "ResourceId": ids["a0"],
        "PolicyId": ids["p0"],
        "Filter": SCP,
    }
    walked = 0
    for name in sorted(botocore.session.get_session().get_paginator_model("organizations")._paginator_config):
        if name in NOT_SIMULATED:
            continue
        shape = client.meta.service_model.operation_model(name).input_shape
        given = {member: subjects[member] for member in shape.required_members}
        paginator = client.get_paginator(xform_name(name))
        key = paginator.result_keys[0].expression
        small = {"PageSize": 2} if "MaxResults" in shape.members else {}
        pages = list(paginator.paginate(**given, PaginationConfig=small))
        together = [item for page in pages for item in page[key]]
        assert together == getattr(client, xform_name(name))(**given)[key], name
        if name not in ("ListRoots", "ListParents") and small:
            assert len(pages) > 1, name
        walked += 1
    assert walked > 10


STRANGE = {"root": "r-zzzz", "unit": "ou-zzzz-zzzzzzzz", "policy": "p-zzzzzzzz", "account": "999988887777"}
NO_UNIT = "You specified an organizational unit that doesn't exist."
NO_ACCOUNT = "You specified an account that doesn't exist."
NO_PARENT = "You specified parent that doesn't exist."
NO_TARGET = "You specified a target that doesn't exist."
NO_POLICY = "You specified a policy that doesn't exist."
REFUSED: dict[str, tuple[str, dict[str, Any], str, str]] = {
    "a second organization": (
        "create_organization",
        {},
        "AlreadyInOrganizationException",
        "The provided account is already a member of an organization.",
    ),
    "to delete what is not empty": (
        "delete_organization",
        {},
        "OrganizationNotEmptyException",
        "To delete an organization you must first remove all member accounts (except the master).",
    ),
    "a unit below nothing": (
        "create_organizational_unit",
        {"ParentId": STRANGE["root"], "Name": "x"},
        "ParentNotFoundException",
        NO_PARENT,
    ),
    "a unit with a name that is taken": (
        "create_organizational_unit",
        {"ParentId": "root", "Name": "u0"},
        "DuplicateOrganizationalUnitException",
        "An OU with the same name already exists.",
    ),
    "another name that is taken": (
        "update_organizational_unit",
        {"OrganizationalUnitId": "u0", "Name": "u1"},
        "DuplicateOrganizationalUnitException",
        "An OU with the same name already exists.",
    ),
    "no such unit": (
        "describe_organizational_unit",
        {"OrganizationalUnitId": STRANGE["unit"]},
        "OrganizationalUnitNotFoundException",
        NO_UNIT,
    ),
    "no such account": ("describe_account", {"AccountId": STRANGE["account"]}, "AccountNotFoundException", NO_ACCOUNT),
    "an email that is taken": (
        "create_account",
        {"Email": "a0@example.com", "AccountName": "x"},
        "ConstraintViolationException",
        "You have an account with this email address already.",
    ),
    "no such request": (
        "describe_create_account_status",
        {"CreateAccountRequestId": "car-zzzzzzzz"},
        "CreateAccountStatusNotFoundException",
        "You specified a create account request ID that doesn't exist.",
    ),
    "to move from where it is not": (
        "move_account",
        {"AccountId": "a0", "SourceParentId": "u0", "DestinationParentId": "u1"},
        "SourceParentNotFoundException",
        "You specified a source parent that the account is not in.",
    ),
    "to remove the management account": (
        "remove_account_from_organization",
        {"AccountId": "111122223333"},
        "MasterCannotLeaveOrganizationException",
        "You can't remove a management account from an organization.",
    ),
    "to remove a delegated administrator": (
        "remove_account_from_organization",
        {"AccountId": "a0"},
        "ConstraintViolationException",
        "You must deregister the account as a delegated administrator before you can remove it.",
    ),
    "no parent of nothing": (
        "list_parents",
        {"ChildId": STRANGE["account"]},
        "ChildNotFoundException",
        "You specified a child that doesn't exist.",
    ),
    "no such policy": ("describe_policy", {"PolicyId": STRANGE["policy"]}, "PolicyNotFoundException", NO_POLICY),
    "a policy's name that is taken": (
        "create_policy",
        {"Name": "p0", "Description": "", "Type": SCP, "Content": DOCUMENT},
        "DuplicatePolicyException",
        "A policy with the same name already exists.",
    ),
    "to change a policy of AWS": (
        "update_policy",
        {"PolicyId": "p-FullAWSAccess", "Name": "x"},
        "PolicyChangesInProgressException",
        "An AWS managed policy can't be changed.",
    ),
    "to delete a policy in use": (
        "delete_policy",
        {"PolicyId": "p0"},
        "PolicyInUseException",
        "The policy is attached to one or more entities.",
    ),
    "to attach to nothing": (
        "attach_policy",
        {"PolicyId": "p0", "TargetId": STRANGE["account"]},
        "TargetNotFoundException",
        NO_TARGET,
    ),
    "to attach a policy of a type that is off": (
        "attach_policy",
        {"PolicyId": "p-RCPFullAWSAccess", "TargetId": "a0"},
        "PolicyTypeNotEnabledException",
        "This operation can be performed only for enabled policy types.",
    ),
    "to detach what is not attached": (
        "detach_policy",
        {"PolicyId": "p1", "TargetId": "a2"},
        "PolicyNotAttachedException",
        "The policy isn't attached to the specified target in the specified root.",
    ),
    "to detach the last control policy": (
        "detach_policy",
        {"PolicyId": "p-FullAWSAccess", "TargetId": "u0"},
        "ConstraintViolationException",
        "You cannot remove the last policy attached to the specified target.",
    ),
    "to enable a type twice": (
        "enable_policy_type",
        {"RootId": "root", "PolicyType": SCP},
        "PolicyTypeAlreadyEnabledException",
        "The specified policy type is already enabled.",
    ),
    "to disable a type that is off": (
        "disable_policy_type",
        {"RootId": "root", "PolicyType": "TAG_POLICY"},
        "PolicyTypeNotEnabledException",
        "This operation can be performed only for enabled policy types.",
    ),
    "no such root": (
        "enable_policy_type",
        {"RootId": STRANGE["root"], "PolicyType": "TAG_POLICY"},
        "RootNotFoundException",
        "You specified a root that doesn't exist.",
    ),
    "a service that is none": (
        "enable_aws_service_access",
        {"ServicePrincipal": "config"},
        "InvalidInputException",
        "You specified an unrecognized service principal.",
    ),
    "to delegate to oneself": (
        "register_delegated_administrator",
        {"AccountId": "111122223333", "ServicePrincipal": SERVICE},
        "ConstraintViolationException",
        "You cannot register master account/yourself as delegated administrator for your organization.",
    ),
    "to delegate twice": (
        "register_delegated_administrator",
        {"AccountId": "a0", "ServicePrincipal": SERVICE},
        "AccountAlreadyRegisteredException",
        "The provided account is already a delegated administrator for your organization.",
    ),
    "to end a delegation of another service": (
        "deregister_delegated_administrator",
        {"AccountId": "a1", "ServicePrincipal": "other.amazonaws.com"},
        "InvalidInputException",
        "You specified an unrecognized service principal.",
    ),
    "tags of nothing": (
        "list_tags_for_resource",
        {"ResourceId": STRANGE["account"]},
        "TargetNotFoundException",
        NO_TARGET,
    ),
    "more than 50 tags": (
        "tag_resource",
        {"ResourceId": "a0", "Tags": [{"Key": f"t{number}", "Value": ""} for number in range(48)]},
        "ConstraintViolationException",
        "You have exceeded the number of tags allowed on this resource.",
    ),
    "a token that is none": (
        "list_accounts",
        {"NextToken": "x"},
        "InvalidInputException",
        "You provided an invalid pagination token.",
    ),
}


@pytest.mark.parametrize(("operation", "given", "code", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_is_refused(
    aws: LocalAWS, organization: dict[str, str], operation: str, given: dict[str, Any], code: str, text: str
) -> None:
    named = {key: organization.get(value, value) if key.endswith("Id") else value for key, value in given.items()}
    client = aws.client("organizations", parameter_validation=False)
    assert refused(getattr(client, operation), **named) == (code, 400, text)


def test_a_closed_account_is_not_closed_again(aws: LocalAWS, organization: dict[str, str]) -> None:
    client = aws.client("organizations")
    client.close_account(AccountId=organization["a0"])
    answer = refused(client.close_account, AccountId=organization["a0"])
    assert answer == ("AccountAlreadyClosedException", 400, "The provided account is already closed.")


def test_a_unit_with_something_in_it_stays(aws: LocalAWS, organization: dict[str, str]) -> None:
    client = aws.client("organizations")
    client.move_account(
        AccountId=organization["a0"], SourceParentId=organization["root"], DestinationParentId=organization["u0"]
    )
    answer = refused(client.delete_organizational_unit, OrganizationalUnitId=organization["u0"])
    assert answer == ("OrganizationalUnitNotEmptyException", 400, "The specified OU is not empty.")


def test_who_is_in_no_organization_is_told_so(aws: LocalAWS) -> None:
    expected = ("AWSOrganizationsNotInUseException", 400, "Your account is not a member of an organization.")
    assert refused(aws.client("organizations").describe_organization) == expected


def test_a_member_account_changes_nothing(aws: LocalAWS, organization: dict[str, str]) -> None:
    member = aws.client("organizations", aws.administrator_of(organization["a0"]))
    assert member.describe_organization()["Organization"]["MasterAccountId"] == "111122223333"
    answer = refused(member.create_organizational_unit, ParentId=organization["root"], Name="x")
    assert answer == ("AccessDeniedException", 400, "You don't have permissions to access this resource.")
