"""Runs a set-up: plan, show, apply, verify."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace

from podrole.base.errors import PodroleError
from podrole.base.extras import ExtraMissing
from podrole.cli.setup.applying import apply_plan
from podrole.cli.setup.opened import OpenedSetup, open_setup
from podrole.cli.setup.options import SetupOptions
from podrole.cli.setup.plan_text import plan_dict, plan_text
from podrole.cli.setup.verification import verification_text, verified
from podrole.cli.style import style
from podrole.cli.terminal import complain, harmless, say
from podrole.setup.errors import InvalidSetup, Throttled
from podrole.setup.group import PlanOptions, RoleGroup
from podrole.setup.planner import Planner
from podrole.setup.reading import GroupReader

DONE, NOT_DONE, BAD_INPUT, PENDING = 0, 1, 2, 3
"""Exit codes: done or nothing to do; refused or not converged; bad input; changes are pending (no ``--approve``)."""

MakeGroups = Callable[[OpenedSetup], Awaitable[Sequence[RoleGroup]]]
"""Sorts what is wanted into groups, once the cluster and the account are known."""


def run(
    make_groups: MakeGroups,
    options: SetupOptions,
    *,
    with_provider: bool = False,
    cluster_name: str | None = None,
    region: str | None = None,
    left_alone: tuple[str, ...] = (),
    notes: Callable[[], tuple[str, ...]] = tuple,
) -> int:
    """Plan, and with ``--approve`` apply and verify. Returns the exit code.

    ``cluster_name``, ``region`` and ``left_alone`` come from a file; ``with_provider`` says that the provider is wanted
    too; ``notes`` returns more sentences for the plan.
    """
    options = replace(options, region=options.region or region)
    try:
        return asyncio.run(_run(make_groups, options, with_provider, cluster_name, left_alone, notes))
    except PodroleError as problem:
        first: PodroleError = problem
    except BaseExceptionGroup as group:  # of reads side by side
        known = group.subgroup(PodroleError)
        if known is None:
            raise
        first = next(_each(known))
    complain(harmless(first.diagnostics()))
    return BAD_INPUT if isinstance(first, InvalidSetup | ExtraMissing) else NOT_DONE


def _each(group: BaseExceptionGroup[PodroleError]) -> Iterator[PodroleError]:
    for exception in group.exceptions:
        if isinstance(exception, PodroleError):
            yield exception
        elif isinstance(exception, BaseExceptionGroup):
            yield from _each(exception)


def _say_throttled(_: Throttled, seconds: float) -> None:
    complain(f"AWS asks to wait; reading again in {seconds:.0f} s")


async def _run(
    make_groups: MakeGroups,
    options: SetupOptions,
    with_provider: bool,
    cluster_name: str | None,
    left_alone: tuple[str, ...],
    notes: Callable[[], tuple[str, ...]],
) -> int:
    async with open_setup(options, cluster_name=cluster_name) as opened:
        place = opened.place
        planner = Planner(
            place,
            GroupReader(place, opened.account, opened.cluster),
            PlanOptions(place, options.adopt),
            opened.sources.clock,
            with_provider=with_provider,
            thumbprints=await opened.thumbprints() if with_provider else (),
            on_throttled=_say_throttled,
        )
        plan = await planner.whole(await make_groups(opened), left_alone)
        plan = replace(plan, notes=notes())
        if not options.as_json:
            say(plan_text(plan, style(), opened.command))
        report = plan_dict(plan, opened.command)
        if not options.approve:
            code = PENDING if plan.writes else NOT_DONE if plan.refused else DONE
            if plan.writes and not options.as_json:
                say("\nNothing has been changed. Add --approve to make these changes.")
        else:
            outcome = await apply_plan(plan, planner, opened, quiet=options.as_json)
            checks = await verified(plan, opened) if plan.writes else []
            sound = not any(check.codes for check in checks)
            code = DONE if outcome.complete and sound and not plan.refused else NOT_DONE
            report |= {"applied": outcome.to_dict(), "verified": [check.to_dict() for check in checks]}
            text = verification_text(plan, outcome, checks, style())
            if text and not options.as_json:
                say(text)
        if options.as_json:
            print(json.dumps({**report, "exit_code": code}, indent=2))
        return code
