"""Which managed policies users, groups and roles have.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_AttachRolePolicy.html and its siblings.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from podrole.account.errors import AccountError, limit_exceeded, no_such_entity
from podrole.account.iam.operations.managed_policies import readable_policy
from podrole.account.iam.operations.policy_holders import HolderKind, Operation, holder_to_read
from podrole.account.iam.records import PolicyHolder, RoleRecord, UserRecord
from podrole.account.iam.request import IAMRequest, Output, policy_arn

MOST_ATTACHED = {"user": 10, "group": 10, "role": 20}
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html (2026)."""

_LINKED_ROLES_ONLY = ":iam::aws:policy/aws-service-role/"
"""AWS's policies with this path are for service-linked roles, to which only their service attaches any."""


def attach(owner: HolderKind) -> Operation:
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


def detach(owner: HolderKind) -> Operation:
    """Return DetachUserPolicy or one of its siblings."""

    def operation(request: IAMRequest) -> Output:
        holder, arn = owner.find(request), policy_arn(request.input)
        if arn not in holder.attached:
            raise no_such_entity(f"Policy {arn} was not found.")
        request.put(
            replace(holder, attached=tuple(attached_arn for attached_arn in holder.attached if attached_arn != arn))
        )
        return {}

    return operation


def list_attached(owner: HolderKind) -> Operation:
    """Return ListAttachedUserPolicies or one of its siblings."""

    def operation(request: IAMRequest) -> Output:
        holder = holder_to_read(owner, request)
        prefix = request.input.get("PathPrefix", "/")
        arns = sorted(arn for arn in holder.attached if _path_of(arn).startswith(prefix))
        return request.page("AttachedPolicies", arns, lambda arn: arn, lambda arn: policies_named([arn])[0])

    return operation


def _path_of(arn: str) -> str:
    return arn[arn.index("/") : arn.rindex("/") + 1]


def list_entities_for_policy(request: IAMRequest) -> Output:
    """ListEntitiesForPolicy: a page of all users, groups and roles together."""
    readable_policy(request)
    parameters, state = request.input, request.state
    arn, prefix = parameters["PolicyArn"], parameters.get("PathPrefix", "/")
    usage, kind = parameters.get("PolicyUsageFilter"), parameters.get("EntityFilter")
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


def policies_named(arns: Iterable[str]) -> list[dict[str, str]]:
    """Return attached policies as the API shows them."""
    return [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in arns]
