"""What makes metadata invalid: each rule has a case in which it alone refuses."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.cluster.validation.metadata import (
    MAX_ANNOTATION_BYTES,
    validate_annotations,
    validate_labels,
    validate_metadata,
    validate_metadata_update,
)
from podrole.kube.names import label

Faults = list[tuple[str, str]]
OWNER = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u"}


def told(errors: Any) -> Faults:
    return [(one.field.removeprefix("metadata."), one.reason.removeprefix("FieldValue")) for one in errors]


def owners(*references: Any) -> dict[str, Any]:
    return {"name": "a", "ownerReferences": list(references)}


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"name": "a"}, []),
        ({}, [("name", "Required")]),
        ({"name": ""}, [("name", "Required")]),
        ({"name": "A"}, [("name", "Invalid")]),
        ({"name": "a", "generateName": "a-"}, []),
        ({"name": "a", "generateName": "A-"}, [("generateName", "Invalid")]),
        ({"name": "a", "labels": {"a": "b"}, "annotations": {"A": " "}, "finalizers": ["x.io/a"]}, []),
        ({"name": "a", "labels": {"-": "b"}}, [("labels", "Invalid")]),
        ({"name": "a", "labels": {"a": "-"}}, [("labels", "Invalid")]),
        ({"name": "a", "annotations": {"-": "b"}}, [("annotations", "Invalid")]),
        ({"name": "a", "finalizers": ["a", "-"]}, [("finalizers[1]", "Invalid")]),
        (owners(OWNER, OWNER), []),
        *((owners(OWNER, {**OWNER, part: ""}), [(f"ownerReferences[1].{part}", "Invalid")]) for part in OWNER),
        (owners({**OWNER, "controller": True}, {**OWNER, "controller": False}), []),
        (owners({**OWNER, "controller": True}, {**OWNER, "controller": True}), [("ownerReferences", "Invalid")]),
    ],
)
def test_metadata_of_a_new_object(metadata: dict[str, Any], expected: Faults) -> None:
    assert told(validate_metadata({"metadata": metadata}, label)) == expected


DELETED = {"name": "a", "deletionTimestamp": "t"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"name": "a"}, {"name": "a", "labels": {"a": "b"}}, []),
        ({"name": "a"}, {"name": "a", "labels": {"-": "b"}}, [("labels", "Invalid")]),
        *(
            ({}, {field: "x"}, [(field, "Invalid")])
            for field in ("name", "namespace", "uid", "creationTimestamp", "deletionGracePeriodSeconds")
        ),
        ({}, {"deletionTimestamp": "t"}, [("deletionTimestamp", "Invalid")]),
        ({}, {"finalizers": ["a"]}, []),
        ({**DELETED, "finalizers": ["a", "b"]}, {**DELETED, "finalizers": ["b"]}, []),
        (DELETED, {**DELETED, "finalizers": ["a"]}, [("finalizers", "Forbidden")]),
        ({**DELETED, "finalizers": ["a"]}, {**DELETED, "finalizers": ["a", "b"]}, [("finalizers", "Forbidden")]),
        ({**DELETED, "finalizers": ["a"]}, DELETED, []),
    ],
)
def test_metadata_of_an_update(old: dict[str, Any], new: dict[str, Any], expected: Faults) -> None:
    assert told(validate_metadata_update({"metadata": new}, {"metadata": old})) == expected


def test_key_of_an_annotation_may_have_capitals_in_its_prefix() -> None:
    assert told(validate_annotations({"Example.COM/a": "b"}, "f")) == []
    assert told(validate_labels({"Example.COM/a": "b"}, "f")) == [("f", "Invalid")]


def test_annotations_have_256_kib_together() -> None:
    assert MAX_ANNOTATION_BYTES == 262_144
    text = "é" * (MAX_ANNOTATION_BYTES // 4 - 1)
    assert told(validate_annotations({"a": text, "b": f"{text}xx"}, "f")) == []
    assert told(validate_annotations({"a": text, "b": f"{text}xxx"}, "f")) == [("f", "TooLong")]


def test_owner_that_controls_is_named() -> None:
    references = [{**OWNER, "controller": True}, {**OWNER, "name": "q", "controller": True}]
    (found,) = validate_metadata({"metadata": owners(*references)}, label)
    assert found.message.endswith("p and q")
