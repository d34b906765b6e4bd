"""The policies of files that AWS does not store."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from podrole.base.partitions import partition_of
from podrole.doctor.files.findings import FileFinding
from podrole.doctor.files.reading import CheckOptions, ReadFiles
from podrole.doctor.remedies.changes import ByHand, Remedy
from podrole.doctor.report.findings import About, Finding
from podrole.doctor.sources.items import PolicyFile, RoleFile
from podrole.iam.errors import MalformedPolicyDocument, PolicyError
from podrole.iam.storing import StoredAs, check_storable

_STEP = re.compile(r"\.([A-Za-z]\w*)|\[(\d+)\]|\[(\"(?:[^\"\\]|\\.)*\")\]")


def unstored_policies(
    files: ReadFiles, options: CheckOptions, findings: Sequence[FileFinding]
) -> Iterator[FileFinding]:
    """Yield a finding for each policy that AWS does not store; ``findings`` may already say what is wrong with a trust
    policy."""
    partition = partition_of(options.region) if options.region else ""
    faulty = {
        (finding.path, finding.finding.about.name) for finding in findings if finding.finding.about.kind == "Role"
    }
    for role in files.account.listed:
        known = any(path == role.origin.document.path and _names(arn, role) for path, arn in faulty)
        if role.trust is not None and not known:
            yield from _fault_of(role.trust, partition)
    for policy in files.policies:
        yield from _fault_of(policy, partition)


def _names(arn: str, role: RoleFile) -> bool:
    return arn.rpartition("/")[2] == (role.name or "unnamed")


def _fault_of(policy: PolicyFile, partition: str) -> Iterator[FileFinding]:
    try:
        check_storable(policy.text, policy.stored_as, partition)
    except PolicyError as fault:
        trusts = policy.stored_as is StoredAs.TRUST
        where = _steps(fault.faults[0].path) if isinstance(fault, MalformedPolicyDocument) else ()
        command = f"podrole policy validate --as {policy.stored_as} {policy.origin.document.path}"
        finding = Finding(
            "PR615" if trusts else "PR706",
            f"AWS does not store this {'trust ' if trusts else ''}policy: {fault.message}",
            About("Role" if trusts else "Policy", "", policy.name, where),
            Remedy("correct the policy", (ByHand(command),)),
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
