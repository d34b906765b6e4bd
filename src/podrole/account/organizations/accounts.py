"""The accounts of an organization. A new one is created at once, with its access role."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from podrole.account.iam.records import RoleRecord
from podrole.account.ids import unique_id
from podrole.account.organizations.records import (
    MemberRecord,
    OrganizationRecord,
)
from podrole.account.organizations.request import OrganizationsRequest, Output, new_tags, refuse
from podrole.account.organizations.tree import find_node, find_parent

_ACCESS_ROLE = "OrganizationAccountAccessRole"


def find_member(request: OrganizationsRequest) -> MemberRecord:
    """Return the account that ``AccountId`` names. Raises AccountError."""
    message = "You specified an account that doesn't exist."
    account = find_node(request, request.input["AccountId"], "AccountNotFoundException", message)
    if not isinstance(account, MemberRecord):
        refuse("AccountNotFoundException", message)
    return account


def shown_account(request: OrganizationsRequest, member: MemberRecord) -> dict[str, Any]:
    """Return an account as the API shows it."""
    return {
        "Id": member.id,
        "Arn": request.arn(request.organization(), "account", member.id),
        "Email": member.email,
        "Name": member.name,
        "Status": member.status,
        "State": member.status,
        "JoinedMethod": member.joined_method,
        "JoinedTimestamp": member.joined_at,
    }


def create_account(request: OrganizationsRequest) -> Output:
    """CreateAccount: done at once. The new account trusts the management account through its access role."""
    organization, parameters, now = request.managed(), request.input, request.transaction.now
    if any(member.email == parameters["Email"] for member in request.state.records(MemberRecord)):
        refuse("ConstraintViolationException", "You have an account with this email address already.")
    member = MemberRecord(
        id=_new_account_id(request),
        management_account=organization.id,
        name=parameters["AccountName"],
        parent=organization.root_id,
        email=parameters["Email"],
        joined_method="CREATED",
        joined_at=now,
        tags=new_tags(parameters.get("Tags"), {}),
        request_id=f"car-{request.letters(8)}",
    )
    request.put(member)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:{request.partition}:iam::{organization.id}:root"},
        "Action": "sts:AssumeRole",
    }
    role = RoleRecord(
        id=unique_id("AROA", request.transaction.random),
        name=parameters.get("RoleName", _ACCESS_ROLE),
        created_at=now,
        trust_policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}),
        attached=(f"arn:{request.partition}:iam::aws:policy/AdministratorAccess",),
    )
    request.transaction.put(request.iam(member.id, request.partition), role)
    return {"CreateAccountStatus": _create_status(member)}


def _new_account_id(request: OrganizationsRequest) -> str:
    while True:
        account = f"{int.from_bytes(request.transaction.random(8), 'big') % 10**12:012}"
        if request.state.node(account) is None and request.state.organization_of(account) is None:
            return account


def _create_status(member: MemberRecord) -> dict[str, Any]:
    return {
        "Id": member.request_id,
        "AccountName": member.name,
        "State": "SUCCEEDED",
        "RequestedTimestamp": member.joined_at,
        "CompletedTimestamp": member.joined_at,
        "AccountId": member.id,
    }


def describe_create_account_status(request: OrganizationsRequest) -> Output:
    """DescribeCreateAccountStatus."""
    organization, wanted = request.managed(), request.input["CreateAccountRequestId"]
    member = next(
        (candidate for candidate in members_of(request, organization) if candidate.request_id == wanted), None
    )
    if member is None:
        refuse("CreateAccountStatusNotFoundException", "You specified a create account request ID that doesn't exist.")
    return {"CreateAccountStatus": _create_status(member)}


def list_create_account_status(request: OrganizationsRequest) -> Output:
    """ListCreateAccountStatus."""
    organization, states = request.managed(), request.input.get("States")
    made = [member for member in members_of(request, organization) if member.request_id is not None]
    return request.page("CreateAccountStatuses", made if not states or "SUCCEEDED" in states else [], _create_status)


def members_of(request: OrganizationsRequest, organization: OrganizationRecord) -> list[MemberRecord]:
    """Return the accounts of an organization."""
    members = request.state.records(MemberRecord)
    return [member for member in members if member.management_account == organization.id]


def describe_account(request: OrganizationsRequest) -> Output:
    """DescribeAccount."""
    return {"Account": shown_account(request, find_member(request))}


def list_accounts(request: OrganizationsRequest) -> Output:
    """ListAccounts."""
    members = members_of(request, request.organization())
    return request.page("Accounts", members, lambda member: shown_account(request, member))


def list_accounts_for_parent(request: OrganizationsRequest) -> Output:
    """ListAccountsForParent."""
    parent = find_parent(request, request.input["ParentId"])
    members = [member for member in request.state.records(MemberRecord) if member.parent == parent.id]
    return request.page("Accounts", members, lambda member: shown_account(request, member))


def move_account(request: OrganizationsRequest) -> Output:
    """MoveAccount."""
    request.managed()
    member = find_member(request)
    find_parent(request, request.input["SourceParentId"])
    target = find_parent(request, request.input["DestinationParentId"])
    if member.parent != request.input["SourceParentId"]:
        refuse("SourceParentNotFoundException", "You specified a source parent that the account is not in.")
    request.put(replace(member, parent=target.id))
    return {}


def close_account(request: OrganizationsRequest) -> Output:
    """CloseAccount: it is suspended at once."""
    request.managed()
    member = find_member(request)
    if member.status == "SUSPENDED":
        refuse("AccountAlreadyClosedException", "The provided account is already closed.")
    request.put(replace(member, status="SUSPENDED"))
    return {}


def remove_account_from_organization(request: OrganizationsRequest) -> Output:
    """RemoveAccountFromOrganization."""
    organization, member = request.managed(), find_member(request)
    if member.id == organization.id:
        refuse("MasterCannotLeaveOrganizationException", "You can't remove a management account from an organization.")
    if organization.delegated.get(member.id):
        refuse(
            "ConstraintViolationException",
            "You must deregister the account as a delegated administrator before you can remove it.",
        )
    request.delete(member)
    return {}
