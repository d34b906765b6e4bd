"""IAM's own rules: what AWS refuses is refused before the services, which store users, roles and groups, are asked.

They take names, paths, durations and quotas as they come, and find a key's owner by the key's id alone. So every call
is first checked against the API's model, then against IAM's rules
(https://docs.aws.amazon.com/IAM/latest/APIReference/); a call that names no user is about its caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from podrole.account.identities import Entity, EntityKind, IdentityStore
from podrole.aws.caller import Caller
from podrole.aws.errors import AWSError
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.parameters import operation_of, parameters
from podrole.aws.protocol.render import xml_response
from podrole.aws.protocol.validation import message, violations
from podrole.aws.protocol.wire import HTTPResponse
from podrole.iam.arn import parse_arn
from podrole.iam.directory import User
from podrole.iam.errors import InvalidARN
from podrole.iam.principal import PrincipalType

NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"
MOST_POLICIES = 10
MOST_GROUPS = 10
"""Managed policies of a user, role or group; groups of a user
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)."""


_KINDS = {"RoleName": EntityKind.ROLE, "UserName": EntityKind.USER, "GroupName": EntityKind.GROUP}
_OF_POLICIES = frozenset(
    {
        "CreatePolicyVersion",
        "DeletePolicy",
        "DeletePolicyVersion",
        "GetPolicy",
        "GetPolicyVersion",
        "ListEntitiesForPolicy",
        "ListPolicyTags",
        "ListPolicyVersions",
        "SetDefaultPolicyVersion",
        "TagPolicy",
        "UntagPolicy",
    }
)


def name_the_caller(call: IdentifiedCall, caller: Caller) -> None:
    """Fill in the caller's name if a call of IAM names no user. Raises AWSError if the caller is not a user.

    Must run before the call is authorized, so that the decision is about the same user as the effect.
    """
    if call.service.name != "iam":
        return
    shape = operation_of(call).input_shape
    if shape is None or "UserName" not in shape.members or "UserName" in shape.required_members:
        return
    given = parameters(call)
    if given.get("UserName") is not None or call.operation in _NEED_NO_USER:
        return
    entity = caller.entity
    if caller.principal.type is not PrincipalType.USER or not isinstance(entity, User):
        raise AWSError("ValidationError", 400, "Must specify userName when calling with non-User credentials")
    given["UserName"] = entity.name


_NEED_NO_USER = frozenset({"DeactivateMFADevice", "GetMFADevice", "ListServiceSpecificCredentials"})
"""These need no user: a device has a serial number, and a list may cover all users."""


def iam_answer(call: IdentifiedCall, identities: IdentityStore) -> HTTPResponse | None:
    """Check an authorized call of IAM. Returns the answer of an operation that the services do not have, executed; None
    for a call that they may execute. Raises AWSError for what IAM refuses."""
    given = parameters(call)
    check_model(call)
    entities = _existing(call.operation, given, identities)
    _check_policy_exists(call.operation, given, identities)
    check = _CHECKS.get(call.operation)
    if check is not None:
        check(given, identities, entities)
    execute = _OWN.get(call.operation)
    if execute is None:
        return None
    execute(given, identities, entities)
    return empty_answer(call)


def check_model(call: IdentifiedCall) -> None:
    """Check the input of a call of IAM against the API's model. Raises AWSError (ValidationError)."""
    shape = operation_of(call).input_shape
    faults = violations(parameters(call), shape) if shape is not None else []
    if faults:
        raise AWSError("ValidationError", 400, message(faults))


_Given = Mapping[str, Any]
_Entities = Mapping[str, Entity]
_Check = Callable[[_Given, IdentityStore, _Entities], None]


def _existing(operation: str, given: _Given, identities: IdentityStore) -> dict[str, Entity]:
    """Return the entities that a call names, by parameter. Raises AWSError for one that does not exist."""
    found = {}
    for parameter, kind in _KINDS.items():
        name = given.get(parameter)
        if not isinstance(name, str) or operation == f"Create{kind.capitalize()}":
            continue
        entity = identities.entity(kind, name)
        if entity is None:
            raise _missing(f"The {kind} with name {name} cannot be found.")
        found[parameter] = entity
    return found


def _check_policy_exists(operation: str, given: _Given, identities: IdentityStore) -> None:
    arn = given.get("PolicyArn")
    if not isinstance(arn, str):
        return
    try:
        parse_arn(arn)
    except InvalidARN:
        raise AWSError("ValidationError", 400, "Invalid ARN:  Could not be parsed!") from None
    if identities.has_policy(arn):
        return
    if operation.startswith("Attach"):
        raise _missing(f"Policy {arn} does not exist or is not attachable.")
    if operation in _OF_POLICIES or operation.startswith("Detach"):
        raise _missing(f"Policy {arn} was not found.")


def _check_inline_policy(given: _Given, _: IdentityStore, entities: _Entities) -> None:
    (entity,) = entities.values()
    if given["PolicyName"] not in entity.inline:
        raise _missing(f"The {entity.kind} policy with name {given['PolicyName']} cannot be found.")


def _check_attached(given: _Given, _: IdentityStore, entities: _Entities) -> None:
    (entity,) = entities.values()
    if given["PolicyArn"] not in entity.attached:
        raise _missing(f"Policy {given['PolicyArn']} was not found.")


# One rule for each operation that the services allow more than IAM does


def _check_new_name(parameter: str, new: str) -> _Check:
    """Return the rule that no other entity has the new name: names must differ in more than case."""
    kind = _KINDS[parameter]

    def check(given: _Given, identities: IdentityStore, entities: _Entities) -> None:
        _check_boundary(given, identities, entities)
        name = given.get(new)
        if not isinstance(name, str):
            return
        own = entities[parameter].name if parameter in entities else None
        if any(other.lower() == name.lower() and other != own for other in identities.names(kind)):
            raise AWSError("EntityAlreadyExists", 409, f"{kind.capitalize()} with name {name} already exists.")

    return check


def _check_boundary(given: _Given, identities: IdentityStore, _: _Entities) -> None:
    arn = given.get("PermissionsBoundary")
    if isinstance(arn, str) and not (arn.startswith("arn:") and identities.has_policy(arn)):
        raise _missing(f"Scope ARN: {arn} does not exist or is not attachable.")


def _check_policy_name(given: _Given, identities: IdentityStore, _: _Entities) -> None:
    name = str(given.get("PolicyName"))
    if any(other.lower() == name.lower() for other in identities.own_policy_names()):
        raise AWSError(
            "EntityAlreadyExists", 409, f"A policy called {name} already exists. Duplicate names are not allowed."
        )


def _check_attachments(parameter: str, quota: str) -> _Check:
    def check(given: _Given, _: IdentityStore, entities: _Entities) -> None:
        attached = entities[parameter].attached
        if given["PolicyArn"] not in attached and len(attached) >= MOST_POLICIES:
            raise _too_many(quota, MOST_POLICIES)

    return check


def _check_groups(_: _Given, identities: IdentityStore, entities: _Entities) -> None:
    groups = identities.groups_of(entities["UserName"].name)
    if entities["GroupName"].name not in groups and len(groups) >= MOST_GROUPS:
        raise _too_many("GroupsPerUser", MOST_GROUPS)


def _check_key(given: _Given, _: IdentityStore, entities: _Entities) -> None:
    wanted = given.get("AccessKeyId")
    if wanted not in entities["UserName"].access_keys:
        raise _missing(f"The Access Key with id {wanted} cannot be found.")


def _check_deletable(_: _Given, __: IdentityStore, entities: _Entities) -> None:
    (entity,) = entities.values()
    for what in entity.must_do_first:
        raise AWSError("DeleteConflict", 409, f"Cannot delete entity, must {what} first.")


def _check_policy_unused(given: _Given, identities: IdentityStore, _: _Entities) -> None:
    if identities.uses_policy(str(given.get("PolicyArn"))):
        raise AWSError("DeleteConflict", 409, "Cannot delete a policy attached to entities.")


_CHECKS: dict[str, _Check] = {
    "AddUserToGroup": _check_groups,
    "AttachGroupPolicy": _check_attachments("GroupName", "PoliciesPerGroup"),
    "AttachRolePolicy": _check_attachments("RoleName", "PoliciesPerRole"),
    "AttachUserPolicy": _check_attachments("UserName", "PoliciesPerUser"),
    "CreateGroup": _check_new_name("GroupName", "GroupName"),
    "CreatePolicy": _check_policy_name,
    "CreateRole": _check_new_name("RoleName", "RoleName"),
    "CreateUser": _check_new_name("UserName", "UserName"),
    "DeleteAccessKey": _check_key,
    "DeleteGroup": _check_deletable,
    "DeletePolicy": _check_policy_unused,
    "DeleteUser": _check_deletable,
    "PutRolePermissionsBoundary": _check_boundary,
    "PutUserPermissionsBoundary": _check_boundary,
    **{f"Delete{kind.capitalize()}Policy": _check_inline_policy for kind in _KINDS.values()},
    **{f"Get{kind.capitalize()}Policy": _check_inline_policy for kind in _KINDS.values()},
    **{f"Detach{kind.capitalize()}Policy": _check_attached for kind in _KINDS.values()},
    "UpdateAccessKey": _check_key,
    "UpdateGroup": _check_new_name("GroupName", "NewGroupName"),
    "UpdateUser": _check_new_name("UserName", "NewUserName"),
}


# Permissions boundaries of users, which the services do not have


def _put_boundary(given: _Given, identities: IdentityStore, entities: _Entities) -> None:
    identities.set_user_boundary(entities["UserName"].name, given["PermissionsBoundary"])


def _delete_boundary(_: _Given, identities: IdentityStore, entities: _Entities) -> None:
    user = entities["UserName"]
    if user.boundary is None:
        raise _missing(f"User {user.name} does not have a permissions boundary")
    identities.set_user_boundary(user.name, None)


_OWN: dict[str, _Check] = {
    "DeleteUserPermissionsBoundary": _delete_boundary,
    "PutUserPermissionsBoundary": _put_boundary,
}


def empty_answer(call: IdentifiedCall) -> HTTPResponse:
    """Return IAM's answer of an operation that returns nothing."""
    name = call.operation
    return xml_response(
        f'<{name}Response xmlns="{NAMESPACE}">\n  <ResponseMetadata>\n    <RequestId>{call.id}</RequestId>\n'
        f"  </ResponseMetadata>\n</{name}Response>\n",
        call.id,
    )


def _missing(text: str) -> AWSError:
    return AWSError("NoSuchEntity", 404, text)


def _too_many(quota: str, most: int) -> AWSError:
    return AWSError("LimitExceeded", 409, f"Cannot exceed quota for {quota}: {most}")
