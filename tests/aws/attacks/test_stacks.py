"""Nobody gets through CloudFormation what they may not make themselves, and no template runs a program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.aws import ACCOUNT, LocalAWS, allow, policy, refused, trust_of

USER = {"Type": "AWS::IAM::User", "Properties": {"UserName": "made"}}
QUEUE = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "made"}}


def template(*resources: dict[str, Any], **more: Any) -> str:
    return json.dumps({"Resources": {f"R{number}": one for number, one in enumerate(resources)}, **more})


def stack(aws: LocalAWS, key: dict[str, str] | None, body: str, name: str = "own") -> dict[str, Any]:
    return {
        "call": aws.client("cloudformation", key).create_stack,
        "StackName": name,
        "TemplateBody": body,
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
    }


def users(aws: LocalAWS) -> set[str]:
    return {user["UserName"] for user in aws.client("iam").list_users()["Users"]}


def test_the_administrator_makes_changes_and_deletes_a_stack(aws: LocalAWS) -> None:
    client = aws.client("cloudformation")
    client.create_stack(StackName="own", TemplateBody=template(USER, QUEUE))
    assert "made" in users(aws)
    client.update_stack(StackName="own", TemplateBody=template(USER, QUEUE, {"Type": "AWS::SNS::Topic"}))
    client.delete_stack(StackName="own")
    assert "made" not in users(aws)


def test_yaml_with_short_forms_is_read(aws: LocalAWS) -> None:
    body = """
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub "${AWS::StackName}-queue"
Outputs:
  Arn:
    Value: !GetAtt Queue.Arn
"""
    aws.client("cloudformation").create_stack(StackName="own", TemplateBody=body)
    assert aws.client("sqs").get_queue_url(QueueName="own-queue")["QueueUrl"]


def test_who_may_only_make_stacks_makes_nothing_in_them(aws: LocalAWS) -> None:
    key = aws.user("blue", allow("cloudformation:*"))
    code, status, text = refused(**stack(aws, key, template(USER)))
    assert (code, status) == ("AccessDenied", 403)
    assert "is not authorized to perform: iam:" in text
    assert users(aws) == {"admin", "blue"}


def test_who_may_do_everything_in_a_service_makes_stacks_of_it(aws: LocalAWS) -> None:
    key = aws.user("blue", allow(["cloudformation:*", "sqs:*"]))
    aws.client("cloudformation", key).create_stack(StackName="own", TemplateBody=template(QUEUE))
    assert refused(**stack(aws, key, template(QUEUE, USER), "other"))[:2] == ("AccessDenied", 403)
    assert "made" not in users(aws)


LIMITS: dict[str, list[dict[str, Any]]] = {
    "one action": [allow("cloudformation:*"), allow("iam:CreateUser")],
    "one user": [allow("cloudformation:*"), allow("iam:*", f"arn:aws:iam::{ACCOUNT}:user/made")],
    "all but IAM": [allow("*"), {"Effect": "Deny", "Action": "iam:*", "Resource": "*"}],
    "all but one action": [allow("*"), {"Effect": "Deny", "Action": "iam:AttachUserPolicy", "Resource": "*"}],
    "all but one user": [
        allow("*"),
        {"Effect": "Deny", "Action": "iam:*", "Resource": f"arn:aws:iam::{ACCOUNT}:user/made"},
    ],
    "a power user": [{"Effect": "Allow", "NotAction": ["iam:*", "organizations:*"], "Resource": "*"}],
}


@pytest.mark.parametrize("statements", LIMITS.values(), ids=LIMITS.keys())
def test_no_user_is_made_through_a_stack_by_one_who_may(aws: LocalAWS, statements: list[dict[str, Any]]) -> None:
    key = aws.user("blue", *statements)
    assert refused(**stack(aws, key, template(USER)))[:2] == ("AccessDenied", 403)
    assert "made" not in users(aws)


def test_a_boundary_and_a_session_policy_hold_in_a_stack(aws: LocalAWS) -> None:
    limit = policy(allow(["cloudformation:*", "sqs:*"]))
    role = aws.role("worker", trust_of(f"arn:aws:iam::{ACCOUNT}:root"), allow("*"))
    session = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="one", Policy=limit)["Credentials"]
    assert refused(**stack(aws, dict(session), template(USER)))[:2] == ("AccessDenied", 403)


def test_a_stack_of_others_is_neither_changed_nor_deleted_nor_a_change_set_carried_out(aws: LocalAWS) -> None:
    own = aws.client("cloudformation")
    own.create_stack(StackName="own", TemplateBody=template(USER))
    key = aws.user("blue", allow(["cloudformation:*", "sqs:*"]))
    blue = aws.client("cloudformation", key)
    assert refused(blue.delete_stack, StackName="own")[:2] == ("AccessDenied", 403)
    assert refused(blue.update_stack, StackName="own", TemplateBody=template(QUEUE))[:2] == ("AccessDenied", 403)
    given = {"StackName": "new", "ChangeSetName": "c", "ChangeSetType": "CREATE"}
    assert refused(blue.create_change_set, **given, TemplateBody=template(USER))[:2] == ("AccessDenied", 403)
    made = own.create_change_set(**given, TemplateBody=template({**USER, "Properties": {"UserName": "later"}}))
    for name in ("c", made["Id"]):
        assert refused(blue.execute_change_set, ChangeSetName=name, StackName="new")[:2] == ("AccessDenied", 403)
    assert users(aws) == {"admin", "blue", "made"}


def queue_that_denies(aws: LocalAWS, who: str) -> dict[str, Any]:
    denial = {"Effect": "Deny", "Principal": {"AWS": who}, "Action": "sqs:DeleteQueue", "Resource": "*"}
    aws.client("sqs").create_queue(QueueName="orders", Attributes={"Policy": policy(denial)})
    return QUEUE


def bucket_that_denies(aws: LocalAWS, who: str) -> dict[str, Any]:
    aws.client("s3").create_bucket(Bucket="uploads")
    denial = {"Effect": "Deny", "Principal": {"AWS": who}, "Action": "s3:*", "Resource": "arn:aws:s3:::uploads"}
    aws.client("s3").put_bucket_policy(Bucket="uploads", Policy=policy(denial))
    return {"Type": "AWS::S3::Bucket"}


def log_groups_that_deny(aws: LocalAWS, who: str) -> dict[str, Any]:
    denial = {"Effect": "Deny", "Principal": {"AWS": who}, "Action": "logs:*", "Resource": "*"}
    aws.client("logs").put_resource_policy(policyName="p", policyDocument=policy(denial))
    return {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "made"}}


@pytest.mark.parametrize("denies", [queue_that_denies, bucket_that_denies, log_groups_that_deny])
def test_a_stack_may_concern_a_resource_whose_policy_denies(aws: LocalAWS, denies: Any) -> None:
    blue, green = aws.user("blue", allow("*")), aws.user("green", allow("*"))
    body = template(denies(aws, f"arn:aws:iam::{ACCOUNT}:user/blue"))
    assert refused(**stack(aws, blue, body))[:2] == ("AccessDenied", 403)
    aws.client("cloudformation", green).create_stack(StackName="own", TemplateBody=body)


NOT_SIMULATED: dict[str, dict[str, Any]] = {
    "a template in S3": {"TemplateURL": "https://s3.amazonaws.com/bucket/template.json"},
    "a role to act as": {"TemplateBody": template(QUEUE), "RoleARN": f"arn:aws:iam::{ACCOUNT}:role/deployer"},
    "a nested stack": {
        "TemplateBody": template({"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": "x"}})
    },
    "a macro": {"TemplateBody": template(QUEUE, Transform="AWS::Serverless-2016-10-31")},
    "a macro within": {
        "TemplateBody": template({**QUEUE, "Fn::Transform": {"Name": "AWS::Include", "Parameters": {}}})
    },
    "a resource of its own": {"TemplateBody": template({"Type": "Custom::Anything"})},
    "a type that is computed": {"TemplateBody": "Resources:\n  R:\n    Type: !Sub 'AWS::IAM::User'\n"},
    "an event bus's policy, which would be left out": {
        "TemplateBody": template({"Type": "AWS::Events::EventBusPolicy"})
    },
    "a queue's policy, which would not be checked": {
        "TemplateBody": template({"Type": "AWS::SQS::Queue", "Properties": {"policy_JSON": {}}})
    },
    "a table's policy": {
        "TemplateBody": template({"Type": "AWS::DynamoDB::Table", "Properties": {"ResourcePolicy": {}}})
    },
    "the policy of a table's stream": {
        "TemplateBody": template(
            {"Type": "AWS::DynamoDB::Table", "Properties": {"StreamSpecification": {"ResourcePolicy": {}}}}
        )
    },
    "a log group's policy": {
        "TemplateBody": template({"Type": "AWS::Logs::LogGroup", "Properties": {"ResourcePolicyDocument": {}}})
    },
    "a service that there is not": {"TemplateBody": template({"Type": "AWS::Nothing::Thing"})},
}


@pytest.mark.parametrize("given", NOT_SIMULATED.values(), ids=NOT_SIMULATED.keys())
def test_what_would_escape_the_question_is_not_simulated(aws: LocalAWS, given: dict[str, Any]) -> None:
    assert refused(aws.client("cloudformation").create_stack, StackName="own", **given)[:2] == ("NotImplemented", 501)


@pytest.mark.parametrize("operation", ["create_stack_set", "delete_stack_set"])
def test_stacks_in_other_accounts_are_not_simulated(aws: LocalAWS, operation: str) -> None:
    call = getattr(aws.client("cloudformation"), operation)
    assert refused(call, StackSetName="own")[:2] == ("NotImplemented", 501)


@pytest.mark.parametrize("operation", ["create_stack", "validate_template", "get_template_summary"])
def test_a_template_runs_no_program(aws: LocalAWS, operation: str, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    body = f"Description: !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{touched}']]\n"
    given = {"StackName": "own"} if operation == "create_stack" else {}
    answer = refused(getattr(aws.client("cloudformation"), operation), TemplateBody=body, **given)
    assert answer == ("ValidationError", 400, "Template format error: unsupported structure.")
    assert not touched.exists()


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "\n".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]" for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)
NO_TEMPLATE = {
    "a few lines that mean gigabytes": BOMB,
    "a list": "[]",
    "a word": "template",
    "nothing": " ",
    "half of one": "{",
    "one without end": "[" * 20_000,
}


@pytest.mark.parametrize("body", NO_TEMPLATE.values(), ids=NO_TEMPLATE.keys())
def test_what_is_no_template_is_refused(aws: LocalAWS, body: str) -> None:
    answer = refused(aws.client("cloudformation").create_stack, StackName="own", TemplateBody=body)
    assert answer == ("ValidationError", 400, "Template format error: unsupported structure.")


def test_a_template_has_a_largest_size(aws: LocalAWS) -> None:
    body = template(QUEUE, Description="x" * 51_200)
    code, status, text = refused(aws.client("cloudformation").create_stack, StackName="own", TemplateBody=body)
    assert (code, status) == ("ValidationError", 400)
    assert text.endswith("Member must have length less than or equal to 51200")
