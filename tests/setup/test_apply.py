"""Applying against a place that fails: killed at every write, throttled, changed meanwhile, late to show a new role."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from podrole.setup.apply import MOST_LOST, Applying, Replan
from podrole.setup.errors import CallFailed, Conflict, NotThere, PermissionMissing, SetupError, Throttled
from podrole.setup.found import FoundRole
from podrole.setup.group import GroupFound, PlanOptions, RoleGroup
from podrole.setup.ownership import own_tags
from podrole.setup.plan import plan_group
from podrole.setup.plan_provider import plan_provider
from podrole.setup.progress import ApplyStep, GroupResult, Progress
from podrole.setup.trust import Trust, new_trust_policy, trust_of
from podrole.setup.wanted import ServiceAccountName, WantedAssociation, WantedRole, WantedServiceAccount
from podrole.setup.writes import AccountCall, PlannedWrite, WriteKind
from podrole.sts.circumstances import Circumstances
from support.faulty_place import FaultyPlace, Killed, TurnedTime
from support.setup_model import PLACE, PROVIDER

AT = Circumstances(now=1_800_000_000, source_ip="192.0.2.1", region="us-east-1", secure_transport=True)
READS = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}'
MANAGED = ("arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess")
ROLE = WantedRole(managed=MANAGED, inline={"podrole-reads": READS})
NAME = "prod-shop-inventory"
WRITES = 7  # role, two managed policies, inline policy, namespace, service account, association


def role_group(name: str = NAME) -> RoleGroup:
    return RoleGroup(
        PLACE.role_arn(name),
        ROLE,
        (WantedServiceAccount(ServiceAccountName("shop", "inventory"), ROLE),),
        (WantedAssociation(ServiceAccountName("shop", "orders"), ROLE),),
    )


def planned(place: FaultyPlace, wanted: RoleGroup | None = None) -> Replan[GroupFound]:
    """A group of the real planner."""
    group = wanted or role_group()

    async def read() -> GroupFound:
        return place.state()

    def plan(found: GroupFound) -> tuple[PlannedWrite, ...]:
        part = plan_group(PLACE, group, found, PlanOptions(PLACE), AT)
        assert not part.refusals
        return part.writes

    return Replan(group.role_name, read, plan)


def with_provider(**more: Any) -> FaultyPlace:
    return FaultyPlace(GroupFound(provider=PROVIDER), **more)


async def applied(
    place: FaultyPlace, time: TurnedTime | None = None, progress: Callable[[Progress], None] = lambda _: None
) -> GroupResult:
    run = Applying(place.cluster, place, progress, (time or TurnedTime()).pacing())
    (result,) = await run.run([planned(place)])
    return result


def failing(*numbers: int, error: Callable[[], BaseException]) -> Callable[[int], None]:
    """Raise at the writes with these numbers."""

    def fail(number: int) -> None:
        if number in numbers:
            raise error()

    return fail


@pytest.fixture
async def whole() -> GroupFound:
    """What is there after an uninterrupted run."""
    place = with_provider()
    assert (await applied(place)).error is None
    return place.found


async def test_uninterrupted_run_reads_before_each_write_and_ends(whole: GroupFound) -> None:
    place, events = with_provider(), list[Progress]()
    result = await applied(place, progress=events.append)
    assert (result.group, result.error, len(result.writes)) == (NAME, None, WRITES)
    assert [write.call for write in result.writes] == place.calls
    assert place.reads == WRITES + 1
    assert [event.step for event in events] == [ApplyStep.WRITING, ApplyStep.WRITTEN] * WRITES + [ApplyStep.FINISHED]
    assert {event.seconds for event in events} == {0.0}
    assert place.found == whole


async def test_second_run_makes_no_write(whole: GroupFound) -> None:
    place = FaultyPlace(whole)
    assert await applied(place) == GroupResult(NAME, ())
    assert (place.calls, place.reads) == ([], 1)


@pytest.mark.parametrize("when", ["before", "behind"])
@pytest.mark.parametrize("number", range(1, WRITES + 1))
async def test_run_killed_at_any_write_is_finished_by_the_next(when: str, number: int, whole: GroupFound) -> None:
    place = with_provider(**{when: failing(number, error=Killed)})
    with pytest.raises(BaseExceptionGroup) as caught:
        await applied(place)
    assert caught.group_contains(Killed)
    rest = FaultyPlace(place.found)
    assert (await applied(rest)).error is None
    assert rest.found == whole
    assert len(rest.calls) == WRITES - number + (when == "before")


@pytest.mark.parametrize("number", range(1, WRITES + 1))
async def test_write_whose_answer_was_lost_is_not_made_again(number: int, whole: GroupFound) -> None:
    place = with_provider(behind=failing(number, error=lambda: Throttled("The answer was lost.")))
    assert (await applied(place)).error is None
    assert place.found == whole
    assert len(place.calls) == WRITES


async def test_throttled_call_is_tried_again_with_growing_pauses(whole: GroupFound) -> None:
    time, events = TurnedTime(), list[Progress]()
    place = with_provider(before=failing(3, 4, 5, error=lambda: Throttled("Rate exceeded")))
    result = await applied(place, time, events.append)
    assert result.error is None
    assert place.found == whole
    assert time.waits == [0.5, 1.0, 2.0]
    shown = [event for event in events if event.step is ApplyStep.THROTTLED]
    assert [event.seconds for event in shown] == time.waits
    assert all(isinstance(event.error, Throttled) for event in shown)


async def test_pauses_have_jitter() -> None:
    pacing = TurnedTime(chance=0.0).pacing()
    assert [pacing.wait(attempt) for attempt in range(8)] == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


async def test_throttling_without_end_is_an_error_of_the_group() -> None:
    time = TurnedTime()

    def always(_number: int) -> None:
        raise Throttled("Rate exceeded")

    result = await applied(with_provider(before=always), time)
    assert isinstance(result.error, Throttled)
    assert len(time.waits) == 10


async def test_throttled_read_is_tried_again() -> None:
    place, failures = with_provider(), [Throttled("Rate exceeded"), Throttled("Rate exceeded")]
    group = planned(place)

    async def read() -> GroupFound:
        if failures:
            raise failures.pop()
        return place.state()

    (result,) = await Applying(place.cluster, place, pacing=TurnedTime().pacing()).run([replace(group, read=read)])
    assert (result.error, len(result.writes)) == (None, WRITES)


@pytest.mark.parametrize(
    ("problems", "ends"),
    [
        ([Conflict("The list has expired.")], None),
        ([Conflict("The list has expired."), NotThere("It was deleted."), Conflict("Another list has expired.")], None),
        ([Conflict("The list has expired."), Conflict("The list has expired.")], Conflict),
    ],
)
async def test_refused_read_is_made_again_once(problems: list[CallFailed], ends: type[CallFailed] | None) -> None:
    place, left = with_provider(), list(problems)
    group = planned(place)

    async def read() -> GroupFound:
        if left:
            raise left.pop(0)
        return place.state()

    (result,) = await Applying(place.cluster, place, pacing=TurnedTime().pacing()).run([replace(group, read=read)])
    assert type(result.error) is (ends or type(None))
    assert len(result.writes) == (0 if ends else WRITES)


@pytest.mark.parametrize("hidden", [1, 2, 4, 6])
async def test_new_role_is_waited_for(hidden: int, whole: GroupFound) -> None:
    time, events = TurnedTime(), list[Progress]()
    place = with_provider(hidden_reads=hidden)
    result = await applied(place, time, events.append)
    assert result.error is None
    assert place.found == whole
    assert len(place.calls) == WRITES
    assert [event.seconds for event in events if event.step is ApplyStep.NOT_VISIBLE] == time.waits
    assert time.waits == [0.5, 1.0, 2.0, 4.0, 4.0, 4.0][:hidden]


async def test_role_that_stays_invisible_is_an_error() -> None:
    time = TurnedTime(tick=10)
    result = await applied(with_provider(hidden_reads=1_000), time)
    assert type(result.error) is CallFailed
    assert f"create role {NAME}" in result.error.what
    assert len(time.waits) == 3  # after 30 seconds it is not waited for any more
    assert len(result.writes) == 1


async def test_write_that_somebody_takes_back_later_is_done_again(whole: GroupFound) -> None:
    place, time = with_provider(), TurnedTime()
    group = planned(place)

    async def read() -> GroupFound:
        time.seconds += 10
        if len(place.calls) == WRITES and place.found.role is not None:
            place.found = replace(place.found, role=replace(place.found.role, managed=MANAGED[1:]))
        return place.state()

    (result,) = await Applying(place.cluster, place, pacing=time.pacing()).run([replace(group, read=read)])
    assert (result.error, len(result.writes), time.waits) == (None, WRITES + 1, [])
    assert place.found.role is not None
    assert set(place.found.role.managed) == set(MANAGED)


async def test_read_that_is_older_than_the_last_write_repeats_nothing(whole: GroupFound) -> None:
    place, time = with_provider(), TurnedTime()
    group = planned(place)
    seen: list[GroupFound] = []

    async def read() -> GroupFound:
        """Every second read shows what the one before showed."""
        seen.append(place.state() if len(seen) % 2 == 0 else seen[-1])
        return seen[-1]

    (result,) = await Applying(place.cluster, place, pacing=time.pacing()).run([replace(group, read=read)])
    assert result.error is None
    assert place.found == whole
    assert len(place.calls) == WRITES


@pytest.mark.parametrize(
    "problem",
    [
        NotThere(f"AWS refused iam:AttachRolePolicy: The role with name {NAME} cannot be found."),
        NotThere(f'AWS refused: Invalid principal in policy: "AWS":"{PLACE.role_arn(NAME)}"'),
        NotThere("AWS refused: Role provided in the request does not exist.", got=f"role {PLACE.role_arn(NAME)}"),
        Conflict(f"AWS refused iam:CreateRole: Role with name {NAME} already exists."),
    ],
    ids=["role", "principal", "eks", "exists"],
)
async def test_refusal_that_a_new_role_explains_is_waited_for(problem: CallFailed, whole: GroupFound) -> None:
    time = TurnedTime()
    place = with_provider(before=failing(2, 3, 4, error=lambda: problem))
    result = await applied(place, time)
    assert result.error is None
    assert place.found == whole
    assert len(time.waits) == 3


async def test_refusal_that_a_new_role_explains_ends_the_group_after_a_while() -> None:
    time = TurnedTime(tick=10)

    def refuse(number: int) -> None:
        if number > 1:
            raise NotThere(f"The role with name {NAME} cannot be found.")

    result = await applied(with_provider(before=refuse), time)
    assert isinstance(result.error, NotThere)
    assert len(time.waits) == 3  # after 30 seconds it is not waited for any more


async def test_role_of_another_group_explains_a_refusal_too(whole: GroupFound) -> None:
    time, place = TurnedTime(), with_provider()
    run = Applying(place.cluster, place, pacing=time.pacing())
    assert (await run.run([planned(place)]))[0].error is None
    refusals = iter([NotThere(f"{NAME} does not exist."), NotThere(f"{NAME} does not exist.")])

    def refuse(_number: int) -> None:
        for refusal in refusals:
            raise refusal

    place.found, place.before = replace(whole, associations={}), refuse
    (result,) = await run.run([planned(place)])
    assert (result.error, len(result.writes), time.waits) == (None, 1, [0.5, 1.0])


async def test_new_provider_explains_a_refusal_too(whole: GroupFound) -> None:
    time, place, written = TurnedTime(), with_provider(), list[AccountCall]()

    class Account(FaultyPlace):
        """Refuses the first role that names the new provider."""

        def call(self, call: AccountCall) -> None:
            written.append(call)
            if call.operation == "create_role" and len(written) == 2:
                raise NotThere(f'Invalid principal in policy: "Federated":"{PLACE.provider_arn}"')
            if call.operation != "create_open_id_connect_provider":
                place.call(call)

    async def read() -> Any:
        return PROVIDER if written else None

    provider = Replan("provider", read, lambda found: plan_provider(PLACE, found, (), PlanOptions(PLACE)).writes)
    run = Applying(place.cluster, Account(), pacing=time.pacing())
    for group in (provider, planned(place)):
        assert (await run.run([group]))[0].error is None
    assert (place.found, time.waits) == (whole, [0.5])


@pytest.mark.parametrize("other", [f"{NAME}-2", f"my-{NAME}", "policy x"])
async def test_refusal_that_names_another_object_is_not_waited_for(other: str) -> None:
    time = TurnedTime()
    place = with_provider(before=lambda number: _not_there(other) if number > 1 else None)
    result = await applied(place, time)
    assert isinstance(result.error, NotThere)
    assert time.waits == []


def _not_there(name: str) -> None:
    raise NotThere(f"The object {name} does not exist.")


async def test_conflict_is_read_again_and_the_change_is_kept(whole: GroupFound) -> None:
    assert whole.role is not None
    theirs = replace(whole.role, managed=(), tags={**whole.role.tags, "theirs": "x"})
    place = FaultyPlace(replace(whole, role=replace(theirs, inline={})))
    changes = iter([{"theirs": "y"}])

    def meanwhile(_number: int) -> None:
        for tags in changes:
            assert place.found.role is not None
            place.found = replace(place.found, role=replace(place.found.role, tags={**place.found.role.tags, **tags}))
            raise Conflict("The object was changed meanwhile.")

    place.before = meanwhile
    events = list[Progress]()
    result = await applied(place, progress=events.append)
    assert result.error is None
    assert place.found.role is not None
    assert place.found.role.tags["theirs"] == "y"
    assert replace(place.found.role, tags=whole.role.tags) == whole.role
    assert [event.step for event in events].count(ApplyStep.CHANGED) == 1


# Two commands on one role


def with_role() -> FaultyPlace:
    """A role of podrole's that trusts nobody of these tests yet."""
    place = with_provider()
    trust = new_trust_policy(Trust(frozenset({ServiceAccountName("shop", "first")})), PLACE)
    role = FoundRole(PLACE.role_arn(NAME), NAME, trust, tags=own_tags(PLACE, None))
    place.found = replace(place.found, role=role)
    return place


def of(name: str) -> RoleGroup:
    """What one command wants: that the role trusts this service account too."""
    account = WantedServiceAccount(ServiceAccountName("shop", name), WantedRole(), role_only=True)
    return RoleGroup(PLACE.role_arn(NAME), WantedRole(), (account,))


def trusted(place: FaultyPlace) -> set[str]:
    assert place.found.role is not None
    return {one.name for one in trust_of(place.found.role.trust_policy, PLACE).web_identity}


class Interleaved(FaultyPlace):
    """Another command adds "second" to what was there when this one began, at the moment ``moment``. With more
    ``times`` it adds others, and each time loses what this one added."""

    moment = ""
    times = 1

    def other(self) -> None:
        if self.times:
            self.times -= 1
            assert self.found.role is not None
            names = ["first", "second", *(f"more-{number}" for number in range(self.times))]
            trust = Trust(frozenset(ServiceAccountName("shop", name) for name in names))
            self.found = replace(self.found, role=replace(self.found.role, trust_policy=new_trust_policy(trust, PLACE)))

    def trust_policy(self, name: str) -> str | None:
        if self.moment == "before":
            self.other()
        return super().trust_policy(name)

    def call(self, call: AccountCall) -> None:
        super().call(call)
        if self.moment == "after":
            self.other()


async def added(place: FaultyPlace, events: list[Progress]) -> GroupResult:
    run = Applying(place.cluster, place, events.append, TurnedTime().pacing())
    (result,) = await run.run([planned(place, of("third"))])
    return result


def interleaved(moment: str, times: int = 1) -> Interleaved:
    place = Interleaved(with_role().found)
    place.moment, place.times = moment, times
    return place


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_two_commands_on_one_role_lose_no_statement(moment: str) -> None:
    place, events = interleaved(moment), list[Progress]()
    assert (await added(place, events)).error is None
    assert trusted(place) == {"first", "second", "third"}
    changed = [one.error.what for one in events if one.step is ApplyStep.CHANGED and one.error is not None]
    assert len(changed) == 1
    assert f"trust policy of role {NAME}" in changed[0]


async def test_a_command_whose_statement_is_lost_again_and_again_says_so() -> None:
    place = interleaved("after", times=100)
    error = (await added(place, [])).error
    assert isinstance(error, CallFailed)
    assert "so what this one had written was lost" in error.what
    assert len(place.calls) == 1 + MOST_LOST


async def test_a_trust_policy_that_nobody_else_changes_is_written_once() -> None:
    place, events = with_role(), list[Progress]()
    assert (await added(place, events)).error is None
    assert trusted(place) == {"first", "third"}
    assert len(place.calls) == 1
    assert [one.step for one in events] == [ApplyStep.WRITING, ApplyStep.WRITTEN, ApplyStep.FINISHED]


async def test_a_role_that_another_command_has_just_given_a_service_account_is_not_deleted() -> None:
    place = interleaved("before")
    lost = RoleGroup(PLACE.role_arn(NAME), None, lost_service_accounts=(ServiceAccountName("shop", "first"),))
    (result,) = await Applying(place.cluster, place, pacing=TurnedTime().pacing()).run([planned(place, lost)])
    assert result.error is None
    assert trusted(place) == {"second"}


async def test_same_conflict_twice_is_an_error_of_the_group() -> None:
    words = iter(["It was changed by eve.", "It was changed by mallory."])
    place = with_provider(before=failing(1, 2, error=lambda: Conflict(next(words))))
    result = await applied(place)
    assert isinstance(result.error, Conflict)
    assert len(place.calls) == 2


async def test_conflict_that_alternates_with_another_refusal_ends_too() -> None:
    def refuse(number: int) -> None:
        raise Conflict("It was changed.") if number % 2 else NotThere("It is gone.")

    place = with_provider(before=refuse)
    assert isinstance((await applied(place)).error, Conflict)
    assert len(place.calls) == 3


async def test_conflicts_of_different_writes_are_each_read_again(whole: GroupFound) -> None:
    place = with_provider(before=failing(2, 4, 6, error=lambda: Conflict("The object was changed meanwhile.")))
    assert (await applied(place)).error is None
    assert place.found == whole


async def test_namespace_that_another_group_has_just_created_is_no_error(whole: GroupFound) -> None:
    place = with_provider()

    def meanwhile(number: int) -> None:
        if number == WRITES - 2:
            place.found = replace(place.found, namespaces=frozenset({"shop"}))
            raise Conflict('namespaces "shop" already exists')

    place.before = meanwhile
    assert (await applied(place)).error is None
    assert place.found == whole


async def test_one_groups_failure_leaves_the_others_alone() -> None:
    refused = PermissionMissing("The permission iam:TagRole is missing.")
    written: list[str] = []

    class Account(FaultyPlace):
        """Refuses to change one role."""

        def call(self, call: AccountCall) -> None:
            if call.parameters["RoleName"] == "refused":
                raise refused
            written.append(call.parameters["RoleName"])

    def group(name: str) -> Replan[bool]:
        async def read() -> bool:
            return name in written

        write = PlannedWrite(
            WriteKind.CHANGE, name, "tags", None, "x", AccountCall("iam", "tag_role", {"RoleName": name})
        )
        return Replan(name, read, lambda done: [] if done else [write])

    place, events = Account(), list[Progress]()
    groups = [group(name) for name in ("one", "refused", "two")]
    one, failed, two = await Applying(place.cluster, place, events.append).run(groups)
    assert [event.error for event in events if event.step is ApplyStep.FAILED] == [refused]
    assert (failed.error, failed.writes) == (refused, ())
    assert (one.error, len(one.writes), two.error, len(two.writes)) == (None, 1, None, 1)


async def test_at_most_eight_groups_are_worked_on_at_a_time() -> None:
    place, active, most = with_provider(), 0, 0
    release = asyncio.Event()

    async def read() -> None:
        nonlocal active, most
        active += 1
        most = max(most, active)
        await release.wait()
        active -= 1

    groups = [Replan(f"group {number}", read, lambda _: ()) for number in range(20)]
    running = asyncio.create_task(Applying(place.cluster, place).run(groups))
    for _ in range(20):  # turns of the event loop: more than any group needs to begin
        await asyncio.sleep(0)
    assert active == 8
    release.set()
    assert [result.group for result in await running] == [group.name for group in groups]
    assert most == 8


async def test_provider_is_created_once_and_waited_for() -> None:
    place, time = FaultyPlace(), TurnedTime()
    written: list[AccountCall] = []

    class Account(FaultyPlace):
        """Takes the call."""

        def call(self, call: AccountCall) -> None:
            written.append(call)

    shown = iter([None, None, None, PROVIDER])

    async def read() -> Any:
        return next(shown)

    group = Replan("provider", read, lambda found: plan_provider(PLACE, found, (), PlanOptions(PLACE)).writes)
    (result,) = await Applying(place.cluster, Account(), pacing=time.pacing()).run([group])
    assert (result.error, len(result.writes), time.waits) == (None, 1, [0.5, 1.0])
    assert len(written) == 1


async def test_group_that_never_ends_is_an_error() -> None:
    place, number = with_provider(), 0

    async def read() -> int:
        nonlocal number
        number += 1
        return number

    def plan(number: int) -> list[PlannedWrite]:
        call = AccountCall("iam", "tag_role", {"RoleName": NAME, "Tags": [{"Key": "n", "Value": str(number)}]})
        return [PlannedWrite(WriteKind.CHANGE, f"role {NAME}", "tags", None, str(number), call)]

    place.found = replace(place.found, role=FoundRole(PLACE.role_arn(NAME), NAME, "{}"))
    (result,) = await Applying(place.cluster, place, pacing=TurnedTime().pacing()).run([Replan("g", read, plan)])
    assert (number, len(result.writes)) == (2_000, 2_000)
    assert isinstance(result.error, SetupError)
    assert "did not come to an end" in result.error.what
