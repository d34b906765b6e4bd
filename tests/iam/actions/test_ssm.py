"""What calls on parameters of Systems Manager need, case by case."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.iam.actions.ssm import is_public, ssm
from support.calls import ACCOUNT, REGION, Account, call, text_of

A, B = "arn:aws:ssm:HERE:parameter/a", "arn:aws:ssm:HERE:parameter/b/c"
ALL = "arn:aws:ssm:HERE:parameter/*"
PUBLIC = f"arn:aws:ssm:{REGION}::parameter/aws/service/eks/x"
SECRET = "/aws/reference/secretsmanager/"
KNOWN = "arn:aws:secretsmanager:HERE:secret:db-a1B2c3"


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("GetParameter", {"Name": "a"}, [f"ssm:GetParameter {A}"]),
        ("GetParameter", {"Name": "/b/c:3"}, [f"ssm:GetParameter {B}"]),
        ("GetParameter", {"Name": "arn:aws:ssm:r:1:parameter/a:3"}, ["ssm:GetParameter arn:aws:ssm:r:1:parameter/a"]),
        ("GetParameter", {"Name": "arn:x"}, ["ssm:GetParameter arn:x"]),
        ("GetParameter", {"Name": ""}, [f"ssm:GetParameter {ALL}?"]),
        ("GetParameter", {"Name": 1}, [f"ssm:GetParameter {ALL}?"]),
        (
            "GetParameter",
            {"Name": f"{SECRET}db"},
            [
                f"ssm:GetParameter arn:aws:ssm:HERE:parameter{SECRET}db",
                f"secretsmanager:GetSecretValue {KNOWN}",
            ],
        ),
        (
            "GetParameter",
            {"Name": f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter{SECRET}other"},
            [
                f"ssm:GetParameter arn:aws:ssm:HERE:parameter{SECRET}other",
                "secretsmanager:GetSecretValue arn:aws:secretsmanager:HERE:secret:other?",
            ],
        ),
        ("GetParameters", {"Names": ["a", "/b/c", "a"]}, [f"ssm:GetParameters {A}", f"ssm:GetParameters {B}"]),
        ("GetParameters", {"Names": ["", "a"]}, [f"ssm:GetParameters {ALL}?", f"ssm:GetParameters {A}"]),
        ("GetParameters", {"Names": []}, [f"ssm:GetParameters {ALL}?"]),
        ("DeleteParameters", {"Names": ["a", "/b/c"]}, [f"ssm:DeleteParameters {A}", f"ssm:DeleteParameters {B}"]),
        ("DeleteParameters", {}, [f"ssm:DeleteParameters {ALL}"]),
        ("DeleteParameter", {"Name": "a"}, [f"ssm:DeleteParameter {A}"]),
        ("DeleteParameter", {}, [f"ssm:DeleteParameter {ALL}"]),
        ("GetParameterHistory", {"Name": "a"}, [f"ssm:GetParameterHistory {A}"]),
        ("LabelParameterVersion", {"Name": "a"}, [f"ssm:LabelParameterVersion {A}"]),
        ("PutParameter", {"Name": "a"}, [f"ssm:PutParameter {A}!"]),
        ("PutParameter", {"Name": "a", "Overwrite": True}, [f"ssm:PutParameter {A}"]),
        ("DescribeParameters", {"Name": "a"}, None),
        ("GetParameter", {"Name": "/aws/service/eks/x:1"}, [f"ssm:GetParameter {PUBLIC}"]),
        ("GetParameters", {"Names": ["/aws/service/eks/x"]}, [f"ssm:GetParameters {PUBLIC}"]),
        ("GetParametersByPath", {"Path": "/aws/service/eks/x"}, [f"ssm:GetParametersByPath {PUBLIC}"]),
        ("GetParametersByPath", {"Path": "/b"}, None),
        ("GetParametersByPath", {}, None),
        ("GetParameter", {"Name": "/aws/serviceable"}, ["ssm:GetParameter arn:aws:ssm:HERE:parameter/aws/serviceable"]),
    ],
)
def test_a_call_on_parameters_needs(operation: str, given: dict[str, Any], expected: list[str] | None) -> None:
    found = ssm(call("ssm", operation, given), Account())
    assert (found and [text_of(one, new=True) for one in found]) == expected


def test_a_known_secret_has_its_arn_as_a_key() -> None:
    found = ssm(call("ssm", "GetParameter", {"Name": f"{SECRET}db"}), Account()) or []
    assert found[1].keys == {"secretsmanager:SecretId": found[1].resource}


@pytest.mark.parametrize(
    ("arn", "expected"),
    [
        (PUBLIC, True),
        (f"{PUBLIC}:1", True),
        (f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/aws/service/eks/x", False),
        (f"arn:aws:ssm:{REGION}::parameter/aws/reference/x", False),
        (f"arn:aws:sqs:{REGION}::parameter/aws/service/eks/x", False),
        ("arn:aws:ssm:", False),
        ("*", False),
    ],
)
def test_a_public_parameter_has_no_account(arn: str, *, expected: bool) -> None:
    assert is_public(arn) is expected
