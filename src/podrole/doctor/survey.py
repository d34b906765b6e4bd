"""Every service account of a cluster with its diagnosis, and the roles whose trust policies allow too much."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from podrole.doctor.chain import BROKEN, COULD_NOT_TELL, SOUND, Diagnosis, diagnose
from podrole.doctor.errors import BadTarget
from podrole.doctor.facts.chain import ChainFacts, DesiredCall
from podrole.doctor.facts.gather import Gatherer
from podrole.doctor.facts.target import DoctorTarget
from podrole.doctor.links.injection.registration import broken_webhooks
from podrole.doctor.remedies.changes import ByHand, Remedy
from podrole.doctor.report.findings import About, Finding, Link, LinkVerdict, Severity
from podrole.doctor.sources.cluster import Object
from podrole.doctor.sources.kubernetes import KubernetesCluster
from podrole.doctor.sources.sources import Sources
from podrole.doctor.unknown import UnknownFact, read


@dataclass(frozen=True, slots=True)
class SurveyScope:
    """What is examined: all namespaces or one, and whether the roles allow a call."""

    namespace: str | None = None
    desired_call: DesiredCall | None = None


Progress = Callable[[int, int], None]
"""Called with the number of service accounts that are done, and the number of all."""

UNUSED = "PR654"
_EVERYTHING = SurveyScope()
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
    def findings(self) -> tuple[Finding, ...]:
        """All findings, faults first."""
        return () if self.diagnosis is None else (*self.diagnosis.faults, *self.diagnosis.risks)

    @property
    def codes(self) -> tuple[str, ...]:
        """The codes of all findings, each once, faults first."""
        return tuple(dict.fromkeys(finding.code for finding in self.findings))


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """A finding of one or several service accounts. ``first`` stands for all."""

    first: Finding
    rows: tuple[SurveyRow, ...]


@dataclass(frozen=True, slots=True)
class Survey:
    """All rows, by namespace and name. ``webhooks`` is what is wrong with the identity webhook itself."""

    rows: tuple[SurveyRow, ...]
    webhooks: tuple[Finding, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 if every bound service account and the webhook are sound, 1 if one is broken, 2 if one could not be
        checked."""
        standings = {row.state for row in self.rows}
        if AccountState.BROKEN in standings or self.webhooks:
            return BROKEN
        return COULD_NOT_TELL if AccountState.UNKNOWN in standings else SOUND

    @property
    def groups(self) -> tuple[FindingGroup, ...]:
        """The findings by code, faults first, then those of most service accounts."""
        by_code: dict[str, tuple[Finding, list[SurveyRow]]] = {}
        for row in self.rows:
            for finding in row.findings:
                rows = by_code.setdefault(finding.code, (finding, []))[1]
                if row not in rows[-1:]:
                    rows.append(row)
        groups = [FindingGroup(first, tuple(rows)) for first, rows in by_code.values()]
        return tuple(sorted(groups, key=lambda group: (group.first.severity is Severity.RISK, -len(group.rows))))

    @property
    def trust_excess(self) -> tuple[Finding, ...]:
        """What is wrong with trust policies that allow too much, each once."""
        findings: dict[tuple[str, str], Finding] = {}
        for row in self.rows:
            for finding in () if row.diagnosis is None else row.diagnosis.risks:
                if finding.link is Link.TRUST and finding.code != UNUSED:
                    findings.setdefault((finding.code, str(finding.about)), finding)
        return tuple(findings.values())


async def survey(sources: Sources, progress: Progress, scope: SurveyScope = _EVERYTHING) -> Survey:
    """Examine every service account of the scope.

    Raises SourceError if they cannot be listed, BadTarget if the namespace does not exist.
    """
    cluster = sources.cluster
    if scope.namespace is not None:
        if await cluster.get("namespaces", "", scope.namespace) is None:
            raise BadTarget(f"There is no namespace {scope.namespace}.", next_step="kubectl get namespaces")
    elif isinstance(cluster, KubernetesCluster):
        await cluster.read_all(*_READ_AT_ONCE)
    read(sources.account.roles)  # all at once; if they cannot be listed, they are read one by one
    accounts = sorted(await cluster.list("serviceaccounts", scope.namespace or ""), key=_place_of)
    gatherer = Gatherer(sources, desired_call=scope.desired_call, follow_owners=False)
    rows: list[SurveyRow] = []
    webhooks: tuple[Finding, ...] = ()
    try:
        for number, account in enumerate(accounts, 1):
            rows.append(await _row(gatherer, account))
            progress(number, len(accounts))
        if accounts:  # the webhook is the same for all
            webhooks = broken_webhooks(await gatherer.facts(DoctorTarget(*_place_of(accounts[0]))))
    finally:
        await gatherer.close()
    return Survey(tuple(rows), webhooks)


def _place_of(account: Object) -> tuple[str, str]:
    return account["metadata"].get("namespace", ""), account["metadata"]["name"]


async def _row(gatherer: Gatherer, account: Object) -> SurveyRow:
    target = DoctorTarget(*_place_of(account))
    facts = await gatherer.facts(target)
    pods = facts.known_pods
    binding = facts.binding
    if binding.identity is None and binding.mistake is None and facts.rules.unknown is None:
        return SurveyRow(target, AccountState.UNBOUND, len(pods))
    diagnosis = _with_use(diagnose(facts), facts, target)
    state = {SOUND: AccountState.SOUND, BROKEN: AccountState.BROKEN}.get(diagnosis.exit_code, AccountState.UNKNOWN)
    return SurveyRow(target, state, len(pods), diagnosis)


def _with_use(diagnosis: Diagnosis, facts: ChainFacts, target: DoctorTarget) -> Diagnosis:
    """Add a finding if no pod runs under the service account."""
    if isinstance(facts.pods, UnknownFact) or facts.pods:
        return diagnosis
    unused = Finding(
        UNUSED,
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
