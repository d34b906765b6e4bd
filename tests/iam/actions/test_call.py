"""What every rule reads a call with: values at a path, ARNs of the caller's place, permissions without duplicates."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.iam.actions.call import Call, LaunchVolumes, Permission, distinct, find
from support.calls import ACCOUNT, REGION, call

ONE, OTHER = Permission("a:B"), Permission("a:C")


def test_what_is_not_said_of_a_call_and_of_a_permission() -> None:
    assert not Call("s3", "s3", "GetObject", {}, ACCOUNT, REGION).tls
    assert (ONE.resource, ONE.partial, ONE.exists, ONE.unknown) == ("*", False, True, ())
    assert not LaunchVolumes().encrypted


@pytest.mark.parametrize(
    ("place", "arn"),
    [
        ({}, f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"),
        ({"region": "eu-west-1"}, f"arn:aws:sqs:eu-west-1:{ACCOUNT}:q"),
        ({"region": ""}, f"arn:aws:sqs::{ACCOUNT}:q"),
        ({"account": "1"}, f"arn:aws:sqs:{REGION}:1:q"),
        ({"account": ""}, f"arn:aws:sqs:{REGION}::q"),
    ],
)
def test_an_arn_is_of_the_callers_place(place: dict[str, str], arn: str) -> None:
    assert call("sqs", "SendMessage", {}).arn("sqs", "q", **place) == arn


@pytest.mark.parametrize(
    ("needed", "expected"),
    [
        ([], []),
        ([ONE], [ONE]),
        ([ONE, ONE], [ONE]),
        ([ONE, OTHER, ONE], [ONE, OTHER]),
    ],
)
def test_permissions_are_asked_once(needed: list[Permission], expected: list[Permission]) -> None:
    assert distinct(needed) == expected


@pytest.mark.parametrize(
    ("parameters", "path", "expected"),
    [
        ({"A": "x"}, "A", ["x"]),
        ({"A": ""}, "A", []),
        ({"A": None}, "A", []),
        ({}, "A", []),
        ("x", "A", []),
        ({"A": {"B": "x"}}, "A.B", ["x"]),
        ({"A": {"B": {"C": "x"}}}, "A.B.C", ["x"]),
        ({"A": ["x", "y"]}, "A", ["x", "y"]),
        ({"A": ["x", "y"]}, "A[]", ["x", "y"]),
        ({"A": "xy"}, "A[]", ["xy"]),
        ({"A": [["x"], ["y"]]}, "A[]", [["x"], ["y"]]),
        ({"A": [{"B": "x"}, {"B": "y"}, None]}, "A[].B", ["x", "y"]),
        ({"A": {"k": "x", "l": "y"}}, "A{}", ["x", "y"]),
        ({"A": {"k": {"B": "x"}}}, "A{}.B", ["x"]),
        ({"A": "x"}, "A{}", []),
        ({"A": {"k": [{"B": "x"}]}}, "A{}[].B", ["x"]),
    ],
)
def test_values_are_found_at_a_path(parameters: Any, path: str, expected: list[Any]) -> None:
    assert find(parameters, path.split(".")) == expected
