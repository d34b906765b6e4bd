"""CloudFormation: what a call needs for the resources of its template, and which templates are not simulated."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from podrole.aws.errors import AWSError
from podrole.aws.services import cloudformation
from podrole.aws.services.cloudformation import RULES, ignored_policy, permissions_of_stack, read_template
from podrole.aws.services.rules import Authorizing
from podrole.iam.actions.call import Permission
from podrole.iam.actions.reference import service
from support.aws_facts import FakeFacts, call_of
from support.calls import ACCOUNT, REGION
from support.service_rules import refusal, resolved

INVALID, NOT_HERE = ("ValidationError", 400), ("NotImplemented", 501)
QUEUE: dict[str, Any] = {"Type": "AWS::SQS::Queue"}
FUNCTION: dict[str, Any] = {"Type": "AWS::Lambda::Function", "Properties": {"Role": "r"}}


@dataclass
class Stacks(FakeFacts):
    """The state of the accounts, with the templates of what a call names."""

    stored: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[str, str, str, str]] = field(default_factory=list)

    def stack_templates(self, account: str, region: str, *, stack: str, change_set: str) -> list[str]:
        self.asked.append((account, region, stack, change_set))
        return [json.dumps(one) for one in self.stored]


def template(*resources: Any, **blocks: Any) -> dict[str, Any]:
    return {"Resources": {f"R{number}": one for number, one in enumerate(resources)}, **blocks}


def needed(operation: str = "CreateStack", facts: Stacks | None = None, /, **given: Any) -> list[Permission]:
    body = given.pop("body", None)
    if body is not None:
        given["TemplateBody"] = json.dumps(body)
    call = call_of(f"cloudformation:{operation}", **given)
    return list(permissions_of_stack(Authorizing(call, ACCOUNT, facts or Stacks(), ())))


def services_of(permissions: list[Permission]) -> dict[str, int]:
    """Return how many actions of each service are needed on anything, beside what is done on the caller's behalf."""
    counts: dict[str, int] = {}
    for one in permissions:
        if one.resource == "*" and one.partial:
            prefix = one.action.partition(":")[0]
            counts[prefix] = counts.get(prefix, 0) + 1
    return counts


def actions_of(prefix: str) -> int:
    found = service(prefix)
    assert found is not None
    return len(found.action_names())


def others(permissions: list[Permission]) -> list[str]:
    return [one.action for one in permissions if one.resource != "*"]


MAKING = ["CreateChangeSet", "CreateStack", "DeleteStack", "ExecuteChangeSet", "UpdateStack"]
SQS = {"sqs": actions_of("sqs")}


@pytest.mark.parametrize("operation", MAKING)
def test_making_a_resource_needs_every_action_of_its_service(operation: str) -> None:
    assert services_of(needed(operation, body=template(QUEUE, QUEUE))) == SQS
    stored = Stacks(stored=[template(QUEUE)])
    assert services_of(needed(operation, stored, UsePreviousTemplate=True)) == SQS
    both = needed(operation, stored, body=template(FUNCTION))
    assert services_of(both) == {**SQS, "lambda": actions_of("lambda")}
    assert next(iter(services_of(both))) == "lambda"
    for body in ({}, {"Resources": {}}):
        assert needed(operation, body=body) == []


@pytest.mark.parametrize("operation", ["GetTemplateSummary", "ValidateTemplate", "EstimateTemplateCost", "ListStacks"])
def test_reading_a_template_needs_nothing_more(operation: str) -> None:
    assert needed(operation, body=template(QUEUE)) == []
    assert needed(operation) == []
    assert refusal(needed, operation, TemplateBody="[]") == INVALID


PARAMETERS = {"Parameters": {"P": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/a"}}}
READING = template(FUNCTION, {**QUEUE, "Properties": {"QueueName": "{{resolve:ssm:b}}"}}, **PARAMETERS)


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("CreateStack", ["iam:PassRole", "ssm:GetParameters", "ssm:GetParameters"]),
        ("ExecuteChangeSet", ["iam:PassRole", "ssm:GetParameters"]),
        ("DeleteStack", []),
    ],
)
def test_roles_are_passed_and_parameters_read_for_the_caller(operation: str, expected: list[str]) -> None:
    assert others(needed(operation, body=READING)) == expected
    assert others(needed(operation, Stacks(stored=[READING]), UsePreviousTemplate=True)) == expected


def test_value_of_a_parameter_is_known_of_a_new_stack_alone() -> None:
    body = template(QUEUE, **PARAMETERS)
    new, changed = needed(body=body), needed("UpdateStack", Stacks(stored=[{}]), body=body)
    assert (new[-1].resource, new[-1].partial) == (f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/a", False)
    assert (changed[-1].resource, changed[-1].partial) == (f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/*", True)
    (stored,) = needed("UpdateStack", Stacks(stored=[PARAMETERS]), UsePreviousTemplate=True)
    assert stored.partial


def test_templates_are_those_of_the_stack_and_the_change_set() -> None:
    facts = Stacks()
    needed("ExecuteChangeSet", facts, StackName="s", ChangeSetName="c")
    needed("DeleteStack", facts)
    assert facts.asked == [(ACCOUNT, REGION, "s", "c"), (ACCOUNT, REGION, "", "")]


@pytest.mark.parametrize(
    "operation",
    [
        "CreateStackInstances",
        "CreateStackSet",
        "DeleteStackInstances",
        "DeleteStackSet",
        "UpdateStackInstances",
        "UpdateStackSet",
    ],
)
def test_stacks_elsewhere_are_not_simulated(operation: str) -> None:
    assert refusal(needed, operation) == NOT_HERE


@pytest.mark.parametrize("operation", ["CreateChangeSet", "CreateStack", "UpdateStack"])
def test_call_without_a_template_is_refused(operation: str) -> None:
    assert refusal(needed, operation) == INVALID
    assert refusal(needed, operation, UsePreviousTemplate=True) is None
    assert refusal(needed, operation, TemplateURL="https://s3.amazonaws.com/b/t") == NOT_HERE


REFUSED: dict[str, tuple[dict[str, Any], tuple[str, int]]] = {
    "a name of nothing": ({"body": template({**QUEUE, "Properties": {"a": {"Ref": "X"}}})}, INVALID),
    "a template in S3": ({"body": template(QUEUE), "TemplateURL": "https://s3.amazonaws.com/b/t"}, NOT_HERE),
    "a role to act as": ({"body": template(QUEUE), "RoleARN": "arn"}, NOT_HERE),
    "a macro of the template": ({"body": template(QUEUE, Transform="AWS::Serverless-2016-10-31")}, NOT_HERE),
    "a macro in a resource": (
        {"body": template({**QUEUE, "Properties": {"a": ["b", {"c": {"Fn::Transform": {}}}]}})},
        NOT_HERE,
    ),
    "a resource without a type": ({"body": template({})}, INVALID),
    "a list of resources": ({"body": {"Resources": [QUEUE]}}, INVALID),
    "a list of parameters": ({"body": template(QUEUE, Parameters=["P"])}, INVALID),
    "a parameter that is a text": ({"body": template(QUEUE, Parameters={"P": "String"})}, INVALID),
    "a type that is no text": ({"body": template({"Type": 1})}, NOT_HERE),
    "a type of two parts": ({"body": template({"Type": "AWS::SQS"})}, NOT_HERE),
    "a type of four parts": ({"body": template({"Type": "AWS::SQS::Queue::X"})}, NOT_HERE),
    "a type of another vendor": ({"body": template({"Type": "Custom::SQS::Queue"})}, NOT_HERE),
    "a nested stack": ({"body": template({"Type": "AWS::CloudFormation::Stack"})}, NOT_HERE),
    "a service that does not exist": ({"body": template({"Type": "AWS::NoSuchService::Thing"})}, NOT_HERE),
    "a policy that would not count": ({"body": template({"Type": "AWS::S3::AccessPointPolicy"})}, NOT_HERE),
    "a policy in a queue": ({"body": template({**QUEUE, "Properties": {"Policy": {}}})}, NOT_HERE),
}


@pytest.mark.parametrize(("given", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_template_is_refused(given: dict[str, Any], expected: tuple[str, int]) -> None:
    assert refusal(needed, **given) == expected


@pytest.mark.parametrize(
    "stored", [template(QUEUE, Transform="AWS::Serverless-2016-10-31"), template({"Type": "Custom::X"})]
)
def test_what_is_not_simulated_is_refused_in_a_stack_that_is_there(stored: dict[str, Any]) -> None:
    assert refusal(needed, "DeleteStack", Stacks(stored=[stored])) == NOT_HERE


def test_long_type_is_told_in_short() -> None:
    for kind in ("A" * 200, "AWS::A::" + "A" * 200):
        with pytest.raises(AWSError) as raised:
            needed(body=template({"Type": kind}))
        start = "podrole's local AWS does not simulate cloudformation:CreateStack with resources of type '"
        assert raised.value.message == f"{start}{kind[: 100 - len('resources of type ') - 1]}."
    with pytest.raises(AWSError) as raised:
        needed(body=template({"Type": f"AWS::S3::{'A' * 200}Policy"}))
    what = f"the policy of a resource of type AWS::S3::{'A' * 200}"[:100]
    assert raised.value.message == f"podrole's local AWS does not simulate cloudformation:CreateStack with {what}."


@pytest.mark.parametrize(
    ("kind", "properties", "ignored"),
    [
        ("AWS::S3::BucketPolicy", {}, False),
        ("AWS::Lambda::Permission", {}, False),
        ("AWS::IAM::Policy", {}, False),
        ("AWS::IAM::ManagedPolicy", {}, False),
        ("AWS::IoT::Policy", {}, False),
        ("AWS::AutoScaling::ScalingPolicy", {}, False),
        ("AWS::ApplicationAutoScaling::ScalingPolicy", {}, False),
        ("AWS::ECS::ServicePolicy", {}, True),
        ("AWS::Glue::PolicyStatement", {}, True),
        ("AWS::Events::EventBusPermission", {}, True),
        ("AWS::ApiGateway::RestApi", {"Policy": {}}, True),
        ("AWS::Backup::BackupVault", {"AccessPolicy": {}}, True),
        ("AWS::DynamoDB::Table", {"ResourcePolicy": {}}, True),
        ("AWS::DynamoDB::Table", {"StreamSpecification": {"ResourcePolicy": {}}}, True),
        ("AWS::EFS::FileSystem", {"FileSystemPolicy": {}}, True),
        ("AWS::Elasticsearch::Domain", {"AccessPolicies": {}}, True),
        ("AWS::Events::EventBus", {"Policy": {}}, True),
        ("AWS::Logs::LogGroup", {"ResourcePolicyDocument": {}}, True),
        ("AWS::OpenSearchService::Domain", {"AccessPolicies": {}}, True),
        ("AWS::SNS::Topic", {"Policy": {}}, True),
        ("AWS::SNS::Topic", {"policy_json": {}}, True),
        ("AWS::SQS::Queue", {"Policy": {}}, True),
        ("AWS::SQS::Queue", {"PolicyJson": {}}, True),
        ("AWS::SQS::Queue", {"QueueName": "policy"}, False),
        ("AWS::SQS::Queue", {"Tags": ["Policy"], "DelaySeconds": 1}, False),
        ("AWS::SQS::Queue", ["Policy"], False),
        ("AWS::SQS::Queue", None, False),
        ("AWS::S3::Bucket", {"Policy": {}}, False),
    ],
)
def test_policy_that_would_take_no_part_in_decisions(kind: str, properties: Any, ignored: bool) -> None:
    assert ignored_policy(kind, properties) is ignored


# Templates as texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}', {"a": 1}),
        ("a: 1", {"a": 1}),
        ('{\n\t"a": 1}', {"a": 1}),  # a tab: no YAML
        ("a: !Ref b", {"a": {"Ref": "b"}}),
        ("a: !Condition b", {"a": {"Condition": "b"}}),
        ("a: !GetAtt b.c", {"a": {"Fn::GetAtt": "b.c"}}),
        ("a: !Sub [b, {c: !Ref d}]", {"a": {"Fn::Sub": ["b", {"c": {"Ref": "d"}}]}}),
        ("a: !Transform {b: [!Ref c]}", {"a": {"Fn::Transform": {"b": [{"Ref": "c"}]}}}),
    ],
)
def test_template_is_json_or_yaml(text: str, expected: dict[str, Any]) -> None:
    assert read_template(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "a",
        "",
        "{",
        "a: &b 1\nc: *b",
        "a: !!python/object/apply:os.getcwd []",
        "a: 2001-99-99",
        "[" * 1_000,
        "\t[" * 2_000,
    ],
)
def test_text_that_is_no_template_is_refused(text: str) -> None:
    assert refusal(read_template, text) == INVALID


def test_template_has_a_maximum_size() -> None:
    assert cloudformation.MOST_CHARACTERS == 51_200
    text = json.dumps({"a": "x"})
    assert read_template(text.ljust(51_200)) == {"a": "x"}
    assert refusal(read_template, text.ljust(51_201)) == INVALID


# Change sets


def test_change_set_is_named_by_its_id() -> None:
    arns = {"cloudformation:change-set s|c": "id of c", "cloudformation:stack-of-change-set s|c": "id of s"}
    arns |= {one.replace("s|c", "|c"): f"{value} alone" for one, value in arns.items()}
    given = resolved(RULES, "ExecuteChangeSet", FakeFacts(arns=arns), StackName="s", ChangeSetName="c")
    assert given == {"StackName": "id of s", "ChangeSetName": "id of c"}
    given = resolved(RULES, "ExecuteChangeSet", FakeFacts(arns=arns), ChangeSetName="c")
    assert given == {"StackName": "id of s alone", "ChangeSetName": "id of c alone"}
    assert resolved(RULES, "CreateChangeSet", StackName="s", ChangeSetName="c")["ChangeSetName"] == "c"
    assert resolved(RULES, "DescribeStacks", StackName="s") == {"StackName": "s"}
    for missing in ("change-set", "stack-of-change-set"):
        known = {one: arn for one, arn in arns.items() if one != f"cloudformation:{missing} s|c"}
        found = refusal(resolved, RULES, "ExecuteChangeSet", FakeFacts(arns=known), StackName="s", ChangeSetName="c")
        assert found == ("ChangeSetNotFound", 404)
