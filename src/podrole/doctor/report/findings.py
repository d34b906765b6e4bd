"""What an examination finds: a verdict for each link, and findings with a code, evidence and a remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

from podrole.doctor.remedies.changes import Remedy


class Link(IntEnum):
    """The links of the chain, in the order in which an identity travels. A code's first digit is its link."""

    SERVICE_ACCOUNT = 1
    INJECTION = 2
    CONTAINER = 3
    ISSUER = 4
    PROVIDER = 5
    TRUST = 6
    PERMISSIONS = 7
    LIVE = 8

    @property
    def title(self) -> str:
        """The link's name for people."""
        return _TITLES[self]


_TITLES = {
    Link.SERVICE_ACCOUNT: "service account",
    Link.INJECTION: "injection",
    Link.CONTAINER: "in the container",
    Link.ISSUER: "token and issuer",
    Link.PROVIDER: "identity provider",
    Link.TRUST: "trust policy",
    Link.PERMISSIONS: "permissions",
    Link.LIVE: "live try",
}


class LinkState(StrEnum):
    """What can be said of a link."""

    HOLDS = "holds"
    BROKEN = "broken"
    UNKNOWN = "could not be checked"


class Severity(StrEnum):
    """``fault``: the pod does not get its identity, or not the right one. ``risk``: it does, and something is wrong."""

    FAULT = "fault"
    RISK = "risk"


@dataclass(frozen=True, slots=True)
class About:
    """The thing at fault, and the place in it: ``path`` leads through the object as JSON has it.

    ``kind`` is a Kubernetes kind, or ``Role``, ``Provider``, ``Policy``; a role's ``name`` is its ARN, and a path in it
    is one through its trust policy.
    """

    kind: str
    namespace: str
    name: str
    path: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        where = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {where}"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. ``what`` is one sentence; ``got`` and ``expected`` are its two sides, where it has them.

    ``evidence`` is JSON-able data of the function that decided. Nothing here holds a token, a key or a signature.
    """

    code: str
    what: str
    about: About
    remedy: Remedy
    expected: str | None = None
    got: str | None = None
    severity: Severity = Severity.FAULT
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def link(self) -> Link:
        """The link that it belongs to."""
        return Link(int(self.code[2]))


@dataclass(frozen=True, slots=True)
class LinkVerdict:
    """What can be said of one link. ``why`` is one sentence, also for a link that holds."""

    link: Link
    state: LinkState
    why: str
    findings: tuple[Finding, ...] = ()

    @property
    def faults(self) -> tuple[Finding, ...]:
        """The findings that break the link."""
        return tuple(one for one in self.findings if one.severity is Severity.FAULT)


def holds(link: Link, why: str, *risks: Finding) -> LinkVerdict:
    """Return that a link holds; what is wrong with it all the same are ``risks``."""
    return LinkVerdict(link, LinkState.HOLDS, why, risks)


def broken(link: Link, *findings: Finding) -> LinkVerdict:
    """Return that a link is broken, the most important finding first."""
    return LinkVerdict(link, LinkState.BROKEN, findings[0].what, findings)


def unknown(link: Link, why: str, *findings: Finding) -> LinkVerdict:
    """Return that nothing can be said of a link, and why."""
    return LinkVerdict(link, LinkState.UNKNOWN, why, findings)


def verdict_from(link: Link, why: str, findings: list[Finding]) -> LinkVerdict:
    """Return ``broken`` where one of ``findings`` is a fault, faults first, and else ``holds``."""
    ordered = sorted(findings, key=lambda one: one.severity is not Severity.FAULT)
    if ordered and ordered[0].severity is Severity.FAULT:
        return broken(link, *ordered)
    return holds(link, why, *ordered)
