"""The status of a CustomResourceDefinition: its names, whether it is established and approved, its stored versions."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.kinds.definition_status import (
    APPROVED,
    approval,
    is_established,
    is_protected,
    names_accepted,
    settled_status,
    version_order,
)

NAMES = {"plural": "cats", "singular": "cat", "shortNames": ["ct"], "kind": "Cat", "listKind": "CatList"}
ACCEPTED = ("NamesAccepted", "True", "NoConflicts", "no conflicts found")
ESTABLISHED = ("Established", "True", "InitialNamesAccepted", "the initial names have been accepted")
NOT_ESTABLISHED = ("Established", "False", "NotAccepted", "not all names are accepted")


def definition(status: Any = None, group: str = "zoo.example", **names: Any) -> dict[str, Any]:
    versions = [{"name": "v2", "storage": True}, {"name": "v1", "storage": False}]
    spec = {"group": group, "names": {**NAMES, **names}, "versions": versions}
    return {"metadata": {}, "spec": spec, "status": status}


def other(group: str = "zoo.example", **names: Any) -> dict[str, Any]:
    return {"metadata": {}, "spec": {"group": group}, "status": {"acceptedNames": names}}


def conditions(status: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    return [(one["type"], one["status"], one["reason"], one["message"]) for one in status["conditions"]]


def test_versions_are_sorted_from_the_most_to_the_least_preferred() -> None:
    ordered = ["v10", "v2", "v1", "v3beta1", "v2beta10", "v2beta2", "v12alpha1", "v11alpha2", "v0", "v1gamma1", "x1"]
    ordered += ["y", "yv1"]
    assert sorted([*ordered[5:], *ordered[:5]], key=version_order) == ordered


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        ("k8s.io", True),
        ("kubernetes.io", True),
        ("a.k8s.io", True),
        ("a.b.kubernetes.io", True),
        ("notk8s.io", False),
        ("k8s.io.example", False),
    ],
)
def test_groups_of_the_community_are_protected(group: str, expected: bool) -> None:
    assert is_protected(group) is expected


@pytest.mark.parametrize(
    ("annotations", "state", "text"),
    [
        (None, "missing", "protected groups must have approval annotation"),
        ({}, "missing", "protected groups must have approval annotation"),
        ({APPROVED: ""}, "missing", "protected groups must have approval annotation"),
        ({APPROVED: "unapproved, for a test"}, "bypassed", 'not approved: "unapproved, for a test"'),
        ({APPROVED: "https://a.example/1"}, "approved", "approved in https://a.example/1"),
        ({APPROVED: "https:1"}, "invalid", 'with either a URL or a reason starting with "unapproved"'),
        ({APPROVED: "//a.example/1"}, "invalid", 'with either a URL or a reason starting with "unapproved"'),
        ({APPROVED: "https://[a"}, "invalid", 'with either a URL or a reason starting with "unapproved"'),
    ],
)
def test_the_approval_of_a_definition(annotations: Any, state: str, text: str) -> None:
    found, why = approval({"metadata": {"annotations": annotations}})
    assert found == state
    assert text in why


@pytest.mark.parametrize(
    ("status", "established", "accepted"),
    [
        (None, False, False),
        ({"conditions": None}, False, False),
        ({"conditions": [{"type": "Established", "status": "True"}]}, True, False),
        ({"conditions": [{"type": "Established", "status": "False"}]}, False, False),
        (
            {"conditions": [{"type": "Other", "status": "True"}, {"type": "NamesAccepted", "status": "True"}]},
            False,
            True,
        ),
    ],
)
def test_what_the_conditions_say(status: Any, established: bool, accepted: bool) -> None:
    body = {"status": status}
    assert (is_established(body), names_accepted(body)) == (established, accepted)


def test_a_definition_without_conflicts_is_established() -> None:
    others = [
        other("other.example", **NAMES),
        other(plural="dogs", kind="Dog"),
        {"metadata": {}, "spec": {"group": "zoo.example"}, "status": None},
    ]
    status = settled_status(definition(categories=["all"]), others, "now")
    assert conditions(status) == [ACCEPTED, ESTABLISHED]
    assert status["acceptedNames"] == {**NAMES, "categories": ["all"]}
    assert status["storedVersions"] == ["v2"]


@pytest.mark.parametrize(
    ("taken", "reason", "message", "missing"),
    [
        ({"plural": "cats"}, "PluralConflict", '"cats" is already in use', "plural"),
        ({"singular": "cat"}, "SingularConflict", '"cat" is already in use', "singular"),
        ({"shortNames": ["ct"]}, "ShortNamesConflict", '"ct" is already in use', "shortNames"),
        ({"plural": "ct"}, "ShortNamesConflict", '"ct" is already in use', "shortNames"),
        ({"kind": "Cat"}, "KindConflict", '"Cat" is already in use', "kind"),
        ({"kind": "CatList"}, "ListKindConflict", '"CatList" is already in use', "listKind"),
        ({"listKind": "CatList"}, "ListKindConflict", '"CatList" is already in use', "listKind"),
    ],
)
def test_a_name_that_is_taken_is_not_accepted(taken: dict[str, Any], reason: str, message: str, missing: str) -> None:
    status = settled_status(definition(), [other(**taken)], "now")
    assert conditions(status) == [("NamesAccepted", "False", reason, message), NOT_ESTABLISHED]
    expected: dict[str, Any] = {key: one for key, one in NAMES.items() if key != missing}
    expected |= {missing: ""} if missing in ("plural", "kind") else {}
    assert status["acceptedNames"] == expected


def test_the_last_conflict_is_named_with_all_its_names() -> None:
    body = definition(shortNames=["a", "b", "c"], singular="", listKind=None)
    status = settled_status(body, [other(plural="cats", shortNames=["a", "c"], singular="", kind="")], "now")
    assert conditions(status)[0] == (
        "NamesAccepted",
        "False",
        "ShortNamesConflict",
        '["a" is already in use, "c" is already in use]',
    )
    assert status["acceptedNames"] == {"plural": "", "kind": "Cat"}


def test_a_definition_keeps_the_names_that_it_has() -> None:
    mine = {**NAMES, "plural": "cats", "shortNames": ["a", "b"]}
    old = {"acceptedNames": mine, "conditions": [{"type": "Established", "status": "True"}], "storedVersions": ["v0"]}
    takers = [other(plural="cats", shortNames=["a", "x"], kind="Lion")]
    status = settled_status(definition(old, shortNames=["a", "b", "x"], kind="Lion"), takers, "now")
    assert conditions(status) == [
        ("NamesAccepted", "False", "KindConflict", '"Lion" is already in use'),
        ESTABLISHED,
    ]
    assert status["acceptedNames"] == mine
    assert status["storedVersions"] == ["v0", "v2"]


def test_names_that_a_definition_has_already_are_no_conflict() -> None:
    old = {"acceptedNames": {**NAMES, "shortNames": ["a"]}}
    takers = [other(plural="cats", shortNames=["a"], kind="Cat")]
    status = settled_status(definition(old, shortNames=["a", "b"]), takers, "now")
    assert conditions(status) == [ACCEPTED, ESTABLISHED]
    assert status["acceptedNames"]["shortNames"] == ["a", "b"]


def test_names_that_are_not_given_are_no_conflict() -> None:
    status = settled_status(definition(singular="", listKind=None), [other(plural="dogs", singular="")], "now")
    assert conditions(status) == [ACCEPTED, ESTABLISHED]
    assert status["acceptedNames"] == {"plural": "cats", "shortNames": ["ct"], "kind": "Cat"}


@pytest.mark.parametrize("stored", [["v2"], ["v1", "v2"]])
def test_a_stored_version_is_noted_once(stored: list[str]) -> None:
    assert settled_status(definition({"storedVersions": stored}), [], "now")["storedVersions"] == stored


@pytest.mark.parametrize(
    ("annotation", "status", "reason"),
    [
        ("https://a.example/1", "True", "ApprovedAnnotation"),
        ("unapproved", "False", "UnapprovedAnnotation"),
        ("", "False", "MissingAnnotation"),
        ("yes", "False", "MissingAnnotation"),
    ],
)
def test_a_definition_of_a_protected_group_says_whether_it_is_approved(
    annotation: str, status: str, reason: str
) -> None:
    body = definition(group="a.k8s.io")
    body["metadata"]["annotations"] = {APPROVED: annotation}
    found = conditions(settled_status(body, [], "now"))
    assert found[:2] == [ACCEPTED, ESTABLISHED]
    assert found[2] == ("KubernetesAPIApprovalPolicyConformant", status, reason, approval(body)[1])


def test_a_condition_keeps_its_time_until_it_changes() -> None:
    old = [
        {"type": "NamesAccepted", "status": "True", "lastTransitionTime": "before"},
        {"type": "Established", "status": "False", "lastTransitionTime": "before"},
    ]
    status = settled_status(definition({"conditions": old}), [], "now")
    assert [one["lastTransitionTime"] for one in status["conditions"]] == ["before", "now"]
