"""DynamoDB, Lambda, CloudWatch Logs, EventBridge, ECS and EFS: what their calls need, case by case."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.iam.actions.call import Call, Keys
from podrole.iam.actions.data_services import efs_made, functions
from support.calls import ACCOUNT, REGION, Account, all_needed, call

OTHER = f"{REGION}:444455556666"
TABLE = f"arn:aws:dynamodb:{OTHER}:table/t"
FUNCTION = f"arn:aws:lambda:eu-west-1:{ACCOUNT}:function:f"
GROUP = f"arn:aws:logs:{OTHER}:log-group:g"
BUS = f"arn:aws:events:{OTHER}:event-bus/b"
CLUSTER = f"arn:aws:ecs:{OTHER}:cluster/c"
DEFAULT_CLUSTER = "ecs:cluster=arn:aws:ecs:HERE:cluster/default"


class WithVpcs(Account):
    """An account with two VPCs: subnets 1 and 2 are in one, subnet 3 in the other; and a mapping of function ``f``."""

    def facts_of(self, call: Call, kind: str, arn: str) -> Keys:
        vpcs = {"1": "vpc-1", "2": "vpc-1", "3": "vpc-2"}
        vpc = vpcs.get(arn.rpartition("subnet-")[2])
        return {"ec2:Vpc": f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/{vpc}"} if kind == "ec2:subnet" and vpc else {}


KNOWN = WithVpcs(**{"lambda:function-of-mapping m": FUNCTION})


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("Scan", {"TableName": "t"}, ["Scan table/t"]),
        ("Scan", {"TableName": TABLE}, [f"Scan {TABLE}"]),
        ("Query", {"TableName": "t", "IndexName": "i"}, ["Query table/t/index/i"]),
        ("BatchWriteItem", {"RequestItems": {"t": []}}, ["BatchWriteItem table/t"]),
        ("BatchGetItem", {"RequestItems": {}}, ["BatchGetItem table/*?"]),
        ("BatchGetItem", {}, ["BatchGetItem table/*?"]),
        (
            "TransactWriteItems",
            {
                "TransactItems": [
                    {"ConditionCheck": {"TableName": "t"}, "Delete": {"TableName": "t"}},
                    {"Put": {"TableName": "t"}},
                    {"Update": {"TableName": "t"}},
                    {"Put": {"TableName": "t"}},
                    {"Put": {}},
                    {"Other": {"TableName": "t"}},
                ]
            },
            [
                "ConditionCheckItem table/t",
                "DeleteItem table/t",
                "PutItem table/t",
                "UpdateItem table/t",
                "PutItem table/*",
                "Other table/t",
            ],
        ),
        ("TransactGetItems", {"TransactItems": [{"Get": {"TableName": "t"}}]}, ["GetItem table/t"]),
        ("TransactGetItems", {}, ["TransactGetItems *"]),
        ("CreateTable", {"TableName": "t"}, ["CreateTable table/t!"]),
        (
            "CreateTable",
            {"TableName": "t", "ResourcePolicy": "{}"},
            ["CreateTable table/t!", "PutResourcePolicy table/t!"],
        ),
        ("GetItem", {"TableName": "t"}, ["GetItem table/t"]),
        ("ExecuteStatement", {"Statement": "DELETE FROM t WHERE a = 1"}, ["PartiQLDelete table/t"]),
        ("GetItem", {"TableName": TABLE}, [f"GetItem {TABLE}"]),
    ],
)
def test_call_of_dynamodb_is_on_its_tables(operation: str, given: dict[str, Any], expected: list[str]) -> None:
    found = all_needed("dynamodb", operation, given)
    assert [one.removeprefix("dynamodb:").replace(" arn:aws:dynamodb:HERE:", " ") for one in found] == expected


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("GetFunction", {"FunctionName": "f"}, ["GetFunction function:f"]),
        ("Invoke", {"FunctionName": "f"}, ["InvokeFunction function:f"]),
        ("GetFunction", {"FunctionName": "f:live"}, ["GetFunction function:f:live"]),
        ("GetFunction", {"FunctionName": "f:live", "Qualifier": "2"}, ["GetFunction function:f:2"]),
        ("GetFunction", {"FunctionName": f"{ACCOUNT}:f"}, ["GetFunction function:f"]),
        (
            "GetFunction",
            {"FunctionName": "444455556666:function:f"},
            [f"GetFunction arn:aws:lambda:{OTHER}:function:f"],
        ),
        ("GetFunction", {"FunctionName": FUNCTION}, ["GetFunction arn:aws:lambda:eu-west-1:ME:function:f"]),
        ("GetFunction", {"FunctionName": "arn:aws:s3:::b"}, ["GetFunction function:*?"]),
        ("ListTags", {"Resource": FUNCTION}, ["ListTags arn:aws:lambda:eu-west-1:ME:function:f"]),
        ("CreateFunction", {"FunctionName": "f"}, ["CreateFunction function:f!"]),
        ("CreateFunction", {"FunctionName": "f", "VpcConfig": {"SubnetIds": []}}, ["CreateFunction function:f!"]),
        (
            "CreateFunction",
            {"FunctionName": "f", "VpcConfig": {"SubnetIds": ["subnet-1", "subnet-2", "subnet-3"]}},
            ["CreateFunction function:f! lambda:VpcIds=['vpc-1', 'vpc-2']"],
        ),
        (
            "UpdateFunctionConfiguration",
            {"FunctionName": "f", "VpcConfig": {"SubnetIds": ["subnet-1", "subnet-9"]}, "Layers": ["l"]},
            ["UpdateFunctionConfiguration function:f lambda:VpcIds?", "GetLayerVersion l"],
        ),
        ("GetEventSourceMapping", {"UUID": "n"}, ["GetEventSourceMapping event-source-mapping:n"]),
        (
            "GetEventSourceMapping",
            {"UUID": "m"},
            [
                (
                    "GetEventSourceMapping event-source-mapping:m"
                    " lambda:FunctionArn=arn:aws:lambda:eu-west-1:ME:function:f"
                ),
            ],
        ),
        (
            "UpdateEventSourceMapping",
            {"UUID": "m", "FunctionName": "g"},
            [
                f"UpdateEventSourceMapping event-source-mapping:m lambda:FunctionArn=arn:aws:lambda:{function}"
                for function in ("eu-west-1:ME:function:f", "HERE:function:g")
            ],
        ),
        (
            "CreateEventSourceMapping",
            {"FunctionName": "f"},
            ["CreateEventSourceMapping event-source-mapping:*! lambda:FunctionArn=arn:aws:lambda:HERE:function:f"],
        ),
        (
            "CreateEventSourceMapping",
            {"FunctionName": "?"},
            ["CreateEventSourceMapping event-source-mapping:*! lambda:FunctionArn="],
        ),
        ("ListEventSourceMappings", {"FunctionName": "f"}, ["ListEventSourceMappings *"]),
        ("GetLayerVersion", {"LayerName": "l", "VersionNumber": 3}, ["GetLayerVersion layer:*:*?"]),
    ],
)
def test_call_of_lambda_is_on_its_function(operation: str, given: dict[str, Any], expected: list[str]) -> None:
    found = all_needed("lambda", operation, given, KNOWN)
    assert [one.removeprefix("lambda:").replace(" arn:aws:lambda:HERE:", " ", 1) for one in found] == expected


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("CreateLogStream", {"logGroupName": "g", "logStreamName": "s"}, ["CreateLogStream log-group:g:log-stream:s"]),
        ("DeleteLogStream", {"logGroupName": "g", "logStreamName": "s"}, ["DeleteLogStream log-group:g:log-stream:s"]),
        ("GetLogEvents", {"logGroupIdentifier": GROUP}, [f"GetLogEvents {GROUP}:log-stream:*"]),
        ("PutLogEvents", {"logGroupName": "g", "logStreamName": "s"}, ["PutLogEvents log-group:g:log-stream:s"]),
        ("CreateLogGroup", {"logGroupName": "g"}, ["CreateLogGroup log-group:g:*!"]),
        ("DescribeLogStreams", {"logGroupIdentifier": f"{GROUP}:*"}, [f"DescribeLogStreams {GROUP}:*"]),
        ("StartQuery", {"logGroupNames": ["g", "h"]}, ["StartQuery log-group:g:*", "StartQuery log-group:h:*"]),
        ("StartQuery", {"logGroupIdentifiers": ["g", GROUP]}, ["StartQuery log-group:g:*", f"StartQuery {GROUP}:*"]),
    ],
)
def test_call_of_logs_is_on_its_groups_or_streams(operation: str, given: dict[str, Any], expected: list[str]) -> None:
    found = all_needed("logs", operation, given)
    assert [one.removeprefix("logs:").replace(" arn:aws:logs:HERE:", " ") for one in found] == expected


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("PutRule", {"Name": "r"}, ["PutRule rule/r!"]),
        ("DescribeRule", {"Name": "r", "EventBusName": "default"}, ["DescribeRule rule/r"]),
        ("DescribeRule", {"Name": "r", "EventBusName": BUS}, ["DescribeRule rule/b/r"]),
        ("ListTargetsByRule", {"Rule": "r"}, ["ListTargetsByRule rule/r"]),
        ("RemoveTargets", {"Rule": "r", "EventBusName": BUS}, ["RemoveTargets rule/b/r"]),
        ("DescribeEventBus", {"Name": "b"}, ["DescribeEventBus event-bus/b"]),
        ("PutEvents", {"Entries": [{}, {"EventBusName": "default"}]}, ["PutEvents event-bus/default"]),
        (
            "PutEvents",
            {"Entries": [{"EventBusName": "b"}, {"EventBusName": BUS}]},
            [f"PutEvents {BUS}", "PutEvents event-bus/b"],
        ),
        ("PutEvents", {}, ["PutEvents *"]),
    ],
)
def test_call_of_eventbridge_is_on_a_rule_or_buses(operation: str, given: dict[str, Any], expected: list[str]) -> None:
    found = all_needed("events", operation, given)
    assert [one.removeprefix("events:").replace("arn:aws:events:HERE:", "") for one in found] == expected


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("RunTask", {"taskDefinition": "t"}, [f"RunTask task-definition/t:* {DEFAULT_CLUSTER}"]),
        ("RunTask", {}, [f"RunTask task-definition/*:* {DEFAULT_CLUSTER}"]),
        ("UpdateService", {}, [f"UpdateService service/default/* {DEFAULT_CLUSTER}"]),
        ("StartTask", {"taskDefinition": "t:1"}, [f"StartTask task-definition/t:1 {DEFAULT_CLUSTER}"]),
        (
            "RunTask",
            {"taskDefinition": f"arn:aws:ecs:{OTHER}:task-definition/t:1", "cluster": CLUSTER},
            [f"RunTask arn:aws:ecs:{OTHER}:task-definition/t:1 ecs:cluster={CLUSTER}"],
        ),
        ("CreateService", {"serviceName": "s"}, [f"CreateService service/default/s! {DEFAULT_CLUSTER}"]),
        ("DeleteService", {"service": "s"}, [f"DeleteService service/default/s {DEFAULT_CLUSTER}"]),
        (
            "UpdateService",
            {"service": f"arn:aws:ecs:{OTHER}:service/c/s", "cluster": "c"},
            [f"UpdateService arn:aws:ecs:{OTHER}:service/c/s ecs:cluster=arn:aws:ecs:HERE:cluster/c"],
        ),
        ("RegisterTaskDefinition", {"family": "f"}, ["RegisterTaskDefinition task-definition/f:*!"]),
        (
            "StopTask",
            {"task": "t", "cluster": CLUSTER},
            [f"StopTask task/c/t ecs:cluster={CLUSTER}"],
        ),
        ("StopTask", {}, [f"StopTask task/default/* {DEFAULT_CLUSTER}"]),
        (
            "DescribeTasks",
            {"tasks": ["t", f"arn:aws:ecs:{OTHER}:task/c/u"]},
            [
                f"DescribeTasks task/default/t {DEFAULT_CLUSTER}",
                f"DescribeTasks arn:aws:ecs:{OTHER}:task/c/u {DEFAULT_CLUSTER}",
            ],
        ),
        ("DescribeClusters", {"clusters": ["c"]}, ["DescribeClusters cluster/c"]),
        (
            "RunTask",
            {"taskDefinition": "t:1", "cluster": CLUSTER, "tags": [{"key": "a", "value": "b"}]},
            [
                f"RunTask task-definition/t:1 ecs:cluster={CLUSTER}",
                "TagResource task/c/*! ecs:CreateAction=RunTask",
            ],
        ),
        (
            "StartTask",
            {"taskDefinition": "t:1", "tags": [{"key": "a", "value": "b"}]},
            [
                f"StartTask task-definition/t:1 {DEFAULT_CLUSTER}",
                "TagResource task/default/*! ecs:CreateAction=StartTask",
            ],
        ),
        (
            "CreateService",
            {"serviceName": "s", "tags": [{"key": "a", "value": "b"}]},
            [
                f"CreateService service/default/s! {DEFAULT_CLUSTER}",
                f"TagResource service/default/s! {DEFAULT_CLUSTER} ecs:CreateAction=CreateService",
            ],
        ),
    ],
)
def test_call_of_ecs_is_on_tasks_or_services(operation: str, given: dict[str, Any], expected: list[str]) -> None:
    found = all_needed("ecs", operation, given)
    assert [one.removeprefix("ecs:").replace(" arn:aws:ecs:HERE:", " ", 1) for one in found] == expected


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("TagResource", {"ResourceId": "fs-1"}, ["TagResource file-system/fs-1"]),
        ("TagResource", {"ResourceId": "fsap-1"}, ["TagResource access-point/fsap-1"]),
        ("DescribeFileSystems", {"FileSystemId": "fs-1"}, ["DescribeFileSystems file-system/fs-1"]),
        ("DescribeFileSystems", {}, ["DescribeFileSystems *"]),
        (
            "CreateFileSystem",
            {"Tags": [{"Key": "a", "Value": "b"}]},
            [
                "CreateFileSystem *",
                "TagResource file-system/*! elasticfilesystem:CreateAction=CreateFileSystem aws:ResourceTag/a=b",
            ],
        ),
        (
            "CreateAccessPoint",
            {"FileSystemId": "fs-1", "Tags": [{"Key": "a", "Value": "b"}]},
            [
                "CreateAccessPoint file-system/fs-1",
                "TagResource access-point/*! elasticfilesystem:CreateAction=CreateAccessPoint aws:ResourceTag/a=b",
            ],
        ),
    ],
)
def test_call_of_efs_is_on_a_file_system_or_an_access_point(
    operation: str, given: dict[str, Any], expected: list[str]
) -> None:
    found = all_needed("efs", operation, given)
    of_service = (one.removeprefix("elasticfilesystem:") for one in found)
    assert [one.replace("arn:aws:elasticfilesystem:HERE:", "") for one in of_service] == expected


def test_only_file_systems_and_access_points_are_made_with_tags() -> None:
    assert efs_made(call("efs", "CreateMountTarget", {"FileSystemId": "fs-1"})) is None


def test_call_of_lambda_without_a_function_is_left_to_the_reference() -> None:
    assert functions(call("lambda", "GetLayerVersion", {"LayerName": "l"}), Account()) is None
