"""Every fault of one service account and its pod is found by its code and repaired by its remedy; then the pod has its
identity. One world has all faults, so that the tests are quick; of several faults with one code the first is repaired.
``make test`` repairs one fault of each kind of remedy, ``make soak`` all.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from podrole.doctor.chain import Diagnosis
from podrole.doctor.report.findings import Finding, Severity
from support.broken_world import BrokenWorld
from support.faults import FAULTS, Fault

pytestmark = pytest.mark.timeout(900)  # the fixture runs kubectl and aws some two hundred times
AT_ONCE = 4
MOST_REMEDIES = 3
"""A fault can show a second code after the first is repaired, such as a pod that must be created again."""


@dataclass
class RepairOutcome:
    """What happened to one fault."""

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
    """Return the pod that must have its identity in the end: a copy, unless a remedy recreated the pod."""
    return f"{one.name}-after" if one.account or not outcome.recreated else one.name


REPAIRED = [*{one.code: one for one in reversed(FAULTS)}.values(), *(one for one in FAULTS if one.repaired)]
SAMPLE = {"PR101", "PR102", "PR105", "PR207", "PR301", "PR302", "PR601", "PR602", "PR609", "PR611", "PR651"}
"""The codes that ``make test`` repairs: an account, its annotation, a pod, its variables, a role, its trust policy."""


def examine(world: BrokenWorld, one: Fault, outcome: RepairOutcome, *, repaired: bool) -> None:
    """Examine, and run the doctor's remedies until it finds no fault."""
    target = f"{world.namespace}/serviceaccount/{one.name}" if one.account else f"{world.namespace}/{one.name}"
    outcome.first = diagnosis = world.examine(target)
    for _ in range(MOST_REMEDIES if repaired else 0):
        wanted = found(diagnosis, one.code) or next(iter(diagnosis.faults), None)
        if wanted is None:
            break
        outcome.repaired.append(wanted.code)
        outcome.recreated |= "replace --force" in world.repair(wanted)
        diagnosis = world.examine(target)
    outcome.last = diagnosis


@pytest.fixture(scope="module")
def outcomes(world: BrokenWorld, request: pytest.FixtureRequest) -> dict[str, RepairOutcome]:
    """All faults made and found, and those repaired whose repair is tested."""
    tests = [item for item in request.session.items if isinstance(item, pytest.Function) and item.path == request.path]
    tested = [item.callspec.params["one"] for item in tests if item.originalname in OF_REPAIRS]
    repaired = [one for one in REPAIRED if one in tested]
    for one in FAULTS:
        one.make(world, one.name)
    world.wait_until_ended([one.name for one in FAULTS if not one.account])
    world.open()
    all_outcomes = {one.name: RepairOutcome() for one in FAULTS}

    def follow(one: Fault) -> None:
        outcome = all_outcomes[one.name]
        try:
            examine(world, one, outcome, repaired=one in repaired)
            if one not in repaired:
                return
            if one.account:
                world.pod(pod_of(one, outcome), one.name)
            elif not outcome.recreated:
                world.copy(one.name, pod_of(one, outcome))
        except BaseException as problem:  # noqa: BLE001 - the test of that fault fails
            outcome.problem = problem

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(follow, FAULTS))
    going = [(one, all_outcomes[one.name]) for one in repaired if all_outcomes[one.name].problem is None]
    phases = world.wait_until_ended([pod_of(one, outcome) for one, outcome in going])
    for one, outcome in going:
        outcome.phase = phases.get(pod_of(one, outcome), "")
        outcome.log = world.logs(pod_of(one, outcome))
    return all_outcomes


def named(one: Fault) -> str:
    return f"{one.code}-{one.name}"


each_repaired = pytest.mark.parametrize(
    "one", [one if one.code in SAMPLE else pytest.param(one, marks=pytest.mark.soak) for one in REPAIRED], ids=named
)


@pytest.mark.parametrize("one", FAULTS, ids=named)
def test_fault_is_found_and_no_other(outcomes: dict[str, RepairOutcome], one: Fault) -> None:
    outcome = outcomes[one.name]
    assert outcome.first is not None, outcome.problem
    codes = {each.code for each in (*outcome.first.faults, *outcome.first.risks)}
    assert one.code in codes
    assert codes <= {one.code, *one.also}


@each_repaired
def test_remedy_repairs_the_fault(outcomes: dict[str, RepairOutcome], one: Fault) -> None:
    outcome = outcomes[one.name]
    assert outcome.problem is None, outcome.problem
    assert outcome.last is not None
    assert found(outcome.last, one.code) is None
    assert outcome.last.exit_code == 0, [verdict.why for verdict in outcome.last.verdicts]
    assert outcome.repaired == [one.code], "one remedy is enough"


@each_repaired
def test_pod_has_its_identity_after_the_repair(outcomes: dict[str, RepairOutcome], one: Fault) -> None:
    outcome = outcomes[one.name]
    first = outcome.first
    if first is not None and not first.faults:
        assert all(risk.severity is Severity.RISK for risk in first.risks)
    assert outcome.phase == "Succeeded", outcome.log
    assert ":assumed-role/" in outcome.log


OF_REPAIRS = {test_remedy_repairs_the_fault.__name__, test_pod_has_its_identity_after_the_repair.__name__}
