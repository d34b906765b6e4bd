"""``podrole doctor --all``: every service account in one table."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Iterator

from podrole.cli.diagnosis import finding_to_dict, missing_sources, printable
from podrole.cli.sources import SourceOptions, open_sources
from podrole.cli.style import Style, read_more
from podrole.cli.table import table as fitted_table
from podrole.cli.terminal import fitted, width
from podrole.doctor.report.codes import CODES
from podrole.doctor.report.findings import Severity
from podrole.doctor.sources.sources import Tools
from podrole.doctor.survey import AccountState, FindingGroup, Progress, Survey, SurveyRow, SurveyScope, survey

_COLOURS = {AccountState.SOUND: "32", AccountState.BROKEN: "31", AccountState.UNKNOWN: "33", AccountState.UNBOUND: "2"}
_HEADINGS = ("NAMESPACE", "SERVICE ACCOUNT", "ROLE", "STATE", "FINDINGS", "PODS")


def run(scope: SurveyScope, severity: Severity, options: SourceOptions, *, as_json: bool, style: Style) -> int:
    """Examine everything and print. Raises SourceError if the service accounts cannot be listed."""
    return asyncio.run(_survey(scope, severity, options, as_json=as_json, style=style))


async def _survey(
    scope: SurveyScope, severity: Severity, options: SourceOptions, *, as_json: bool, style: Style
) -> int:
    async with open_sources(options) as sources:
        with _progress_bar() as progress:
            result = await survey(sources, progress, scope)
        tools, missing = sources.tools, list(missing_sources(sources))
    if as_json:
        print(json.dumps(to_dict(result, tools, missing, severity), indent=2))
    else:
        print(fitted("\n".join([*map(printable, missing), table(result, style, severity)]), width()))
    return result.exit_code


def _shown(result: Survey, severity: Severity) -> list[SurveyRow]:
    """Return the rows that are shown: with ``fault`` those that are broken, or may be."""
    hidden = (AccountState.SOUND, AccountState.UNBOUND) if severity is Severity.FAULT else ()
    return [row for row in result.rows if row.state not in hidden]


def table(result: Survey, style: Style, severity: Severity = Severity.RISK) -> str:
    """Return the table, the trust policies that allow too much, the findings by code, and what to do next."""
    rows = _shown(result, severity)
    cells = [_cells(row, severity) for row in rows]
    painted = [
        (*texts[:3], style.paint(texts[3], _COLOURS[row.state]), *texts[4:])
        for row, texts in zip(rows, cells, strict=True)
    ]
    lines = fitted_table(_HEADINGS, painted, width(), ("ROLE", "PODS"))
    if result.webhooks:
        lines += [
            "",
            "The webhook:",
            *(f"  {style.code(webhook.code)} {webhook.what} ({webhook.got})" for webhook in result.webhooks),
        ]
    excess = result.trust_excess if severity is Severity.RISK else ()
    if excess:
        lines += [
            "",
            "Trust policies that allow too much:",
            *(f"  {style.code(finding.code)} {finding.what}" for finding in excess),
        ]
    groups = [group for group in result.groups if severity is Severity.RISK or group.first.severity is Severity.FAULT]
    if groups:
        lines += ["", *(line for group in groups for line in _group(group, style))]
    lines += ["", *_next(result, style)]
    shown = (*result.webhooks, *excess, *(group.first for group in groups))
    lines += read_more((finding.code for finding in shown), style, "read more:    ")
    return "\n".join(map(printable, lines))


def _group(group: FindingGroup, style: Style) -> Iterator[str]:
    """Yield a finding's title with the number of service accounts that have it, and the repair if it is the same."""
    code = group.first.code
    yield f"  {style.code(code)}  {CODES[code].title}: {_count(len(group.rows), 'service account')}"
    remedies = {finding.remedy.what for row in group.rows for finding in row.findings if finding.code == code}
    if len(group.rows) > 1 and len(remedies) == 1:
        yield f"         repair for all: {remedies.pop()}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def to_dict(
    result: Survey, tools: Tools, missing: list[str] | None = None, severity: Severity = Severity.RISK
) -> dict[str, object]:
    """Return the survey as JSON-able data."""
    return {
        "exitCode": result.exit_code,
        "missing": missing or [],
        "webhooks": [finding_to_dict(webhook, tools) for webhook in result.webhooks],
        "groups": [
            {
                "code": group.first.code,
                "title": CODES[group.first.code].title,
                "documentation": CODES[group.first.code].page,
                "severity": group.first.severity.value,
                "serviceAccounts": [f"{row.target.namespace}/{row.target.service_account}" for row in group.rows],
            }
            for group in result.groups
            if severity is Severity.RISK or group.first.severity is Severity.FAULT
        ],
        "serviceAccounts": [
            {
                "namespace": row.target.namespace,
                "name": row.target.service_account,
                "roleArn": row.role_arn,
                "state": row.state.value,
                "pods": row.pods,
                "findings": [
                    finding_to_dict(finding, tools)
                    for finding in row.findings
                    if severity is Severity.RISK or finding.severity is Severity.FAULT
                ],
            }
            for row in _shown(result, severity)
        ],
    }


def _cells(row: SurveyRow, severity: Severity) -> tuple[str, ...]:
    target = row.target
    findings = [finding for finding in row.findings if severity is Severity.RISK or finding.severity is Severity.FAULT]
    role = row.role_arn or "-"
    return (
        target.namespace,
        target.service_account,
        role,
        row.state.value,
        ",".join(dict.fromkeys(finding.code for finding in findings)) or "-",
        str(row.pods),
    )


def _next(result: Survey, style: Style) -> list[str]:
    counts = {state: sum(row.state is state for row in result.rows) for state in AccountState}
    summary = ", ".join(f"{count} {state.value}" for state, count in counts.items() if count)
    worst = next((row for row in result.rows if row.state is AccountState.BROKEN), None)
    worst = worst or next((row for row in result.rows if row.state is AccountState.UNKNOWN), None)
    what = "nothing is broken" if worst is None else f"podrole doctor {worst.target}"
    if result.webhooks:
        what = f"{result.webhooks[0].remedy.what} ({result.webhooks[0].code})"
    return [f"{_count(len(result.rows), 'service account')}: {summary}", f"{style.paint('do this next:', '1')} {what}"]


@contextlib.contextmanager
def _progress_bar() -> Iterator[Progress]:
    """Show the progress if standard error is a terminal."""
    if not sys.stderr.isatty():
        yield lambda _done, _of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("service accounts"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)
