"""Applies a plan with progress on the terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from podrole.cli.setup.opened import OpenedSetup
from podrole.cli.setup.plan_text import write_dict
from podrole.cli.style import Style
from podrole.cli.terminal import complain, harmless, say
from podrole.setup.apply import Applying
from podrole.setup.planner import PlannedGroup, Planner, SetupPlan
from podrole.setup.progress import ApplyStep, GroupResult, Progress


@dataclass(frozen=True, slots=True)
class SetupOutcome:
    """What was done for each group. ``skipped`` are groups that depend on one that failed."""

    results: tuple[GroupResult, ...]
    skipped: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether everything was done."""
        return not self.skipped and all(result.error is None for result in self.results)

    def lines(self, style: Style) -> list[str]:
        """Return what was done, and what failed and why."""
        writes = sum(len(result.writes) for result in self.results)
        lines = [f"{writes} change{'' if writes == 1 else 's'} made."] if writes else []
        for result in self.results:
            if result.error is not None:
                lines += [
                    style.paint(f"✗ {result.group}", "31"),
                    *(f"  {line}" for line in harmless(result.error.diagnostics()).split("\n")),
                ]
        lines += [f"  {name} was not begun." for name in self.skipped]
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as JSON-able data."""
        return {
            "complete": self.complete,
            "groups": [
                {
                    "name": result.group,
                    "writes": [write_dict(write) for write in result.writes],
                    "error": None
                    if result.error is None
                    else {
                        "code": result.error.code,
                        "what": result.error.what,
                        "got": result.error.got,
                        "expected": result.error.expected,
                        "next_step": result.error.next_step,
                    },
                }
                for result in self.results
            ],
            "not_begun": list(self.skipped),
        }


async def apply_plan(plan: SetupPlan, planner: Planner, opened: OpenedSetup, *, quiet: bool) -> SetupOutcome:
    """Apply what the plan does not refuse: the provider first, then all roles side by side."""
    wanted = [group for group in plan.groups if group.part.writes]
    applying = Applying(opened.cluster, opened.account, progress(quiet=quiet))
    groups = [PlannedGroup(planned.name, planner, planned.group) for planned in wanted]
    first = [group for group in groups if group.group is None]
    rest = [group for group in groups if group.group is not None]
    results = await applying.run(first)
    if any(result.error is not None for result in results):
        return SetupOutcome(results, tuple(group.name for group in rest))
    return SetupOutcome((*results, *await applying.run(rest)))


def progress(*, quiet: bool) -> Callable[[Progress], None]:
    """Return what is told of a run: nothing if the output is for machines."""
    return _silent if quiet else _say


def _silent(_: Progress) -> None:
    """Say nothing: the output is for machines."""


def _say(progress: Progress) -> None:
    write = progress.write
    what = "" if write is None else " ".join(filter(None, (write.kind.value, write.object, write.field)))
    if progress.step is ApplyStep.WRITTEN:
        say(f"  {what}")
    elif progress.step is ApplyStep.THROTTLED:
        say(f"  {progress.group}: AWS asks to wait; trying again in {progress.seconds:.0f} s")
    elif progress.step is ApplyStep.NOT_VISIBLE and progress.seconds >= 1:
        complain(f"  {progress.group}: waiting until AWS shows it")
    elif progress.step is ApplyStep.CHANGED and progress.error is not None:
        complain(f"  {progress.group}: {progress.error.what} Planning it again.")
