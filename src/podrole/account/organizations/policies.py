"""Control policies, and the other types of policies that no decision reads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from podrole.account.errors import AccountError
from podrole.account.organizations.records import (
    AWS_POLICIES,
    ControlPolicyRecord,
    NodeRecord,
    OrganizationRecord,
)
from podrole.account.organizations.request import (
    DECIDED_TYPES,
    POLICY_TYPES,
    OrganizationsRequest,
    Output,
    new_tags,
    refuse,
)
from podrole.account.organizations.tree import find_node, own_policies, shown_root
from podrole.iam.storing import StoredAs, check_storable


def find_policy(request: OrganizationsRequest) -> ControlPolicyRecord:
    """Return the policy that ``PolicyId`` names. Raises AccountError."""
    organization, policy_id = request.organization(), request.input["PolicyId"]
    policy = request.state.policy(policy_id)
    if policy is None or policy.management_account not in ("aws", organization.id):
        refuse("PolicyNotFoundException", "You specified a policy that doesn't exist.")
    return policy


def _summary(request: OrganizationsRequest, policy: ControlPolicyRecord) -> dict[str, Any]:
    path = policy.type.lower()
    if policy.aws_managed:
        arn = f"arn:{request.partition}:organizations::aws:policy/{path}/{policy.id}"
    else:
        arn = request.arn(request.organization(), "policy", path, policy.id)
    return {
        "Id": policy.id,
        "Arn": arn,
        "Name": policy.name,
        "Description": policy.description,
        "Type": policy.type,
        "AwsManaged": policy.aws_managed,
    }


def _shown_policy(request: OrganizationsRequest, policy: ControlPolicyRecord) -> Output:
    return {"Policy": {"PolicySummary": _summary(request, policy), "Content": policy.content}}


def _check_content(request: OrganizationsRequest, policy_type: str, content: str) -> None:
    """Raise PolicyError for an SCP or RCP that AWS does not take. Other types are kept as they are."""
    if policy_type in DECIDED_TYPES:
        check_storable(content, StoredAs(DECIDED_TYPES[policy_type]), request.partition)


def create_policy(request: OrganizationsRequest) -> Output:
    """CreatePolicy."""
    organization, parameters = request.managed(), request.input
    policy_type = parameters["Type"]
    if policy_type not in POLICY_TYPES:
        raise AccountError(
            "NotImplemented", 501, f"podrole's local AWS does not simulate policies of type {policy_type}."
        )
    _check_content(request, policy_type, parameters["Content"])
    _require_new_policy_name(request, organization, parameters["Name"], policy_type)
    policy = ControlPolicyRecord(
        id=f"p-{request.letters(8)}",
        management_account=organization.id,
        name=parameters["Name"],
        description=parameters.get("Description", ""),
        type=policy_type,
        content=parameters["Content"],
        tags=new_tags(parameters.get("Tags"), {}),
    )
    request.put(policy)
    return _shown_policy(request, policy)


def _require_new_policy_name(
    request: OrganizationsRequest, organization: OrganizationRecord, name: str, policy_type: str
) -> None:
    policies = [*own_policies(request, organization), *AWS_POLICIES.values()]
    if any((policy.name, policy.type) == (name, policy_type) for policy in policies):
        refuse("DuplicatePolicyException", "A policy with the same name already exists.")


def describe_policy(request: OrganizationsRequest) -> Output:
    """DescribePolicy."""
    return _shown_policy(request, find_policy(request))


def _changeable_policy(request: OrganizationsRequest) -> ControlPolicyRecord:
    request.managed()
    policy = find_policy(request)
    if policy.aws_managed:
        refuse("PolicyChangesInProgressException", "An AWS managed policy can't be changed.")
    return policy


def update_policy(request: OrganizationsRequest) -> Output:
    """UpdatePolicy."""
    policy, parameters = _changeable_policy(request), request.input
    content, name = parameters.get("Content", policy.content), parameters.get("Name", policy.name)
    _check_content(request, policy.type, content)
    if name != policy.name:
        _require_new_policy_name(request, request.organization(), name, policy.type)
    policy = replace(policy, content=content, name=name, description=parameters.get("Description", policy.description))
    request.put(policy)
    return _shown_policy(request, policy)


def delete_policy(request: OrganizationsRequest) -> Output:
    """DeletePolicy: one that is attached to nothing."""
    policy = _changeable_policy(request)
    if any(policy.id in node.policies for node in request.state.nodes(policy.management_account)):
        refuse("PolicyInUseException", "The policy is attached to one or more entities.")
    request.delete(policy)
    return {}


def list_policies(request: OrganizationsRequest) -> Output:
    """ListPolicies."""
    organization, wanted = request.organization(), request.input["Filter"]
    policies = [*AWS_POLICIES.values(), *own_policies(request, organization)]
    chosen = [policy for policy in policies if policy.type == wanted]
    return request.page("Policies", chosen, lambda policy: _summary(request, policy))


def _target(request: OrganizationsRequest) -> NodeRecord:
    return find_node(
        request, request.input["TargetId"], "TargetNotFoundException", "You specified a target that doesn't exist."
    )


def list_policies_for_target(request: OrganizationsRequest) -> Output:
    """ListPoliciesForTarget."""
    target, wanted = _target(request), request.input["Filter"]
    attached = [policy for policy_id in target.policies if (policy := request.state.policy(policy_id)) is not None]
    chosen = [policy for policy in attached if policy.type == wanted]
    return request.page("Policies", chosen, lambda policy: _summary(request, policy))


def list_targets_for_policy(request: OrganizationsRequest) -> Output:
    """ListTargetsForPolicy."""
    policy, organization = find_policy(request), request.organization()
    targets = [node for node in request.state.nodes(organization.id) if policy.id in node.policies]
    return request.page("Targets", targets, lambda node: _shown_target(request, organization, node))


def _shown_target(request: OrganizationsRequest, organization: OrganizationRecord, node: NodeRecord) -> dict[str, Any]:
    kind = {"ROOT": "root", "ORGANIZATIONAL_UNIT": "ou", "ACCOUNT": "account"}[node.kind]
    return {"TargetId": node.id, "Arn": request.arn(organization, kind, node.id), "Name": node.name, "Type": node.kind}


def attach_policy(request: OrganizationsRequest) -> Output:
    """AttachPolicy; attaching one again changes nothing."""
    organization = request.managed()
    policy, target = find_policy(request), _target(request)
    if policy.type not in organization.policy_types:
        refuse("PolicyTypeNotEnabledException", "This operation can be performed only for enabled policy types.")
    if policy.id not in target.policies:
        request.put(replace(target, policies=(*target.policies, policy.id)))
    return {}


def detach_policy(request: OrganizationsRequest) -> Output:
    """DetachPolicy. The last SCP of a target stays: without one nothing would be allowed."""
    request.managed()
    policy, target = find_policy(request), _target(request)
    if policy.id not in target.policies:
        refuse("PolicyNotAttachedException", "The policy isn't attached to the specified target in the specified root.")
    kept = tuple(policy_id for policy_id in target.policies if policy_id != policy.id)
    of_type = [
        policy_id
        for policy_id in kept
        if (other := request.state.policy(policy_id)) is not None and other.type == policy.type
    ]
    if policy.type in DECIDED_TYPES and not of_type:
        refuse("ConstraintViolationException", "You cannot remove the last policy attached to the specified target.")
    request.put(replace(target, policies=kept))
    return {}


def enable_policy_type(request: OrganizationsRequest) -> Output:
    """EnablePolicyType."""
    organization, wanted = _of_root(request), request.input["PolicyType"]
    if wanted not in POLICY_TYPES:
        refuse("InvalidInputException", "You specified an invalid value.")
    if wanted in organization.policy_types:
        refuse("PolicyTypeAlreadyEnabledException", "The specified policy type is already enabled.")
    organization = replace(organization, policy_types=(*organization.policy_types, wanted))
    request.put(organization)
    return {"Root": shown_root(request, organization)}


def disable_policy_type(request: OrganizationsRequest) -> Output:
    """DisablePolicyType."""
    organization, wanted = _of_root(request), request.input["PolicyType"]
    if wanted not in POLICY_TYPES:
        refuse("InvalidInputException", "You specified an invalid value.")
    if wanted not in organization.policy_types:
        refuse("PolicyTypeNotEnabledException", "This operation can be performed only for enabled policy types.")
    organization = replace(
        organization,
        policy_types=tuple(policy_type for policy_type in organization.policy_types if policy_type != wanted),
    )
    request.put(organization)
    return {"Root": shown_root(request, organization)}


def _of_root(request: OrganizationsRequest) -> OrganizationRecord:
    organization = request.managed()
    if request.input["RootId"] != organization.root_id:
        refuse("RootNotFoundException", "You specified a root that doesn't exist.")
    return organization
