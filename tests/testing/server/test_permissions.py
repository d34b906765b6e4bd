"""The entries of ``allow``: what each becomes, and which are refused."""

from __future__ import annotations

import json

import pytest

from podrole.testing.server.errors import RequestRefused
from podrole.testing.server.permissions import policy_of


@pytest.mark.parametrize(
    ("entry", "actions", "resources"),
    [
        ("s3:PutObject on arn:aws:s3:::reports/*", ["s3:PutObject"], ["arn:aws:s3:::reports/*"]),
        ("s3:ListAllMyBuckets", ["s3:ListAllMyBuckets"], ["*"]),
        ("s3:GetObject, s3:PutObject on arn:aws:s3:::a/*,arn:aws:s3:::b/*", ["s3:GetObject", "s3:PutObject"], 2),
        ("s3:Get* on *", ["s3:Get*"], ["*"]),
        ("S3:getobject", ["S3:getobject"], ["*"]),
        ("dynamodb:?etItem", ["dynamodb:?etItem"], ["*"]),
        ("*", ["*"], ["*"]),
    ],
)
def test_an_entry_becomes_a_statement(entry: str, actions: list[str], resources: list[str] | int) -> None:
    (statement,) = json.loads(policy_of([entry]))["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", actions)
    assert statement["Resource"] == resources or len(statement["Resource"]) == resources


@pytest.mark.parametrize(
    ("entry", "what", "next_step"),
    [
        ("s3:PutObjekt on *", "AWS has no action 's3:PutObjekt'.", "did you mean s3:PutObject?"),
        ("s3:Getx*", "AWS has no action 's3:Getx*'.", None),
        ("s4:GetObject", "AWS has no service 's4'.", "check the action's prefix"),
        ("s3", "An entry of allow does not have the form of an action.", None),
        ("s3:", "An entry of allow does not have the form of an action.", None),
        (":GetObject", "An entry of allow does not have the form of an action.", None),
        ("s3:GetObject arn:aws:s3:::a/*", "An entry of allow does not have the form of an action.", None),
        ("", "An entry of allow names no action or no resource.", None),
        (" on *", "An entry of allow names no action or no resource.", None),
        ("s3:GetObject on ", "An entry of allow names no action or no resource.", None),
    ],
)
def test_an_entry_that_is_none_is_refused(entry: str, what: str, next_step: str | None) -> None:
    with pytest.raises(RequestRefused) as raised:
        policy_of(["s3:GetObject", entry])
    assert (raised.value.what, raised.value.got) == (what, repr(entry))
    if next_step is not None:
        assert raised.value.next_step == next_step
