"""Managed policies, what they are attached to, and inline policies.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html and its siblings. AWS's own managed policies
can be attached, read and listed, never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from podrole.account.errors import AccountError, delete_conflict, limit_exceeded, no_such_entity
from podrole.account.iam.operations import shown
from podrole.account.iam.operations.documents import inline_document, managed_document
from podrole.account.iam.operations.reserved_roles import changeable_role
from podrole.account.iam.records import (
    ManagedPolicyRecord,
    PolicyHolder,
    PolicyVersion,
    RoleRecord,
    UserRecord,
)
from podrole.account.iam.request import IAMRequest, Output, new_tags, policy_arn
from podrole.account.managed_policies import ManagedPolicy
from podrole.iam.limits import Owner

MOST_VERSIONS = 5
MOST_ATTACHED = {"user": 10, "group": 10, "role": 20}
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html (2026)."""


_LINKED_ROLES_ONLY = ":iam::aws:policy/aws-service-role/"
"""AWS's policies with this path are for service-linked roles, to which only their service attaches any."""


# Managed policies


def create_policy(request: IAMRequest) -> Output:
    """CreatePolicy."""
    given = request.input
    name = given["PolicyName"]
    request.require_new_name(
        ManagedPolicyRecord, name, f"A policy called {name} already exists. Duplicate names are not allowed."
    )
    document = managed_document(given["PolicyDocument"])
    request.require_room(ManagedPolicyRecord)
    policy = ManagedPolicyRecord(
        id=request.new_id("ANPA"),
        name=name,
        path=given.get("Path", "/"),
        created_at=request.now,
        updated_at=request.now,
        description=given.get("Description"),
        tags=new_tags(given.get("Tags"), {}, "TagsPerPolicy"),
        versions=(PolicyVersion(1, document, request.now),),
    )
    request.put(policy)
    return {"Policy": shown.policy(policy, request.state)}


def get_policy(request: IAMRequest) -> Output:
    """GetPolicy."""
    policy = _readable(request)
    if isinstance(policy, ManagedPolicy):
        return {"Policy": shown.aws_policy(policy, request.state)}
    return {"Policy": shown.policy(policy, request.state)}


def _readable(request: IAMRequest) -> ManagedPolicyRecord | ManagedPolicy:
    arn = policy_arn(request.input)
    policy = request.state.policy(arn) or request.catalogue.get(arn)
    if policy is None:
        raise no_such_entity(f"Policy {arn} was not found.")
    return policy


def list_policies(request: IAMRequest) -> Output:
    """ListPolicies."""
    given, state = request.input, request.state
    scope, prefix = given.get("Scope", "All"), given.get("PathPrefix", "/")
    usage, attached = given.get("PolicyUsageFilter"), given.get("OnlyAttached", False)
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
    document = managed_document(request.input["PolicyDocument"])
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
    versions, default = versions_of(_readable(request))
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
    versions, default = versions_of(_readable(request))
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
    request.put(replace(policy, versions=tuple(one for one in policy.versions if one is not version)))
    return {}


def set_default_policy_version(request: IAMRequest) -> Output:
    """SetDefaultPolicyVersion."""
    policy = request.changeable_policy()
    version = _version(policy.versions, request.input["VersionId"], request.input["PolicyArn"])
    # The time of the update stays that of the newest version (API_Policy).
    request.put(replace(policy, default=version.number))
    return {}


# What policies are attached to


class _Owner(NamedTuple):
    """How a kind of policy holder is named in parameters and in messages."""

    parameter: str
    quota: str
    find: Callable[[IAMRequest], PolicyHolder]
    limit: Owner


USER = _Owner("UserName", "PoliciesPerUser", IAMRequest.user, Owner.USER)
GROUP = _Owner("GroupName", "PoliciesPerGroup", IAMRequest.group, Owner.GROUP)
ROLE = _Owner("RoleName", "PoliciesPerRole", changeable_role, Owner.ROLE)

Operation = Callable[[IAMRequest], Output]


def attach(owner: _Owner) -> Operation:
    """Return AttachUserPolicy or one of its siblings. Attaching a policy again changes nothing."""

    def operation(request: IAMRequest) -> Output:
        holder, arn = owner.find(request), policy_arn(request.input)
        if not request.policy_exists(arn):
            raise no_such_entity(f"Policy {arn} does not exist or is not attachable.")
        if _LINKED_ROLES_ONLY in arn:
            raise AccountError("PolicyNotAttachable", 400, "Cannot attach a Service Role Policy to a Customer Role.")
        if arn not in holder.attached:
            most = MOST_ATTACHED[holder.noun]
            if len(holder.attached) >= most:
                raise limit_exceeded(owner.quota, most)
            request.put(replace(holder, attached=(*holder.attached, arn)))
        return {}

    return operation


def detach(owner: _Owner) -> Operation:
    """Return DetachUserPolicy or one of its siblings."""

    def operation(request: IAMRequest) -> Output:
        holder, arn = owner.find(request), policy_arn(request.input)
        if arn not in holder.attached:
            raise no_such_entity(f"Policy {arn} was not found.")
        request.put(replace(holder, attached=tuple(one for one in holder.attached if one != arn)))
        return {}

    return operation


def list_attached(owner: _Owner) -> Operation:
    """Return ListAttachedUserPolicies or one of its siblings."""

    def operation(request: IAMRequest) -> Output:
        holder = _reading(owner, request)
        prefix = request.input.get("PathPrefix", "/")
        arns = sorted(arn for arn in holder.attached if _path_of(arn).startswith(prefix))
        return request.page("AttachedPolicies", arns, lambda arn: arn, lambda arn: policies_named([arn])[0])

    return operation


def _path_of(arn: str) -> str:
    return "/" + arn.split(":", 5)[5].partition("/")[2].rpartition("/")[0] + "/" if arn.count("/") > 1 else "/"


def _reading(owner: _Owner, request: IAMRequest) -> PolicyHolder:
    return request.role() if owner is ROLE else owner.find(request)


def list_entities_for_policy(request: IAMRequest) -> Output:
    """ListEntitiesForPolicy: a page of all users, groups and roles together."""
    _readable(request)
    given, state = request.input, request.state
    arn, prefix = given["PolicyArn"], given.get("PathPrefix", "/")
    usage, kind = given.get("PolicyUsageFilter"), given.get("EntityFilter")
    page = request.page(
        "Entities",
        sorted(
            (
                holder
                for holder in state.holders()
                if holder.path.startswith(prefix)
                and kind in (None, holder.noun.capitalize())
                and _uses(holder, arn, usage)
            ),
            key=lambda holder: holder.id,
        ),
        lambda holder: holder.id,
        lambda holder: holder,
    )
    lists: dict[str, list[dict[str, str]]] = {"PolicyGroups": [], "PolicyUsers": [], "PolicyRoles": []}
    for holder in page["Entities"]:
        title = holder.noun.capitalize()
        lists[f"Policy{title}s"].append({f"{title}Name": holder.name, f"{title}Id": holder.id})
    return {**lists, **{key: value for key, value in page.items() if key != "Entities"}}


def _uses(holder: PolicyHolder, arn: str, usage: str | None) -> bool:
    as_boundary = isinstance(holder, UserRecord | RoleRecord) and holder.boundary == arn
    as_permissions = arn in holder.attached
    if usage == "PermissionsPolicy":
        return as_permissions
    if usage == "PermissionsBoundary":
        return as_boundary
    return as_permissions or as_boundary


# Inline policies


def put_inline(owner: _Owner) -> Operation:
    """Return PutUserPolicy or one of its siblings."""

    def operation(request: IAMRequest) -> Output:
        holder, name = owner.find(request), request.input["PolicyName"]
        others = [text for one, text in holder.inline.items() if one != name]
        document = inline_document(request.input["PolicyDocument"], others, owner.limit, holder.name)
        request.put(replace(holder, inline={**holder.inline, name: document}))
        return {}

    return operation


def get_inline(owner: _Owner) -> Operation:
    """Return GetUserPolicy or one of its siblings."""

    def operation(request: IAMRequest) -> Output:
        holder, name = _reading(owner, request), request.input["PolicyName"]
        document = _inline(holder, name)
        return {owner.parameter: holder.name, "PolicyName": name, "PolicyDocument": shown.document(document)}

    return operation


def delete_inline(owner: _Owner) -> Operation:
    """Return DeleteUserPolicy or one of its siblings."""

    def operation(request: IAMRequest) -> Output:
        holder, name = owner.find(request), request.input["PolicyName"]
        _inline(holder, name)
        request.put(replace(holder, inline={one: text for one, text in holder.inline.items() if one != name}))
        return {}

    return operation


def _inline(holder: PolicyHolder, name: str) -> str:
    if name not in holder.inline:
        raise no_such_entity(f"The {holder.noun} policy with name {name} cannot be found.")
    return holder.inline[name]


def list_inline(owner: _Owner) -> Operation:
    """Return ListUserPolicies or one of its siblings."""

    def operation(request: IAMRequest) -> Output:
        names: Iterable[str] = sorted(_reading(owner, request).inline)
        return request.page("PolicyNames", names, lambda name: name, lambda name: name)

    return operation


# Permissions boundaries


def require_boundary(request: IAMRequest) -> str | None:
    """Return ``PermissionsBoundary``. Raises AccountError if there is no such policy."""
    arn = request.input.get("PermissionsBoundary")
    if arn is not None and not request.policy_exists(arn):
        raise no_such_entity(f"Scope ARN: {arn} does not exist or is not attachable.")
    return arn


def put_user_permissions_boundary(request: IAMRequest) -> Output:
    """PutUserPermissionsBoundary."""
    request.put(replace(request.user(), boundary=require_boundary(request)))
    return {}


def delete_user_permissions_boundary(request: IAMRequest) -> Output:
    """DeleteUserPermissionsBoundary."""
    user: UserRecord = request.user()
    if user.boundary is None:
        raise no_such_entity(f"User {user.name} does not have a permissions boundary")
    request.put(replace(user, boundary=None))
    return {}


def policies_named(arns: Iterable[str]) -> list[dict[str, str]]:
    """Return attached policies as the API shows them."""
    return [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in arns]
