"""Every fault of one service account and its pod: found by its code, repaired by what the remedy says, and then the pod
has its identity. One world holds them all, so that it is quick; of several ailments of one code the first is treated.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from podrole.doctor.chain import Diagnosis
from podrole.doctor.report.findings import Finding, Severity
from support.broken_world import Clinic
from support.faults import AILMENTS, Ailment

pytestmark = pytest.mark.timeout(300)  # the fixture runs kubectl and aws some two hundred times
AT_ONCE = 4
MOST_REMEDIES = 3
"""An ailment may show a second code once the first is repaired, such as a pod that has to be made anew."""


@dataclass
class Course:
    """What happened to one ailment."""

    first: Diagnosis | None = None
    last: Diagnosis | None = None
    treated: list[str] = field(default_factory=list)
    problem: BaseException | None = None
    anew: bool = False
    phase: str = ""
    log: str = ""


def found(diagnosis: Diagnosis, code: str) -> Finding | None:
    return next((one for one in (*diagnosis.faults, *diagnosis.risks) if one.code == code), None)


def pod_of(one: Ailment, course: Course) -> str:
    """Return the pod that has to have its identity in the end: where no remedy made it anew, another one like it."""
    return f"{one.name}-after" if one.account or not course.anew else one.name


TREATED = [*{one.code: one for one in reversed(AILMENTS)}.values(), *(one for one in AILMENTS if one.treated)]


def treat(clinic: Clinic, one: Ailment, course: Course) -> None:
    """Do what the doctor says until it has nothing more to say."""
    target = f"{clinic.namespace}/serviceaccount/{one.name}" if one.account else f"{clinic.namespace}/{one.name}"
    course.first = diagnosis = clinic.examine(target)
    for _ in range(MOST_REMEDIES if one in TREATED else 0):
        wanted = found(diagnosis, one.code) or next(iter(diagnosis.faults), None)
        if wanted is None:
            break
        course.treated.append(wanted.code)
        course.anew |= "replace --force" in clinic.treat(wanted)
        diagnosis = clinic.examine(target)
    course.last = diagnosis


@pytest.fixture(scope="module")
def courses(clinic: Clinic) -> dict[str, Course]:
    """All ailments made, found and treated."""
    for one in AILMENTS:
        one.make(clinic, one.name)
    clinic.wait_until_ended([one.name for one in AILMENTS if not one.account])
    clinic.open()
    all_courses = {one.name: Course() for one in AILMENTS}

    def follow(one: Ailment) -> None:
        course = all_courses[one.name]
        try:
            treat(clinic, one, course)
            if one not in TREATED:
                return
            if one.account:
                clinic.pod(pod_of(one, course), one.name)
            elif not course.anew:
                clinic.copy(one.name, pod_of(one, course))
        except BaseException as problem:  # noqa: BLE001 - it is that ailment's test that fails
            course.problem = problem

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(follow, AILMENTS))
    going = [(one, all_courses[one.name]) for one in TREATED if all_courses[one.name].problem is None]
    phases = clinic.wait_until_ended([pod_of(one, course) for one, course in going])
    for one, course in going:
        course.phase = phases.get(pod_of(one, course), "")
        course.log = clinic.logs(pod_of(one, course))
    return all_courses


def each(ailments: list[Ailment]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("one", ailments, ids=lambda one: f"{one.code}-{one.name}")


@each(AILMENTS)
def test_the_fault_is_found_and_nothing_else(courses: dict[str, Course], one: Ailment) -> None:
    course = courses[one.name]
    assert course.first is not None, course.problem
    codes = {each.code for each in (*course.first.faults, *course.first.risks)}
    assert one.code in codes
    assert codes <= {one.code, *one.also}


@each(TREATED)
def test_what_the_remedy_says_repairs_it(courses: dict[str, Course], one: Ailment) -> None:
    course = courses[one.name]
    assert course.problem is None, course.problem
    assert course.last is not None
    assert found(course.last, one.code) is None
    assert course.last.exit_code == 0, [verdict.why for verdict in course.last.verdicts]
    assert course.treated == [one.code], "one remedy is enough"


@each(TREATED)
def test_the_pod_has_its_identity_then(courses: dict[str, Course], one: Ailment) -> None:
    course = courses[one.name]
    first = course.first
    if first is not None and not first.faults:
        assert all(risk.severity is Severity.RISK for risk in first.risks)
    assert course.phase == "Succeeded", course.log
    assert ":assumed-role/" in course.log
