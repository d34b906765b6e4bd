"""The chain: every link checked in its order, and what follows from all of them together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.target import DoctorTarget
from podrole.doctor.links import live, permissions, provider
from podrole.doctor.links.container import check as container
from podrole.doctor.links.injection import check as injection
from podrole.doctor.links.issuer import check as issuer
from podrole.doctor.links.service_account import check as service_account
from podrole.doctor.links.trust import check as trust
from podrole.doctor.report.findings import Finding, LinkState, LinkVerdict, Severity
from podrole.doctor.report.order import in_order, with_restarts_last

Check = Callable[[ChainFacts], LinkVerdict | None]

LINKS: tuple[Check, ...] = (
    service_account.check,
    injection.check,
    container.check,
    issuer.check,
    provider.check,
    trust.check,
    permissions.check,
    live.check,
)

SOUND, BROKEN, COULD_NOT_TELL = 0, 1, 2
"""Exit codes."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The result for one service account and its pods."""

    target: DoctorTarget
    service_account: str
    role_arn: str | None
    verdicts: tuple[LinkVerdict, ...]

    @property
    def faults(self) -> tuple[Finding, ...]:
        """What breaks the chain, in the order in which it is repaired."""
        return in_order(fault for verdict in self.verdicts for fault in verdict.faults)

    @property
    def risks(self) -> tuple[Finding, ...]:
        """What is wrong but does not break the chain."""
        return tuple(
            finding for verdict in self.verdicts for finding in verdict.findings if finding.severity is Severity.RISK
        )

    @property
    def exit_code(self) -> int:
        """0 sound, 1 broken, 2 could not be checked."""
        states = {verdict.state for verdict in self.verdicts}
        if LinkState.BROKEN in states:
            return BROKEN
        return COULD_NOT_TELL if LinkState.UNKNOWN in states else SOUND


def diagnose(facts: ChainFacts) -> Diagnosis:
    """Check every link; a broken link does not keep the later ones from being checked.

    Pure, except that links ask the account of the facts about other roles and providers.
    """
    verdicts = tuple(verdict for check in LINKS if (verdict := check(facts)) is not None)
    return Diagnosis(facts.target, facts.target.service_account, facts.binding.role_arn, with_restarts_last(verdicts))
