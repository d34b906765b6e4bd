"""The plan of a whole set-up, and each group's next write while it is applied."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from podrole.base.clock import Clock
from podrole.setup.errors import Refused, Throttled
from podrole.setup.found import FoundProvider
from podrole.setup.group import PlanOptions, PlanPart, RoleGroup
from podrole.setup.plan import plan_group
from podrole.setup.plan_provider import plan_provider
from podrole.setup.progress import MOST_THROTTLED, REAL_PACING, Pacing
from podrole.setup.reading import GroupReader
from podrole.setup.trust import AUDIENCE
from podrole.setup.wanted import SetupPlace
from podrole.setup.writes import PlannedWrite, WriteKind
from podrole.sts.circumstances import Circumstances

UNKNOWN_ADDRESS = "0.0.0.0"  # noqa: S104 - stands for an unknown source address
MOST_READ_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """The plan of one group; ``group`` is None for the provider, which is applied before all others."""

    name: str
    group: RoleGroup | None
    part: PlanPart


@dataclass(frozen=True, slots=True)
class SetupPlan:
    """The plan of a set-up. ``left_alone`` names sections of the file that are not about identities; ``notes`` are
    sentences beside those of the groups."""

    place: SetupPlace
    groups: tuple[GroupPlan, ...]
    left_alone: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def writes(self) -> tuple[PlannedWrite, ...]:
        """Every write, each once: groups can need the same namespace."""
        all_writes = (write for group in self.groups for write in group.part.writes)
        return tuple(
            {(write.kind, write.object, write.field, write.before, write.after): write for write in all_writes}.values()
        )

    @property
    def counts(self) -> Mapping[WriteKind, int]:
        """How many objects are created, changed and deleted."""
        kinds: dict[str, WriteKind] = {}
        for write in self.writes:
            if write.kind is not WriteKind.CHANGE or write.object not in kinds:
                kinds[write.object] = write.kind
        all_kinds = list(kinds.values())
        return {kind: all_kinds.count(kind) for kind in WriteKind}

    @property
    def sentences(self) -> tuple[str, ...]:
        """Every note, each once."""
        of_groups = [note for group in self.groups for note in group.part.notes]
        return tuple(dict.fromkeys([*of_groups, *self.notes]))

    @property
    def refused(self) -> bool:
        """Whether something that is wanted will not be done."""
        return any(group.part.refusals for group in self.groups)


class Planner:
    """Plans groups of one place. ``thumbprints`` belong to the issuer's certificate if no public authority signed it.

    ``with_provider`` says that the provider is part of the set-up, so that roles may count on it. ``told`` is called
    before a throttled read is tried again, with the seconds until then.
    """

    def __init__(
        self,
        place: SetupPlace,
        reader: GroupReader,
        options: PlanOptions,
        clock: Clock,
        *,
        with_provider: bool = False,
        thumbprints: Sequence[str] = (),
        on_throttled: Callable[[Throttled, float], None] = lambda _problem, _seconds: None,
        pacing: Pacing = REAL_PACING,
    ) -> None:
        self.place = place
        self._on_throttled = on_throttled
        self._pacing = pacing
        self._reader = reader
        self._options = options
        self._clock = clock
        self._with_provider = with_provider
        self._thumbprints = tuple(thumbprints)

    async def whole(self, groups: Sequence[RoleGroup], left_alone: tuple[str, ...] = ()) -> SetupPlan:
        """Return the plan of everything. Raises CallFailed if something cannot be read."""
        plans: list[GroupPlan] = []
        if self._with_provider:
            plans.append(GroupPlan(f"provider of {self.place.issuer}", None, await self._patient(self.of_provider)))
        room = asyncio.Semaphore(MOST_READ_AT_ONCE)

        async def planned(group: RoleGroup) -> GroupPlan:
            async with room:
                return GroupPlan(f"role {group.role_name}", group, await self._patient(lambda: self.of_group(group)))

        async with asyncio.TaskGroup() as tasks:
            reading = [tasks.create_task(planned(group)) for group in groups]
        return SetupPlan(self.place, (*plans, *(task.result() for task in reading)), left_alone)

    async def _patient(self, read: Callable[[], Awaitable[PlanPart]]) -> PlanPart:
        """Read, again and again while the account is throttling. Raises the last Throttled."""
        for attempt in range(MOST_THROTTLED):
            try:
                return await read()
            except Throttled as problem:
                seconds = self._pacing.wait(attempt)
                self._on_throttled(problem, seconds)
                await self._pacing.sleep(seconds)
        return await read()

    async def of_provider(self) -> PlanPart:
        """Plan the provider as it is now."""
        return plan_provider(self.place, await self._reader.provider(), self._thumbprints, self._options)

    async def of_group(self, group: RoleGroup) -> PlanPart:
        """Plan a group as it is now."""
        current = await self._reader.found(group)
        if current.provider is None and self._with_provider:
            current = replace(current, provider=FoundProvider(self.place.provider_arn, (AUDIENCE,)))
        at = Circumstances(self._clock(), UNKNOWN_ADDRESS, self.place.region, secure_transport=True)
        return plan_group(self.place, group, current, self._options, at)


@dataclass(frozen=True, slots=True)
class PlannedGroup:
    """A group while it is applied: it is planned again before each write. ``group`` is None for the provider."""

    name: str
    planner: Planner
    group: RoleGroup | None

    async def next_write(self) -> PlannedWrite | None:
        """Return the first write of the plan as things are now. Raises Refused if they cannot be changed any more."""
        planner = self.planner
        part = await (planner.of_provider() if self.group is None else planner.of_group(self.group))
        if part.refusals:
            first = part.refusals[0]
            raise Refused(first.what, next_step=first.next_step)
        return part.writes[0] if part.writes else None
