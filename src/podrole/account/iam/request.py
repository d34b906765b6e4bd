"""One call of IAM's API, as its operations see it: the account, the input, and the changes that it makes."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from podrole.account.errors import (
    AccountError,
    already_exists,
    invalid_input,
    limit_exceeded,
    no_such_entity,
    validation_error,
)
from podrole.account.iam.records import (
    GroupRecord,
    InstanceProfileRecord,
    ManagedPolicyRecord,
    NamedRecord,
    OIDCProviderRecord,
    RoleRecord,
    SAMLProviderRecord,
    ServerCertificateRecord,
    Tags,
    UserRecord,
)
from podrole.account.iam.state import IAMState
from podrole.account.ids import Random, unique_id
from podrole.account.managed_policies import ManagedPolicy
from podrole.account.records import Record
from podrole.account.transaction import Transaction
from podrole.base.clock import rfc3339
from podrole.iam.arn import parse_arn
from podrole.iam.errors import InvalidARN

Output = Mapping[str, Any]
T = TypeVar("T")
N = TypeVar("N", bound=NamedRecord)

MOST_TAGS = 50
MOST: Mapping[type[Record], tuple[str, int]] = {
    GroupRecord: ("GroupsPerAccount", 500),
    InstanceProfileRecord: ("InstanceProfilesPerAccount", 10_000),
    ManagedPolicyRecord: ("PoliciesPerAccount", 10_000),
    OIDCProviderRecord: ("OpenIDConnectProvidersPerAccount", 100),
    RoleRecord: ("RolesPerAccount", 10_000),
    SAMLProviderRecord: ("SAMLProvidersPerAccount", 100),
    ServerCertificateRecord: ("ServerCertificatesPerAccount", 20),
    UserRecord: ("UsersPerAccount", 5_000),
}
"""How many an account may have, with the quota's name. Roles, groups, policies and profiles have the highest value that
AWS grants by itself (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html, 2026)."""

_PAGE = 100


class Catalogue(Protocol):
    """AWS's own managed policies."""

    def get(self, arn: str) -> ManagedPolicy | None:
        """Return the policy with that ARN."""
        ...

    def all(self, partition: str) -> Sequence[ManagedPolicy]:
        """Return every policy, in the order of the names."""
        ...


@dataclass(frozen=True, slots=True)
class IAMRequest:
    """A call that has been authorized and whose input fits the API's model.

    ``state`` is the account as it is now, which an operation only reads; what it changes it says with :meth:`put` and
    :meth:`delete`. ``user_id`` is the caller's unique id if it is an IAM user.
    """

    transaction: Transaction
    state: IAMState
    input: Mapping[str, Any] = field(repr=False)  # it may hold a password or a private key
    catalogue: Catalogue
    user_id: str = ""

    @property
    def now(self) -> float:
        """The time of the call, in epoch seconds."""
        return self.transaction.now

    @property
    def random(self) -> Random:
        """Where random bytes come from."""
        return self.transaction.random

    def put(self, *records: Record) -> None:
        """Store records."""
        self.transaction.put(self.state, *records)

    def delete(self, *records: Record) -> None:
        """Delete records."""
        self.transaction.delete(self.state, *records)

    def new_id(self, prefix: str) -> str:
        """Return a new unique id."""
        return unique_id(prefix, self.random)

    # What the input names. Each raises AccountError (NoSuchEntity) if it does not exist.

    def named(self, kind: type[N], parameter: str, title: str) -> N:
        """Return the record that a parameter names."""
        name = self.input[parameter]
        record = self.state.named(kind, name)
        if record is None:
            raise no_such_entity(f"{title} {name} cannot be found.")
        return record

    def user(self) -> UserRecord:
        """Return the user that ``UserName`` names."""
        return self.named(UserRecord, "UserName", "The user with name")

    def group(self) -> GroupRecord:
        """Return the group that ``GroupName`` names."""
        return self.named(GroupRecord, "GroupName", "The group with name")

    def role(self) -> RoleRecord:
        """Return the role that ``RoleName`` names."""
        return self.named(RoleRecord, "RoleName", "The role with name")

    def changeable_policy(self) -> ManagedPolicyRecord:
        """Return the customer managed policy that ``PolicyArn`` names; AWS's own cannot be changed."""
        arn = policy_arn(self.input)
        record = self.state.policy(arn)
        if record is None:
            if self.catalogue.get(arn) is not None:
                raise AccountError("AccessDenied", 403, f"Policy {arn} is an AWS managed policy and cannot be changed.")
            raise no_such_entity(f"Policy {arn} was not found.")
        return record

    def policy_exists(self, arn: str) -> bool:
        """Say whether there is a managed policy with that ARN, AWS's own included."""
        return self.state.policy(arn) is not None or self.catalogue.get(arn) is not None

    def require_new_name(self, kind: type[N], name: str, message: str, unless: Record | None = None) -> None:
        """Raise AccountError (EntityAlreadyExists) if another record of the kind has the name, in any case."""
        present = self.state.named_like(kind, name)
        if present is not None and (unless is None or present.id != unless.id):
            raise already_exists(message)

    def require_room(self, kind: type[Record]) -> None:
        """Raise AccountError (LimitExceeded) if the account may have no further record of the kind."""
        require_room(self.state, kind)

    def page(self, key: str, items: Iterable[T], name: Callable[[T], str], show: Callable[[T], Any]) -> Output:
        """Return the page of ``items`` that ``Marker`` and ``MaxItems`` ask for. Items are in the order of ``name``."""
        after = self._marker()
        rest = [item for item in items if after is None or name(item) > after]
        limit = self.input.get("MaxItems", _PAGE)
        shown = rest[:limit]
        output: dict[str, Any] = {key: [show(item) for item in shown], "IsTruncated": len(rest) > limit}
        if len(rest) > limit:
            output["Marker"] = base64.urlsafe_b64encode(name(shown[-1]).encode()).decode()
        return output

    def _marker(self) -> str | None:
        marker = self.input.get("Marker")
        if marker is None:
            return None
        try:
            return base64.b64decode(marker, altchars=b"-_", validate=True).decode()
        except (binascii.Error, ValueError):
            raise validation_error("Invalid Marker.") from None


def require_room(state: IAMState, kind: type[Record]) -> None:
    """Raise AccountError (LimitExceeded) if an account may have no further record of a kind."""
    quota, most = MOST[kind]
    if state.count(kind) >= most:
        raise limit_exceeded(quota, most)


def policy_arn(parameters: Mapping[str, Any]) -> str:
    """Return ``PolicyArn``. Raises AccountError if it is not an ARN."""
    arn = str(parameters["PolicyArn"])
    try:
        parse_arn(arn)
    except InvalidARN:
        raise validation_error("Invalid ARN:  Could not be parsed!") from None
    return arn


def new_tags(added: Sequence[Mapping[str, str]] | None, present: Tags, quota: str) -> dict[str, str]:
    """Return ``present`` with the tags that a request gives. Raises AccountError.

    Keys that differ only in case are one key. https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
    """
    added = added or ()
    lowered = [tag["Key"].lower() for tag in added]
    if len(set(lowered)) != len(lowered):
        raise invalid_input("Duplicate tag keys found. Please note that Tag keys are case insensitive.")
    if any(key.startswith("aws:") for key in lowered):
        raise invalid_input("System tags cannot be added/updated by requester")
    kept = {key: value for key, value in present.items() if key.lower() not in lowered}
    tags = kept | {tag["Key"]: tag["Value"] for tag in added}
    if len(tags) > MOST_TAGS:
        raise limit_exceeded(quota, MOST_TAGS)
    return tags


def without_tags(present: Tags, keys: Sequence[str]) -> dict[str, str]:
    """Return ``present`` without the tags of those keys, in any case."""
    lowered = {key.lower() for key in keys}
    return {key: value for key, value in present.items() if key.lower() not in lowered}


def tag_list(tags: Tags) -> list[dict[str, str]]:
    """Return tags as the API shows them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def time(epoch_seconds: float) -> str:
    """Return a time as the API shows it."""
    return rfc3339(epoch_seconds)
