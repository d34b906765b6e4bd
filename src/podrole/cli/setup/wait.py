"""``podrole wait``: until a pod that is created now would get its identity."""

from __future__ import annotations

import asyncio
import json
import time

from podrole.base.errors import PodroleError
from podrole.base.extras import ExtraMissing
from podrole.cli.doctor import DoctorQuery, command_line
from podrole.cli.setup.run import BAD_INPUT, DONE, NOT_DONE
from podrole.cli.setup.verification import ChainCheck
from podrole.cli.sources import SourceOptions, open_sources
from podrole.cli.style import style
from podrole.cli.terminal import complain, harmless, say
from podrole.cli.tools import podrole_command
from podrole.doctor.chain import diagnose
from podrole.doctor.errors import BadTarget
from podrole.doctor.facts.find_target import find_target
from podrole.doctor.facts.gather import Gatherer
from podrole.doctor.facts.target import DoctorTarget
from podrole.doctor.report.codes import CODES
from podrole.doctor.sources.sources import Sources
from podrole.setup.wanted import ServiceAccountName

POLL_SECONDS = 1.0
"""How long to wait before the chain is checked again."""


def run(target: str, seconds: float, options: SourceOptions, *, as_json: bool) -> int:
    """Wait. Returns 0 as soon as a pod would get its identity, 1 at the time-out, 2 if the target is not understood."""
    try:
        check = asyncio.run(_wait(target, seconds, options))
    except PodroleError as problem:
        complain(problem.diagnostics())
        return BAD_INPUT if isinstance(problem, BadTarget | ExtraMissing) else NOT_DONE
    if as_json:
        print(json.dumps(check.to_dict(), indent=2))
    else:
        say(check.line(style()))
        if not check.proven:
            complain(f"{podrole_command()} wait: {seconds:g} s have passed")
    return DONE if check.proven else NOT_DONE


async def _wait(text: str, seconds: float, options: SourceOptions) -> ChainCheck:
    end = time.monotonic() + seconds
    async with open_sources(options) as sources:
        namespace, _, name = text.partition("/")
        is_account = namespace and name and "/" not in name
        target = await find_target(f"{namespace}/serviceaccount/{name}" if is_account else text, sources.cluster)
    reported: list[str] = []
    while True:
        # What is read is kept for one examination: each look opens the sources again.
        async with open_sources(options) as sources:
            check = await _checked(target, sources, options)
        left = end - time.monotonic()
        if check.proven or left <= 0:
            return check
        if (missing := check.codes or check.unknown[:1]) != reported:
            reasons = ", ".join(f"{reason} {CODES[reason].title}" if reason in CODES else reason for reason in missing)
            complain(harmless(f"waiting for {check.account}: {reasons}"))
            reported = missing
        await asyncio.sleep(min(POLL_SECONDS, left))


async def _checked(target: DoctorTarget, sources: Sources, options: SourceOptions) -> ChainCheck:
    """Check the chain with a dry run of a pod and a real exchange."""
    gatherer = Gatherer(sources, only_new_pods=True)
    try:
        facts = await gatherer.facts(target, live=True)
        account = ServiceAccountName(target.namespace, target.service_account)
        doctor = command_line(DoctorQuery(f"{account.namespace}/serviceaccount/{account.name}"), options)
        return ChainCheck(account, diagnose(facts), doctor, facts.binding.is_by_agent)
    finally:
        await gatherer.close()
