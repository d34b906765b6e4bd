"""After a set-up: the doctor's check of each chain that was changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from podrole.cli.setup.applying import SetupOutcome
from podrole.cli.setup.opened import OpenedSetup
from podrole.cli.style import Style
from podrole.doctor.chain import Diagnosis, diagnose
from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.gather import Gatherer
from podrole.doctor.facts.target import DoctorTarget
from podrole.doctor.report.codes import CODES
from podrole.doctor.report.findings import Link, LinkState
from podrole.setup.migration import BY_AGENT, BY_TOKEN
from podrole.setup.planner import SetupPlan
from podrole.setup.wanted import ServiceAccountName


@dataclass(frozen=True, slots=True)
class ChainCheck:
    """The doctor's result for a pod of one service account that would be created now. ``older_pods`` exist already,
    without what this identity needs. ``doctor`` is the command that explains the result, ``wait``
    the one that proves what could not be checked."""

    account: ServiceAccountName
    diagnosis: Diagnosis
    doctor: str
    by_agent: bool = False
    older_pods: tuple[str, ...] = ()
    wait: str = ""

    @property
    def codes(self) -> list[str]:
        """The codes of what is broken."""
        return list(dict.fromkeys(fault.code for fault in self.diagnosis.faults))

    @property
    def unknown(self) -> list[str]:
        """What could not be checked, and is not known in another way: that STS took a real token shows that it could
        read the issuer; and EKS exchanges the token of a running pod only, so its function was asked in its place."""
        states = {verdict.link: verdict.state for verdict in self.diagnosis.verdicts}
        known = {Link.LIVE} if self.by_agent else set()
        if states.get(Link.LIVE) is LinkState.HOLDS:
            known |= {Link.ISSUER, Link.PROVIDER, Link.TRUST}
        verdicts = [verdict for verdict in self.diagnosis.verdicts if verdict.state is LinkState.UNKNOWN]
        return [verdict.why for verdict in verdicts if verdict.link not in known]

    @property
    def proven(self) -> bool:
        """Whether every link was checked and holds."""
        return not self.codes and not self.unknown

    def to_dict(self) -> dict[str, Any]:
        """Return the check as JSON-able data."""
        return {
            "service_account": str(self.account),
            "proven": self.proven,
            "codes": self.codes,
            "unknown": self.unknown,
            "pods_to_recreate": list(self.older_pods),
        }

    def line(self, style: Style) -> str:
        """Return the check in one line."""
        if self.codes:
            codes = ", ".join(f"{code} {CODES[code].title}" for code in self.codes)
            return style.paint(f"✗ {self.account}: {codes}", "31") + f"\n    {self.doctor}"
        if self.unknown:
            proof = f"\n    {self.wait}" if self.wait else ""
            return style.paint(f"? {self.account}: {self.unknown[0]}", "33") + proof
        return style.paint(f"✓ {self.account}: a pod that is created now gets its identity", "32")


def _changed(plan: SetupPlan) -> tuple[ServiceAccountName, ...]:
    """Return every service account whose group is changed."""
    groups = [planned.group for planned in plan.groups if planned.group is not None and planned.part.writes]
    accounts = [service_account.account for group in groups for service_account in group.service_accounts]
    accounts += [association.account for group in groups for association in group.associations]
    return tuple(dict.fromkeys(accounts))


async def verified(plan: SetupPlan, opened: OpenedSetup) -> list[ChainCheck]:
    """Return the check of every service account whose group was changed. One that does not exist is left out."""
    gatherer = Gatherer(opened.sources, only_new_pods=True)
    checks = []
    try:
        for account in _changed(plan):
            if await opened.cluster.service_account(account) is not None:
                facts = await gatherer.facts(DoctorTarget(account.namespace, account.name))
                older = await _older_pods(account, facts, opened)
                target = f"{account.namespace}/serviceaccount/{account.name}"
                doctor, wait = (opened.command(f"podrole {word} {target}") for word in ("doctor", "wait"))
                checks.append(ChainCheck(account, diagnose(facts), doctor, facts.binding.is_by_agent, older, wait))
    finally:
        await gatherer.close()
    return checks


async def _older_pods(account: ServiceAccountName, facts: ChainFacts, opened: OpenedSetup) -> tuple[str, ...]:
    """Return the running pods that lack the variables of the service account's identity."""
    needed = BY_AGENT if facts.binding.is_by_agent else BY_TOKEN
    return tuple(pod.name for pod in await opened.cluster.pods(account) if needed not in pod.environment)


def verification_text(plan: SetupPlan, outcome: SetupOutcome, checks: list[ChainCheck], style: Style) -> str:
    """Return what was done, what holds now, what could not be checked, and which pods must be created again."""
    lines = [*outcome.lines(style), *(check.line(style) for check in checks)]
    checked = {check.account for check in checks}
    absent = [account for account in _changed(plan) if account not in checked] if outcome.complete else []
    lines += [
        style.paint(f"? {account}: the service account does not exist yet, so nothing was checked", "33")
        for account in absent
    ]
    pods = [f"{check.account.namespace}/{name}" for check in checks for name in check.older_pods]
    if pods:
        shown = ", ".join(pods[:10]) + (f" and {len(pods) - 10} more" if len(pods) > 10 else "")
        lines += ["", f"These pods are older than the change; create them again: {shown}."]
    return "\n".join(lines)
