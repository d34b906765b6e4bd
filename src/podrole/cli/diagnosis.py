"""A diagnosis as a readable tree, and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import Any

from podrole.cli.style import Style, read_more
from podrole.cli.terminal import visible, width
from podrole.doctor.chain import Diagnosis
from podrole.doctor.remedies.changes import ByHand, PublishDocument
from podrole.doctor.remedies.commands import Command, commands_of
from podrole.doctor.report.codes import CODES
from podrole.doctor.report.findings import Finding, LinkState, LinkVerdict, Severity
from podrole.doctor.report.order import only_recreates
from podrole.doctor.sources.missing import MissingAccount, MissingCluster
from podrole.doctor.sources.sources import Sources, Tools

WIDTH = 100
_MARKS = {LinkState.HOLDS: "✓", LinkState.BROKEN: "✗", LinkState.UNKNOWN: "?"}
_COLOURS = {LinkState.HOLDS: "32", LinkState.BROKEN: "31", LinkState.UNKNOWN: "33"}


def tree(diagnosis: Diagnosis, sources: Sources, style: Style, repeat: str = "") -> str:
    """Return the whole tree: the chain in one line, broken links first, and at the end what to do next.

    ``repeat`` is the command that examines the same again.
    """
    lines = [_heading(diagnosis, style), f"in {' and '.join(_where(sources))}", *missing_sources(sources)]
    lines += [_chain(diagnosis, style), "", *_of_another_account(diagnosis, sources)]
    tools = sources.tools
    if diagnosis.faults and sources.preamble:
        lines += ["Run this first, so that the commands below use this cluster and this account:"]
        lines += [*(f"  $ {line}" for line in sources.preamble), ""]
    ordered = sorted(diagnosis.verdicts, key=lambda verdict: (_rank(verdict), verdict.link))
    for position, verdict in enumerate(ordered):
        lines += _branch(verdict, tools, style, last=position == len(ordered) - 1)
    lines += ["", *_next(diagnosis, style, repeat or f"podrole doctor {diagnosis.target}")]
    shown = (finding.code for verdict in diagnosis.verdicts for finding in verdict.findings)
    lines += read_more(shown, style, "read more:    ")
    return "\n".join(printable(line) for line in lines)


def to_dict(diagnosis: Diagnosis, sources: Sources) -> dict[str, Any]:
    """Return the diagnosis as JSON-able data."""
    first = _first(diagnosis)
    cluster, account = _where(sources)
    return {
        "cluster": cluster,
        "account": account,
        "missing": list(missing_sources(sources)),
        "target": str(diagnosis.target),
        "namespace": diagnosis.target.namespace,
        "serviceAccount": diagnosis.service_account,
        "pod": diagnosis.target.pod,
        "roleArn": diagnosis.role_arn,
        "exitCode": diagnosis.exit_code,
        "links": [
            {
                "link": int(verdict.link),
                "title": verdict.link.title,
                "state": verdict.state.name.lower(),
                "why": verdict.why,
                "findings": [finding_to_dict(finding, sources.tools) for finding in verdict.findings],
            }
            for verdict in diagnosis.verdicts
        ],
        "first": list(sources.preamble),
        "next": None if first is None else first.code,
    }


def finding_to_dict(finding: Finding, tools: Tools) -> dict[str, Any]:
    """Return a finding as JSON-able data. ``remedy.commands`` must be run in their order."""
    data: dict[str, Any] = {
        "code": finding.code,
        "title": CODES[finding.code].title,
        "documentation": CODES[finding.code].page,
        "severity": finding.severity.value,
        "what": finding.what,
        "about": {
            "kind": finding.about.kind,
            "namespace": finding.about.namespace,
            "name": finding.about.name,
            "path": list(finding.about.path),
        },
        "expected": finding.expected,
        "got": finding.got,
        "evidence": dict(finding.evidence),
        "remedy": {
            "what": finding.remedy.what,
            "automatic": finding.remedy.automatic,
            "commands": [command.to_dict() for command in commands_of(finding.remedy.changes, tools)],
            "publish": [
                {"url": change.url, "content": change.content}
                for change in finding.remedy.changes
                if isinstance(change, PublishDocument)
            ],
            "byHand": [change.text for change in finding.remedy.changes if isinstance(change, ByHand)],
        },
    }
    return data


def _of_another_account(diagnosis: Diagnosis, sources: Sources) -> Iterator[str]:
    """Yield that the role is in another account than the one that the shell's credentials are of."""
    owner = (diagnosis.role_arn or "").split(":")[4:5]
    if diagnosis.faults and owner and sources.account.id and owner[0] != sources.account.id:
        yield f"The role is in account {owner[0]}: run the aws commands below with credentials of that account."
        yield ""


def missing_sources(sources: Sources) -> Iterator[str]:
    """Yield why there is no cluster or no account, and what to do: everything that they would show is unknown."""
    for source in (sources.cluster, sources.account):
        if isinstance(source, (MissingCluster, MissingAccount)):
            reason = source.reason
            yield f"{source.what}: {reason.what}" + (f" ({reason.got})" if reason.got else "")
            if reason.next_step:
                yield f"  next: {reason.next_step}"


def _where(sources: Sources) -> tuple[str, str]:
    """Return the names of the cluster and the account that were examined."""
    return sources.cluster.what, sources.account.what


def _rank(verdict: LinkVerdict) -> float:
    """Return the place of a link: broken links first, among them those that only need new pods last."""
    if verdict.state is LinkState.HOLDS:
        return 2 if verdict.findings else 3
    if verdict.state is LinkState.UNKNOWN:
        return 1.5
    return 1 if all(only_recreates(fault.remedy) for fault in verdict.faults) else 0


def _heading(diagnosis: Diagnosis, style: Style) -> str:
    role = diagnosis.role_arn or "no role"
    account = f"service account {diagnosis.service_account}, " if diagnosis.target.pod is not None else ""
    return f"{style.paint(str(diagnosis.target), '1')}  {account}{role}"


def _chain(diagnosis: Diagnosis, style: Style) -> str:
    return "  ".join(
        style.paint(f"{_MARKS[verdict.state]} {verdict.link.title}", _COLOURS[verdict.state])
        for verdict in diagnosis.verdicts
    )


def _branch(verdict: LinkVerdict, tools: Tools, style: Style, *, last: bool) -> Iterator[str]:
    corner, trunk = ("└─", "   ") if last else ("├─", "│  ")
    mark = style.paint(_MARKS[verdict.state], _COLOURS[verdict.state])
    title = f"{corner} {mark} {int(verdict.link)} {verdict.link.title}"
    if verdict.state is LinkState.BROKEN:
        yield title
    else:
        yield from _wrapped(f"{title}: ", verdict.why, trunk + "    ")
    for position, finding in enumerate(verdict.findings):
        above = (earlier for earlier in verdict.findings[:position] if earlier.remedy.changes == finding.remedy.changes)
        for line in finding_lines(finding, tools, style, next((earlier.code for earlier in above), "")):
            yield f"{trunk}  {line}" if line else trunk.rstrip()


def finding_lines(finding: Finding, tools: Tools, style: Style, shown_by: str = "") -> Iterator[str]:
    """Yield the lines of a finding; ``shown_by`` is the finding above that has the same remedy."""
    colour = "31" if finding.severity is Severity.FAULT else "33"
    risk = "" if finding.severity is Severity.FAULT else "risk: "
    yield from _wrapped(f"{style.code(finding.code, colour)} ", risk + finding.what, "      ")
    for name, value in (("expected", finding.expected), ("got", finding.got)):
        if value is not None:
            yield from _wrapped(f"  {name:<9} ", value, "            ")
    if shown_by and finding.remedy.changes:
        yield f"  repair    the same commands repair it as {shown_by} above"
        return
    yield from _wrapped("  repair    ", finding.remedy.what, "            ")
    for line in remedy_lines(finding, tools):
        yield f"    {line}"


def remedy_lines(finding: Finding, tools: Tools) -> Iterator[str]:
    """Yield the commands of a remedy, and the steps that no command does."""
    for command in commands_of(finding.remedy.changes, tools):
        yield from _shell(command)
    for change in finding.remedy.changes:
        if isinstance(change, ByHand):
            yield f"# {change.text}"
        elif isinstance(change, PublishDocument):
            yield f"# serve this at {change.url}:"
            yield from (f"#   {line}" for line in change.content.splitlines())


def _shell(command: Command) -> list[str]:
    first, *rest = command.shell().splitlines()
    return [f"$ {first}", *rest]


def _first(diagnosis: Diagnosis) -> Finding | None:
    """Return the finding to repair first: the first that has a remedy."""
    faults = diagnosis.faults
    return next((fault for fault in faults if fault.remedy.changes), faults[0] if faults else None)


def _next(diagnosis: Diagnosis, style: Style, repeat: str) -> Iterator[str]:
    first = _first(diagnosis)
    label = style.paint("do this next:", "1")
    if first is None:
        unknown = [verdict for verdict in diagnosis.verdicts if verdict.state is LinkState.UNKNOWN]
        if unknown:
            titles = ", ".join(verdict.link.title for verdict in unknown)
            others = "; every other link holds" if len(unknown) < len(diagnosis.verdicts) else ""
            yield f"{label} see why {titles} could not be checked{others}"
            yield from _wrapped("  ", unknown[0].why, "  ")
        elif diagnosis.risks:
            codes = ", ".join(sorted({risk.code for risk in diagnosis.risks}))
            yield f"{label} nothing is broken; review the risks {codes}"
        else:
            yield f"{label} nothing; every link holds"
        return
    more = len({fault.code for fault in diagnosis.faults}) - 1
    yield f"{label} {first.remedy.what} ({first.code}" + (f"; {more} more after it)" if more else ")")
    yield f"then check:   {repeat}"


def _wrapped(start: str, text: str, indent: str) -> Iterable[str]:
    limit = max((width() or WIDTH) - visible(start), 25)
    lines = textwrap.wrap(text, limit, break_long_words=False, break_on_hyphens=False) or [""]
    return [start + lines[0], *(indent + line for line in lines[1:])]


def printable(line: str) -> str:
    """Return the line with control characters escaped: annotations and documents may contain them."""
    return "".join(
        character if character.isprintable() or character == "\033" else character.encode("unicode_escape").decode()
        for character in line
    )
