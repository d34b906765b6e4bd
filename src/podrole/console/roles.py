"""One role: what it trusts, whom that lets in, what it may do and what it did.

Who is let in is decided by STS's own function for each service account of the cluster. For the account's roles only
their being named is shown: whether a condition holds depends on a call that nobody has made.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from podrole.console.calls import LoggedCall
from podrole.doctor.facts.exchange import ExchangeQuestion, evaluate_exchange
from podrole.doctor.facts.issuer import read_cluster_issuer
from podrole.doctor.facts.target import DoctorTarget
from podrole.doctor.sources.sources import Sources
from podrole.doctor.unknown import UnknownFact, read
from podrole.iam.arn import parse_arn
from podrole.iam.directory import PolicyText, Role
from podrole.iam.principal import principal_of
from podrole.sts.circumstances import Circumstances
from podrole.sts.trust import trusts

AUDIENCE = "sts.amazonaws.com"
_LONGEST_DOCUMENT = 131_072


@dataclass(frozen=True, slots=True)
class RoleUse:
    """How often a role's sessions made a call, as far back as the log of the page goes."""

    what: str
    allowed: int
    refused: int
    last: float


@dataclass(frozen=True, slots=True)
class NamedDocument:
    """A policy's name and its JSON text, indented."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class RoleView:
    """All that the page shows of a role. An ``UnknownFact`` stands for what could not be read.

    ``lets_in`` are the service accounts of the cluster whose token of the audience ``sts.amazonaws.com`` STS would
    exchange for a session; ``names_roles`` the account's roles that the trust policy names, its conditions aside.
    """

    arn: str
    role: Role | UnknownFact
    trust: NamedDocument | None
    policies: tuple[NamedDocument, ...] | UnknownFact
    boundary: NamedDocument | None
    lets_in: tuple[DoctorTarget, ...] | UnknownFact
    names_roles: tuple[str, ...] | UnknownFact


async def read_role_view(arn: str, accounts: Sequence[DoctorTarget], sources: Sources) -> RoleView:
    """Read a role and ask STS's function about each of the service accounts. Takes a millisecond for each.

    Raises InvalidARN if ``arn`` is not an ARN. A role that does not exist is an UnknownFact.
    """
    parse_arn(arn)
    stored = read(lambda: sources.account.role(arn))
    if isinstance(stored, UnknownFact) or stored is None:
        missing = stored or UnknownFact("The account has no role with this ARN.", arn, "aws iam list-roles")
        return RoleView(arn, missing, None, missing, None, missing, missing)
    role = stored
    attached = read(lambda: sources.account.policies_of(role))
    policies: tuple[NamedDocument, ...] | UnknownFact
    boundary = None
    if isinstance(attached, UnknownFact):
        policies = attached
    else:
        policies = tuple(map(_document, attached.identity))
        boundary = None if attached.boundary is None else _document(attached.boundary)
    issuer = await read_cluster_issuer(sources)
    lets_in: tuple[DoctorTarget, ...] | UnknownFact
    if isinstance(issuer.url, UnknownFact):
        lets_in = issuer.url
    else:
        url = issuer.url
        lets_in = read(lambda: _let_in(role, accounts, url, sources))
    return RoleView(
        arn,
        role,
        NamedDocument("trust policy", indented(role.trust_policy)),
        policies,
        boundary,
        lets_in,
        read(lambda: _named(role, sources)),
    )


def _let_in(role: Role, accounts: Iterable[DoctorTarget], issuer: str, sources: Sources) -> tuple[DoctorTarget, ...]:
    at = Circumstances(
        now=sources.clock(),
        source_ip=sources.environment.source_ip or "0.0.0.0",  # noqa: S104 - stands for an unknown address
        region=sources.environment.region or "us-east-1",
        secure_transport=True,
    )
    asked = ((account, ExchangeQuestion(role.arn, issuer, account.subject, AUDIENCE, at)) for account in accounts)
    return tuple(
        account for account, question in asked if evaluate_exchange(question, sources.account).granted is not None
    )


def _named(role: Role, sources: Sources) -> tuple[str, ...]:
    others = sources.account.roles()
    return tuple(other.arn for other in others if trusts(role, principal_of(other.arn), ["sts:AssumeRole"]))


def uses_of(calls: Iterable[LoggedCall]) -> tuple[RoleUse, ...]:
    """Count a role's calls by what they were, the most frequent first."""
    uses: dict[str, RoleUse] = {}
    for call in calls:
        event = call.event
        known = uses.get(event.what, RoleUse(event.what, 0, 0, 0.0))
        is_allowed = event.outcome == "allowed"
        uses[event.what] = RoleUse(
            event.what,
            known.allowed + is_allowed,
            known.refused + (not is_allowed),
            max(known.last, event.time),
        )
    return tuple(sorted(uses.values(), key=lambda use: (-(use.allowed + use.refused), use.what)))


def _document(policy: PolicyText) -> NamedDocument:
    return NamedDocument(policy.name, indented(policy.document))


def indented(document: str) -> str:
    """Return a policy's text, indented if it is JSON of a usual size."""
    if len(document) > _LONGEST_DOCUMENT:
        return document
    try:
        return json.dumps(json.loads(document), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return document
