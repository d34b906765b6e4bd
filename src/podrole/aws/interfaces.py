"""The seam between podrole's stations and the services that podrole does not implement itself.

``Services`` executes authorized calls. ``Facts`` answers what a decision has to know about the state of the account.
``podrole.aws.emulator`` implements both over moto; nothing else in podrole knows moto.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import msgspec

from podrole.account.organizations.state import Levels
from podrole.aws.global_keys import OrganizationPlace
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.wire import HTTPResponse
from podrole.iam.actions.call import Resolver
from podrole.iam.directory import PolicyText

T = TypeVar("T")

ControlPolicy = Literal["scp", "rcp"]


class Resource(NamedTuple):
    """A resource: the account that owns it, empty if unknown, and its resource policy, if it has one.

    ``exists`` says whether the resource was found; only resources that can have a policy are looked for. ``closed``
    means that a public policy grants only to the owner's account and to AWS services (S3's RestrictPublicBuckets).
    """

    account: str = ""
    policy: PolicyText | None = None
    closed: bool = False
    exists: bool = False


class Bucket(NamedTuple):
    """An S3 bucket. ``blocks_public_policy`` is the setting BlockPublicPolicy of it or its account."""

    arn: str
    account: str
    region: str
    blocks_public_policy: bool


class Encryption(NamedTuple):
    """The KMS key that something is encrypted with, as it was given; empty for a key of AWS's. ``by_bucket`` says that
    S3 uses a key of the whole bucket, whose encryption context names the bucket."""

    key: str = ""
    by_bucket: bool = False


class SecureParameter(NamedTuple):
    """A version of a SecureString parameter, with the KMS key that it is encrypted with, as it was given."""

    name: str
    key: str
    newest: bool


class Facts(Resolver, Protocol):
    """The state of the world's accounts, at the moment of the question.

    A resource that does not exist has no facts. Asking creates nothing.
    """

    def resource(self, arn: str) -> Resource:
        """Return who owns the resource with that ARN, and its policy.

        Principals in the policy that have been deleted since it was stored are replaced by their unique ids, as AWS
        shows them.
        """
        ...

    def policies_within(self, arn: str) -> list[PolicyText]:
        """Return the policies of all resources that an ARN with wildcards can mean: those of its account and region."""
        ...

    def bucket(self, name: str) -> Bucket | None:
        """Return the bucket with that name, whichever account owns it."""
        ...

    def encryption(self, arn: str, version: str = "") -> Encryption:
        """Return how a resource is encrypted: an S3 object or a parameter (its newest version if none is named), a
        secret, queue, topic, stream, table, volume or snapshot, or what is stored in a bucket without another wish."""
        ...

    def secure_parameters(self, account: str, region: str) -> Iterable[SecureParameter]:
        """Return every version of the SecureString parameters of an account and region."""
        ...

    def object_exists(self, bucket: str, key: str) -> bool:
        """Return whether a bucket has an object with that key."""
        ...

    def control_policies(self, account: str, kind: ControlPolicy) -> Levels | None:
        """Return the control policies of an account; None if no organization limits it. An empty account has none."""
        ...

    def organization(self, account: str) -> OrganizationPlace | None:
        """Return where an account stands in its organization; None if it is in none, as an empty account is."""
        ...

    def stack_templates(self, account: str, region: str, *, stack: str, change_set: str) -> list[str]:
        """Return the stored templates of CloudFormation stacks and change sets with that name or id."""
        ...

    def principal_id(self, arn: str) -> str | None:
        """Return the unique id of the role or user with that ARN."""
        ...

    def account_exists(self, account: str, partition: str) -> bool:
        """Return whether an account is one of this world, so that a principal that is not in it does not exist."""
        ...


class StoredPolicy(NamedTuple):
    """A resource policy or trust policy that a call stores.

    ``resource`` is the ARN of the resource that it is attached to, or finds the ARN in the service's answer.
    ``document`` are the statements of the call, which may be added to others that are there.
    """

    resource: str | Callable[[HTTPResponse], str]
    document: str


class AuthorizedCall(msgspec.Struct, frozen=True):
    """A call that may be executed. Only podrole.aws.authorize makes one.

    ``account`` is the account in which the service acts, ``resource`` what the call was authorized on, the first
    resource if there are several. ``stored`` is the policy that the call stores, whose principals are bound to their
    unique ids once it has succeeded. ``finish`` turns the service's answer into the client's. ``further`` authorizes a
    call of another service for the same caller: service, operation and input. It raises AWSError for a refusal.
    """

    call: IdentifiedCall
    account: str
    resource: str = ""
    stored: StoredPolicy | None = None
    finish: Callable[[HTTPResponse], HTTPResponse] = lambda answer: answer
    further: Further | None = None


Further = Callable[[str, str, Mapping[str, Any]], AuthorizedCall]


@dataclass(frozen=True, slots=True)
class RestoredServices:
    """What became of the services' state of an earlier run.

    ``services`` are those with their state of ``taken_at`` (epoch seconds; None if there was no earlier state that
    could be used). ``left_out`` says, for each service that was in use but could not be saved, why. ``refused`` says
    why the whole state could not be used; its file is ``set_aside``.
    """

    services: Sequence[str] = ()
    taken_at: float | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)
    refused: str | None = None
    set_aside: Path | None = None


Decide = Callable[[Facts], AuthorizedCall | HTTPResponse]
"""Authorizes a call. It returns what is to be executed, or the finished answer if nothing is left to execute; it raises
AWSError for a refusal."""


class Services(Protocol):
    """The services behind podrole's own operations.

    They have one thread. ``serve`` runs in it, one call after the other; no two of them overlap.
    """

    async def serve(self, decide: Decide) -> HTTPResponse:
        """Decide and execute a call in one job, so that both see the same state. Raises AWSError."""
        ...
