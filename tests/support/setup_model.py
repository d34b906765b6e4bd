"""A model of what the writes of a set-up do: found + write → found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from podrole.setup.found import FoundAssociation, FoundProvider, FoundRole, FoundServiceAccount
from podrole.setup.group import GroupFound
from podrole.setup.wanted import ServiceAccountName, SetupPlace
from podrole.setup.writes import AccountCall, ClusterCall, PlannedWrite

ISSUER = "https://oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
PLACE = SetupPlace(
    cluster="prod",
    issuer=ISSUER,
    account="111122223333",
    partition="aws",
    region="us-east-1",
    cluster_arn="arn:aws:eks:us-east-1:111122223333:cluster/prod",
)
OURS = {"podrole.dev/cluster": "prod", "podrole.dev/issuer": ISSUER.removeprefix("https://")}
"""The tags of what podrole makes for this place."""
PROVIDER = FoundProvider(PLACE.provider_arn, ("sts.amazonaws.com",), (), OURS)


def after(found: GroupFound, write: PlannedWrite) -> GroupFound:
    """Return what is there after a write."""
    call = write.call
    return _cluster(found, call) if isinstance(call, ClusterCall) else _account(found, call)


def _cluster(found: GroupFound, call: ClusterCall) -> GroupFound:
    if call.resource == "namespaces":
        return replace(found, namespaces=found.namespaces | {call.name})
    account = ServiceAccountName(call.namespace, call.name)
    accounts = dict(found.service_accounts)
    metadata: Mapping[str, Any] = call.body.get("metadata", {})
    if call.verb == "delete":
        assert call.body["preconditions"]["uid"] == accounts.pop(account).uid
    elif call.verb == "create":
        assert account not in accounts
        assert call.namespace in found.namespaces
        accounts[account] = FoundServiceAccount(
            account, f"uid-{account}", "1", metadata.get("labels", {}), metadata.get("annotations", {})
        )
    else:
        old = accounts[account]
        assert metadata["resourceVersion"] == old.resource_version
        accounts[account] = replace(
            old,
            resource_version=str(int(old.resource_version) + 1),
            labels=_merged(old.labels, metadata.get("labels", {})),
            annotations=_merged(old.annotations, metadata.get("annotations", {})),
        )
    return replace(found, service_accounts=accounts)


def _merged(old: Mapping[str, str], patch: Mapping[str, str | None]) -> dict[str, str]:
    merged = {**old, **patch}
    return {key: value for key, value in merged.items() if value is not None}


def _account(found: GroupFound, call: AccountCall) -> GroupFound:
    given = call.parameters
    if call.service == "eks":
        return _eks(found, call.operation, given)
    role = found.role
    if call.operation == "create_role":
        assert role is None
        name = given["RoleName"]
        made = FoundRole(
            PLACE.role_arn(name),
            name,
            given["AssumeRolePolicyDocument"],
            boundary=given.get("PermissionsBoundary"),
            tags=_tags(given),
        )
        return replace(found, role=made)
    assert role is not None
    assert given["RoleName"] == role.name
    match call.operation:
        case "delete_role":
            assert not role.managed
            assert not role.inline
            return replace(found, role=None)
        case "update_assume_role_policy":
            role = replace(role, trust_policy=given["PolicyDocument"])
        case "attach_role_policy":
            role = replace(role, managed=(*role.managed, given["PolicyArn"]))
        case "detach_role_policy":
            role = replace(role, managed=tuple(one for one in role.managed if one != given["PolicyArn"]))
        case "put_role_policy":
            role = replace(role, inline={**role.inline, given["PolicyName"]: given["PolicyDocument"]})
        case "delete_role_policy":
            role = replace(role, inline={k: v for k, v in role.inline.items() if k != given["PolicyName"]})
        case "put_role_permissions_boundary":
            role = replace(role, boundary=given["PermissionsBoundary"])
        case "delete_role_permissions_boundary":
            role = replace(role, boundary=None)
        case "tag_role":
            role = replace(role, tags={**role.tags, **_tags(given)})
        case other:
            raise AssertionError(other)
    return replace(found, role=role)


def _tags(given: Mapping[str, Any]) -> dict[str, str]:
    return {one["Key"]: one["Value"] for one in given["Tags"]}


def _eks(found: GroupFound, operation: str, given: Mapping[str, Any]) -> GroupFound:
    associations = dict(found.associations)
    by_id = {one.id: one for one in associations.values()}
    if operation == "create_pod_identity_association":
        account = ServiceAccountName(given["namespace"], given["serviceAccount"])
        assert account not in associations
        associations[account] = FoundAssociation(
            id=f"a-{account}",
            arn=f"{PLACE.cluster_arn}/{account}",
            account=account,
            role_arn=given["roleArn"],
            target_role_arn=given.get("targetRoleArn"),
            disable_session_tags=given.get("disableSessionTags", False),
            session_policy=given.get("policy"),
            tags=given["tags"],
        )
    elif operation == "delete_pod_identity_association":
        del associations[by_id[given["associationId"]].account]
    elif operation == "tag_resource":
        one = next(one for one in by_id.values() if one.arn == given["resourceArn"])
        associations[one.account] = replace(one, tags={**one.tags, **given["tags"]})
    else:
        assert operation == "update_pod_identity_association"
        one = by_id[given["associationId"]]
        associations[one.account] = replace(
            one,
            role_arn=given.get("roleArn", one.role_arn),
            target_role_arn=given.get("targetRoleArn", one.target_role_arn) or None,
            disable_session_tags=given.get("disableSessionTags", one.disable_session_tags),
            session_policy=given.get("policy", one.session_policy) or None,
        )
    return replace(found, associations=associations)
