"""What of a running pod may change: each rule has a case in which it alone refuses."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.validation.pod_updates import validate_pod_update

Object = dict[str, Any]
TOLERATION = {"key": "a", "operator": "Exists", "tolerationSeconds": 1}


def spec(**changed: Any) -> Object:
    given = {
        "containers": [{"name": "c", "image": "i"}],
        "initContainers": [{"name": "d", "image": "i"}],
        "serviceAccountName": "a",
        **changed,
    }
    return {key: value for key, value in given.items() if value is not None}


def faults(old: Object, new: Object) -> list[tuple[str, str]]:
    found = validate_pod_update({"spec": new}, {"spec": old})
    return [(one.field.removeprefix("spec."), one.reason.removeprefix("FieldValue")) for one in found]


def containers(*images: str, kind: str = "containers") -> Object:
    return {kind: [{"name": f"c{number}", "image": image} for number, image in enumerate(images)]}


FIXED = [("spec", "Forbidden")]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (spec(), spec(), []),
        (spec(**containers("")), spec(**containers("")), []),  # what did not change is not checked again
        (spec(**containers("a", "b")), spec(**containers("c", "d")), []),
        (spec(**containers("a", kind="initContainers")), spec(**containers("b", kind="initContainers")), []),
        (spec(**containers("a")), spec(**containers("a", "b")), [("containers", "Forbidden")]),
        (spec(**containers("a", "b")), spec(**containers("a")), [("containers", "Forbidden")]),
        (spec(), spec(initContainers=None), [("initContainers", "Forbidden")]),
        (spec(initContainers=None), spec(), [("initContainers", "Forbidden")]),
        (spec(**containers("a", "b")), spec(**containers("a", "")), [("containers[1].image", "Required")]),
        (
            spec(**containers("a", kind="initContainers")),
            spec(**containers("", kind="initContainers")),
            [("initContainers[0].image", "Required")],
        ),
        # what may change beside images
        (spec(), spec(activeDeadlineSeconds=5), []),
        (spec(activeDeadlineSeconds=5), spec(activeDeadlineSeconds=5, tolerations=[]), []),
        (spec(activeDeadlineSeconds=5), spec(activeDeadlineSeconds=4), []),
        (spec(activeDeadlineSeconds=5), spec(activeDeadlineSeconds=6), [("activeDeadlineSeconds", "Invalid")]),
        (spec(activeDeadlineSeconds=5), spec(), [("activeDeadlineSeconds", "Invalid")]),
        (spec(), spec(tolerations=[TOLERATION]), []),
        (spec(tolerations=[TOLERATION]), spec(tolerations=[{**TOLERATION, "tolerationSeconds": 2}, {"key": "b"}]), []),
        (spec(tolerations=[TOLERATION]), spec(), [("tolerations", "Forbidden")]),
        (
            spec(tolerations=[TOLERATION]),
            spec(tolerations=[{**TOLERATION, "key": "b"}]),
            [("tolerations", "Forbidden")],
        ),
        (spec(schedulingGates=[{"name": "g"}]), spec(), []),
        (spec(serviceAccount="a"), spec(serviceAccount="b"), []),
        (spec(terminationGracePeriodSeconds=-1), spec(terminationGracePeriodSeconds=1), []),
        # and what may not
        (spec(terminationGracePeriodSeconds=-1), spec(terminationGracePeriodSeconds=2), FIXED),
        (spec(terminationGracePeriodSeconds=0), spec(terminationGracePeriodSeconds=1), FIXED),
        (spec(), spec(serviceAccountName="b"), FIXED),
        (spec(), spec(nodeName="n"), FIXED),
        (spec(initContainers=None), spec(initContainers=None, nodeName="n"), FIXED),
        (spec(), spec(containers=[{"name": "x", "image": "i"}]), FIXED),
        (spec(), spec(initContainers=[{"name": "x", "image": "i"}]), FIXED),
    ],
)
def test_what_of_a_pod_may_change(old: Object, new: Object, expected: list[tuple[str, str]]) -> None:
    assert faults(old, new) == expected


def test_refusal_shows_the_difference_with_three_lines_around_it() -> None:
    old, new = spec(nodeName="a"), spec(nodeName="b")
    (found,) = validate_pod_update({"spec": new}, {"spec": old})
    _, _, difference = found.message.partition("\n")
    lines = difference.split("\n")
    assert lines[0].startswith("@@ -")
    assert ' "nodeName": "a",' in [line[1:] for line in lines if line.startswith("-")]
    assert ' "nodeName": "b",' in [line[1:] for line in lines if line.startswith("+")]
    assert len([line for line in lines if line.startswith(" ")]) == 5
    assert lines[-1] == ""
