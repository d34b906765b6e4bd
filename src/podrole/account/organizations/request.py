"""A call of Organizations, as its operations see it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from podrole.account.errors import AccountError
from podrole.account.iam.state import IAMState
from podrole.account.organizations.records import (
    RCP,
    SCP,
    OrganizationRecord,
)
from podrole.account.organizations.state import OrganizationsState
from podrole.account.records import Record
from podrole.account.transaction import Transaction
from podrole.iam.policy import PolicyKind

Output = Mapping[str, Any]
T = TypeVar("T")

POLICY_TYPES = frozenset({SCP, RCP, "TAG_POLICY", "BACKUP_POLICY", "AISERVICES_OPT_OUT_POLICY"})
DECIDED_TYPES = {SCP: PolicyKind.SCP, RCP: PolicyKind.RCP}
MOST_TAGS, _PAGE = 50, 20


@dataclass(frozen=True, slots=True)
class OrganizationsRequest:
    """An authorized call. ``iam`` returns the newest IAM of an account, for the role in a new account."""

    transaction: Transaction
    state: OrganizationsState
    input: Mapping[str, Any]
    account: str
    partition: str
    iam: Callable[[str, str], IAMState]

    def put(self, *records: Record) -> None:
        """Store records."""
        self.transaction.put(self.state, *records)

    def delete(self, *records: Record) -> None:
        """Delete records."""
        self.transaction.delete(self.state, *records)

    def organization(self) -> OrganizationRecord:
        """Return the caller's organization. Raises AccountError."""
        organization = self.state.organization_of(self.account)
        if organization is None:
            refuse("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
        return organization

    def managed(self) -> OrganizationRecord:
        """Return the organization that the caller manages. Raises AccountError for a member account."""
        organization = self.organization()
        if organization.id != self.account:
            raise AccountError("AccessDeniedException", 400, "You don't have permissions to access this resource.")
        return organization

    def arn(self, organization: OrganizationRecord, kind: str, *names: str) -> str:
        """Return the ARN of something in an organization."""
        path = "/".join([kind, organization.organization_id, *names])
        return f"arn:{self.partition}:organizations::{organization.id}:{path}"

    def letters(self, count: int) -> str:
        """Return random lower-case letters and digits."""
        return base64.b32encode(self.transaction.random(count)).decode().lower()[:count]

    def page(self, key: str, items: Iterable[T], show: Callable[[T], Any] = lambda item: item) -> Output:
        """Return the page of ``items`` that ``NextToken`` and ``MaxResults`` ask for."""
        every, limit = list(items), self.input.get("MaxResults", _PAGE)
        start = self._start()
        output: dict[str, Any] = {key: [show(item) for item in every[start : start + limit]]}
        if start + limit < len(every):
            output["NextToken"] = base64.urlsafe_b64encode(str(start + limit).encode()).decode()
        return output

    def _start(self) -> int:
        token = self.input.get("NextToken")
        if token is None:
            return 0
        try:
            text = base64.b64decode(token, altchars=b"-_", validate=True).decode("ascii")
        except (binascii.Error, ValueError):
            text = ""
        if not (text.isdigit() and len(text) < 10):
            refuse("InvalidInputException", "You provided an invalid pagination token.")
        return int(text)


def refuse(code: str, message: str) -> NoReturn:
    """Raise an AccountError: Organizations answers all its refusals with status 400."""
    raise AccountError(code, 400, message)


def new_tags(added: Sequence[Mapping[str, str]] | None, present: Mapping[str, str]) -> dict[str, str]:
    """Return ``present`` with the tags that a request gives. Raises AccountError for too many."""
    tags = {**present, **{tag["Key"]: tag["Value"] for tag in added or ()}}
    if len(tags) > MOST_TAGS:
        refuse("ConstraintViolationException", "You have exceeded the number of tags allowed on this resource.")
    return tags
