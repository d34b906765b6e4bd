"""Users and groups. https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateUser.html and its siblings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from podrole.account.errors import delete_conflict, limit_exceeded
from podrole.account.iam.operations import shown
from podrole.account.iam.operations.permissions_boundaries import require_boundary
from podrole.account.iam.records import (
    AccessKeyRecord,
    GroupRecord,
    MFADeviceRecord,
    SigningCertificateRecord,
    SSHKeyRecord,
    UserRecord,
)
from podrole.account.iam.request import IAMRequest, Output, new_tags

MOST_GROUPS = 10
"""Groups of a user (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)."""


def create_user(request: IAMRequest) -> Output:
    """CreateUser."""
    parameters = request.input
    name = parameters["UserName"]
    request.require_new_name(UserRecord, name, f"User with name {name} already exists.")
    request.require_room(UserRecord)
    user = UserRecord(
        id=request.new_id("AIDA"),
        name=name,
        path=parameters.get("Path", "/"),
        created_at=request.now,
        tags=new_tags(parameters.get("Tags"), {}, "TagsPerUser"),
        boundary=require_boundary(request),
    )
    request.put(user)
    return {"User": shown.user(user, request.state)}


def get_user(request: IAMRequest) -> Output:
    """GetUser."""
    return {"User": shown.user(request.user(), request.state)}


def list_users(request: IAMRequest) -> Output:
    """ListUsers."""
    prefix = request.input.get("PathPrefix", "/")
    users = [user for user in request.state.records(UserRecord) if user.path.startswith(prefix)]
    return request.page(
        "Users", users, lambda user: user.name.lower(), lambda user: shown.user(user, request.state, whole=False)
    )


def update_user(request: IAMRequest) -> Output:
    """UpdateUser: another name or path. Keys, groups, policies and tags stay, since they refer to the user's id."""
    user, parameters = request.user(), request.input
    name = parameters.get("NewUserName", user.name)
    request.require_new_name(UserRecord, name, f"User with name {name} already exists.", unless=user)
    request.put(replace(user, name=name, path=parameters.get("NewPath", user.path)))
    return {}


def delete_user(request: IAMRequest) -> Output:
    """DeleteUser."""
    user = request.user()
    for what in _holding(request, user):
        raise delete_conflict(f"Cannot delete entity, must {what} first.")
    request.delete(user)
    return {}


def _holding(request: IAMRequest, user: UserRecord) -> Iterator[str]:
    """Yield what must be done to a user before it can be deleted."""
    state = request.state
    if state.owned(AccessKeyRecord, user):
        yield "delete access keys"
    if state.owned(SigningCertificateRecord, user):
        yield "delete signing certificates"
    if state.owned(SSHKeyRecord, user):
        yield "delete SSH public keys"
    if user.password is not None:
        yield "delete login profile"
    if state.owned(MFADeviceRecord, user):
        yield "delete MFA device"
    if user.groups:
        yield "remove users from group"
    if user.attached:
        yield "detach all policies"
    if user.inline:
        yield "delete policies"


def create_group(request: IAMRequest) -> Output:
    """CreateGroup."""
    parameters = request.input
    name = parameters["GroupName"]
    request.require_new_name(GroupRecord, name, f"Group with name {name} already exists.")
    request.require_room(GroupRecord)
    group = GroupRecord(id=request.new_id("AGPA"), name=name, path=parameters.get("Path", "/"), created_at=request.now)
    request.put(group)
    return {"Group": shown.group(group, request.state)}


def get_group(request: IAMRequest) -> Output:
    """GetGroup: the group and a page of its users."""
    group, state = request.group(), request.state
    page = request.page(
        "Users", state.members(group), lambda user: user.name.lower(), lambda user: shown.user(user, state, whole=False)
    )
    return {"Group": shown.group(group, state), **page}


def list_groups(request: IAMRequest) -> Output:
    """ListGroups."""
    prefix = request.input.get("PathPrefix", "/")
    groups = [group for group in request.state.records(GroupRecord) if group.path.startswith(prefix)]
    return request.page(
        "Groups", groups, lambda group: group.name.lower(), lambda group: shown.group(group, request.state)
    )


def list_groups_for_user(request: IAMRequest) -> Output:
    """ListGroupsForUser."""
    groups = sorted(request.state.groups_of(request.user()), key=lambda group: group.name.lower())
    return request.page(
        "Groups", groups, lambda group: group.name.lower(), lambda group: shown.group(group, request.state)
    )


def update_group(request: IAMRequest) -> Output:
    """UpdateGroup: another name or path."""
    group, parameters = request.group(), request.input
    name = parameters.get("NewGroupName", group.name)
    request.require_new_name(GroupRecord, name, f"Group with name {name} already exists.", unless=group)
    request.put(replace(group, name=name, path=parameters.get("NewPath", group.path)))
    return {}


def delete_group(request: IAMRequest) -> Output:
    """DeleteGroup."""
    group = request.group()
    if request.state.members(group):
        raise delete_conflict("Cannot delete entity, must remove users from group first.")
    if group.attached:
        raise delete_conflict("Cannot delete entity, must detach all policies first.")
    if group.inline:
        raise delete_conflict("Cannot delete entity, must delete policies first.")
    request.delete(group)
    return {}


def add_user_to_group(request: IAMRequest) -> Output:
    """AddUserToGroup; adding a member again changes nothing."""
    group, user = request.group(), request.user()
    if group.id not in user.groups:
        if len(user.groups) >= MOST_GROUPS:
            raise limit_exceeded("GroupsPerUser", MOST_GROUPS)
        request.put(replace(user, groups=(*user.groups, group.id)))
    return {}


def remove_user_from_group(request: IAMRequest) -> Output:
    """RemoveUserFromGroup; removing someone who is not a member changes nothing."""
    group, user = request.group(), request.user()
    request.put(replace(user, groups=tuple(group_id for group_id in user.groups if group_id != group.id)))
    return {}
