"""Inline policies of users, groups and roles.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_PutRolePolicy.html and its siblings.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from podrole.account.errors import no_such_entity
from podrole.account.iam.operations import shown
from podrole.account.iam.operations.documents import inline_document
from podrole.account.iam.operations.policy_holders import HolderKind, Operation, holder_to_read
from podrole.account.iam.records import PolicyHolder
from podrole.account.iam.request import IAMRequest, Output


def put_inline(owner: HolderKind) -> Operation:
    """Return PutUserPolicy or one of its siblings."""

    def operation(request: IAMRequest) -> Output:
        holder, name = owner.find(request), request.input["PolicyName"]
        others = [text for policy_name, text in holder.inline.items() if policy_name != name]
        document = inline_document(request, request.input["PolicyDocument"], others, owner.limit, holder.name)
        request.put(replace(holder, inline={**holder.inline, name: document}))
        return {}

    return operation


def get_inline(owner: HolderKind) -> Operation:
    """Return GetUserPolicy or one of its siblings."""

    def operation(request: IAMRequest) -> Output:
        holder, name = holder_to_read(owner, request), request.input["PolicyName"]
        document = _inline(holder, name)
        return {owner.parameter: holder.name, "PolicyName": name, "PolicyDocument": shown.document(document)}

    return operation


def delete_inline(owner: HolderKind) -> Operation:
    """Return DeleteUserPolicy or one of its siblings."""

    def operation(request: IAMRequest) -> Output:
        holder, name = owner.find(request), request.input["PolicyName"]
        _inline(holder, name)
        request.put(
            replace(
                holder, inline={policy_name: text for policy_name, text in holder.inline.items() if policy_name != name}
            )
        )
        return {}

    return operation


def _inline(holder: PolicyHolder, name: str) -> str:
    if name not in holder.inline:
        raise no_such_entity(f"The {holder.noun} policy with name {name} cannot be found.")
    return holder.inline[name]


def list_inline(owner: HolderKind) -> Operation:
    """Return ListUserPolicies or one of its siblings."""

    def operation(request: IAMRequest) -> Output:
        names: Iterable[str] = sorted(holder_to_read(owner, request).inline)
        return request.page("PolicyNames", names, lambda name: name, lambda name: name)

    return operation
