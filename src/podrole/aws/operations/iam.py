"""IAM: what AWS refuses is refused before moto, which stores users, roles, groups and providers, is asked.

moto takes names, paths, durations and quotas as they come, and finds by a key's id whose key it is. So every call is
first judged by the API's model, then by IAM's own rules (https://docs.aws.amazon.com/IAM/latest/APIReference/), and a
call that names no user names its caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from podrole.aws.caller import Caller
from podrole.aws.emulator.backends import backend
from podrole.aws.emulator.managed import managed_document
from podrole.aws.emulator.moto import Moto
from podrole.aws.errors import AWSError
from podrole.aws.operations.oidc_providers import OIDCProviders
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


class _Kind(NamedTuple):
    """A kind of entity: where moto keeps them, what IAM calls one."""

    collection: str
    noun: str

    @property
    def title(self) -> str:
        return self.noun.capitalize()


_KINDS = {
    "RoleName": _Kind("roles", "role"),
    "UserName": _Kind("users", "user"),
    "GroupName": _Kind("groups", "group"),
}
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
    """Fill in whom a call of IAM is about that names no user: its caller. Raises AWSError where that is no user.

    To be done before the call is authorized, so that what is decided is what is done.
    """
    if call.service.name != "iam":
        return
    shape = operation_of(call).input_shape
    if shape is None or "UserName" not in shape.members or "UserName" in shape.required_members:
        return
    given = parameters(call)
    if given.get("UserName") is not None or call.operation in _FOR_ANYBODY:
        return
    entity = caller.entity
    if caller.principal.type is not PrincipalType.USER or not isinstance(entity, User):
        raise AWSError("ValidationError", 400, "Must specify userName when calling with non-User credentials")
    given["UserName"] = entity.name


_FOR_ANYBODY = frozenset({"DeactivateMFADevice", "GetMFADevice", "ListServiceSpecificCredentials"})
"""These need no user at all: a device has a serial number of its own, a list may be everybody's."""


class IAM:
    """Every operation of IAM that podrole's own engine does not answer."""

    def __init__(self, moto: Moto, providers: OIDCProviders) -> None:
        self._moto = moto
        self._providers = providers

    async def serve(self, call: IdentifiedCall, caller: Caller) -> HTTPResponse:
        """Answer an authorized call. Raises AWSError."""
        given = parameters(call)
        shape = operation_of(call).input_shape
        found = violations(given, shape) if shape is not None else []
        if found:
            raise AWSError("ValidationError", 400, message(found))
        account, partition = caller.account, caller.principal.arn.split(":")[1]
        if "OpenIDConnectProvider" in call.operation:
            return await self._providers.serve(call, caller)
        own = _OWN.get(call.operation)
        stored = backend("iam", account, partition)
        entities = _existing(call.operation, given, stored)
        _check_policy_exists(call.operation, given, stored)
        check = _CHECKS.get(call.operation)
        if check is not None:
            check(given, stored, entities)
        if own is not None:
            await self._moto.run(lambda: own(given, entities))
            return _empty(call)
        before = entities["UserName"].arn if call.operation == "UpdateUser" else ""
        answer = await self._moto.serve(call, account)
        if before and answer.status == 200:
            await self._moto.run(lambda: _move_tags(stored, before, entities["UserName"].arn))
        if call.operation == "CreateUser" and answer.status == 200 and given.get("PermissionsBoundary"):
            return await self._with_boundary(call, account, partition, answer)
        return answer

    async def _with_boundary(
        self, call: IdentifiedCall, account: str, partition: str, answer: HTTPResponse
    ) -> HTTPResponse:
        """Set the boundary of a user that has just been made, and tell of it: moto knows none of users."""
        given = parameters(call)
        arn = given["PermissionsBoundary"]
        user = _existing("GetUser", given, backend("iam", account, partition))
        await self._moto.run(lambda: _put_boundary(given, user))
        told = (
            "<PermissionsBoundary><PermissionsBoundaryType>PermissionsBoundaryPolicy</PermissionsBoundaryType>"
            f"<PermissionsBoundaryArn>{arn}</PermissionsBoundaryArn></PermissionsBoundary></User>"
        )
        return HTTPResponse(answer.status, answer.headers, answer.body.replace(b"</User>", told.encode(), 1))


_Given = Mapping[str, Any]
_Entities = Mapping[str, Any]


def _existing(operation: str, given: _Given, stored: Any) -> dict[str, Any]:
    """Return the entities that a call names, by parameter. Raises AWSError for one that there is not."""
    found = {}
    for parameter, kind in _KINDS.items():
        name = given.get(parameter)
        if not isinstance(name, str) or operation == f"Create{kind.title}":
            continue
        entity = next((one for one in _all(stored, kind) if one.name == name), None)
        if entity is None:
            raise _missing(f"The {kind.noun} with name {name} cannot be found.")
        found[parameter] = entity
    return found


def _all(stored: Any, kind: _Kind) -> list[Any]:
    return list(getattr(stored, kind.collection).values()) if stored is not None else []


def _check_policy_exists(operation: str, given: _Given, stored: Any) -> None:
    arn = given.get("PolicyArn")
    if not isinstance(arn, str):
        return
    try:
        parse_arn(arn)
    except InvalidARN:
        raise AWSError("ValidationError", 400, "Invalid ARN:  Could not be parsed!") from None
    if _is_policy(arn, stored):
        return
    if operation.startswith("Attach"):
        raise _missing(f"Policy {arn} does not exist or is not attachable.")
    if operation in _OF_POLICIES or operation.startswith("Detach"):
        raise _missing(f"Policy {arn} was not found.")


def _check_inline_policy(given: _Given, _: Any, entities: _Entities) -> None:
    ((parameter, entity),) = entities.items()
    if given["PolicyName"] not in entity.policies:
        raise _missing(f"The {_KINDS[parameter].noun} policy with name {given['PolicyName']} cannot be found.")


def _check_attached(given: _Given, _: Any, entities: _Entities) -> None:
    (entity,) = entities.values()
    if given["PolicyArn"] not in entity.managed_policies:
        raise _missing(f"Policy {given['PolicyArn']} was not found.")


def _is_policy(arn: str, stored: Any) -> bool:
    return (stored is not None and arn in stored.managed_policies) or managed_document(arn) is not None


# One rule for each operation that moto lets do more than IAM does


def _named_anew(parameter: str, new: str, *, text: str = "") -> Callable[[_Given, Any, _Entities], None]:
    """Return the rule that no other entity has the name, however it is written: names differ in more than case."""
    kind = _KINDS[parameter]

    def check(given: _Given, stored: Any, entities: _Entities) -> None:
        _check_boundary(given, stored)
        name = given.get(new)
        if not isinstance(name, str):
            return
        own = entities.get(parameter)
        if any(one.name.lower() == name.lower() and one is not own for one in _all(stored, kind)):
            raise AWSError("EntityAlreadyExists", 409, text or f"{kind.title} with name {name} already exists.")

    return check


def _check_boundary(given: _Given, stored: Any, _: _Entities | None = None) -> None:
    arn = given.get("PermissionsBoundary")
    if isinstance(arn, str) and not (arn.startswith("arn:") and _is_policy(arn, stored)):
        raise _missing(f"Scope ARN: {arn} does not exist or is not attachable.")


def _check_policy_name(given: _Given, stored: Any, _: _Entities) -> None:
    name = str(given.get("PolicyName"))
    own = [one for one in list(stored.managed_policies.values()) if ":iam::aws:" not in one.arn] if stored else []
    if any(one.name.lower() == name.lower() for one in own):
        raise AWSError(
            "EntityAlreadyExists", 409, f"A policy called {name} already exists. Duplicate names are not allowed."
        )


def _check_attachments(parameter: str, quota: str) -> Callable[[_Given, Any, _Entities], None]:
    def check(given: _Given, _: Any, entities: _Entities) -> None:
        attached = entities[parameter].managed_policies
        if given["PolicyArn"] not in attached and len(attached) >= MOST_POLICIES:
            raise _too_many(quota, MOST_POLICIES)

    return check


def _check_groups(_: _Given, stored: Any, entities: _Entities) -> None:
    user, group = entities["UserName"], entities["GroupName"]
    groups = [one for one in _all(stored, _KINDS["GroupName"]) if user in list(one.users)]
    if group not in groups and len(groups) >= MOST_GROUPS:
        raise _too_many("GroupsPerUser", MOST_GROUPS)


def _check_key(given: _Given, _: Any, entities: _Entities) -> None:
    wanted = given.get("AccessKeyId")
    if all(key.access_key_id != wanted for key in list(entities["UserName"].access_keys)):
        raise _missing(f"The Access Key with id {wanted} cannot be found.")


def _check_deletable(_: _Given, stored: Any, entities: _Entities) -> None:
    (entity,) = entities.values()
    for what in _holding(entity, stored):
        raise AWSError("DeleteConflict", 409, f"Cannot delete entity, must {what} first.")


def _holding(entity: Any, stored: Any) -> Iterator[str]:
    """Yield what must be done to a user or group before it can go."""
    if getattr(entity, "access_keys", ()):
        yield "delete access keys"
    if getattr(entity, "password", None):
        yield "delete login profile"
    if getattr(entity, "mfa_devices", ()):
        yield "delete MFA device"
    if getattr(entity, "users", ()) or any(entity in list(one.users) for one in _all(stored, _KINDS["GroupName"])):
        yield "remove users from group"
    if entity.managed_policies:
        yield "detach all policies"
    if entity.policies:
        yield "delete policies"


def _check_policy_unused(given: _Given, stored: Any, _: _Entities) -> None:
    arn = given.get("PolicyArn")
    entities = [one for kind in _KINDS.values() for one in _all(stored, kind)]
    if any(arn in one.managed_policies or arn == getattr(one, "permissions_boundary_arn", None) for one in entities):
        raise AWSError("DeleteConflict", 409, "Cannot delete a policy attached to entities.")


_CHECKS: dict[str, Callable[[_Given, Any, _Entities], None]] = {
    "AddUserToGroup": _check_groups,
    "AttachGroupPolicy": _check_attachments("GroupName", "PoliciesPerGroup"),
    "AttachRolePolicy": _check_attachments("RoleName", "PoliciesPerRole"),
    "AttachUserPolicy": _check_attachments("UserName", "PoliciesPerUser"),
    "CreateGroup": _named_anew("GroupName", "GroupName"),
    "CreatePolicy": _check_policy_name,
    "CreateRole": _named_anew("RoleName", "RoleName"),
    "CreateUser": _named_anew("UserName", "UserName"),
    "DeleteAccessKey": _check_key,
    "DeleteGroup": _check_deletable,
    "DeletePolicy": _check_policy_unused,
    "DeleteUser": _check_deletable,
    "PutRolePermissionsBoundary": _check_boundary,
    "PutUserPermissionsBoundary": _check_boundary,
    **{f"Delete{kind.title}Policy": _check_inline_policy for kind in _KINDS.values()},
    **{f"Get{kind.title}Policy": _check_inline_policy for kind in _KINDS.values()},
    **{f"Detach{kind.title}Policy": _check_attached for kind in _KINDS.values()},
    "UpdateAccessKey": _check_key,
    "UpdateGroup": _named_anew("GroupName", "NewGroupName"),
    "UpdateUser": _named_anew("UserName", "NewUserName"),
}


# Permissions boundaries of users, which moto has not


def _put_boundary(given: _Given, entities: _Entities) -> None:
    user, arn = entities["UserName"], given["PermissionsBoundary"]
    user.permissions_boundary_arn = arn
    # moto's answers about a user show whatever attribute has the member's name.
    user.permissions_boundary = {
        "PermissionsBoundaryType": "PermissionsBoundaryPolicy",
        "PermissionsBoundaryArn": arn,
    }


def _delete_boundary(_: _Given, entities: _Entities) -> None:
    user = entities["UserName"]
    if getattr(user, "permissions_boundary_arn", None) is None:
        raise _missing(f"User {user.name} does not have a permissions boundary")
    user.permissions_boundary_arn = None
    del user.permissions_boundary


def _move_tags(stored: Any, before: str, after: str) -> None:
    """Take a user's tags along to its new ARN: moto would leave them to whoever gets the old one."""
    if before != after:
        stored.tagger.copy_tags(before, after)
        stored.tagger.delete_all_tags_for_resource(before)


_OWN: dict[str, Callable[[_Given, _Entities], None]] = {
    "DeleteUserPermissionsBoundary": _delete_boundary,
    "PutUserPermissionsBoundary": _put_boundary,
}


def _empty(call: IdentifiedCall) -> HTTPResponse:
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
