"""Trusted services, delegated administrators and tags: kept and listed; nothing is decided by them."""

from __future__ import annotations

import re
from dataclasses import replace

from podrole.account.organizations.accounts import find_member, shown_account
from podrole.account.organizations.records import (
    ControlPolicyRecord,
    MemberRecord,
    NodeRecord,
)
from podrole.account.organizations.request import OrganizationsRequest, Output, new_tags, refuse

_SERVICE = re.compile(r"[a-z0-9.-]+\.amazonaws\.com")


def enable_aws_service_access(request: OrganizationsRequest) -> Output:
    """EnableAWSServiceAccess."""
    organization, service = request.managed(), _service(request)
    if service not in organization.service_access:
        access = {**organization.service_access, service: request.transaction.now}
        request.put(replace(organization, service_access=access))
    return {}


def disable_aws_service_access(request: OrganizationsRequest) -> Output:
    """DisableAWSServiceAccess."""
    organization, service = request.managed(), _service(request)
    access = {other: at for other, at in organization.service_access.items() if other != service}
    request.put(replace(organization, service_access=access))
    return {}


def list_aws_service_access_for_organization(request: OrganizationsRequest) -> Output:
    """ListAWSServiceAccessForOrganization."""
    services = [
        {"ServicePrincipal": service, "DateEnabled": at} for service, at in request.managed().service_access.items()
    ]
    return request.page("EnabledServicePrincipals", services)


def _service(request: OrganizationsRequest) -> str:
    service = str(request.input["ServicePrincipal"])
    if not _SERVICE.fullmatch(service):
        refuse("InvalidInputException", "You specified an unrecognized service principal.")
    return service


def register_delegated_administrator(request: OrganizationsRequest) -> Output:
    """RegisterDelegatedAdministrator."""
    organization, member, service = request.managed(), find_member(request), _service(request)
    if member.id == organization.id:
        refuse(
            "ConstraintViolationException",
            "You cannot register master account/yourself as delegated administrator for your organization.",
        )
    services = organization.delegated.get(member.id, {})
    if service in services:
        refuse(
            "AccountAlreadyRegisteredException",
            "The provided account is already a delegated administrator for your organization.",
        )
    delegated = {**organization.delegated, member.id: {**services, service: request.transaction.now}}
    request.put(replace(organization, delegated=delegated))
    return {}


def deregister_delegated_administrator(request: OrganizationsRequest) -> Output:
    """DeregisterDelegatedAdministrator."""
    organization, member, service = request.managed(), find_member(request), _service(request)
    if member.id == organization.id:
        refuse(
            "ConstraintViolationException",
            "You cannot register master account/yourself as delegated administrator for your organization.",
        )
    services = organization.delegated.get(member.id, {})
    if not services:
        refuse(
            "AccountNotRegisteredException",
            "The provided account is not a registered delegated administrator for your organization.",
        )
    if service not in services:
        refuse("InvalidInputException", "You specified an unrecognized service principal.")
    kept = {other: at for other, at in services.items() if other != service}
    delegated = {account: of for account, of in organization.delegated.items() if account != member.id}
    request.put(replace(organization, delegated={**delegated, member.id: kept} if kept else delegated))
    return {}


def list_delegated_administrators(request: OrganizationsRequest) -> Output:
    """ListDelegatedAdministrators."""
    organization, wanted = request.managed(), request.input.get("ServicePrincipal")
    listed = []
    for account, services in organization.delegated.items():
        member = request.state.get(MemberRecord, account)
        if member is not None and (wanted is None or wanted in services):
            listed.append({**shown_account(request, member), "DelegationEnabledDate": min(services.values())})
    return request.page("DelegatedAdministrators", listed)


def list_delegated_services_for_account(request: OrganizationsRequest) -> Output:
    """ListDelegatedServicesForAccount."""
    organization, member = request.managed(), find_member(request)
    services = organization.delegated.get(member.id)
    if not services:
        refuse(
            "AccountNotRegisteredException",
            "The provided account is not a registered delegated administrator for your organization.",
        )
    listed = [{"ServicePrincipal": service, "DelegationEnabledDate": at} for service, at in services.items()]
    return request.page("DelegatedServices", listed)


def _tagged(request: OrganizationsRequest) -> NodeRecord | ControlPolicyRecord:
    organization, resource_id = request.organization(), request.input["ResourceId"]
    record = request.state.node(resource_id) or request.state.get(ControlPolicyRecord, resource_id)
    if record is None or record.management_account != organization.id:
        refuse("TargetNotFoundException", "You specified a target that doesn't exist.")
    return record


def tag_resource(request: OrganizationsRequest) -> Output:
    """TagResource."""
    request.managed()
    record = _tagged(request)
    request.put(replace(record, tags=new_tags(request.input["Tags"], record.tags)))
    return {}


def untag_resource(request: OrganizationsRequest) -> Output:
    """UntagResource."""
    request.managed()
    record, keys = _tagged(request), request.input["TagKeys"]
    request.put(replace(record, tags={key: value for key, value in record.tags.items() if key not in keys}))
    return {}


def list_tags_for_resource(request: OrganizationsRequest) -> Output:
    """ListTagsForResource."""
    tags = _tagged(request).tags
    return request.page("Tags", [{"Key": key, "Value": value} for key, value in tags.items()])
