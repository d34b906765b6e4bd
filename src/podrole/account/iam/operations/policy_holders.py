"""Users, groups and roles as the operations on their policies name them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from podrole.account.iam.operations.reserved_roles import changeable_role
from podrole.account.iam.records import PolicyHolder
from podrole.account.iam.request import IAMRequest, Output
from podrole.iam.limits import Owner


class HolderKind(NamedTuple):
    """How a kind of policy holder is named in parameters and in messages."""

    parameter: str
    quota: str
    find: Callable[[IAMRequest], PolicyHolder]
    limit: Owner


USER = HolderKind("UserName", "PoliciesPerUser", IAMRequest.user, Owner.USER)
GROUP = HolderKind("GroupName", "PoliciesPerGroup", IAMRequest.group, Owner.GROUP)
ROLE = HolderKind("RoleName", "PoliciesPerRole", changeable_role, Owner.ROLE)

Operation = Callable[[IAMRequest], Output]


def holder_to_read(owner: HolderKind, request: IAMRequest) -> PolicyHolder:
    """Return the holder that a request reads, which may be a role that only AWS changes. Raises AccountError."""
    return request.role() if owner is ROLE else owner.find(request)
