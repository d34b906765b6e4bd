"""Real calls of many services: each allowed on one resource by a policy, and refused on another by the same one."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from support.authorization import allow, archive, grant, refused
from support.aws import ACCOUNT, REGION, LocalAWS

Call = tuple[str, str, dict[str, Any]]
SERVICE_TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
        ],
    }
)


def arn(service: str, resource: str, region: str = REGION) -> str:
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{resource}"


@dataclass(frozen=True)
class Case:
    """``given`` are the administrator's calls; the policy allows ``action`` on ``resource``; then two calls follow."""

    id: str
    action: str | list[str]
    resource: str | list[str]
    allowed: Call
    refused: Call
    code: str
    named: str
    given: list[Call] = field(default_factory=list)
    condition: dict[str, Any] = field(default_factory=dict)


TABLE = {
    "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}
FUNCTION = {
    "Runtime": "python3.11",
    "Role": arn("iam", "role/service", ""),
    "Handler": "app.handler",
    "Code": {"ZipFile": archive()},
}
SERVICE_ROLE: Call = ("iam", "create_role", {"RoleName": "service", "AssumeRolePolicyDocument": SERVICE_TRUST})

CASES = [
    Case(
        "s3",
        "s3:PutObject",
        "arn:aws:s3:::shop-logs/in/*",
        ("s3", "put_object", {"Bucket": "shop-logs", "Key": "in/a", "Body": b"x"}),
        ("s3", "put_object", {"Bucket": "shop-logs", "Key": "out/a", "Body": b"x"}),
        "AccessDenied",
        's3:PutObject on resource: "arn:aws:s3:::shop-logs/out/a"',
        [("s3", "create_bucket", {"Bucket": "shop-logs"})],
    ),
    Case(
        "s3-listing-by-prefix",
        "s3:ListBucket",
        "arn:aws:s3:::shop-logs",
        ("s3", "list_objects_v2", {"Bucket": "shop-logs", "Prefix": "in/"}),
        ("s3", "list_objects_v2", {"Bucket": "shop-logs", "Prefix": "out/"}),
        "AccessDenied",
        's3:ListBucket on resource: "arn:aws:s3:::shop-logs"',
        [("s3", "create_bucket", {"Bucket": "shop-logs"})],
        {"StringLike": {"s3:prefix": "in/*"}},
    ),
    Case(
        "sqs",
        "sqs:SendMessage",
        arn("sqs", "orders"),
        ("sqs", "send_message", {"QueueUrl": f"https://sqs/{ACCOUNT}/orders", "MessageBody": "m"}),
        ("sqs", "send_message", {"QueueUrl": f"https://sqs/{ACCOUNT}/salaries", "MessageBody": "m"}),
        "AccessDenied",
        f"sqs:sendmessage on resource: {arn('sqs', 'salaries')}",
        [("sqs", "create_queue", {"QueueName": "orders"}), ("sqs", "create_queue", {"QueueName": "salaries"})],
    ),
    Case(
        "sqs-batches-need-the-single-action",
        "sqs:SendMessage",
        arn("sqs", "orders"),
        (
            "sqs",
            "send_message_batch",
            {"QueueUrl": f"https://sqs/{ACCOUNT}/orders", "Entries": [{"Id": "1", "MessageBody": "m"}]},
        ),
        ("sqs", "receive_message", {"QueueUrl": f"https://sqs/{ACCOUNT}/orders"}),
        "AccessDenied",
        f"sqs:receivemessage on resource: {arn('sqs', 'orders')}",
        [("sqs", "create_queue", {"QueueName": "orders"})],
    ),
    Case(
        "sns",
        "sns:Publish",
        arn("sns", "news"),
        ("sns", "publish", {"TopicArn": arn("sns", "news"), "Message": "m"}),
        ("sns", "publish", {"TopicArn": arn("sns", "alarms"), "Message": "m"}),
        "AuthorizationError",
        f"SNS:Publish on resource: {arn('sns', 'alarms')}",
        [("sns", "create_topic", {"Name": "news"}), ("sns", "create_topic", {"Name": "alarms"})],
    ),
    Case(
        "dynamodb",
        "dynamodb:GetItem",
        arn("dynamodb", "table/carts"),
        ("dynamodb", "get_item", {"TableName": "carts", "Key": {"id": {"S": "1"}}}),
        ("dynamodb", "get_item", {"TableName": "users", "Key": {"id": {"S": "1"}}}),
        "AccessDeniedException",
        f"dynamodb:GetItem on resource: {arn('dynamodb', 'table/users')}",
        [
            ("dynamodb", "create_table", {"TableName": "carts", **TABLE}),
            ("dynamodb", "create_table", {"TableName": "users", **TABLE}),
        ],
    ),
    Case(
        "dynamodb-leading-keys",
        ["dynamodb:GetItem", "dynamodb:PutItem"],
        arn("dynamodb", "table/carts"),
        ("dynamodb", "put_item", {"TableName": "carts", "Item": {"id": {"S": "mine"}}}),
        ("dynamodb", "get_item", {"TableName": "carts", "Key": {"id": {"S": "theirs"}}}),
        "AccessDeniedException",
        "dynamodb:GetItem",
        [("dynamodb", "create_table", {"TableName": "carts", **TABLE})],
        {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["mine"]}, "Null": {"dynamodb:LeadingKeys": "false"}},
    ),
    Case(
        "dynamodb-transactions-check-each-item",
        ["dynamodb:PutItem", "dynamodb:DeleteItem"],
        arn("dynamodb", "table/carts"),
        (
            "dynamodb",
            "transact_write_items",
            {"TransactItems": [{"Put": {"TableName": "carts", "Item": {"id": {"S": "1"}}}}]},
        ),
        (
            "dynamodb",
            "transact_write_items",
            {
                "TransactItems": [
                    {"Put": {"TableName": "carts", "Item": {"id": {"S": "1"}}}},
                    {"Delete": {"TableName": "users", "Key": {"id": {"S": "1"}}}},
                ]
            },
        ),
        "AccessDeniedException",
        f"dynamodb:DeleteItem on resource: {arn('dynamodb', 'table/users')}",
        [
            ("dynamodb", "create_table", {"TableName": "carts", **TABLE}),
            ("dynamodb", "create_table", {"TableName": "users", **TABLE}),
        ],
    ),
    Case(
        "lambda",
        "lambda:GetFunction",
        arn("lambda", "function:resize"),
        ("lambda", "get_function", {"FunctionName": "resize"}),
        ("lambda", "get_function", {"FunctionName": arn("lambda", "function:payroll")}),
        "AccessDeniedException",
        f"lambda:GetFunction on resource: {arn('lambda', 'function:payroll')}",
        [
            SERVICE_ROLE,
            ("lambda", "create_function", {"FunctionName": "resize", **FUNCTION}),
            ("lambda", "create_function", {"FunctionName": "payroll", **FUNCTION}),
        ],
    ),
    Case(
        "kms-by-alias",
        "kms:DescribeKey",
        arn("kms", "key/*"),
        ("kms", "describe_key", {"KeyId": "alias/shop"}),
        ("kms", "encrypt", {"KeyId": "alias/shop", "Plaintext": b"x"}),
        "AccessDeniedException",
        f"kms:Encrypt on resource: {arn('kms', 'key/')}",
        [],
    ),
    Case(
        "secretsmanager",
        "secretsmanager:GetSecretValue",
        arn("secretsmanager", "secret:shop/db-??????"),
        ("secretsmanager", "get_secret_value", {"SecretId": "shop/db"}),
        ("secretsmanager", "get_secret_value", {"SecretId": "shop/db-admin"}),
        "AccessDeniedException",
        f"secretsmanager:GetSecretValue on resource: {arn('secretsmanager', 'secret:shop/db-admin-')}",
        [
            ("secretsmanager", "create_secret", {"Name": "shop/db", "SecretString": "s"}),
            ("secretsmanager", "create_secret", {"Name": "shop/db-admin", "SecretString": "s"}),
        ],
    ),
    Case(
        "ssm",
        "ssm:GetParameter",
        arn("ssm", "parameter/shop/*"),
        ("ssm", "get_parameter", {"Name": "/shop/url"}),
        ("ssm", "get_parameter", {"Name": "/bank/pin"}),
        "AccessDeniedException",
        f"ssm:GetParameter on resource: {arn('ssm', 'parameter/bank/pin')}",
        [
            ("ssm", "put_parameter", {"Name": "/shop/url", "Value": "v", "Type": "String"}),
            ("ssm", "put_parameter", {"Name": "/bank/pin", "Value": "v", "Type": "String"}),
        ],
    ),
    Case(
        "iam-roles-with-a-path",
        "iam:GetRole",
        arn("iam", "role/shop/*", ""),
        ("iam", "get_role", {"RoleName": "till"}),
        ("iam", "get_role", {"RoleName": "service"}),
        "AccessDenied",
        "iam:GetRole on resource: role service because no identity-based policy",
        [
            ("iam", "create_role", {"RoleName": "till", "Path": "/shop/", "AssumeRolePolicyDocument": SERVICE_TRUST}),
            SERVICE_ROLE,
        ],
    ),
    Case(
        "ecr",
        "ecr:DescribeImages",
        arn("ecr", "repository/shop/*"),
        ("ecr", "describe_images", {"repositoryName": "shop/web"}),
        ("ecr", "describe_images", {"repositoryName": "bank/web"}),
        "AccessDeniedException",
        f"ecr:DescribeImages on resource: {arn('ecr', 'repository/bank/web')}",
        [
            ("ecr", "create_repository", {"repositoryName": "shop/web"}),
            ("ecr", "create_repository", {"repositoryName": "bank/web"}),
        ],
    ),
    Case(
        "logs",
        ["logs:CreateLogStream", "logs:PutLogEvents"],
        arn("logs", "log-group:/shop/*:*"),
        ("logs", "create_log_stream", {"logGroupName": "/shop/web", "logStreamName": "s"}),
        ("logs", "create_log_stream", {"logGroupName": "/bank/web", "logStreamName": "s"}),
        "AccessDeniedException",
        f"logs:CreateLogStream on resource: {arn('logs', 'log-group:/bank/web:log-stream:s')}",
        [
            ("logs", "create_log_group", {"logGroupName": "/shop/web"}),
            ("logs", "create_log_group", {"logGroupName": "/bank/web"}),
        ],
    ),
    Case(
        "events",
        "events:PutRule",
        arn("events", "rule/shop-*"),
        ("events", "put_rule", {"Name": "shop-nightly", "ScheduleExpression": "rate(1 day)"}),
        ("events", "put_rule", {"Name": "bank-nightly", "ScheduleExpression": "rate(1 day)"}),
        "AccessDeniedException",
        f"events:PutRule on resource: {arn('events', 'rule/bank-nightly')}",
    ),
    Case(
        "kinesis",
        "kinesis:DescribeStreamSummary",
        arn("kinesis", "stream/clicks"),
        ("kinesis", "describe_stream_summary", {"StreamName": "clicks"}),
        ("kinesis", "describe_stream_summary", {"StreamName": "wages"}),
        "AccessDeniedException",
        f"kinesis:DescribeStreamSummary on resource: {arn('kinesis', 'stream/wages')}",
        [
            ("kinesis", "create_stream", {"StreamName": "clicks", "ShardCount": 1}),
            ("kinesis", "create_stream", {"StreamName": "wages", "ShardCount": 1}),
        ],
    ),
    Case(
        "rds",
        "rds:DescribeDBInstances",
        arn("rds", "db:shop"),
        ("rds", "describe_db_instances", {"DBInstanceIdentifier": "shop"}),
        ("rds", "describe_db_instances", {"DBInstanceIdentifier": "bank"}),
        "AccessDenied",
        f"rds:DescribeDBInstances on resource: {arn('rds', 'db:bank')}",
        [
            (
                "rds",
                "create_db_instance",
                {"DBInstanceIdentifier": name, "DBInstanceClass": "db.t3.micro", "Engine": "postgres"}
                | {"MasterUsername": "u", "MasterUserPassword": "p" * 12, "AllocatedStorage": 10},
            )
            for name in ("shop", "bank")
        ],
    ),
    Case(
        "route53",
        "route53:ListHostedZonesByName",
        "*",
        ("route53", "list_hosted_zones_by_name", {}),
        ("route53", "get_hosted_zone", {"Id": "Z1234567890ABC"}),
        "AccessDenied",
        "route53:GetHostedZone on resource: arn:aws:route53:::hostedzone/Z1234567890ABC",
    ),
    Case(
        "ecs",
        "ecs:DescribeClusters",
        arn("ecs", "cluster/shop"),
        ("ecs", "describe_clusters", {"clusters": ["shop"]}),
        ("ecs", "describe_clusters", {"clusters": ["shop", "bank"]}),
        "AccessDeniedException",
        f"ecs:DescribeClusters on resource: {arn('ecs', 'cluster/bank')}",
        [("ecs", "create_cluster", {"clusterName": "shop"}), ("ecs", "create_cluster", {"clusterName": "bank"})],
    ),
    Case(
        "eks",
        "eks:DescribeCluster",
        arn("eks", "cluster/podrole"),
        ("eks", "describe_cluster", {"name": "podrole"}),
        ("eks", "describe_cluster", {"name": "other"}),
        "AccessDeniedException",
        f"eks:DescribeCluster on resource: {arn('eks', 'cluster/other')}",
    ),
    Case(
        "cloudwatch",
        "cloudwatch:SetAlarmState",
        arn("cloudwatch", "alarm:shop-*"),
        ("cloudwatch", "set_alarm_state", {"AlarmName": "shop-1", "StateValue": "OK", "StateReason": "r"}),
        ("cloudwatch", "set_alarm_state", {"AlarmName": "bank-1", "StateValue": "OK", "StateReason": "r"}),
        "AccessDenied",
        f"cloudwatch:SetAlarmState on resource: {arn('cloudwatch', 'alarm:bank-1')}",
        [
            (
                "cloudwatch",
                "put_metric_alarm",
                {"AlarmName": "shop-1", "ComparisonOperator": "GreaterThanThreshold", "EvaluationPeriods": 1}
                | {"MetricName": "m", "Namespace": "n", "Period": 60, "Statistic": "Sum", "Threshold": 1.0},
            )
        ],
    ),
]


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_a_policy_allows_what_it_names_and_nothing_else(aws: LocalAWS, case: Case) -> None:
    if case.id == "kms-by-alias":
        key = aws.client("kms").create_key()["KeyMetadata"]["KeyId"]
        aws.client("kms").create_alias(AliasName="alias/shop", TargetKeyId=key)
    for service, operation, arguments in case.given:
        getattr(aws.client(service), operation)(**arguments)
    credentials = grant(aws, allow(case.action, case.resource, **case.condition))
    service, operation, arguments = case.allowed
    getattr(aws.client(service, credentials), operation)(**arguments)
    service, operation, arguments = case.refused
    code, message = refused(getattr(aws.client(service, credentials), operation), **arguments)
    assert code == case.code
    assert f"is not authorized to perform: {case.named}" in message
    event = aws.last_event()
    assert event.outcome == "refused"
    assert event.explanation is not None
    assert event.explanation["decision"] == "ImplicitlyDenied"


def test_a_launch_needs_every_resource_that_it_touches_and_the_right_to_tag(aws: LocalAWS) -> None:
    ec2 = aws.client("ec2")
    mine, other = (one["SubnetId"] for one in ec2.describe_subnets()["Subnets"][:2])
    kinds = [arn("ec2", f"{kind}/*") for kind in ("instance", "volume", "network-interface", "security-group")]
    resources = [*kinds, f"arn:aws:ec2:{REGION}::image/*", arn("ec2", f"subnet/{mine}")]
    tagging = allow("ec2:CreateTags", "*", StringEquals={"ec2:CreateAction": "RunInstances", "aws:RequestTag/a": "b"})
    client = aws.client("ec2", grant(aws, allow("ec2:RunInstances", resources), tagging))
    launch: dict[str, Any] = {"ImageId": "ami-12c6146b", "MinCount": 1, "MaxCount": 1}
    assert client.run_instances(**launch, SubnetId=mine)["Instances"]
    assert f"on resource: {arn('ec2', f'subnet/{other}')}" in refused(client.run_instances, **launch, SubnetId=other)[1]
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "b"}]}]
    assert client.run_instances(**launch, SubnetId=mine, TagSpecifications=tags)["Instances"]
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "a", "Value": "c"}]}]
    assert "ec2:CreateTags" in refused(client.run_instances, **launch, SubnetId=mine, TagSpecifications=tags)[1]


def test_a_tag_of_the_resource_decides(aws: LocalAWS) -> None:
    ec2 = aws.client("ec2")
    launched = ec2.run_instances(ImageId="ami-12c6146b", MinCount=2, MaxCount=2)["Instances"]
    mine, other = (one["InstanceId"] for one in launched)
    ec2.create_tags(Resources=[mine], Tags=[{"Key": "team", "Value": "blue"}])
    condition = {"StringEquals": {"aws:ResourceTag/team": "blue"}}
    client = aws.client("ec2", grant(aws, allow("ec2:StopInstances", "*", **condition)))
    assert client.stop_instances(InstanceIds=[mine])["StoppingInstances"]
    code, message = refused(client.stop_instances, InstanceIds=[mine, other])
    assert code == "UnauthorizedOperation"
    assert f"on resource: {arn('ec2', f'instance/{other}')}" in message


def test_only_aws_makes_aliases_that_begin_with_alias_aws(aws: LocalAWS) -> None:
    kms = aws.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/shop", TargetKeyId=key)
    code, _ = refused(kms.create_alias, AliasName="alias/aws/shop", TargetKeyId=key)
    assert code == "AccessDeniedException"


def test_only_the_policy_that_is_named_can_be_attached(aws: LocalAWS) -> None:
    read = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    attach = allow("iam:AttachRolePolicy", "*", ArnEquals={"iam:PolicyARN": read})
    client = aws.client("iam", grant(aws, attach))
    client.attach_role_policy(RoleName="reader", PolicyArn=read)
    code, _ = refused(
        client.attach_role_policy, RoleName="reader", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
    )
    assert code == "AccessDenied"
