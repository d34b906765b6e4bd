"""Whether AWS stores a policy document: the one answer, for the API's operations, ``podrole policy validate`` and
``podrole check``.

It is stricter than reading (:mod:`podrole.iam.document`), because a document may have been stored elsewhere, or before
AWS refused its like. Only storing knows the quotas, the account's partition, that a condition key takes one colon, and
what a trust policy on a shared issuer needs. Whether a principal exists is for the operation that stores the document.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from podrole.base.partitions import PARTITIONS
from podrole.iam.document import parse_policy
from podrole.iam.limits import (
    UNREAD,
    Owner,
    check_control,
    check_inline,
    check_managed_size,
    check_trust,
    check_version,
    size,
)
from podrole.iam.policy import Policy, PolicyKind
from podrole.iam.shared_issuers import check_shared_issuers


class StoredAs(StrEnum):
    """What a document is stored as. A permissions boundary is a managed policy."""

    MANAGED = "managed"
    INLINE = "inline"
    TRUST = "trust"
    RESOURCE = "resource"
    ENDPOINT = "endpoint"
    SESSION = "session"
    SCP = "scp"
    RCP = "rcp"

    @property
    def kind(self) -> PolicyKind:
        """The kind of policy, which decides what the document may hold."""
        return PolicyKind.IDENTITY if self in (StoredAs.MANAGED, StoredAs.INLINE) else PolicyKind(self.value)


def check_storable(
    text: str,
    stored_as: StoredAs,
    partition: str = "",
    *,
    beside: Iterable[str] = (),
    owner: Owner = Owner.ROLE,
    name: str = "…",
) -> Policy:
    """Return a document that AWS stores, compiled.

    ``partition`` is the account's; without it an ARN may be of any. ``beside`` are the other inline policies of the
    ``owner`` with that name. The size of a resource policy is each service's own. Raises PolicyError.
    """

    def check_size() -> None:
        match stored_as:
            case StoredAs.MANAGED:
                check_managed_size(text)
            case StoredAs.INLINE:
                check_inline([*beside, text], owner, name)
            case StoredAs.TRUST:
                check_trust(text)
            case StoredAs.SCP | StoredAs.RCP:
                check_control(text, stored_as.kind)

    if size(text) > UNREAD:
        check_size()
    policy = parse_policy(text, stored_as.kind, stored_in=(partition,) if partition else PARTITIONS)
    if stored_as is StoredAs.MANAGED:
        check_version(policy)
    check_size()
    if stored_as is StoredAs.TRUST:
        check_shared_issuers(policy)
    return policy
