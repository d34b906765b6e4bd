"""The organization, its root and its organizational units."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from podrole.account.organizations.records import (
    SCP,
    ControlPolicyRecord,
    MemberRecord,
    NodeRecord,
    OrganizationRecord,
    RootRecord,
    UnitRecord,
)
from podrole.account.organizations.request import OrganizationsRequest, Output, new_tags, refuse


def create_organization(request: OrganizationsRequest) -> Output:
    """CreateOrganization: the caller becomes the management account. No policy type is enabled yet."""
    account = request.account
    if request.state.organization_of(account) is not None:
        refuse("AlreadyInOrganizationException", "The provided account is already a member of an organization.")
    root_id = f"r-{request.letters(4)}"
    organization = OrganizationRecord(
        id=account,
        organization_id=f"o-{request.letters(10)}",
        feature_set=request.input.get("FeatureSet", "ALL"),
        root_id=root_id,
        created_at=request.transaction.now,
    )
    root = RootRecord(id=root_id, management_account=account, name="Root", parent=None)
    master = MemberRecord(
        id=account,
        management_account=account,
        name="master",
        parent=root_id,
        email="master@example.com",
        joined_method="INVITED",
        joined_at=request.transaction.now,
    )
    request.put(organization, root, master)
    return {"Organization": shown_organization(request, organization)}


def shown_organization(request: OrganizationsRequest, organization: OrganizationRecord) -> dict[str, Any]:
    """Return an organization as the API shows it."""
    return {
        "Id": organization.organization_id,
        "Arn": request.arn(organization, "organization"),
        "FeatureSet": organization.feature_set,
        "MasterAccountArn": request.arn(organization, "account", organization.id),
        "MasterAccountId": organization.id,
        "MasterAccountEmail": "master@example.com",
        "AvailablePolicyTypes": [{"Type": SCP, "Status": "ENABLED"}],
    }


def describe_organization(request: OrganizationsRequest) -> Output:
    """DescribeOrganization."""
    return {"Organization": shown_organization(request, request.organization())}


def delete_organization(request: OrganizationsRequest) -> Output:
    """DeleteOrganization: one without member accounts, units and policies of its own."""
    organization = request.managed()
    nodes = request.state.nodes(organization.id)
    if any(isinstance(node, MemberRecord) and node.id != organization.id for node in nodes):
        refuse(
            "OrganizationNotEmptyException",
            "To delete an organization you must first remove all member accounts (except the master).",
        )
    policies = own_policies(request, organization)
    request.delete(organization, *nodes, *policies)
    return {}


def own_policies(request: OrganizationsRequest, organization: OrganizationRecord) -> list[ControlPolicyRecord]:
    """Return the policies that are the organization's own."""
    policies = request.state.records(ControlPolicyRecord)
    return [policy for policy in policies if policy.management_account == organization.id]


def shown_root(request: OrganizationsRequest, organization: OrganizationRecord) -> dict[str, Any]:
    """Return the root as the API shows it."""
    return {
        "Id": organization.root_id,
        "Arn": request.arn(organization, "root", organization.root_id),
        "Name": "Root",
        "PolicyTypes": [{"Type": policy_type, "Status": "ENABLED"} for policy_type in organization.policy_types],
    }


def list_roots(request: OrganizationsRequest) -> Output:
    """ListRoots."""
    return request.page("Roots", [shown_root(request, request.organization())])


def find_node(request: OrganizationsRequest, node_id: str, code: str, message: str) -> NodeRecord:
    """Return the root, unit or account with that id. Raises AccountError."""
    organization = request.organization()
    node = request.state.node(node_id)
    if node is None or node.management_account != organization.id:
        refuse(code, message)
    return node


def find_parent(request: OrganizationsRequest, node_id: str) -> NodeRecord:
    """Return the root or unit with that id. Raises AccountError."""
    message = "You specified parent that doesn't exist."
    node = find_node(request, node_id, "ParentNotFoundException", message)
    if isinstance(node, MemberRecord):
        refuse("ParentNotFoundException", message)
    return node


def _unit_record(request: OrganizationsRequest) -> UnitRecord:
    message = "You specified an organizational unit that doesn't exist."
    unit = find_node(request, request.input["OrganizationalUnitId"], "OrganizationalUnitNotFoundException", message)
    if not isinstance(unit, UnitRecord):
        refuse("OrganizationalUnitNotFoundException", message)
    return unit


def _unit(request: OrganizationsRequest, unit: UnitRecord) -> dict[str, Any]:
    return {"Id": unit.id, "Arn": request.arn(request.organization(), "ou", unit.id), "Name": unit.name}


def create_organizational_unit(request: OrganizationsRequest) -> Output:
    """CreateOrganizationalUnit."""
    organization, parameters = request.managed(), request.input
    parent = find_parent(request, parameters["ParentId"])
    _require_new_unit_name(request, parent.id, parameters["Name"])
    unit = UnitRecord(
        id=f"ou-{organization.root_id.removeprefix('r-')}-{request.letters(8)}",
        management_account=organization.id,
        name=parameters["Name"],
        parent=parent.id,
        tags=new_tags(parameters.get("Tags"), {}),
    )
    request.put(unit)
    return {"OrganizationalUnit": _unit(request, unit)}


def _require_new_unit_name(request: OrganizationsRequest, parent_id: str, name: str) -> None:
    if any(unit.parent == parent_id and unit.name == name for unit in request.state.records(UnitRecord)):
        refuse("DuplicateOrganizationalUnitException", "An OU with the same name already exists.")


def describe_organizational_unit(request: OrganizationsRequest) -> Output:
    """DescribeOrganizationalUnit."""
    return {"OrganizationalUnit": _unit(request, _unit_record(request))}


def update_organizational_unit(request: OrganizationsRequest) -> Output:
    """UpdateOrganizationalUnit: another name."""
    request.managed()
    unit = _unit_record(request)
    name = request.input.get("Name", unit.name)
    if name != unit.name:
        _require_new_unit_name(request, unit.parent or "", name)
        unit = replace(unit, name=name)
        request.put(unit)
    return {"OrganizationalUnit": _unit(request, unit)}


def delete_organizational_unit(request: OrganizationsRequest) -> Output:
    """DeleteOrganizationalUnit: an empty one."""
    request.managed()
    unit = _unit_record(request)
    if any(node.parent == unit.id for node in request.state.nodes(unit.management_account)):
        refuse("OrganizationalUnitNotEmptyException", "The specified OU is not empty.")
    request.delete(unit)
    return {}


def list_organizational_units_for_parent(request: OrganizationsRequest) -> Output:
    """ListOrganizationalUnitsForParent."""
    parent = find_parent(request, request.input["ParentId"])
    units = [unit for unit in request.state.records(UnitRecord) if unit.parent == parent.id]
    return request.page("OrganizationalUnits", units, lambda unit: _unit(request, unit))


def list_children(request: OrganizationsRequest) -> Output:
    """ListChildren."""
    parent, kind = find_parent(request, request.input["ParentId"]), request.input["ChildType"]
    nodes = request.state.nodes(parent.management_account)
    children = [node for node in nodes if node.parent == parent.id and node.kind == kind]
    return request.page("Children", children, lambda node: {"Id": node.id, "Type": kind})


def list_parents(request: OrganizationsRequest) -> Output:
    """ListParents."""
    child = find_node(
        request, request.input["ChildId"], "ChildNotFoundException", "You specified a child that doesn't exist."
    )
    parent = request.state.node(child.parent) if child.parent is not None else None
    return request.page("Parents", [{"Id": parent.id, "Type": parent.kind}] if parent is not None else [])
