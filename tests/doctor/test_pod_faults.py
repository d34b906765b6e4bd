"""Every fault of one service account and its pod: found by its code, repaired by what the remedy says, and then the pod
has its identity. One world holds them all, so that it is quick; of several ailments of one code the first is treated.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from podrole.doctor.chain import Diagnosis
from podrole.doctor.report.findings import Finding, Severity
from support.broken_world import BrokenWorld
from support.faults import FAULTS, Fault

pytestmark = pytest.mark.timeout(300)  # the fixture runs kubectl and aws some two hundred times
AT_ONCE = 4
MOST_REMEDIES = 3
"""An ailment may show a second code once the first is repaired, such as a pod that has to be made anew."""


@dataclass
class RepairOutcome:
    """What happened to one ailment."""

    first: Diagnosis | None = None
    last: Diagnosis | None = None
    repaired: list[str] = field(default_factory=list)
    problem: BaseException | None = None
    recreated: bool = False
    phase: str = ""
    log: str = ""


def found(diagnosis: Diagnosis, code: str) -> Finding | None:
    return next((one for one in (*diagnosis.faults, *diagnosis.risks) if one.code == code), None)


def pod_of(one: Fault, outcome: RepairOutcome) -> str:
    """Return the pod that has to have its identity in the end: where no remedy made it anew, another one like it."""
    return f"{one.name}-after" if one.account or not outcome.recreated else one.name


REPAIRED = [*{one.code: one for one in reversed(FAULTS)}.values(), *(one for one in FAULTS if one.repaired)]


def repair(world: BrokenWorld, one: Fault, outcome: RepairOutcome) -> None:
    """Do what the doctor says until it has nothing more to say."""
    target = f"{world.namespace}/serviceaccount/{one.name}" if one.account else f"{world.namespace}/{one.name}"
    outcome.first = diagnosis = world.examine(target)
    for _ in range(MOST_REMEDIES if one in REPAIRED else 0):
        wanted = found(diagnosis, one.code) or next(iter(diagnosis.faults), None)
        if wanted is None:
            break
        outcome.repaired.append(wanted.code)
        outcome.recreated |= "replace --force" in world.repair(wanted)
        diagnosis = world.examine(target)
    outcome.last = diagnosis


@pytest.fixture(scope="module")
def outcomes(world: BrokenWorld) -> dict[str, RepairOutcome]:
    """All ailments made, found and treated."""
    for one in FAULTS:
        one.make(world, one.name)
    world.wait_until_ended([one.name for one in FAULTS if not one.account])
    world.open()
    all_outcomes = {one.name: RepairOutcome() for one in FAULTS}

    def follow(one: Fault) -> None:
        outcome = all_outcomes[one.name]
        try:
            repair(world, one, outcome)
            if one not in REPAIRED:
                return
            if one.account:
                world.pod(pod_of(one, outcome), one.name)
            elif not outcome.recreated:
                world.copy(one.name, pod_of(one, outcome))
        except BaseException as problem:  # noqa: BLE001 - it is that ailment's test that fails
            outcome.problem = problem

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(follow, FAULTS))
    going = [(one, all_outcomes[one.name]) for one in REPAIRED if all_outcomes[one.name].problem is None]
    phases = world.wait_until_ended([pod_of(one, outcome) for one, outcome in going])
    for one, outcome in going:
        outcome.phase = phases.get(pod_of(one, outcome), "")
        outcome.log = world.logs(pod_of(one, outcome))
    return all_outcomes


def each(faults: list[Fault]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("one", faults, ids=lambda one: f"{one.code}-{one.name}")


@each(FAULTS)
def test_the_fault_is_found_and_nothing_else(outcomes: dict[str, RepairOutcome], one: Fault) -> None:
    outcome = outcomes[one.name]
    assert outcome.first is not None, outcome.problem
    codes = {each.code for each in (*outcome.first.faults, *outcome.first.risks)}
    assert one.code in codes
    assert codes <= {one.code, *one.also}


@each(REPAIRED)
def test_what_the_remedy_says_repairs_it(outcomes: dict[str, RepairOutcome], one: Fault) -> None:
    outcome = outcomes[one.name]
    assert outcome.problem is None, outcome.problem
    assert outcome.last is not None
    assert found(outcome.last, one.code) is None
    assert outcome.last.exit_code == 0, [verdict.why for verdict in outcome.last.verdicts]
    assert outcome.repaired == [one.code], "one remedy is enough"


@each(REPAIRED)
def test_the_pod_has_its_identity_then(outcomes: dict[str, RepairOutcome], one: Fault) -> None:
    outcome = outcomes[one.name]
    first = outcome.first
    if first is not None and not first.faults:
        assert all(risk.severity is Severity.RISK for risk in first.risks)
    assert outcome.phase == "Succeeded", outcome.log
    assert ":assumed-role/" in outcome.log
