"""Every parameter that looks like a role is passed with iam:PassRole, or a person has said why it is not."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from podrole.iam.actions.call import Call
from podrole.iam.actions.roles import passed
from support.calls import ACCOUNT, REGION, ROLE, Account

SCRIPT = Path(__file__).parents[3] / "scripts" / "passed_roles.py"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def test_the_table_holds_every_role_of_every_simulated_service(script: dict[str, Any]) -> None:
    assert script["written"]() == script["TARGET"].read_text(), "run: python scripts/passed_roles.py, and review"


def test_every_exception_is_about_a_parameter_and_says_why(script: dict[str, Any]) -> None:
    used = {(member.client, script["exception_of"](member)) for member in script["candidates"]()}
    for client, exceptions in script["reviewed"]()["not_passed"].items():
        for name, reason in exceptions.items():
            assert (client, name) in used, f"{client} {name}: nothing looks like it"
            assert len(reason) > 5, name


PASSED: list[tuple[str, str, dict[str, Any], list[tuple[str, str]]]] = [
    ("scheduler", "CreateSchedule", {"Target": {"RoleArn": ROLE}}, [("role/r", "scheduler.amazonaws.com")]),
    ("glue", "CreateJob", {"Role": "till"}, [("role/shop/till", "glue.amazonaws.com")]),
    ("emr", "RunJobFlow", {"JobFlowRole": "web"}, [("role/web", "ec2.amazonaws.com")]),
    ("emr", "RunJobFlow", {"JobFlowRole": "unknown"}, [("role/*", "ec2.amazonaws.com")]),
    ("emr", "RunJobFlow", {"Instances": {"InstanceGroups": [{"InstanceRole": "CORE"}]}}, []),
    (
        "cognito-identity",
        "SetIdentityPoolRoles",
        {"Roles": {"a": ROLE}},
        [("role/r", "cognito-identity.amazonaws.com")],
    ),
    ("apigateway", "PutIntegration", {"credentials": "arn:aws:iam::*:user/*"}, []),
    ("apigateway", "PutIntegration", {"credentials": ROLE}, [("role/r", "apigateway.amazonaws.com")]),
    (
        "apigateway",
        "UpdateIntegration",
        {"patchOperations": [{"op": "replace", "path": "/credentials", "value": ROLE}, {"op": "remove"}]},
        [("role/r", "apigateway.amazonaws.com")],
    ),
    ("sns", "CreateTopic", {"Attributes": {"SQSFailureFeedbackRoleArn": ROLE}}, [("role/r", "sns.amazonaws.com")]),
    ("sns", "CreateTopic", {"Attributes": {"DisplayName": "role/r"}}, []),
    (
        "ssm",
        "StartAutomationExecution",
        {"Parameters": {"AutomationAssumeRole": [ROLE]}},
        [("role/r", "ssm.amazonaws.com")],
    ),
    ("ssm", "CreateDocument", {"Content": f"assumeRole: '{ROLE}'\n"}, [("role/r", "ssm.amazonaws.com")]),
    ("logs", "PutAccountPolicy", {"policyDocument": f'{{"RoleArn": "{ROLE}"}}'}, [("role/r", "logs.amazonaws.com")]),
    (
        "batch",
        "RegisterJobDefinition",
        {"containerProperties": {"jobRoleArn": ROLE, "executionRoleArn": ROLE}},
        [("role/r", "ecs-tasks.amazonaws.com")],
    ),
    (
        "batch",
        "CreateComputeEnvironment",
        {"computeResources": {"instanceRole": f"arn:aws:iam::{ACCOUNT}:instance-profile/web"}, "serviceRole": ROLE},
        [("role/*", "ec2.amazonaws.com"), ("role/r", "batch.amazonaws.com")],
    ),
]


@pytest.mark.parametrize(("client", "operation", "given", "expected"), PASSED)
def test_what_is_passed_to_whom(
    client: str, operation: str, given: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    needed = passed(Call(client, client, operation, given, ACCOUNT, REGION), Account())
    assert {one.action for one in needed} <= {"iam:PassRole"}
    found = [(one.resource.split(":", 5)[-1], one.keys["iam:PassedToService"]) for one in needed]
    assert sorted(found) == sorted(expected)
