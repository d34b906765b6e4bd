"""The permissions boundaries of users, and what a boundary may be. A role's are set by ``roles``."""

from __future__ import annotations

from dataclasses import replace

from podrole.account.errors import no_such_entity
from podrole.account.iam.records import UserRecord
from podrole.account.iam.request import IAMRequest, Output


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
