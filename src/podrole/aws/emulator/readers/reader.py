"""What a service's reader can answer. All of it runs in moto's thread."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from podrole.aws.interfaces import Encryption
from podrole.iam.actions.call import Call, Keys
from podrole.iam.unknown import UnknownKeys


class ARNParts(NamedTuple):
    """The parts of a resource's ARN, without checks."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @property
    def text(self) -> str:
        """The ARN."""
        return ":".join(("arn", *self))


def parts_of(arn: str) -> ARNParts | None:
    """Return the parts of an ARN; None for a text that has fewer than six."""
    parts = arn.split(":", 5)
    return ARNParts(*parts[1:]) if len(parts) == 6 else None


class PolicyHolder(NamedTuple):
    """A resource that can have a resource policy, as moto holds it.

    ``name`` is for people (``bucket logs``), ``policy`` the document's text, None if there is none. ``holder`` is
    moto's object. ``closed`` is as in :class:`podrole.aws.interfaces.Resource`.
    """

    account: str
    name: str
    policy: str | None
    holder: Any
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Reader:
    """What is known of one service's resources; see :class:`podrole.aws.interfaces.Facts`.

    ``policy_holder`` finds the resource that holds the policy for an ARN. ``encryption`` tells how a resource, or a
    version of it, is encrypted. ``holders`` yields the ARNs of all resources
    of an account and region that can hold one; it is None if one policy covers them all. ``arns`` finds ARNs by the
    kinds of :meth:`podrole.iam.actions.call.Resolver.arn_of`. ``facts`` fills the keys in ``described``, by the type of
    resource in its ARN, ``*`` for every type, and no others. ``forget`` removes what moto keeps of deleted resources
    of an account and region.
    """

    policy_holder: Callable[[ARNParts], PolicyHolder | None] | None = None
    encryption: Callable[[ARNParts, str], Encryption] | None = None
    holders: Callable[[str, str], Iterable[str]] | None = None
    arns: Mapping[str, Callable[[Call, str], str | None]] = field(default_factory=dict)
    tags: Callable[[ARNParts, Call], Mapping[str, str] | None] | None = None
    facts: Callable[[ARNParts, Call], Keys] | None = None
    described: Mapping[str, UnknownKeys] = field(default_factory=dict)
    forget: Callable[[str, str], None] | None = None


def document_text(document: Any) -> str | None:
    """Return a document as text; None for an empty one. CloudFormation leaves some as dicts."""
    if isinstance(document, dict):
        return json.dumps(document)
    text = document.decode() if isinstance(document, bytes) else document
    return str(text) if text else None


def place_of(call: Call, name: str) -> tuple[str, str]:
    """Return the account and region of a name that may be an ARN."""
    parts = name.split(":", 5)
    return (parts[4], parts[3]) if len(parts) == 6 and parts[0] == "arn" else (call.account, call.region)
