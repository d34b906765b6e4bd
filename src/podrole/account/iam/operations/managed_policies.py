"""Managed policies and their versions. AWS's own can be read and listed, never changed.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html and its siblings.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from podrole.account.errors import AccountError, delete_conflict, no_such_entity
from podrole.account.iam.operations import shown
from podrole.account.iam.operations.documents import managed_document
from podrole.account.iam.records import ManagedPolicyRecord, PolicyVersion
from podrole.account.iam.request import IAMRequest, Output, new_tags, policy_arn
from podrole.account.managed_policies import ManagedPolicy

MOST_VERSIONS = 5
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html (2026)."""


def create_policy(request: IAMRequest) -> Output:
    """CreatePolicy."""
    parameters = request.input
    name = parameters["PolicyName"]
    request.require_new_name(
        ManagedPolicyRecord, name, f"A policy called {name} already exists. Duplicate names are not allowed."
    )
    document = managed_document(request, parameters["PolicyDocument"])
    request.require_room(ManagedPolicyRecord)
    policy = ManagedPolicyRecord(
        id=request.new_id("ANPA"),
        name=name,
        path=parameters.get("Path", "/"),
        created_at=request.now,
        updated_at=request.now,
        description=parameters.get("Description"),
        tags=new_tags(parameters.get("Tags"), {}, "TagsPerPolicy"),
        versions=(PolicyVersion(1, document, request.now),),
    )
    request.put(policy)
    return {"Policy": shown.policy(policy, request.state)}


def get_policy(request: IAMRequest) -> Output:
    """GetPolicy."""
    policy = readable_policy(request)
    if isinstance(policy, ManagedPolicy):
        return {"Policy": shown.aws_policy(policy, request.state)}
    return {"Policy": shown.policy(policy, request.state)}


def readable_policy(request: IAMRequest) -> ManagedPolicyRecord | ManagedPolicy:
    """Return the policy that a request names, the account's or AWS's. Raises AccountError."""
    arn = policy_arn(request.input)
    policy = request.state.policy(arn) or request.catalogue.get(arn)
    if policy is None:
        raise no_such_entity(f"Policy {arn} was not found.")
    return policy


def list_policies(request: IAMRequest) -> Output:
    """ListPolicies."""
    parameters, state = request.input, request.state
    scope, prefix = parameters.get("Scope", "All"), parameters.get("PathPrefix", "/")
    usage, attached = parameters.get("PolicyUsageFilter"), parameters.get("OnlyAttached", False)
    listed: list[dict[str, Any]] = []
    if scope in ("All", "Local"):
        listed += [shown.policy(policy, state, whole=False) for policy in state.records(ManagedPolicyRecord)]
    if scope in ("All", "AWS"):
        listed += [shown.aws_policy(managed, state) for managed in request.catalogue.all(state.partition)]
    listed = [
        policy
        for policy in listed
        if policy["Path"].startswith(prefix)
        and (not attached or policy["AttachmentCount"])
        and (usage != "PermissionsPolicy" or policy["AttachmentCount"])
        and (usage != "PermissionsBoundary" or policy["PermissionsBoundaryUsageCount"])
    ]
    listed.sort(key=_listed_name)
    return request.page("Policies", listed, _listed_name, lambda policy: policy)


def _listed_name(policy: dict[str, Any]) -> str:
    return f"{policy['PolicyName'].lower()} {policy['Arn']}"


def delete_policy(request: IAMRequest) -> Output:
    """DeletePolicy: one that nothing uses, with no version but the default one."""
    policy = request.changeable_policy()
    arn = request.state.arn(policy)
    if request.state.uses(arn) or request.state.boundary_uses(arn):
        raise delete_conflict("Cannot delete a policy attached to entities.")
    if len(policy.versions) > 1:
        raise delete_conflict(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. "
            "The default version is deleted with the policy."
        )
    request.delete(policy)
    return {}


def create_policy_version(request: IAMRequest) -> Output:
    """CreatePolicyVersion."""
    policy = request.changeable_policy()
    document = managed_document(request, request.input["PolicyDocument"])
    if len(policy.versions) >= MOST_VERSIONS:
        raise AccountError(
            "LimitExceeded",
            409,
            "A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing "
            "version.",
        )
    version = PolicyVersion(policy.last_number + 1, document, request.now)
    default = version.number if request.input.get("SetAsDefault") else policy.default
    request.put(
        replace(
            policy,
            versions=(*policy.versions, version),
            last_number=version.number,
            default=default,
            updated_at=request.now,
        )
    )
    return {"PolicyVersion": shown.policy_version(version, default, whole=False)}


def _version(versions: Iterable[PolicyVersion], version_id: str, arn: str) -> PolicyVersion:
    for version in versions:
        if version.id == version_id:
            return version
    raise no_such_entity(f"Policy {arn} version {version_id} does not exist or is not attachable.")


def get_policy_version(request: IAMRequest) -> Output:
    """GetPolicyVersion. Of AWS's own policies only the default version is known."""
    versions, default = versions_of(readable_policy(request))
    version = _version(versions, request.input["VersionId"], request.input["PolicyArn"])
    return {"PolicyVersion": shown.policy_version(version, default)}


def versions_of(policy: ManagedPolicyRecord | ManagedPolicy) -> tuple[Sequence[PolicyVersion], int]:
    """Return a policy's versions, and the number of the default one."""
    if isinstance(policy, ManagedPolicyRecord):
        return policy.versions, policy.default
    number = int(policy.version[1:])
    return (PolicyVersion(number, policy.document, policy.updated_at),), number


def list_policy_versions(request: IAMRequest) -> Output:
    """ListPolicyVersions, the newest first."""
    versions, default = versions_of(readable_policy(request))
    return request.page(
        "Versions",
        sorted(versions, key=lambda version: -version.number),
        lambda version: f"{10**9 - version.number:010}",
        lambda version: shown.policy_version(version, default, whole=False),
    )


def delete_policy_version(request: IAMRequest) -> Output:
    """DeletePolicyVersion."""
    policy = request.changeable_policy()
    version = _version(policy.versions, request.input["VersionId"], request.input["PolicyArn"])
    if version.number == policy.default:
        raise delete_conflict("Cannot delete the default version of a policy.")
    request.put(replace(policy, versions=tuple(other for other in policy.versions if other is not version)))
    return {}


def set_default_policy_version(request: IAMRequest) -> Output:
    """SetDefaultPolicyVersion."""
    policy = request.changeable_policy()
    version = _version(policy.versions, request.input["VersionId"], request.input["PolicyArn"])
    # The time of the update stays that of the newest version (API_Policy).
    request.put(replace(policy, default=version.number))
    return {}
