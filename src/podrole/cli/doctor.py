"""``podrole doctor``: why a pod has no AWS identity, and how to repair it."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass

from podrole.base.errors import PodroleError
from podrole.cli.diagnosis import Style, to_dict, tree
from podrole.cli.sources import SourceOptions, open_sources
from podrole.doctor.chain import COULD_NOT_TELL, Diagnosis, diagnose
from podrole.doctor.errors import BadTarget
from podrole.doctor.facts.chain import DesiredCall
from podrole.doctor.facts.find_target import find_target
from podrole.doctor.facts.gather import Gatherer
from podrole.doctor.sources.sources import Sources


@dataclass(frozen=True, slots=True)
class DoctorQuery:
    """What to examine: a target, or everything."""

    target: str | None = None
    everything: bool = False
    can: str | None = None
    resource: str | None = None
    live: bool = False


def run(query: DoctorQuery, options: SourceOptions, *, as_json: bool) -> int:
    """Examine and print. Returns 0 sound, 1 broken, 2 could not be checked."""
    try:
        return _run(query, options, as_json=as_json)
    except PodroleError as fault:
        print(fault.diagnostics(), file=sys.stderr)
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
    if query.everything:
        from podrole.cli.survey import run as survey

        return survey(options, as_json=as_json, style=style())
    return asyncio.run(_examine(query, options, as_json=as_json))


async def _examine(query: DoctorQuery, options: SourceOptions, *, as_json: bool) -> int:
    async with open_sources(options) as sources:
        diagnosis = await diagnosed(query, sources)
    if as_json:
        print(json.dumps(to_dict(diagnosis, sources), indent=2))
    else:
        print(tree(diagnosis, sources, style()))
    return diagnosis.exit_code


async def diagnosed(query: DoctorQuery, sources: Sources) -> Diagnosis:
    """Gather the facts about one target and check every link."""
    target = await find_target(query.target or "", sources.cluster)
    gatherer = Gatherer(sources, desired_call=None if query.can is None else DesiredCall(query.can, query.resource))
    try:
        return diagnose(await gatherer.facts(target, live=query.live))
    finally:
        await gatherer.close()


def style() -> Style:
    """Return the style of standard output."""
    return Style(colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ)
