"""Tags: what IAM refuses, with AWS's code, status and text."""

from __future__ import annotations

import pytest

from support.iam_account import ANN, ARN, IAM, READER, Before, Given, Refusal, quota

REFUSED: dict[str, Refusal] = {
    "a 51st tag": (
        [("TagUser", {**ANN, "Tags": [{"Key": f"k{number}", "Value": ""} for number in range(50)]})],
        "TagUser",
        {**ANN, "Tags": [{"Key": "one more", "Value": ""}]},
        quota("TagsPerUser", 50),
    ),
    "a tag twice": (
        [],
        "TagRole",
        {**READER, "Tags": [{"Key": "a", "Value": ""}, {"Key": "A", "Value": ""}]},
        ("InvalidInput", 400, "Duplicate tag keys found. Please note that Tag keys are case insensitive."),
    ),
    "a tag of AWS": (
        [],
        "TagPolicy",
        {**ARN, "Tags": [{"Key": "AWS:x", "Value": ""}]},
        ("InvalidInput", 400, "System tags cannot be added/updated by requester"),
    ),
}


@pytest.mark.parametrize(("before", "operation", "given", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_is_refused(iam: IAM, before: Before, operation: str, given: Given, expected: tuple[str, int, str]) -> None:
    for name, arguments in before:
        iam(name, **arguments)
    assert iam.refused(operation, **given) == expected


@pytest.mark.parametrize(("kind", "given"), [("User", ANN), ("Role", READER), ("Policy", ARN)])
def test_tags_are_replaced_and_taken_away_in_any_case(iam: IAM, kind: str, given: Given) -> None:
    iam(f"Tag{kind}", **given, Tags=[{"Key": "b", "Value": "1"}, {"Key": "a", "Value": "2"}])
    iam(f"Tag{kind}", **given, Tags=[{"Key": "B", "Value": "3"}])
    assert iam(f"List{kind}Tags", **given)["Tags"] == [{"Key": "B", "Value": "3"}, {"Key": "a", "Value": "2"}]
    iam(f"Untag{kind}", **given, TagKeys=["b"])
    assert iam.listed(f"List{kind}Tags", "Key", **given) == ["a"]
