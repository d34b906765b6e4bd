"""The links that can be checked on files, for every service account and every role in them.

Nothing here decides: the facts are read from files instead of a cluster and an account, and checked by the same links.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from podrole.doctor.chain import diagnose
from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.gather import Gatherer
from podrole.doctor.facts.target import DoctorTarget
from podrole.doctor.files.findings import FileFinding
from podrole.doctor.files.permissions import allowing_everything
from podrole.doctor.files.places import located
from podrole.doctor.files.probes import issuers_in, probe_of, without_namespace, without_probe
from podrole.doctor.files.reading import ACCOUNT_OF_ARN, CheckOptions, ReadFiles, only_value, read_files
from podrole.doctor.files.unstored_policies import unstored_policies
from podrole.doctor.links.service_account.candidate_roles import trusting_roles
from podrole.doctor.report.findings import Finding, Link, Severity
from podrole.doctor.sources.items import RoleFile
from podrole.doctor.sources.manifests import UNKNOWN_NAMESPACE
from podrole.doctor.sources.sources import Sources
from podrole.doctor.unknown import UnknownFact
from podrole.kube.subjects import PREFIX
from podrole.webhook.settings import InjectionSettings

_NO_ACCOUNT = "000000000000"


@dataclass(frozen=True, slots=True)
class FileCheck:
    """``unread`` says what could not be read, ``unknown`` what is known only after deployment. ``service_accounts`` and
    ``roles`` count what was checked, ``read`` counts all objects, roles, policies and providers in the files."""

    findings: tuple[FileFinding, ...]
    unread: tuple[str, ...]
    unknown: tuple[str, ...]
    service_accounts: int
    roles: int
    read: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What was not checked, and why."""
        return (*self.unread, *self.unknown)

    @property
    def faults(self) -> int:
        """The number of findings that are faults."""
        return sum(finding.finding.severity is Severity.FAULT for finding in self.findings)


async def check(paths: list[Path], options: CheckOptions) -> FileCheck:
    """Check files and folders. Raises BadFile if one of the named paths does not exist."""
    files = read_files(paths, options)
    findings: list[FileFinding] = []
    checked = 0
    for namespace, name in files.manifests.service_accounts():
        facts = await _facts_of_account(files, DoctorTarget(namespace, name))
        if _is_meant_to_have_a_role(facts):
            checked += 1
            diagnosis = diagnose(facts)
            findings += located(_known(files, facts.target, (*diagnosis.faults, *diagnosis.risks)), files)
        if facts.binding.role_arn and namespace != UNKNOWN_NAMESPACE:
            role = files.account.role_file(facts.binding.role_arn)
            files.used.update({role.name} if role is not None else ())
    for role in files.account.listed:
        if role.name not in files.used and _is_for_pods(role, files.issuer):
            findings += located(await _of_role(files, role), files)
    findings += unstored_policies(files, options, findings)
    findings += allowing_everything(files.policies)
    unique = {(finding.finding.code, finding.path, finding.line, finding.finding.what): finding for finding in findings}
    roles = [role for role in files.account.listed if role.trust is not None]
    ordered = sorted(unique.values(), key=lambda finding: (str(finding.path), finding.line, finding.finding.code))
    return FileCheck(tuple(ordered), tuple(files.unread), tuple(files.unknown), checked, len(roles), files.read)


async def _facts_of_account(files: ReadFiles, target: DoctorTarget) -> ChainFacts:
    """Gather the facts about a service account of the files."""
    facts = await _gather(_sources(files), target)
    if files.issuer or not facts.binding.role_arn:
        return facts
    # Without a known issuer, an issuer that the role's trust policy names is taken.
    role = files.account.role_file(facts.binding.role_arn)
    text = "" if role is None or role.trust is None else role.trust.text
    candidates = [await _gather(_sources(files, issuer), target) for issuer in issuers_in(text)]
    return next(
        (candidate for candidate in candidates if _is_granted(candidate)), candidates[0] if candidates else facts
    )


def _is_granted(facts: ChainFacts) -> bool:
    evaluation = facts.role.evaluation
    return not isinstance(evaluation, UnknownFact) and evaluation.granted is not None


def _sources(files: ReadFiles, issuer: str = "", role_arn: str | None = None) -> Sources:
    return Sources(
        cluster=files.manifests,
        account=files.account,
        settings=InjectionSettings(),
        issuer=files.issuer or issuer or None,
        role_arn=role_arn,
    )


async def _gather(sources: Sources, target: DoctorTarget, unknown_account: UnknownFact | None = None) -> ChainFacts:
    gatherer = Gatherer(sources)
    try:
        if unknown_account is not None:
            return await gatherer.facts_of_role(target, unknown_account)
        return await gatherer.facts(target)
    finally:
        await gatherer.close()


def _is_meant_to_have_a_role(facts: ChainFacts) -> bool:
    """Say whether the service account is bound to a role, or was probably meant to be. Most are not."""
    binding = facts.binding
    if binding.identity is not None or binding.mistake is not None or facts.service_account.manifest is None:
        return True
    if isinstance(facts.service_account.manifest, UnknownFact):
        return False
    return bool(trusting_roles(facts))


def _is_for_pods(role: RoleFile, issuer: str) -> bool:
    """Say whether a role is meant for a cluster's pods, not for the users of another identity provider."""
    text = "" if role.trust is None else role.trust.text
    named = bool(issuer) and f":oidc-provider/{issuer.removeprefix('https://')}" in text
    return named or PREFIX in text or any(f":oidc-provider/{host}." in text for host in ("oidc.eks", "oidc-eks"))


async def _of_role(files: ReadFiles, role: RoleFile) -> list[Finding]:
    """Check a role that no service account of the files names, for the service account that its trust policy names."""
    text = role.trust.text if role.trust is not None else ""
    probe = probe_of(text)
    arn = f"arn:aws:iam::{_account_of(files, text)}:role{role.path or '/'}{role.name or 'unnamed'}"
    why = UnknownFact("No service account of these files names the role.")
    results = [
        diagnose(await _gather(_sources(files, issuer, arn), DoctorTarget(*probe.subject), why))
        for issuer in issuers_in(text) or [""]
    ]
    diagnosis = next((result for result in results if not result.faults), results[0])
    findings = [finding for finding in (*diagnosis.faults, *diagnosis.risks) if finding.code.startswith("PR6")]
    return [finding if probe.is_named else without_probe(finding, probe) for finding in findings]


def _account_of(files: ReadFiles, text: str) -> str:
    return files.account.id or only_value(match[1] for match in ACCOUNT_OF_ARN.finditer(text)) or _NO_ACCOUNT


def _known(files: ReadFiles, target: DoctorTarget, findings: tuple[Finding, ...]) -> list[Finding]:
    """Return the findings about a service account that hold whatever its namespace is, if that is not known."""
    if target.namespace != UNKNOWN_NAMESPACE:
        return list(findings)
    origin = files.manifests.origins.get(("ServiceAccount", target.namespace, target.service_account))
    place = "" if origin is None else f"{origin.document.path}:{origin.line()}: "
    files.unknown.append(
        f"{place}the namespace of service account {target.service_account} is not in the files, so it is unknown "
        "whether its role trusts it: --namespace NAME."
    )
    return [
        without_namespace(finding)
        for finding in findings
        if finding.link not in (Link.TRUST, Link.PROVIDER, Link.ISSUER)
    ]
