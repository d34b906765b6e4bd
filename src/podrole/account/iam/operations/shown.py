"""Records as IAM's API shows them. https://docs.aws.amazon.com/IAM/latest/APIReference/API_Types.html."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from podrole.account.iam.records import (
    GroupRecord,
    InstanceProfileRecord,
    ManagedPolicyRecord,
    PolicyVersion,
    RoleRecord,
    UserRecord,
)
from podrole.account.iam.request import tag_list, time
from podrole.account.iam.state import IAMState
from podrole.account.managed_policies import ManagedPolicy

Shown = dict[str, Any]


def document(text: str) -> str:
    """Return a policy document as the API shows it: percent-encoded (RFC 3986)."""
    return quote(text, safe="")


def boundary(arn: str | None) -> Shown:
    """Return the member ``PermissionsBoundary``, or nothing."""
    if arn is None:
        return {}
    shown = {"PermissionsBoundaryType": "PermissionsBoundaryPolicy", "PermissionsBoundaryArn": arn}
    return {"PermissionsBoundary": shown}


def tags(present: Mapping[str, str]) -> Shown:
    """Return the member ``Tags``, or nothing."""
    return {"Tags": tag_list(present)} if present else {}


def user(record: UserRecord, state: IAMState, *, whole: bool = True) -> Shown:
    """Return a User; lists leave boundary and tags out (``whole=False``)."""
    shown = {
        "Path": record.path,
        "UserName": record.name,
        "UserId": record.id,
        "Arn": state.arn(record),
        "CreateDate": time(record.created_at),
    }
    return shown | boundary(record.boundary) | tags(record.tags) if whole else shown


def group(record: GroupRecord, state: IAMState) -> Shown:
    """Return a Group."""
    return {
        "Path": record.path,
        "GroupName": record.name,
        "GroupId": record.id,
        "Arn": state.arn(record),
        "CreateDate": time(record.created_at),
    }


def role(record: RoleRecord, state: IAMState, *, whole: bool = True) -> Shown:
    """Return a Role; lists leave boundary and tags out (``whole=False``)."""
    shown: Shown = {
        "Path": record.path,
        "RoleName": record.name,
        "RoleId": record.id,
        "Arn": state.arn(record),
        "CreateDate": time(record.created_at),
        "AssumeRolePolicyDocument": document(trust_policy(record, state)),
        "MaxSessionDuration": record.max_session_seconds,
    }
    if record.description is not None:
        shown["Description"] = record.description
    return shown | boundary(record.boundary) | tags(record.tags) | {"RoleLastUsed": {}} if whole else shown


def trust_policy(record: RoleRecord, state: IAMState) -> str:
    """Return the trust policy; a principal that is gone, or is another one by now, is shown by its unique id."""
    return with_unique_ids(record.trust_policy, record.trusted_ids, state)


def with_unique_ids(text: str, ids: Mapping[str, str], state: IAMState) -> str:
    """Return a document with the unique id in place of each principal's ARN whose role or user is no longer that one.

    Conditions are left as they are: there an ARN is a text.
    """
    if not ids:
        return text
    gone = {arn: unique_id for arn, unique_id in ids.items() if state.unique_id(arn) != unique_id}
    if not gone:
        return text
    document = json.loads(text)
    statements = document["Statement"]
    for statement in [statements] if isinstance(statements, dict) else statements:
        for element in ("Principal", "NotPrincipal"):
            named = statement.get(element)
            if isinstance(named, dict) and "AWS" in named:
                texts = named["AWS"]
                named["AWS"] = (
                    gone.get(texts, texts) if isinstance(texts, str) else [gone.get(arn, arn) for arn in texts]
                )
    return json.dumps(document)


def instance_profile(record: InstanceProfileRecord, state: IAMState) -> Shown:
    """Return an InstanceProfile with its role."""
    held = state.get(RoleRecord, record.role_id) if record.role_id is not None else None
    return {
        "Path": record.path,
        "InstanceProfileName": record.name,
        "InstanceProfileId": record.id,
        "Arn": state.arn(record),
        "CreateDate": time(record.created_at),
        "Roles": [role(held, state, whole=False)] if held is not None else [],
    } | tags(record.tags)


def policy(record: ManagedPolicyRecord, state: IAMState, *, whole: bool = True) -> Shown:
    """Return a customer managed Policy; lists leave description and tags out (``whole=False``)."""
    arn = state.arn(record)
    shown: Shown = {
        "PolicyName": record.name,
        "PolicyId": record.id,
        "Arn": arn,
        "Path": record.path,
        "DefaultVersionId": f"v{record.default}",
        "AttachmentCount": state.uses(arn),
        "PermissionsBoundaryUsageCount": state.boundary_uses(arn),
        "IsAttachable": True,
        "CreateDate": time(record.created_at),
        "UpdateDate": time(record.updated_at),
    }
    if whole and record.description is not None:
        shown["Description"] = record.description
    return shown | tags(record.tags) if whole else shown


def aws_policy(managed: ManagedPolicy, state: IAMState) -> Shown:
    """Return an AWS managed Policy."""
    return {
        "PolicyName": managed.name,
        "PolicyId": managed.id,
        "Arn": managed.arn,
        "Path": managed.path,
        "DefaultVersionId": managed.version,
        "AttachmentCount": state.uses(managed.arn),
        "PermissionsBoundaryUsageCount": state.boundary_uses(managed.arn),
        "IsAttachable": True,
        "CreateDate": time(managed.created_at),
        "UpdateDate": time(managed.updated_at),
    }


def policy_version(version: PolicyVersion, default: int, *, whole: bool = True) -> Shown:
    """Return a PolicyVersion; lists and CreatePolicyVersion leave the document out (``whole=False``)."""
    shown: Shown = {
        "VersionId": version.id,
        "IsDefaultVersion": version.number == default,
        "CreateDate": time(version.created_at),
    }
    return {"Document": document(version.document), **shown} if whole else shown
