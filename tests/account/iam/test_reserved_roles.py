"""Roles that only AWS changes: what IAM refuses, with AWS's code, status and text."""

from __future__ import annotations

import pytest

from support.iam_account import ARN, DOCUMENT, IAM, LINKED, NODE, OWN, READER, RESERVED, TRUST, Before, Given, Refusal

PROTECTED = "Cannot perform the operation on the protected role '{}' - this role is only modifiable by AWS"

REFUSED: dict[str, Refusal] = {
    **{
        f"a protected role: {operation} {name}": (
            [],
            operation,
            {"RoleName": name, **given},
            ("UnmodifiableEntity", 400, PROTECTED.format(name)),
        )
        for name in (LINKED, RESERVED)
        for operation, given in {
            "AttachRolePolicy": ARN,
            "DetachRolePolicy": ARN,
            "PutRolePolicy": {"PolicyName": "p", "PolicyDocument": DOCUMENT},
            "DeleteRolePolicy": {"PolicyName": "p"},
            "UpdateAssumeRolePolicy": {"PolicyDocument": TRUST},
            "UpdateRole": {"MaxSessionDuration": 3_600},
            "PutRolePermissionsBoundary": {"PermissionsBoundary": OWN},
            "DeleteRolePermissionsBoundary": {},
            "TagRole": {"Tags": [{"Key": "a", "Value": "b"}]},
            "UntagRole": {"TagKeys": ["a"]},
            "DeleteRole": {},
            "AddRoleToInstanceProfile": NODE,
        }.items()
    },
    "a reserved role's description": (
        [],
        "UpdateRoleDescription",
        {"RoleName": RESERVED, "Description": "x"},
        ("UnmodifiableEntity", 400, PROTECTED.format(RESERVED)),
    ),
}


@pytest.mark.parametrize(("before", "operation", "given", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_is_refused(iam: IAM, before: Before, operation: str, given: Given, expected: tuple[str, int, str]) -> None:
    for name, arguments in before:
        iam(name, **arguments)
    assert iam.refused(operation, **given) == expected


def test_any_other_role_is_changed(iam: IAM) -> None:
    iam("TagRole", **READER, Tags=[{"Key": "a", "Value": "b"}])
    assert iam.listed("ListRoleTags", "Key", **READER) == ["a"]
