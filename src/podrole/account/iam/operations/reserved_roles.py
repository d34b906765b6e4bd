"""Roles that only AWS's services may change: service-linked roles, and those of IAM Identity Center.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateRole.html (UnmodifiableEntity)
"""

from __future__ import annotations

from podrole.account.errors import unmodifiable
from podrole.account.iam.records import RoleRecord
from podrole.account.iam.request import IAMRequest

LINKED_PATH = "/aws-service-role/"
"""The path of service-linked roles begins so."""

RESERVED_PATHS = (LINKED_PATH, "/aws-reserved/")


def changeable_role(request: IAMRequest) -> RoleRecord:
    """Return the role that the request names. Raises AccountError for one that only an AWS service may change."""
    role = request.role()
    if role.path.startswith(RESERVED_PATHS):
        raise unmodifiable(
            f"Cannot perform the operation on the protected role '{role.name}' - this role is only modifiable by AWS"
        )
    return role
