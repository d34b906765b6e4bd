"""``podrole check``: faults in files, with file and line, for people, CI and code review."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from podrole import __version__
from podrole.base.errors import PodroleError
from podrole.cli.diagnosis import finding_to_dict, printable
from podrole.cli.style import Style, documentation_site, read_more, style
from podrole.cli.terminal import complain, say
from podrole.doctor.chain import BROKEN, COULD_NOT_TELL, SOUND
from podrole.doctor.errors import BadTarget
from podrole.doctor.files.check import FileCheck, check
from podrole.doctor.files.findings import FileFinding
from podrole.doctor.files.reading import CheckOptions
from podrole.doctor.report.codes import CODES
from podrole.doctor.report.findings import Severity
from podrole.doctor.sources.documents import SUFFIXES
from podrole.doctor.sources.sources import Tools

SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS = {Severity.FAULT: "error", Severity.RISK: "warning"}


def run(paths: list[Path], options: CheckOptions, output: str, *, strict: bool = False) -> int:
    """Check and print.

    Returns 0 if nothing is wrong, 1 for a fault (with ``strict`` also for a risk), 2 if a file could not be read, or no
    file has anything to check.
    """
    try:
        render = _FORMATS.get(output)
        if render is None:
            raise BadTarget("This format does not exist.", got=repr(output), expected=", ".join(_FORMATS))
        checked = asyncio.run(check(paths, options))
        say("\n".join(render(checked)))
    except PodroleError as fault:
        complain(fault.diagnostics())
        return COULD_NOT_TELL
    if checked.faults or (strict and checked.findings):
        return BROKEN
    nothing = checked.read == 0 and not options.hook
    return COULD_NOT_TELL if checked.unread or nothing else SOUND


def text(checked: FileCheck) -> Iterator[str]:
    """Yield lines for people."""
    look = style(documentation_site())
    for finding in checked.findings:
        yield from (printable(line) for line in _block(finding, look))
    for note in checked.notes:
        yield printable(f"not checked: {note}")
    if checked.findings or checked.notes:
        yield ""
    risks = len(checked.findings) - checked.faults
    yield (
        f"{_counted(checked.service_accounts, 'service account')} with a role and {_counted(checked.roles, 'role')} "
        f"checked: {_counted(checked.faults, 'fault')}, {_counted(risks, 'risk')}"
    )
    if checked.read == 0:
        yield "nothing to check: the files have no manifest, role, policy or provider"
    if checked.service_accounts + checked.roles == 0:
        yield f"next: name files or folders with manifests or policies ({', '.join(sorted(SUFFIXES))})"
    elif checked.findings:
        yield f"next: {checked.findings[0].finding.remedy.what} ({checked.findings[0].finding.code})"
    yield from read_more((finding.finding.code for finding in checked.findings), look)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _block(file_finding: FileFinding, look: Style) -> Iterator[str]:
    finding = file_finding.finding
    code = look.code(finding.code, "31" if finding.severity is Severity.FAULT else "33")
    risk = "" if finding.severity is Severity.FAULT else "risk: "
    yield f"{file_finding.path}:{file_finding.line}: {code} {risk}{finding.what}"
    for name, value in (("expected", finding.expected), ("got", finding.got), ("repair", finding.remedy.what)):
        if value is not None:
            yield f"  {name:<9} {value}"
    for edit in file_finding.edits:
        for operation in edit.operations:
            yield f"            {operation['op']} {operation['path'] or '/'} in {edit.path}{_content(operation)}"


def _content(operation: Mapping[str, Any]) -> str:
    return f": {json.dumps(operation['value'])}" if "value" in operation else ""


def as_json(checked: FileCheck) -> Iterator[str]:
    """Yield one JSON object."""
    result = {
        "findings": [
            {
                "file": str(finding.path),
                "line": finding.line,
                **finding_to_dict(finding.finding, Tools()),
                "edits": [
                    {
                        "file": str(edit.path),
                        "document": edit.index,
                        "operations": [dict(each) for each in edit.operations],
                    }
                    for edit in finding.edits
                ],
            }
            for finding in checked.findings
        ],
        "notes": list(checked.notes),
        "serviceAccounts": checked.service_accounts,
        "roles": checked.roles,
    }
    yield json.dumps(result, indent=2)


def sarif(checked: FileCheck) -> Iterator[str]:
    """Yield a SARIF 2.1.0 log (https://docs.oasis-open.org/sarif/sarif/v2.1.0/)."""
    codes = sorted({finding.finding.code for finding in checked.findings})
    rules = [
        {
            "id": code,
            "shortDescription": {"text": CODES[code].title},
            "fullDescription": {"text": CODES[code].meaning},
            "help": {"text": f"{CODES[code].repair} More: podrole explain {code}"},
        }
        for code in codes
    ]
    driver = {"name": "podrole", "version": __version__, "rules": rules}
    results = [
        {
            "ruleId": finding.finding.code,
            "ruleIndex": codes.index(finding.finding.code),
            "level": _LEVELS[finding.finding.severity],
            "message": {"text": _message(finding)},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": finding.path.as_posix()},
                        "region": {"startLine": finding.line},
                    }
                }
            ],
        }
        for finding in checked.findings
    ]
    notes = [{"level": "note", "message": {"text": note}} for note in checked.notes]
    invocation = {"executionSuccessful": not checked.unread, "toolExecutionNotifications": notes}
    run_of_it = {"tool": {"driver": driver}, "results": results, "invocations": [invocation]}
    yield json.dumps({"$schema": SARIF_SCHEMA, "version": "2.1.0", "runs": [run_of_it]}, indent=2)


def github(checked: FileCheck) -> Iterator[str]:
    """Yield workflow commands of GitHub Actions
    (https://docs.github.com/actions/reference/workflow-commands-for-github-actions)."""
    for finding in checked.findings:
        place = f"file={_property(finding.path.as_posix())},line={finding.line}"
        title = _property(f"{finding.finding.code} {CODES[finding.finding.code].title}")
        yield f"::{_LEVELS[finding.finding.severity]} {place},title={title}::{_data(_message(finding))}"
    for note in checked.notes:
        yield f"::warning title=podrole check::{_data(note)}"


def _message(file_finding: FileFinding) -> str:
    finding = file_finding.finding
    sides = [f"{name}: {value}" for name, value in (("expected", finding.expected), ("got", finding.got)) if value]
    return "\n".join([finding.what, *sides, f"repair: {finding.remedy.what}"])


def _data(text_: str) -> str:
    return text_.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text_: str) -> str:
    return _data(text_).replace(":", "%3A").replace(",", "%2C")


_FORMATS: Mapping[str, Callable[[FileCheck], Iterator[str]]] = {
    "text": text,
    "json": as_json,
    "sarif": sarif,
    "github": github,
}
