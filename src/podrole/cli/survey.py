"""``podrole doctor --all``: every service account in one table."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Iterator

from podrole.cli.diagnosis import Style, finding_to_dict, printable
from podrole.cli.sources import SourceOptions, open_sources
from podrole.doctor.report.codes import CODES
from podrole.doctor.sources.sources import Tools
from podrole.doctor.survey import AccountState, Progress, Survey, SurveyRow, survey

_COLOURS = {AccountState.SOUND: "32", AccountState.BROKEN: "31", AccountState.UNKNOWN: "33", AccountState.UNBOUND: "2"}
_HEADINGS = ("NAMESPACE", "SERVICE ACCOUNT", "ROLE", "STATE", "FINDINGS", "PODS")


def run(options: SourceOptions, *, as_json: bool, style: Style) -> int:
    """Examine everything and print. Raises SourceError if the service accounts cannot be listed."""
    return asyncio.run(_survey(options, as_json=as_json, style=style))


async def _survey(options: SourceOptions, *, as_json: bool, style: Style) -> int:
    async with open_sources(options) as sources:
        with _progress_bar() as progress:
            found = await survey(sources, progress)
        tools = sources.tools
    print(json.dumps(to_dict(found, tools), indent=2) if as_json else table(found, style))
    return found.exit_code


def table(found: Survey, style: Style) -> str:
    """Return the table, the trust policies that allow too much, the titles of the codes, and what to do next."""
    cells = [_cells(row) for row in found.rows]
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *cells, strict=True)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(_HEADINGS, widths, strict=True)).rstrip()]
    for row, texts in zip(found.rows, cells, strict=True):
        padded = [text.ljust(width) for text, width in zip(texts, widths, strict=True)]
        padded[3] = style.paint(padded[3], _COLOURS[row.state])
        lines.append("  ".join(padded).rstrip())
    if found.trust_excess:
        lines += [
            "",
            "Trust policies that allow too much:",
            *(f"  {one.code} {one.what}" for one in found.trust_excess),
        ]
    codes = sorted({code for row in found.rows for code in row.codes})
    if codes:
        lines += ["", *(f"  {code}  {CODES[code].title}" for code in codes)]
    lines += ["", *_next(found, style)]
    return "\n".join(map(printable, lines))


def to_dict(found: Survey, tools: Tools) -> dict[str, object]:
    """Return the survey as JSON-able data."""
    return {
        "exitCode": found.exit_code,
        "serviceAccounts": [
            {
                "namespace": row.target.namespace,
                "name": row.target.service_account,
                "roleArn": row.role_arn,
                "state": row.state.value,
                "pods": row.pods,
                "findings": []
                if row.diagnosis is None
                else [finding_to_dict(one, tools) for one in (*row.diagnosis.faults, *row.diagnosis.risks)],
            }
            for row in found.rows
        ],
    }


def _cells(row: SurveyRow) -> tuple[str, ...]:
    target = row.target
    role = row.role_arn or "-"
    return (
        target.namespace,
        target.service_account,
        role,
        row.state.value,
        ",".join(row.codes) or "-",
        str(row.pods),
    )


def _next(found: Survey, style: Style) -> list[str]:
    counts = {state: sum(row.state is state for row in found.rows) for state in AccountState}
    summary = ", ".join(f"{count} {state.value}" for state, count in counts.items() if count)
    worst = next((row for row in found.rows if row.state is AccountState.BROKEN), None)
    worst = worst or next((row for row in found.rows if row.state is AccountState.UNKNOWN), None)
    what = "nothing is broken" if worst is None else f"podrole doctor {worst.target}"
    return [f"{len(found.rows)} service accounts: {summary}", f"{style.paint('do this next:', '1')} {what}"]


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
