"""``iam:PassRole``: which roles a call hands to a service, by ARN, by name and in an instance profile."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.iam.actions.call import Permission
from podrole.iam.actions.roles import pass_named, passed, role_arns
from support.calls import ACCOUNT, REGION, ROLE, Account, call, text_of

TILL, WEB = "arn:aws:iam::ME:role/shop/till", "arn:aws:iam::ME:role/web"
PROFILE = f"arn:aws:iam::{ACCOUNT}:instance-profile/"
OF_FLEET = f"arn:aws:iam::{ACCOUNT}:role/of-fleet"
KNOWN = Account(
    **{
        f"iam:instance-profile-role {PROFILE}web": f"arn:aws:iam::{ACCOUNT}:role/web",
        "iam:instance-profile-role fleet": OF_FLEET,
    }
)
FLEET = "arn:aws:iam::ME:role/of-fleet"
INSTANCE = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/"


def texts(found: list[Permission]) -> list[str]:
    assert {one.action for one in found} <= {"iam:PassRole"}
    return [text_of(one).partition(" ")[2] for one in found]


@pytest.mark.parametrize(
    ("value", "in_profile", "expected"),
    [
        (ROLE, False, ["arn:aws:iam::ME:role/r"]),
        (ROLE, True, ["arn:aws:iam::ME:role/r"]),
        ("till", False, [TILL]),
        ("other", False, ["arn:aws:iam::ME:role/other"]),
        ("web", True, [WEB]),
        ("other", True, ["arn:aws:iam::ME:role/*?"]),
        (f"{PROFILE}web", False, [WEB]),
        (f"{PROFILE}other", False, ["arn:aws:iam::ME:role/*?"]),
        ({"Arn": f"{PROFILE}web", "Name": "other"}, False, [WEB]),
        ({"Name": "fleet"}, False, [FLEET]),
        ({}, False, []),
        ("arn:aws:iam::*:user/*", False, []),
        ("", False, []),
        (1, False, []),
        (None, True, []),
    ],
)
def test_a_role_is_passed(value: object, in_profile: bool, expected: list[str]) -> None:
    asked = call("ec2", "RunInstances", {})
    assert texts(list(pass_named(asked, value, "ec2.amazonaws.com", KNOWN, in_profile=in_profile))) == expected


def test_a_name_is_of_a_role_unless_it_is_said_to_be_of_a_profile() -> None:
    assert texts(list(pass_named(call("glue", "CreateJob", {}), "till", "glue.amazonaws.com", KNOWN))) == [TILL]


@pytest.mark.parametrize(
    ("client", "operation", "given", "expected"),
    [
        ("glue", "CreateJob", {"Role": ROLE}, ["arn:aws:iam::ME:role/r"]),
        ("glue", "CreateJob", {"Role": "other"}, ["arn:aws:iam::ME:role/other"]),
        ("glue", "CreateJob", {}, []),
        ("ec2", "AssociateIamInstanceProfile", {"IamInstanceProfile": {"Name": "web"}, "InstanceId": "i-1"}, [WEB]),
        ("autoscaling", "CreateLaunchConfiguration", {"IamInstanceProfile": "fleet"}, [FLEET]),
        ("emr", "RunJobFlow", {"JobFlowRole": "fleet", "ServiceRole": "till"}, [FLEET, TILL]),
        ("rds", "CreateDBInstance", {"CustomIamInstanceProfile": "fleet"}, [FLEET]),
        ("apigateway", "ImportRestApi", {"body": f"credentials: {ROLE}".encode()}, ["arn:aws:iam::ME:role/r"]),
        ("apigateway", "ImportRestApi", {"body": b"{}"}, []),
        ("events", "PutTargets", {"Targets": [{"RoleArn": ROLE}, {"RoleArn": ROLE}]}, ["arn:aws:iam::ME:role/r"]),
        ("cloudformation", "SetStackPolicy", {"RoleARN": ROLE}, []),
    ],
)
def test_a_call_passes_the_roles_in_its_parameters(
    client: str, operation: str, given: dict[str, Any], expected: list[str]
) -> None:
    assert sorted(texts(passed(call(client, operation, given), KNOWN))) == sorted(expected)


def test_the_service_that_gets_a_role_is_a_key() -> None:
    (one,) = passed(call("glue", "CreateJob", {"Role": ROLE}), KNOWN)
    assert (one.keys, one.unknown) == ({"iam:PassedToService": "glue.amazonaws.com"}, ())
    (one,) = pass_named(call("glue", "CreateJob", {}), ROLE, "", KNOWN)
    assert (one.keys, one.unknown) == ({}, ("iam:PassedToService",))


@pytest.mark.parametrize(
    ("operation", "given", "associated"),
    [
        ("RunInstances", {}, f"{INSTANCE}*"),
        ("AssociateIamInstanceProfile", {"InstanceId": "i-1"}, f"{INSTANCE}i-1"),
        ("ReplaceIamInstanceProfileAssociation", {"InstanceId": "i-1"}, None),
    ],
)
def test_the_instance_that_gets_a_role_is_a_key(operation: str, given: dict[str, Any], associated: str | None) -> None:
    (one,) = passed(call("ec2", operation, {**given, "IamInstanceProfile": {"Name": "web"}}), KNOWN)
    assert one.keys.get("iam:AssociatedResourceArn") == associated


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"role={ROLE} again {ROLE}", [ROLE]),
        (f"role={ROLE}".encode(), [ROLE]),
        ("no role", []),
        (1, []),
    ],
)
def test_roles_are_found_in_texts(value: object, expected: list[str]) -> None:
    assert list(role_arns(value)) == expected
