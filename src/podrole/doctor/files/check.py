"""The links that can be checked on files, for every service account and every role in them.

Nothing here decides: the facts are read from files instead of a cluster and an account, and checked by the same links.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from podrole.doctor.chain import diagnose
from podrole.doctor.errors import BadFile
from podrole.doctor.facts.chain import ChainFacts
from podrole.doctor.facts.exchange import STRANGER
from podrole.doctor.facts.gather import Gatherer
from podrole.doctor.facts.target import DoctorTarget
from podrole.doctor.files.edits import Edit, edits_of
from podrole.doctor.links.service_account.candidate_roles import trusting_roles
from podrole.doctor.remedies.changes import ByHand, Remedy
from podrole.doctor.report.findings import About, Finding, Severity
from podrole.doctor.sources.documents import FileDocument, find_files, read_documents
from podrole.doctor.sources.files import FilesAccount
from podrole.doctor.sources.manifests import Manifests
from podrole.doctor.sources.policies import Item, Origin, PolicyFile, ProviderFile, RoleFile, read_policies
from podrole.doctor.sources.sources import Sources
from podrole.doctor.unknown import UnknownFact
from podrole.iam.document import compile_policy
from podrole.iam.errors import MalformedPolicyDocument, PolicyError
from podrole.iam.policy import PolicyKind
from podrole.kube.subjects import PREFIX, find_subjects
from podrole.webhook.settings import InjectionSettings

_ACCOUNT = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):")
_PROVIDER = re.compile(r":oidc-provider/([^\"\s]+)")
_STEP = re.compile(r"\.([A-Za-z]\w*)|\[(\d+)\]|\[(\"(?:[^\"\\]|\\.)*\")\]")
_NO_ACCOUNT = "000000000000"


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """``namespace`` is used for manifests without one. ``account``, ``issuer`` and ``region`` are usually not in files;
    ``account`` and ``issuer`` are taken from the files if these name only one."""

    namespace: str = "default"
    account: str = ""
    issuer: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class FileFinding:
    """A finding with its place in a file, and the edits of that file that repair it."""

    finding: Finding
    path: Path
    line: int
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True)
class FileCheck:
    """``unread`` says what could not be read, ``unknown`` what is known only after deployment. ``service_accounts`` and
    ``roles`` count what was checked."""

    findings: tuple[FileFinding, ...]
    unread: tuple[str, ...]
    unknown: tuple[str, ...]
    service_accounts: int
    roles: int

    @property
    def notes(self) -> tuple[str, ...]:
        """What was not checked, and why."""
        return (*self.unread, *self.unknown)

    @property
    def faults(self) -> int:
        """The number of findings that are faults."""
        return sum(one.finding.severity is Severity.FAULT for one in self.findings)


@dataclass
class _Files:
    """Everything that was read."""

    manifests: Manifests
    account: FilesAccount
    policies: list[PolicyFile]
    issuer: str
    unread: list[str]
    unknown: list[str]
    used: set[str] = field(default_factory=set)


async def check(paths: list[Path], options: CheckOptions) -> FileCheck:
    """Check files and folders. Raises BadFile if one of the named paths does not exist."""
    files = _read(paths, options)
    found: list[FileFinding] = []
    checked = 0
    for namespace, name in files.manifests.service_accounts():
        facts = await _facts_of_account(files, DoctorTarget(namespace, name))
        if _is_meant_to_have_a_role(facts):
            checked += 1
            diagnosis = diagnose(facts)
            found += _located((*diagnosis.faults, *diagnosis.risks), files)
        if facts.binding.role_arn:
            role = files.account.role_file(facts.binding.role_arn)
            files.used.update({role.name} if role is not None else ())
    for role in files.account.listed:
        if role.name not in files.used and _is_for_pods(role, files.issuer):
            found += _located(await _of_role(files, role), files)
    found += _unreadable(files)
    unique = {(one.finding.code, one.path, one.line, one.finding.what): one for one in found}
    ordered = sorted(unique.values(), key=lambda one: (str(one.path), one.line, one.finding.code))
    return FileCheck(tuple(ordered), tuple(files.unread), tuple(files.unknown), checked, len(files.account.listed))


# Reading


def _read(paths: list[Path], options: CheckOptions) -> _Files:
    documents: list[FileDocument] = []
    unread: list[str] = []
    for path in find_files(paths):
        try:
            documents += read_documents(path)
        except BadFile as fault:
            unread.append(" ".join(filter(None, (fault.what, fault.next_step))))
    manifests = Manifests(documents, options.namespace)
    unread += manifests.notes
    annotations = list(manifests.annotations())
    account = options.account or _only(match[1] for value in annotations for match in _ACCOUNT.finditer(value))
    items: list[Item] = [item for one in documents for item in read_policies(one, account, options.region)]
    roles = [item for item in items if isinstance(item, RoleFile)]
    providers = [item for item in items if isinstance(item, ProviderFile)]
    unknown = [
        f"{one.origin.document.path}:{one.origin.line()}: the trust policy of {one.name or 'a role'} is known only "
        "after deployment."
        for one in roles
        if one.trust is None
    ]
    audiences = ("sts.amazonaws.com", *annotations)  # every audience that a pod may request
    files_account = FilesAccount(roles, providers, audiences, account)
    issuer = options.issuer or _only(one.issuer for one in providers)
    policies = [item for item in items if isinstance(item, PolicyFile)]
    return _Files(manifests, files_account, policies, issuer, unread, unknown)


def _only(values: Iterable[str]) -> str:
    """Return the only value; empty if there are none or several."""
    found = set(values)
    return found.pop() if len(found) == 1 else ""


# Facts


async def _facts_of_account(files: _Files, target: DoctorTarget) -> ChainFacts:
    """Gather the facts about a service account of the files."""
    facts = await _gather(_sources(files), target)
    if not files.issuer and facts.binding.role_arn:
        # Without a known issuer, the issuer that the role's trust policy names is taken.
        issuer = _issuer_of(files.account.role_file(facts.binding.role_arn))
        if issuer:
            return await _gather(_sources(files, issuer), target)
    return facts


def _sources(files: _Files, issuer: str = "", role_arn: str | None = None) -> Sources:
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


def _issuer_of(role: RoleFile | None) -> str:
    text = "" if role is None or role.trust is None else role.trust.text
    found = _only(match[1] for match in _PROVIDER.finditer(text))
    return f"https://{found}" if found else ""


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
    return named or PREFIX in text or ":oidc-provider/oidc.eks." in text


async def _of_role(files: _Files, role: RoleFile) -> list[Finding]:
    """Check a role that no service account of the files names, for the service account that its trust policy names."""
    text = role.trust.text if role.trust is not None else ""
    named = find_subjects(text)
    target = DoctorTarget(*named[0]) if named else DoctorTarget(STRANGER, STRANGER)
    arn = f"arn:aws:iam::{_account_of(files, text)}:role{role.path or '/'}{role.name or 'unnamed'}"
    why = UnknownFact("No service account of these files names the role.")
    diagnosis = diagnose(await _gather(_sources(files, _issuer_of(role), arn), target, why))
    return [one for one in (*diagnosis.faults, *diagnosis.risks) if one.code.startswith("PR6")]


def _account_of(files: _Files, text: str) -> str:
    return files.account.id or _only(match[1] for match in _ACCOUNT.finditer(text)) or _NO_ACCOUNT


def _unreadable(files: _Files) -> Iterator[FileFinding]:
    """Yield a finding for each malformed policy."""
    for policy in files.policies:
        try:
            compile_policy(policy.text, PolicyKind.IDENTITY)
        except PolicyError as fault:
            where = _steps(fault.faults[0].path) if isinstance(fault, MalformedPolicyDocument) else ()
            finding = Finding(
                "PR706",
                f"This policy is malformed, so it allows nothing: {fault.message}",
                About("Policy", "", policy.name, where),
                Remedy("correct the policy", (ByHand(f"podrole policy validate {policy.origin.document.path}"),)),
                expected=fault.expected,
                got=_got(fault),
            )
            line = policy.origin.line(*(where if policy.inside else ()))
            yield FileFinding(finding, policy.origin.document.path, line)


def _steps(path: str) -> tuple[str | int, ...]:
    """Return the steps of a fault's path: ``$.Statement[0].Action``."""
    return tuple(
        int(index) if index else json.loads(quoted) if quoted else name for name, index, quoted in _STEP.findall(path)
    )


def _got(fault: PolicyError) -> str | None:
    """Return what was found, without line and column: those are of the policy's text, not of the file that holds it."""
    if isinstance(fault, MalformedPolicyDocument):
        return f"{fault.faults[0].got} at {fault.faults[0].path}"
    return fault.got


# Places


def _located(findings: Iterable[Finding], files: _Files) -> Iterator[FileFinding]:
    for finding in findings:
        origin, path = _place(finding.about, files)
        line = origin.line(*path)
        yield FileFinding(finding, origin.document.path, line, edits_of(finding.remedy.changes, _origins(files)))


def _place(about: About, files: _Files) -> tuple[Origin, tuple[str | int, ...]]:
    if about.kind == "Role":
        role = files.account.role_file(about.name)
        if role is not None and role.trust is not None:
            return role.trust.origin, about.path if role.trust.inside else ()
    if about.kind == "Provider":
        provider = next((one for one in files.account.providers if about.name.endswith(one.issuer[8:])), None)
        if provider is not None:
            return provider.origin, ()
    found = files.manifests.origins.get((about.kind, about.namespace, about.name))
    if found is not None:
        return found, tuple(int(step) if isinstance(step, str) and step.isdigit() else step for step in about.path)
    naming = files.manifests.origin_of_user(about.namespace, about.name)
    if naming is not None:
        return naming, ()
    anything = next(iter(files.manifests.origins.values()), None) or files.account.listed[0].origin
    return anything, ()


def _origins(files: _Files) -> dict[tuple[str, str, str], Origin]:
    """Return where each object that an edit may change was written."""
    roles = {
        ("Role", "", one.name): one.trust.origin
        for one in files.account.listed
        if one.trust is not None and one.trust.inside and one.name
    }
    return {**files.manifests.origins, **roles}
