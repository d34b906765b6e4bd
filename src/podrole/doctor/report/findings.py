"""The result of an examination: a verdict for each link, and findings with a code, evidence and a remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

from podrole.doctor.remedies.changes import Remedy


class Link(IntEnum):
    """The links of the chain, in their order. The first digit of a code is its link."""

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
        """The link's name, as it is shown."""
        return _TITLES[self]


_TITLES = {
    Link.SERVICE_ACCOUNT: "service account",
    Link.INJECTION: "injection",
    Link.CONTAINER: "in the container",
    Link.ISSUER: "token and issuer",
    Link.PROVIDER: "identity provider",
    Link.TRUST: "trust policy",
    Link.PERMISSIONS: "permissions",
    Link.LIVE: "live exchange",
}


class LinkState(StrEnum):
    """The state of a link."""

    HOLDS = "holds"
    BROKEN = "broken"
    UNKNOWN = "could not be checked"


class Severity(StrEnum):
    """``fault``: the pod gets no identity, or a wrong one. ``risk``: it gets its identity, but something is wrong."""

    FAULT = "fault"
    RISK = "risk"


@dataclass(frozen=True, slots=True)
class About:
    """The object at fault, and the place in it: ``path`` leads through the object's JSON.

    ``kind`` is a Kubernetes kind, or ``Role``, ``Provider``, ``Policy``. A role's ``name`` is its ARN, and ``path``
    leads through its trust policy.
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
    """One fault or risk. ``what`` is one sentence; ``expected`` and ``got`` are shown below it.

    ``evidence`` is JSON-able data of the function that decided. A finding never holds a token, a key or a signature.
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
    """The result for one link. ``why`` is one sentence, also for a link that holds."""

    link: Link
    state: LinkState
    why: str
    findings: tuple[Finding, ...] = ()

    @property
    def faults(self) -> tuple[Finding, ...]:
        """The findings that break the link."""
        return tuple(finding for finding in self.findings if finding.severity is Severity.FAULT)


def holds(link: Link, why: str, *risks: Finding) -> LinkVerdict:
    """Return that a link holds, possibly with ``risks``."""
    return LinkVerdict(link, LinkState.HOLDS, why, risks)


def broken(link: Link, *findings: Finding) -> LinkVerdict:
    """Return that a link is broken, the most important finding first."""
    return LinkVerdict(link, LinkState.BROKEN, findings[0].what, findings)


def unknown(link: Link, why: str, *findings: Finding) -> LinkVerdict:
    """Return that a link could not be checked, and why."""
    return LinkVerdict(link, LinkState.UNKNOWN, why, findings)


def verdict_from(link: Link, why: str, findings: list[Finding]) -> LinkVerdict:
    """Return ``broken``, faults first, if one of ``findings`` is a fault; otherwise ``holds``."""
    ordered = sorted(findings, key=lambda finding: finding.severity is not Severity.FAULT)
    if ordered and ordered[0].severity is Severity.FAULT:
        return broken(link, *ordered)
    return holds(link, why, *ordered)
