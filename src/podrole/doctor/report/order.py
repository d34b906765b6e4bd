"""The order of remedies: pods are created again once, after everything that makes them work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from podrole.doctor.remedies.changes import Change, Remedy, Restart
from podrole.doctor.report.findings import Finding, LinkVerdict, Severity


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return faults in the order in which they are repaired: of links, but what only recreates pods at the end."""
    return tuple(sorted(findings, key=lambda finding: only_recreates(finding.remedy)))


def only_recreates(remedy: Remedy) -> bool:
    """Say whether a remedy does nothing but create pods again."""
    return bool(remedy.changes) and all(isinstance(change, Restart) for change in remedy.changes)


def with_restarts_last(verdicts: tuple[LinkVerdict, ...]) -> tuple[LinkVerdict, ...]:
    """Move what creates pods again to the remedy that comes last: before, they would not work yet."""
    faults = in_order(
        finding for verdict in verdicts for finding in verdict.findings if finding.severity is Severity.FAULT
    )
    groups: list[tuple[Change, ...]] = []
    for fault in faults:
        if fault.remedy.changes and fault.remedy.changes not in groups:
            groups.append(fault.remedy.changes)
    if len(groups) < 2:
        return verdicts
    restarts = _restarts(groups)
    changed: list[tuple[Change, ...]] = [
        tuple(change for change in group if not isinstance(change, Restart)) for group in groups
    ]
    changed[-1] = (*changed[-1], *restarts)

    def moved(finding: Finding) -> Finding:
        if finding.severity is not Severity.FAULT or finding.remedy.changes not in groups:
            return finding
        kept = changed[groups.index(finding.remedy.changes)]
        return replace(finding, remedy=replace(finding.remedy, changes=kept))

    return tuple(replace(verdict, findings=tuple(map(moved, verdict.findings))) for verdict in verdicts)


def _restarts(groups: list[tuple[Change, ...]]) -> tuple[Restart, ...]:
    """Return one restart of each workload."""
    restarts: dict[object, Restart] = {}
    for restart in (change for group in groups for change in group if isinstance(change, Restart)):
        if restart.workload not in restarts or restart.operations:
            restarts[restart.workload] = restart
    return tuple(restarts.values())
