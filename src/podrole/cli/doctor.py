"""``podrole doctor``: why a pod has no AWS identity, and how to repair it."""

from __future__ import annotations

import asyncio
import json
import shlex
from dataclasses import dataclass

from podrole.base.errors import PodroleError
from podrole.cli.diagnosis import to_dict, tree
from podrole.cli.sources import SourceOptions, open_sources, option_words
from podrole.cli.style import Style, documentation_site, style
from podrole.cli.terminal import complain, say
from podrole.cli.tools import podrole_command
from podrole.doctor.chain import COULD_NOT_TELL, Diagnosis, diagnose
from podrole.doctor.errors import BadTarget
from podrole.doctor.facts.desired_call import desired_call
from podrole.doctor.facts.find_target import find_target
from podrole.doctor.facts.gather import Gatherer
from podrole.doctor.report.findings import Severity
from podrole.doctor.sources.sources import Sources
from podrole.doctor.survey import SurveyScope
from podrole.webhook.identity.role_arn import problem_with


@dataclass(frozen=True, slots=True)
class DoctorQuery:
    """What to examine: a target, or everything."""

    target: str | None = None
    everything: bool = False
    can: str | None = None
    resource: str | None = None
    live: bool = False
    namespace: str | None = None
    severity: str | None = None


def run(query: DoctorQuery, options: SourceOptions, *, as_json: bool) -> int:
    """Examine and print. Returns 0 sound, 1 broken, 2 could not be checked."""
    try:
        return _run(query, options, as_json=as_json)
    except PodroleError as fault:
        complain(fault.diagnostics())
        return COULD_NOT_TELL


def _run(query: DoctorQuery, options: SourceOptions, *, as_json: bool) -> int:
    if (query.target is None) is not query.everything:
        raise BadTarget(
            "Name a pod or a service account, or use --all.",
            expected="NAMESPACE/POD, NAMESPACE/serviceaccount/NAME, or --all",
            next_step="podrole doctor --all",
        )
    if query.resource is not None and query.can is None:
        raise BadTarget(
            "--resource can only be used with --can.", next_step="podrole doctor … --can ACTION --resource ARN"
        )
    if options.role is not None:
        _check_role(options.role)
    if query.can is not None:
        desired_call(query.can, query.resource)  # a call that does not exist is an error before anything is read
    look = style(documentation_site())
    if query.everything:
        from podrole.cli.survey import run as survey

        return survey(_scope(query), _severity(query.severity), options, as_json=as_json, style=look)
    if query.namespace is not None or query.severity is not None:
        raise BadTarget(
            "--namespace and --severity can only be used with --all.", next_step="podrole doctor --all --namespace NAME"
        )
    return asyncio.run(_examine(query, options, as_json=as_json, look=look))


def _check_role(text: str) -> None:
    problem = problem_with(text)
    if problem is not None:
        raise BadTarget(f"--role {problem}.", got=repr(text), expected="arn:<partition>:iam::<account>:role/<name>")


def _scope(query: DoctorQuery) -> SurveyScope:
    if query.live:
        raise BadTarget("--live examines one target.", next_step="podrole doctor NAMESPACE/POD --live")
    call = None if query.can is None else desired_call(query.can, query.resource)
    return SurveyScope(query.namespace, call)


def _severity(text: str | None) -> Severity:
    try:
        return Severity.RISK if text is None else Severity(text)
    except ValueError:
        raise BadTarget("--severity is not a severity.", got=repr(text), expected="fault or risk") from None


async def _examine(query: DoctorQuery, options: SourceOptions, *, as_json: bool, look: Style) -> int:
    async with open_sources(options) as sources:
        diagnosis = await diagnosed(query, sources)
    if as_json:
        print(json.dumps(to_dict(diagnosis, sources), indent=2))
    else:
        say(tree(diagnosis, sources, look, command_line(query, options)))
    return diagnosis.exit_code


async def diagnosed(query: DoctorQuery, sources: Sources) -> Diagnosis:
    """Gather the facts about one target and check every link."""
    target = await find_target(query.target or "", sources.cluster)
    gatherer = Gatherer(sources, desired_call=None if query.can is None else desired_call(query.can, query.resource))
    try:
        return diagnose(await gatherer.facts(target, live=query.live))
    finally:
        await gatherer.close()


def command_line(query: DoctorQuery, options: SourceOptions) -> str:
    """Return the command that asks the same, for a shell."""
    words = [podrole_command(), "doctor", *([] if query.target is None else [shlex.quote(query.target)])]
    words += ["--all"] if query.everything else []
    asked = {"--can": query.can, "--resource": query.resource}
    words += [f"{name} {shlex.quote(value)}" for name, value in asked.items() if value is not None]
    return " ".join([*words, *option_words(options), *(["--live"] if query.live else [])])
