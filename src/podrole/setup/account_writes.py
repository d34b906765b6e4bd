"""The writes to an AWS account, each with its operation in botocore's words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from podrole.setup.found import FoundAssociation
from podrole.setup.ownership import ROLE_DESCRIPTION
from podrole.setup.wanted import WantedAssociation
from podrole.setup.writes import AccountCall, PlannedWrite, WriteKind


def _iam(operation: str, **parameters: Any) -> AccountCall:
    return AccountCall("iam", operation, parameters)


def _eks(operation: str, **parameters: Any) -> AccountCall:
    return AccountCall("eks", operation, parameters)


def _tag_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def shown_tags(tags: Mapping[str, str]) -> str:
    """Return tags on one line."""
    return ", ".join(f"{key}={value}" for key, value in sorted(tags.items()))


# OpenID Connect providers


def create_provider(
    arn: str, url: str, client_ids: Iterable[str], thumbprints: Iterable[str], tags: Mapping[str, str]
) -> PlannedWrite:
    """Create the provider of an issuer. Without thumbprints, AWS trusts the public authorities."""
    parameters: dict[str, Any] = {"Url": url, "ClientIDList": list(client_ids), "Tags": _tag_list(tags)}
    if thumbs := list(thumbprints):
        parameters["ThumbprintList"] = thumbs
    after = f"audience {', '.join(client_ids)}"
    return PlannedWrite(
        WriteKind.CREATE, f"provider {arn}", "", None, after, _iam("create_open_id_connect_provider", **parameters)
    )


def add_client_id(arn: str, before: Iterable[str], client_id: str) -> PlannedWrite:
    """Make a provider accept one more audience."""
    call = _iam("add_client_id_to_open_id_connect_provider", OpenIDConnectProviderArn=arn, ClientID=client_id)
    old = ", ".join(before)
    new = f"{old}, {client_id}" if old else client_id
    return PlannedWrite(WriteKind.CHANGE, f"provider {arn}", "audiences", old or None, new, call)


def set_thumbprints(arn: str, before: Iterable[str], thumbprints: Iterable[str]) -> PlannedWrite:
    """Replace a provider's thumbprints."""
    listed = list(thumbprints)
    call = _iam("update_open_id_connect_provider_thumbprint", OpenIDConnectProviderArn=arn, ThumbprintList=listed)
    return PlannedWrite(
        WriteKind.CHANGE, f"provider {arn}", "thumbprints", ", ".join(before) or None, ", ".join(listed), call
    )


def tag_provider(arn: str, tags: Mapping[str, str]) -> PlannedWrite:
    """Set tags of a provider."""
    call = _iam("tag_open_id_connect_provider", OpenIDConnectProviderArn=arn, Tags=_tag_list(tags))
    return PlannedWrite(WriteKind.CHANGE, f"provider {arn}", "tags", None, shown_tags(tags), call)


# Roles


def create_role(name: str, trust_policy: str, boundary: str | None, tags: Mapping[str, str]) -> PlannedWrite:
    """Create a role."""
    parameters: dict[str, Any] = {"RoleName": name, "AssumeRolePolicyDocument": trust_policy, "Tags": _tag_list(tags)}
    parameters["Description"] = ROLE_DESCRIPTION
    if boundary is not None:
        parameters["PermissionsBoundary"] = boundary
    return PlannedWrite(WriteKind.CREATE, f"role {name}", "", None, trust_policy, _iam("create_role", **parameters))


def set_trust_policy(role: str, before: str, after: str) -> PlannedWrite:
    """Replace a role's trust policy."""
    call = _iam("update_assume_role_policy", RoleName=role, PolicyDocument=after)
    return PlannedWrite(WriteKind.CHANGE, f"role {role}", "trust policy", before, after, call)


def attach_policy(role: str, arn: str) -> PlannedWrite:
    """Attach a managed policy."""
    call = _iam("attach_role_policy", RoleName=role, PolicyArn=arn)
    return PlannedWrite(WriteKind.CHANGE, f"role {role}", "managed policy", None, arn, call)


def detach_policy(role: str, arn: str) -> PlannedWrite:
    """Detach a managed policy."""
    call = _iam("detach_role_policy", RoleName=role, PolicyArn=arn)
    return PlannedWrite(WriteKind.CHANGE, f"role {role}", "managed policy", arn, None, call)


def put_inline_policy(role: str, name: str, before: str | None, document: str) -> PlannedWrite:
    """Create or replace an inline policy."""
    call = _iam("put_role_policy", RoleName=role, PolicyName=name, PolicyDocument=document)
    return PlannedWrite(WriteKind.CHANGE, f"role {role}", f"inline policy {name}", before, document, call)


def delete_inline_policy(role: str, name: str, before: str) -> PlannedWrite:
    """Delete an inline policy."""
    call = _iam("delete_role_policy", RoleName=role, PolicyName=name)
    return PlannedWrite(WriteKind.CHANGE, f"role {role}", f"inline policy {name}", before, None, call)


def set_boundary(role: str, before: str | None, boundary: str | None) -> PlannedWrite:
    """Set a role's permissions boundary, or remove it (None)."""
    if boundary is None:
        call = _iam("delete_role_permissions_boundary", RoleName=role)
    else:
        call = _iam("put_role_permissions_boundary", RoleName=role, PermissionsBoundary=boundary)
    return PlannedWrite(WriteKind.CHANGE, f"role {role}", "permissions boundary", before, boundary, call)


def tag_role(role: str, before: Mapping[str, str], tags: Mapping[str, str]) -> PlannedWrite:
    """Set tags of a role."""
    old = {key: before[key] for key in tags if key in before}
    call = _iam("tag_role", RoleName=role, Tags=_tag_list(tags))
    return PlannedWrite(WriteKind.CHANGE, f"role {role}", "tags", shown_tags(old) or None, shown_tags(tags), call)


def delete_role(role: str, trust_policy: str) -> PlannedWrite:
    """Delete a role that has no policies any more."""
    return PlannedWrite(WriteKind.DELETE, f"role {role}", "", trust_policy, None, _iam("delete_role", RoleName=role))


# Pod Identity associations


def create_association(cluster: str, wanted: WantedAssociation, role_arn: str, tags: Mapping[str, str]) -> PlannedWrite:
    """Create a Pod Identity association."""
    account = wanted.account
    parameters: dict[str, Any] = {"namespace": account.namespace, "serviceAccount": account.name, "roleArn": role_arn}
    if wanted.target_role_arn is not None:
        parameters["targetRoleArn"] = wanted.target_role_arn
    if wanted.disable_session_tags:
        parameters["disableSessionTags"] = True
    if wanted.session_policy is not None:
        parameters["policy"] = wanted.session_policy
    call = _eks("create_pod_identity_association", clusterName=cluster, **parameters, tags=dict(tags))
    return PlannedWrite(WriteKind.CREATE, f"association {account}", "", None, f"role {role_arn}", call)


def update_association(
    cluster: str, association: FoundAssociation, field: str, before: str | None, after: str | None, **changed: Any
) -> PlannedWrite:
    """Change members of an association."""
    call = _eks("update_pod_identity_association", clusterName=cluster, associationId=association.id, **changed)
    return PlannedWrite(WriteKind.CHANGE, f"association {association.account}", field, before, after, call)


def tag_association(association: FoundAssociation, tags: Mapping[str, str]) -> PlannedWrite:
    """Set tags of an association."""
    call = _eks("tag_resource", resourceArn=association.arn, tags=dict(tags))
    return PlannedWrite(WriteKind.CHANGE, f"association {association.account}", "tags", None, shown_tags(tags), call)


def delete_association(cluster: str, association: FoundAssociation) -> PlannedWrite:
    """Delete an association."""
    call = _eks("delete_pod_identity_association", clusterName=cluster, associationId=association.id)
    return PlannedWrite(
        WriteKind.DELETE, f"association {association.account}", "", f"role {association.role_arn}", None, call
    )
