"""Applies a set-up: reads again before each write, so that a killed run is finished by the next one.

What is to be done comes in groups that do not depend on each other. A group names its next write from what is there
now, until nothing is left. AWS shows what was written to some calls later than to others: a group that still wants what
it has just done waits, and so does one whose call is refused because of a new role. Everything else that was changed
meanwhile is read again once.

IAM replaces a trust policy whole, without a condition on what was there: of two commands that change one role at the
same time, the later one can write without the statement of the earlier one. So the trust policy is read once more just
before it is written, and again a moment after the last write.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from podrole.base.errors import PodroleError
from podrole.setup.errors import CallFailed, Conflict, NotThere, Throttled
from podrole.setup.plan_role import same_document
from podrole.setup.progress import MOST_THROTTLED, ApplyStep, GroupResult, Pacing, Progress
from podrole.setup.seams import AccountWriter, ClusterWriter, RoleWriter
from podrole.setup.writes import AccountCall, ClusterCall, PlannedWrite

MOST_GROUPS = 8
"""How many groups are worked on at a time."""
MOST_WRITES = 2_000
"""How many writes one group makes at most: far more than any plan has."""
VISIBLE_SECONDS = 30.0
"""How long a new object or value may stay invisible. AWS names no bound; it is seconds."""

SETTLING_SECONDS = 1.0
"""How long after a role's trust was changed it is read again: another command writes one call after its last look."""
MOST_LOST = 3
"""How often a group writes trust again that another command has replaced."""

T = TypeVar("T")


class WriteGroup(Protocol):
    """Writes that follow each other."""

    @property
    def name(self) -> str:
        """What the group sets up, as it is shown."""
        ...

    async def next_write(self) -> PlannedWrite | None:
        """Read what is there and return the first write that is still to be done; None if nothing is left."""
        ...


@dataclass(frozen=True, slots=True)
class Replan(Generic[T]):
    """A group whose writes are a pure function of what is read."""

    name: str
    read: Callable[[], Awaitable[T]]
    plan: Callable[[T], Sequence[PlannedWrite]]

    async def next_write(self) -> PlannedWrite | None:
        """See WriteGroup."""
        return next(iter(self.plan(await self.read())), None)


@dataclass(slots=True)
class Applying:
    """One run over an account and a cluster; without a cluster, no group writes to one. ``progress`` is told every
    event."""

    cluster: ClusterWriter | None
    account: AccountWriter
    progress: Callable[[Progress], None] = lambda _: None
    pacing: Pacing = field(default_factory=Pacing)
    _fresh: dict[str, float] = field(default_factory=dict)
    """When roles and providers were created or changed by this run, by name."""

    async def run(self, groups: Sequence[WriteGroup]) -> tuple[GroupResult, ...]:
        """Do all that the groups want. A failure of one leaves the others alone."""
        limit = asyncio.Semaphore(MOST_GROUPS)

        async def result_of(group: WriteGroup) -> GroupResult:
            async with limit:
                return await _GroupRun(self, group).result()

        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(result_of(group)) for group in groups]
        return tuple(task.result() for task in running)

    async def execute(self, call: AccountCall | ClusterCall) -> None:
        """Execute one write."""
        if isinstance(call, ClusterCall):
            if self.cluster is None:
                raise CallFailed("A group writes to a cluster, and this run has none.")
            await self.cluster.call(call)
            return
        await asyncio.to_thread(self.account.call, call)
        name = _name_of(call)
        if name is not None:
            self._fresh[name] = self.pacing.now()

    def is_explained(self, problem: PodroleError) -> bool:
        """Say whether a refusal names what this run has just created or changed."""
        text = f"{problem.what} {problem.got}"
        now = self.pacing.now()
        return any(
            now - when < VISIBLE_SECONDS and re.search(rf"(?<![\w+=,.@-]){re.escape(name)}(?![\w+=,@-])", text)
            for name, when in self._fresh.items()
        )


class _GroupRun:
    """One group's rounds: read, write, until nothing is left."""

    def __init__(self, run: Applying, group: WriteGroup) -> None:
        self._run = run
        self._group = group
        self._done: list[tuple[PlannedWrite, float]] = []
        self._waits = 0
        self._throttled = 0
        self._conflicts: set[tuple[object, ...]] = set()
        self._trust: str | None = None
        """The trust policy that was written last."""
        self._settled: str | None = None
        """The trust policy that was read again a moment after it was written."""
        self._lost = 0

    async def result(self) -> GroupResult:
        error = None
        try:
            await self._rounds()
            self._tell(ApplyStep.FINISHED)
        except PodroleError as problem:
            error = problem
            self._tell(ApplyStep.FAILED, error=problem)
        return GroupResult(self._group.name, tuple(write for write, _ in self._done), error)

    async def _rounds(self) -> None:
        while len(self._done) < MOST_WRITES:
            write = None
            try:
                write = await self._group.next_write()
                if write is None:
                    if self._trust == self._settled:
                        return
                    self._settled = self._trust
                    await self._run.pacing.sleep(SETTLING_SECONDS)
                    continue
                if not await self._is_new(write):
                    continue
                await self._look_at_trust(write)
                self._tell(ApplyStep.WRITING, write)
                await self._run.execute(write.call)
            except Throttled as problem:
                await self._back_off(write, problem)
                continue
            except (Conflict, NotThere) as problem:
                await self._read_again(write, problem)
                continue
            self._waits, self._throttled = 0, 0
            self._conflicts.clear()
            self._done.append((write, self._run.pacing.now()))
            self._tell(ApplyStep.WRITTEN, write)
        raise CallFailed(f"{self._group.name} did not come to an end.", got=f"{MOST_WRITES} writes")

    async def _look_at_trust(self, write: PlannedWrite) -> None:
        """Raise Conflict if a trust policy that is to be replaced is not what was read, CallFailed if another command
        keeps replacing it."""
        name = _trust_replaced_by(write)
        if name is None:
            return
        if self._trust is not None and not same_document(write.before or "", self._trust):
            self._lost += 1
            problem = CallFailed(
                f"Another command replaced the trust policy of role {name} at the same time, so what this one had "
                "written was lost.",
                next_step="wait until the other command has ended, and run this one again",
            )
            if self._lost > MOST_LOST:
                raise problem
            self._tell(ApplyStep.CHANGED, write, error=problem)
        account = self._run.account
        if not isinstance(account, RoleWriter):
            raise CallFailed(f"A group writes to role {name}, and this run is not for roles.")
        now = await asyncio.to_thread(account.trust_policy, name)
        if now is not None and now != write.before:
            raise Conflict(f"The trust policy of role {name} was changed a moment ago.")
        self._trust = write.after

    async def _is_new(self, write: PlannedWrite) -> bool:
        """Wait and return False if this very write was done a moment ago: what was read is older than it.

        Raises CallFailed if it is not shown in time. If somebody takes it back later, it is done again.
        """
        done = next((when for each, when in reversed(self._done) if each.call == write.call), None)
        late = done is not None and self._run.pacing.now() - done >= VISIBLE_SECONDS
        if done is None or (late and not self._waits):
            return True
        if late:
            raise _not_visible(write)
        await self._wait(write)
        return False

    async def _read_again(self, write: PlannedWrite | None, problem: CallFailed) -> None:
        """Return for another round. Raises ``problem`` if it came before, without a write since then."""
        if self._run.is_explained(problem):
            await self._wait(write, problem)
            return
        same = (type(problem), problem.what if write is None else (write.object, write.field))
        if same in self._conflicts:
            raise problem
        self._conflicts.add(same)
        self._tell(ApplyStep.CHANGED, write, error=problem)

    async def _back_off(self, write: PlannedWrite | None, problem: Throttled) -> None:
        self._throttled += 1
        if self._throttled > MOST_THROTTLED:
            raise problem
        seconds = self._run.pacing.wait(self._throttled - 1)
        self._tell(ApplyStep.THROTTLED, write, error=problem, seconds=seconds)
        await self._run.pacing.sleep(seconds)

    async def _wait(self, write: PlannedWrite | None, problem: PodroleError | None = None) -> None:
        seconds = self._run.pacing.wait(min(self._waits, 3))
        self._waits += 1
        self._tell(ApplyStep.NOT_VISIBLE, write, error=problem, seconds=seconds)
        await self._run.pacing.sleep(seconds)

    def _tell(
        self,
        step: ApplyStep,
        write: PlannedWrite | None = None,
        *,
        error: PodroleError | None = None,
        seconds: float = 0.0,
    ) -> None:
        self._run.progress(Progress(self._group.name, step, write, error, seconds))


def _trust_replaced_by(write: PlannedWrite) -> str | None:
    """Return the name of the role whose trust policy a write replaces, or deletes with the role."""
    call = write.call
    if isinstance(call, AccountCall) and call.operation in ("update_assume_role_policy", "delete_role"):
        return str(call.parameters["RoleName"])
    return None


def _name_of(call: AccountCall) -> str | None:
    """Return the name of a role or provider that a call creates, or whose trust it changes."""
    match call.operation:
        case "create_role" | "update_assume_role_policy":
            return str(call.parameters["RoleName"])
        case "create_open_id_connect_provider":
            return str(call.parameters["Url"]).removeprefix("https://")
    return None


def _not_visible(write: PlannedWrite) -> CallFailed:
    what = " ".join(filter(None, (write.kind.value, write.object, write.field)))
    return CallFailed(
        f"AWS accepted “{what}”, but does not show it {VISIBLE_SECONDS:.0f} seconds later.",
        next_step="run the same command again: it goes on where this one stopped",
    )
