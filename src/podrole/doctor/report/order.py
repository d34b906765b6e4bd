"""The order of remedies: pods are created again once, after everything that makes them work."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from podrole.doctor.remedies.changes import Change, Remedy, Restart
from podrole.doctor.report.findings import Finding, LinkVerdict, Severity


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return faults in the order in which they are repaired: of links, but what only recreates pods at the end."""
    return tuple(sorted(findings, key=lambda one: only_recreates(one.remedy)))


def only_recreates(remedy: Remedy) -> bool:
    """Say whether a remedy does nothing but create pods again."""
    return bool(remedy.changes) and all(isinstance(change, Restart) for change in remedy.changes)


def with_restarts_last(verdicts: tuple[LinkVerdict, ...]) -> tuple[LinkVerdict, ...]:
    """Move what creates pods again to the remedy that comes last: before, they would not work yet."""
    faults = in_order(one for verdict in verdicts for one in verdict.findings if one.severity is Severity.FAULT)
    groups: list[tuple[Change, ...]] = []
    for one in faults:
        if one.remedy.changes and one.remedy.changes not in groups:
            groups.append(one.remedy.changes)
    if len(groups) < 2:
        return verdicts
    restarts = _restarts(groups)
    changed: list[tuple[Change, ...]] = [
        tuple(one for one in group if not isinstance(one, Restart)) for group in groups
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
    found: dict[object, Restart] = {}
    for one in (change for group in groups for change in group if isinstance(change, Restart)):
        if one.workload not in found or one.operations:
            found[one.workload] = one
    return tuple(found.values())
