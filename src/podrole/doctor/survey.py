"""Every service account of a cluster with its diagnosis, and the roles whose trust policies allow too much."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from podrole.doctor.chain import BROKEN, COULD_NOT_TELL, SOUND, Diagnosis, diagnose
from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.gather import Gatherer
from podrole.doctor.facts.target import DoctorTarget
from podrole.doctor.remedies.changes import ByHand, Remedy
from podrole.doctor.report.findings import About, Finding, Link, LinkVerdict, Severity
from podrole.doctor.sources.cluster import Object
from podrole.doctor.sources.kubernetes import KubernetesCluster
from podrole.doctor.sources.sources import Sources
from podrole.doctor.unknown import UnknownFact, read

Progress = Callable[[int, int], None]
"""Called with the number of service accounts that are done, and the number of all."""

_READ_AT_ONCE = ("namespaces", "pods", "serviceaccounts")


class AccountState(StrEnum):
    """The state of a service account."""

    SOUND = "sound"
    BROKEN = "broken"
    UNKNOWN = "could not tell"
    UNBOUND = "no role"


@dataclass(frozen=True, slots=True)
class SurveyRow:
    """One service account. ``diagnosis`` is None if it is not bound to a role, like most service accounts."""

    target: DoctorTarget
    state: AccountState
    pods: int
    diagnosis: Diagnosis | None = None

    @property
    def role_arn(self) -> str | None:
        """The role, if it is known."""
        return None if self.diagnosis is None else self.diagnosis.role_arn

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of all findings, each once, faults first."""
        if self.diagnosis is None:
            return ()
        return tuple(dict.fromkeys(one.code for one in (*self.diagnosis.faults, *self.diagnosis.risks)))


@dataclass(frozen=True, slots=True)
class Survey:
    """All rows, by namespace and name."""

    rows: tuple[SurveyRow, ...]

    @property
    def exit_code(self) -> int:
        """0 if every bound service account is sound, 1 if one is broken, 2 if one could not be checked."""
        standings = {row.state for row in self.rows}
        if AccountState.BROKEN in standings:
            return BROKEN
        return COULD_NOT_TELL if AccountState.UNKNOWN in standings else SOUND

    @property
    def trust_excess(self) -> tuple[Finding, ...]:
        """What is wrong with trust policies that allow too much, each once."""
        found: dict[tuple[str, str], Finding] = {}
        for row in self.rows:
            for finding in () if row.diagnosis is None else row.diagnosis.risks:
                if finding.link is Link.TRUST:
                    found.setdefault((finding.code, str(finding.about)), finding)
        return tuple(found.values())


async def survey(sources: Sources, progress: Progress) -> Survey:
    """Examine every service account. Raises SourceError if they cannot be listed."""
    cluster = sources.cluster
    if isinstance(cluster, KubernetesCluster):
        await cluster.read_all(*_READ_AT_ONCE)
    read(sources.account.roles)  # all at once; if they cannot be listed, they are read one by one
    accounts = sorted(await cluster.list("serviceaccounts"), key=_place_of)
    gatherer = Gatherer(sources, follow_owners=False)
    rows: list[SurveyRow] = []
    try:
        for number, account in enumerate(accounts, 1):
            rows.append(await _row(gatherer, account))
            progress(number, len(accounts))
    finally:
        await gatherer.close()
    return Survey(tuple(rows))


def _place_of(account: Object) -> tuple[str, str]:
    return account["metadata"].get("namespace", ""), account["metadata"]["name"]


async def _row(gatherer: Gatherer, account: Object) -> SurveyRow:
    target = DoctorTarget(*_place_of(account))
    facts = await gatherer.facts(target)
    pods = facts.known_pods
    binding = facts.binding
    if binding.identity is None and binding.mistake is None:
        return SurveyRow(target, AccountState.UNBOUND, len(pods))
    diagnosis = _with_use(diagnose(facts), facts, target)
    state = {SOUND: AccountState.SOUND, BROKEN: AccountState.BROKEN}.get(diagnosis.exit_code, AccountState.UNKNOWN)
    return SurveyRow(target, state, len(pods), diagnosis)


def _with_use(diagnosis: Diagnosis, facts: ChainFacts, target: DoctorTarget) -> Diagnosis:
    """Add a finding if no pod runs under the service account."""
    if isinstance(facts.pods, UnknownFact) or facts.pods:
        return diagnosis
    unused = Finding(
        "PR654",
        f"No pod runs under service account {target.namespace}/{target.service_account}, but it can take a role.",
        About("ServiceAccount", target.namespace, target.service_account),
        Remedy(
            "remove its role annotation, if no pod needs it any more",
            (ByHand(f"kubectl annotate serviceaccount {target.service_account} --namespace {target.namespace} "
                    f"{facts.rules.role_annotation}-"),),
        ),
        severity=Severity.RISK,
    )  # fmt: skip
    first, *rest = diagnosis.verdicts
    return replace(
        diagnosis, verdicts=(LinkVerdict(first.link, first.state, first.why, (*first.findings, unused)), *rest)
    )
