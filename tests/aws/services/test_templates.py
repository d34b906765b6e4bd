"""What a template makes CloudFormation do with its caller's rights: roles, parameters and secrets, without a stack."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from podrole.aws.services.templates import parameters_read, references_read, roles_in
from podrole.iam.actions.call import Permission
from support.aws_facts import FakeFacts
from support.calls import ACCOUNT, call

CALL = call("cloudformation", "CreateStack", {})
HERE = f"us-east-1:{ACCOUNT}"
ROLE, ANY_ROLE = f"arn:aws:iam::{ACCOUNT}:role/a", f"arn:aws:iam::{ACCOUNT}:role/*?"


def told(permissions: Iterable[Permission]) -> list[str]:
    """Return what is needed as texts: what stands there, ``?`` where that is partial, and the service for a role."""
    found = []
    for one in permissions:
        service = "?" if one.unknown == ("iam:PassedToService",) else str(one.keys.get("iam:PassedToService", ""))
        text = f"{one.resource}{'?' * one.partial} {service}".strip()
        found.append(text if one.action == "iam:PassRole" else f"{one.action} {text}")
    return found


def resource(kind: str, **properties: Any) -> dict[str, Any]:
    return {"Resources": {"R": {"Type": f"AWS::{kind}", "Properties": properties}}}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ({}, []),
        ({"Resources": {"R": {"Type": "AWS::Lambda::Function"}}}, []),
        (resource("Lambda::Function", Handler=ROLE), []),
        (resource("Lambda::Function", Role=ROLE), [f"{ROLE} lambda.amazonaws.com"]),
        # which role it is is not known
        (resource("Lambda::Function", Role="a"), [f"{ANY_ROLE} lambda.amazonaws.com"]),
        (resource("Lambda::Function", Role=f"x{ROLE}"), [f"{ANY_ROLE} lambda.amazonaws.com"]),
        (resource("Lambda::Function", Role={"Ref": "Own"}), [f"{ANY_ROLE} lambda.amazonaws.com"]),
        (resource("Lambda::Function", Role=f"{ROLE}${{X}}"), [f"{ANY_ROLE} lambda.amazonaws.com"]),
        (
            resource("Lambda::Function", Role=ROLE.replace(":role/", ":user/")),
            [f"{ANY_ROLE} lambda.amazonaws.com"],
        ),
        # at any depth, in lists
        (resource("Events::Rule", Targets=[{"Id": "x", "RoleArn": ROLE}]), [f"{ROLE} events.amazonaws.com"]),
        (
            resource("Redshift::Cluster", IamRoles=[ROLE, "b"]),
            [f"{ROLE} redshift.amazonaws.com", f"{ANY_ROLE} redshift.amazonaws.com"],
        ),
        (resource("EC2::Instance", IamInstanceProfile="web"), [f"{ANY_ROLE} ec2.amazonaws.com"]),
        # who gets it is not known: one of two services, or a property of no call
        (resource("EKS::Cluster", RoleArn=ROLE), [f"{ROLE} ?"]),
        (resource("SQS::Queue", OwnRole=ROLE), [f"{ROLE} ?"]),
        (resource("StepFunctions::StateMachine", RoleArn=ROLE), [f"{ROLE} states.amazonaws.com"]),
        # IAM's own resources hand a role to nobody, but for a profile
        (resource("IAM::Policy", Roles=[ROLE]), []),
        (resource("IAM::InstanceProfile", Roles=[ROLE]), [f"{ROLE} ec2.amazonaws.com"]),
        # what is in IAM's place is followed by others
        (
            {
                "Resources": {
                    **resource("IAM::Role", RoleName="r")["Resources"],
                    "F": resource("X::Y", Role=ROLE)["Resources"]["R"],
                }
            },
            [f"{ROLE} ?"],
        ),
    ],
)
def test_roles_of_a_template_are_passed(template: dict[str, Any], expected: list[str]) -> None:
    assert told(roles_in(template, CALL, {"stepfunctions": "states"})) == expected


def test_role_of_a_service_with_two_clients_goes_to_the_service_of_each() -> None:
    for kind, name in (("ApiGateway::Method", "Credentials"), ("ApiGateway::Authorizer", "CredentialsArn")):
        assert told(roles_in(resource(kind, Role={name: ""}), CALL, {})) == [f"{ANY_ROLE} ?"]
        (found,) = told(roles_in(resource(kind, AuthorizerCredentialsRole=ROLE), CALL, {}))
        assert found == f"{ROLE} ?"


PARAMETER = "AWS::SSM::Parameter::Value<String>"


def parameter(**more: Any) -> dict[str, Any]:
    return {"Parameters": {"P": {"Type": PARAMETER, **more}}}


def passed(value: str | None) -> dict[str, Any]:
    return {"Parameters": [{"ParameterKey": "P", **({} if value is None else {"ParameterValue": value})}]}


@pytest.mark.parametrize(
    ("template", "given", "is_new", "expected"),
    [
        ({}, {}, True, []),
        ({"Parameters": {"P": {"Type": "String", "Default": "/a"}}}, {}, True, []),
        (parameter(), passed("/a/b"), True, [f"arn:aws:ssm:{HERE}:parameter/a/b"]),
        (parameter(), passed("name"), True, [f"arn:aws:ssm:{HERE}:parameter/name"]),
        (parameter(), passed("arn:of:another"), True, ["arn:of:another"]),
        (parameter(Default="/d"), passed("/a"), True, [f"arn:aws:ssm:{HERE}:parameter/a"]),
        (parameter(Default="/d"), {}, True, [f"arn:aws:ssm:{HERE}:parameter/d"]),
        # the value that the stack has may be another
        (parameter(Default="/d"), {}, False, [f"arn:aws:ssm:{HERE}:parameter/*?"]),
        (parameter(Default="/d"), passed(None), True, [f"arn:aws:ssm:{HERE}:parameter/*?"]),
        (parameter(), {}, True, [f"arn:aws:ssm:{HERE}:parameter/*?"]),
        (parameter(Default=""), {}, True, [f"arn:aws:ssm:{HERE}:parameter/*?"]),
        (parameter(Default=["/d"]), {}, True, [f"arn:aws:ssm:{HERE}:parameter/*?"]),
    ],
)
def test_parameters_of_systems_manager_are_read(
    template: dict[str, Any], given: dict[str, Any], is_new: bool, expected: list[str]
) -> None:
    found = told(parameters_read(template, given, CALL, is_new=is_new))
    assert found == [f"ssm:GetParameters {one}" for one in expected]


SECRET = f"arn:aws:secretsmanager:{HERE}:secret:db-a1B2c3"
READS, GETS = f"ssm:GetParameters arn:aws:ssm:{HERE}:parameter", "secretsmanager:GetSecretValue"
UNKNOWN = [f"{READS}/*?", f"{GETS} arn:aws:secretsmanager:{HERE}:secret:*?"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("resolve:ssm:a", []),
        ("{{resolve:ssm:/a/b}}", [f"{READS}/a/b"]),
        ("{{resolve:ssm:a:3}}-{{resolve:ssm-secure:b:12}}", [f"{READS}/a", f"{READS}/b"]),
        ("{{resolve:secretsmanager:db}}", [f"{GETS} {SECRET}"]),
        ("{{resolve:secretsmanager:db:SecretString:password:stage:1}}", [f"{GETS} {SECRET}"]),
        ("{{resolve:secretsmanager:no}}", [f"{GETS} arn:aws:secretsmanager:{HERE}:secret:no"]),
        (f"{{{{resolve:secretsmanager:{SECRET}}}}}", [f"{GETS} {SECRET}"]),
        (f"{{{{resolve:secretsmanager:{SECRET}:SecretString:password}}}}", [f"{GETS} {SECRET}"]),
        # put together from pieces
        ("{{resolve:ssm:${Name}}}", UNKNOWN),
        ("{{resolve:ssm:a}}{{resolve:", [f"{READS}/a", *UNKNOWN]),
    ],
)
def test_dynamic_references_are_read(text: str, expected: list[str]) -> None:
    facts = FakeFacts(arns={"secretsmanager:secret db": SECRET})
    template = resource("SQS::Queue", QueueName=text)
    assert told(references_read(template, {}, CALL, facts)) == expected
    given = {"Parameters": [{"ParameterKey": "P", "ParameterValue": text}]}
    assert told(references_read({}, given, CALL, facts)) == expected
