"""What Organizations stores. Times are epoch seconds. https://docs.aws.amazon.com/organizations/latest/APIReference/."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from podrole.account.records import Record

SCP, RCP = "SERVICE_CONTROL_POLICY", "RESOURCE_CONTROL_POLICY"
DEFAULT_POLICIES = ("p-FullAWSAccess", "p-RCPFullAWSAccess")
"""AWS's own control policies, attached to everything that is new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganizationRecord(Record):
    """An organization; its ``id`` is its management account. ``policy_types`` are those enabled in its root.

    ``service_access`` and ``delegated`` hold when a service was trusted, and which accounts administer which services.
    """

    table = "organization"
    organization_id: str
    feature_set: str
    root_id: str
    created_at: float
    policy_types: tuple[str, ...] = ()
    service_access: Mapping[str, float] = field(default_factory=dict)
    delegated: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecord(Record):
    """Something in an organization's tree. ``policies`` are the ids of the policies attached to it."""

    kind: ClassVar[str]
    management_account: str
    name: str
    parent: str | None
    policies: tuple[str, ...] = DEFAULT_POLICIES
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RootRecord(NodeRecord):
    """The root of the tree."""

    table = "root"
    kind = "ROOT"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitRecord(NodeRecord):
    """An organizational unit."""

    table = "unit"
    kind = "ORGANIZATIONAL_UNIT"


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberRecord(NodeRecord):
    """An account of the organization; its ``id`` is the account's. ``status`` is ACTIVE or SUSPENDED."""

    table = "member"
    kind = "ACCOUNT"
    email: str
    status: str = "ACTIVE"
    joined_method: str
    joined_at: float
    request_id: str | None = None
    """The id of the CreateAccount request that made it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPolicyRecord(Record):
    """A policy of the organization: an SCP, an RCP or one of the types that no decision reads."""

    table = "control-policy"
    management_account: str
    name: str
    description: str
    type: str
    content: str
    aws_managed: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)


RECORDS: Mapping[str, type[Record]] = {
    kind.table: kind for kind in (ControlPolicyRecord, MemberRecord, OrganizationRecord, RootRecord, UnitRecord)
}
"""Every kind of record, by its name in the journal."""

_FULL_ACCESS = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow",%s"Action":"*","Resource":"*"}]}'

AWS_POLICIES = {
    policy.id: policy
    for policy in (
        ControlPolicyRecord(
            id="p-FullAWSAccess",
            management_account="aws",
            name="FullAWSAccess",
            description="Allows access to every operation",
            type=SCP,
            content=_FULL_ACCESS % "",
            aws_managed=True,
        ),
        ControlPolicyRecord(
            id="p-RCPFullAWSAccess",
            management_account="aws",
            name="RCPFullAWSAccess",
            description="Allows access to every resource",
            type=RCP,
            content=_FULL_ACCESS % '"Principal":"*",',
            aws_managed=True,
        ),
    )
}
"""AWS's own policies: the same in every organization."""
