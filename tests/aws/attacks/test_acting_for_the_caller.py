"""What a service does for its caller is authorized too: roles that it is handed, sources that it reads, tags that it
sets. Each case is refused without one permission, and goes through with it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from support.authorization import archive
from support.aws import ACCOUNT, REGION, LocalAWS, allow

ROLE = f"arn:aws:iam::{ACCOUNT}:role/administrator"
NOT_AUTHORIZED = frozenset(
    {"AccessDenied", "AccessDeniedException", "AuthorizationError", "NotAuthorized", "UnauthorizedOperation"}
)


@dataclass(frozen=True)
class Case:
    """A call, the actions that its caller has, and the permission that is missing: its action and its resource.

    ``condition`` belongs to the missing permission. ``prepared`` is done by the administrator before.
    """

    client: str
    operation: str
    given: dict[str, Any]
    has: str | list[str]
    action: str
    resource: str = "*"
    condition: dict[str, Any] = field(default_factory=dict)
    prepared: Callable[[LocalAWS], Any] = lambda _: None


def passes(client: str, operation: str, service: str, prefix: str = "", **given: Any) -> Case:
    """Return a case in which a service gets a role."""
    condition = {"Condition": {"StringEquals": {"iam:PassedToService": service}}}
    return Case(client, operation, given, f"{prefix or client}:*", "iam:PassRole", ROLE, condition)


CASES = {
    "a role for the scheduler": passes(
        "scheduler",
        "CreateSchedule",
        "scheduler.amazonaws.com",
        Name="s",
        ScheduleExpression="rate(1 day)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:q", "RoleArn": ROLE},
    ),
    "a role for Glue": passes(
        "glue", "CreateJob", "glue.amazonaws.com", Name="j", Role="administrator", Command={"Name": "glueetl"}
    ),
    "a role for SageMaker": passes(
        "sagemaker", "CreateModel", "sagemaker.amazonaws.com", ModelName="m", ExecutionRoleArn=ROLE
    ),
    "a role for CodeBuild": passes(
        "codebuild",
        "CreateProject",
        "codebuild.amazonaws.com",
        name="project",
        source={"type": "NO_SOURCE"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole=ROLE,
    ),
    "a role for EMR": passes(
        "emr",
        "RunJobFlow",
        "elasticmapreduce.amazonaws.com",
        "elasticmapreduce",
        Name="flow",
        Instances={"InstanceCount": 1},
        ServiceRole=ROLE,
    ),
    "a role for Config": passes(
        "config",
        "PutConfigurationRecorder",
        "config.amazonaws.com",
        ConfigurationRecorder={"name": "default", "roleARN": ROLE},
    ),
    "a role for a rule of IoT": passes(
        "iot",
        "CreateTopicRule",
        "iot.amazonaws.com",
        ruleName="r",
        topicRulePayload={"sql": "SELECT 1", "actions": [{"sqs": {"roleArn": ROLE, "queueUrl": "https://q"}}]},
    ),
    "a role for a pipe": passes(
        "pipes",
        "CreatePipe",
        "pipes.amazonaws.com",
        Name="p",
        RoleArn=ROLE,
        Source=f"arn:aws:sqs:{REGION}:{ACCOUNT}:q",
        Target=f"arn:aws:sqs:{REGION}:{ACCOUNT}:r",
    ),
    "a role for jobs of Batch": passes(
        "batch",
        "RegisterJobDefinition",
        "ecs-tasks.amazonaws.com",
        jobDefinitionName="d",
        type="container",
        containerProperties={"image": "i", "vcpus": 1, "memory": 4, "jobRoleArn": ROLE},
    ),
    "a role for AppSync": passes(
        "appsync",
        "CreateGraphqlApi",
        "appsync.amazonaws.com",
        name="a",
        authenticationType="API_KEY",
        logConfig={"fieldLogLevel": "ALL", "cloudWatchLogsRoleArn": ROLE},
    ),
    "a role for an agent of Bedrock": passes(
        "bedrock-agent", "CreateAgent", "bedrock.amazonaws.com", "bedrock", agentName="a", agentResourceRoleArn=ROLE
    ),
    "a role for Firehose": passes(
        "firehose",
        "CreateDeliveryStream",
        "firehose.amazonaws.com",
        DeliveryStreamName="s",
        ExtendedS3DestinationConfiguration={"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::logs"},
    ),
    "a role for a metric stream": passes(
        "cloudwatch",
        "PutMetricStream",
        "streams.metrics.cloudwatch.amazonaws.com",
        Name="s",
        FirehoseArn=f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/s",
        RoleArn=ROLE,
        OutputFormat="json",
    ),
    "a role for reports of SNS": passes(
        "sns", "CreateTopic", "sns.amazonaws.com", Name="t", Attributes={"LambdaFailureFeedbackRoleArn": ROLE}
    ),
    "a role for a runbook": passes(
        "ssm",
        "CreateDocument",
        "ssm.amazonaws.com",
        Name="own",
        DocumentType="Automation",
        DocumentFormat="YAML",
        Content=f"schemaVersion: '0.3'\nassumeRole: '{ROLE}'\nmainSteps: []\n",
    ),
    "a role for flow logs": passes(
        "ec2",
        "CreateFlowLogs",
        "vpc-flow-logs.amazonaws.com",
        ResourceIds=["vpc-1"],
        ResourceType="VPC",
        LogGroupName="g",
        DeliverLogsPermissionArn=ROLE,
    ),
}


def makes_stack(resources: dict[str, Any], has: str, action: str, resource: str = "*", **more: Any) -> Case:
    """Return a case in which CloudFormation makes a stack. ``more`` are Parameters and more of the template."""
    given = {"StackName": "own", "TemplateBody": json.dumps({"Resources": resources, **more})}
    return Case("cloudformation", "CreateStack", given, ["cloudformation:*", has], action, resource)


def function(role: Any) -> dict[str, Any]:
    properties = {"Role": role, "Runtime": "python3.13", "Handler": "a.b", "Code": {"ZipFile": "a"}}
    return {"F": {"Type": "AWS::Lambda::Function", "Properties": properties}}


QUEUE = {"Q": {"Type": "AWS::SQS::Queue"}}
GET_PARAMETERS = "ssm:GetParameters"
IMAGE = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/golden/image"


def has_parameter(aws: LocalAWS) -> None:
    aws.client("ssm").put_parameter(Name="/golden/image", Value="ami-1", Type="String")


def has_role(aws: LocalAWS) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    aws.role("administrator", trust)


def reference(text: Any) -> dict[str, Any]:
    return {"Q": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": text}}}


def image(**more: Any) -> dict[str, Any]:
    return {"Parameters": {"Image": {"Type": "AWS::SSM::Parameter::Value<String>", **more}}}


CASES |= {
    "a role for a function of a stack": dataclasses.replace(
        makes_stack(function(ROLE), "lambda:*", "iam:PassRole", ROLE), prepared=has_role
    ),
    "a role that a function of a stack is made with": makes_stack(
        function({"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:role/${AWS::StackName}"}),
        "lambda:*",
        "iam:PassRole",
        f"arn:aws:iam::{ACCOUNT}:role/*",
    ),
    "a role in a launch template of a stack": makes_stack(
        {
            "T": {
                "Type": "AWS::EC2::LaunchTemplate",
                "Properties": {"LaunchTemplateData": {"IamInstanceProfile": {"Name": "own"}}},
            }
        },
        "ec2:*",
        "iam:PassRole",
    ),
    "a parameter of Systems Manager": dataclasses.replace(
        makes_stack(QUEUE, "sqs:*", GET_PARAMETERS, IMAGE, **image(Default="/golden/image")), prepared=has_parameter
    ),
    "a reference to a parameter": makes_stack(
        reference("{{resolve:ssm:/golden/image:1}}"), "sqs:*", GET_PARAMETERS, IMAGE
    ),
    "a reference to a secret": makes_stack(
        reference("{{resolve:secretsmanager:db:SecretString:password}}"),
        "sqs:*",
        "secretsmanager:GetSecretValue",
        f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:db",
    ),
    "a reference to a secret by its ARN": makes_stack(
        reference(
            f"{{{{resolve:secretsmanager:arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:db-a1:SecretString}}}}"
        ),
        "sqs:*",
        "secretsmanager:GetSecretValue",
        f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:db-a1",
    ),
}


TAGS = [{"Key": "team", "Value": "blue"}]


def tags(client: str, operation: str, has: str, action: str, **given: Any) -> Case:
    """Return a case in which what is made gets a tag."""
    condition = {"Condition": {"StringEquals": {"aws:RequestTag/team": "blue"}}}
    return Case(client, operation, given, has, action, "*", condition)


CASES |= {
    "a tag of an access point": tags(
        "efs",
        "CreateAccessPoint",
        "elasticfilesystem:Create*",
        "elasticfilesystem:TagResource",
        ClientToken="t",
        FileSystemId="fs-0123456789abcdef0",
        Tags=TAGS,
    ),
    "a tag of a model": tags(
        "sagemaker", "CreateModel", "sagemaker:Create*", "sagemaker:AddTags", ModelName="m", Tags=TAGS
    ),
    "a tag of a trigger": tags(
        "glue",
        "CreateTrigger",
        "glue:Create*",
        "glue:TagResource",
        Name="t",
        Type="ON_DEMAND",
        Actions=[],
        Tags={"team": "blue"},
    ),
    "a tag of a cluster": tags(
        "redshift",
        "CreateClusterSubnetGroup",
        "redshift:CreateCluster*",
        "redshift:CreateTags",
        ClusterSubnetGroupName="g",
        Description="d",
        SubnetIds=["subnet-1"],
        Tags=TAGS,
    ),
    "a tag of a user pool": tags(
        "cognito-idp",
        "CreateUserPool",
        "cognito-idp:Create*",
        "cognito-idp:TagResource",
        PoolName="p",
        UserPoolTags={"team": "blue"},
    ),
    "a tag of a bucket": tags(
        "s3",
        "CreateBucket",
        "s3:Create*",
        "s3:TagResource",
        Bucket="tagged-bucket",
        CreateBucketConfiguration={"Tags": TAGS},
    ),
}


def has_table(aws: LocalAWS) -> None:
    tables = aws.client("dynamodb")
    tables.create_table(
        TableName="secrets",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    enabled = {"PointInTimeRecoveryEnabled": True}
    tables.update_continuous_backups(TableName="secrets", PointInTimeRecoverySpecification=enabled)


def has_code(aws: LocalAWS) -> None:
    has_role(aws)
    aws.client("s3").create_bucket(Bucket="code-of-others")
    aws.client("s3").put_object(Bucket="code-of-others", Key="app.zip", Body=archive())


TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table"
ITEMS = ["BatchWriteItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem"]
RESTORE = {"SourceTableName": "secrets", "TargetTableName": "own"}

CASES |= {
    "the table that is restored": Case(
        "dynamodb",
        "RestoreTableToPointInTime",
        RESTORE,
        [f"dynamodb:{name}" for name in ITEMS],
        "dynamodb:RestoreTableToPointInTime",
        f"{TABLE}/secrets",
        prepared=has_table,
    ),
    "the items of a restored table": Case(
        "dynamodb",
        "RestoreTableToPointInTime",
        RESTORE,
        ["dynamodb:RestoreTableToPointInTime", *(f"dynamodb:{name}" for name in ITEMS if name != "Scan")],
        "dynamodb:Scan",
        f"{TABLE}/own",
        prepared=has_table,
    ),
    "the bucket that a table is exported to": Case(
        "dynamodb",
        "ExportTableToPointInTime",
        {"TableArn": f"{TABLE}/secrets", "S3Bucket": "code-of-others"},
        ["dynamodb:*", "s3:AbortMultipartUpload", "s3:PutObjectAcl"],
        "s3:PutObject",
        "arn:aws:s3:::code-of-others/*",
        prepared=lambda aws: (has_table(aws), has_code(aws)),
    ),
    "the bucket that a table is imported from": Case(
        "dynamodb",
        "ImportTable",
        {
            "S3BucketSource": {"S3Bucket": "code-of-others"},
            "InputFormat": "CSV",
            "TableCreationParameters": {
                "TableName": "new",
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            },
        },
        ["dynamodb:*", "s3:ListBucket"],
        "s3:GetObject",
        "arn:aws:s3:::code-of-others/*",
        prepared=has_code,
    ),
    "the code of a function in a bucket": Case(
        "lambda",
        "CreateFunction",
        {
            "FunctionName": "f",
            "Runtime": "python3.13",
            "Handler": "app.handler",
            "Role": ROLE,
            "Code": {"S3Bucket": "code-of-others", "S3Key": "app.zip"},
        },
        ["lambda:*", "iam:PassRole"],
        "s3:GetObject",
        "arn:aws:s3:::code-of-others/app.zip",
        prepared=has_code,
    ),
    "the snapshot that is copied": Case(
        "rds",
        "CopyDBSnapshot",
        {"SourceDBSnapshotIdentifier": "theirs", "TargetDBSnapshotIdentifier": "own"},
        "rds:Describe*",
        "rds:CopyDBSnapshot",
        f"arn:aws:rds:{REGION}:{ACCOUNT}:snapshot:*",
    ),
}


def has_queue(aws: LocalAWS) -> None:
    aws.client("sqs").create_queue(QueueName="q")


QUEUE_ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"
CASES |= {
    "tags of a queue by the tagging API": Case(
        "resourcegroupstaggingapi",
        "TagResources",
        {"ResourceARNList": [QUEUE_ARN], "Tags": {"team": "blue"}},
        "tag:*",
        "sqs:TagQueue",
        QUEUE_ARN,
        {"Condition": {"StringEquals": {"aws:RequestTag/team": "blue"}}},
        has_queue,
    ),
    "tags of a queue taken away by the tagging API": Case(
        "resourcegroupstaggingapi",
        "UntagResources",
        {"ResourceARNList": [QUEUE_ARN], "TagKeys": ["team"]},
        "tag:*",
        "sqs:UntagQueue",
        QUEUE_ARN,
        {"Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}},
        has_queue,
    ),
}


def has_template(aws: LocalAWS) -> None:
    iam = aws.client("iam")
    aws.role("administrator", {**TRUST_EC2})
    iam.create_instance_profile(InstanceProfileName="administrator")
    iam.add_role_to_instance_profile(InstanceProfileName="administrator", RoleName="administrator")
    aws.client("ec2").create_launch_template(
        LaunchTemplateName="theirs",
        LaunchTemplateData={
            "ImageId": "ami-12c6146b",
            "IamInstanceProfile": {"Name": "administrator"},
            "TagSpecifications": [{"ResourceType": "instance", "Tags": TAGS}],
        },
    )


TRUST_EC2 = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
LAUNCH = {"MinCount": 1, "MaxCount": 1, "LaunchTemplate": {"LaunchTemplateName": "theirs"}}


def launched(client: str, operation: str, **given: Any) -> dict[str, Case]:
    """Return the cases of a call whose instances are launched with the template ``theirs``."""
    is_run = operation == "RunInstances"
    own = f"{client}:*" if client != "ec2" else f"ec2:{operation}"
    has = list(dict.fromkeys([own, "ec2:RunInstances", "ec2:CreateTags", "iam:PassRole"]))
    missing = {
        "role": ("iam:PassRole", ROLE, {"iam:PassedToService": "ec2.amazonaws.com"}),
        "tags": (
            "ec2:CreateTags",
            f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/*",
            {"aws:RequestTag/team": "blue", "ec2:CreateAction": "RunInstances"},
        ),
        "launch": ("ec2:RunInstances", "*", {}),
    }
    return {
        f"the {name} of a launch template in {operation} of {client} {', '.join(given)}": Case(
            client,
            operation,
            given,
            [one for one in has if one != action],
            action,
            resource,
            {"Condition": {"StringEquals": keys}} if keys else {},
            has_template,
        )
        for name, (action, resource, keys) in missing.items()
        if not (is_run and name == "launch")
    }


THEIRS = {"LaunchTemplateName": "theirs"}
CONFIGS = [{"LaunchTemplateSpecification": {**THEIRS, "Version": "1"}, "Overrides": [{"InstanceType": "t3.micro"}]}]
GROUP = {"AutoScalingGroupName": "g", "MinSize": 0, "MaxSize": 1, "AvailabilityZones": [f"{REGION}a"]}
MIXED = {"LaunchTemplate": {"LaunchTemplateSpecification": THEIRS, "Overrides": [{"InstanceType": "t3.micro"}]}}
FLEET = {"TotalTargetCapacity": 1, "DefaultTargetCapacityType": "on-demand"}
SPOT_FLEET = {"IamFleetRole": ROLE, "TargetCapacity": 1, "LaunchTemplateConfigs": CONFIGS}
CASES |= {
    **launched("ec2", "RunInstances", **LAUNCH),
    **launched("ec2", "CreateFleet", LaunchTemplateConfigs=CONFIGS, TargetCapacitySpecification=FLEET),
    **launched("autoscaling", "CreateAutoScalingGroup", **GROUP, LaunchTemplate=THEIRS),
    **launched("autoscaling", "CreateAutoScalingGroup", **GROUP, MixedInstancesPolicy=MIXED),
    **launched("autoscaling", "UpdateAutoScalingGroup", AutoScalingGroupName="g", LaunchTemplate=THEIRS),
    **launched(
        "autoscaling", "StartInstanceRefresh", AutoScalingGroupName="g", DesiredConfiguration={"LaunchTemplate": THEIRS}
    ),
}
CASES |= {
    name: case
    for name, case in launched("ec2", "RequestSpotFleet", SpotFleetRequestConfig=SPOT_FLEET).items()
    if case.action != "iam:PassRole"  # the fleet's role must be passed too
}


def has_versions(aws: LocalAWS) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="tagged")
    s3.put_bucket_versioning(Bucket="tagged", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="tagged", Key="k", Body=b"1", Tagging="team=blue")


OBJECT = "arn:aws:s3:::tagged/*"
COPY = {"Bucket": "tagged", "Key": "copy", "CopySource": "tagged/k"}
CASES |= {
    "the attributes of an object": Case(
        "s3",
        "GetObjectAttributes",
        {"Bucket": "tagged", "Key": "k", "ObjectAttributes": ["ObjectSize"]},
        ["s3:GetObject", "s3:ListBucket"],
        "s3:GetObjectAttributes",
        OBJECT,
        prepared=has_versions,
    ),
    "the tags of an object that is copied": Case(
        "s3",
        "CopyObject",
        COPY,
        ["s3:GetObject", "s3:PutObject", "s3:PutObjectTagging"],
        "s3:GetObjectTagging",
        OBJECT,
        prepared=has_versions,
    ),
    "the tags of the copy": Case(
        "s3",
        "CopyObject",
        COPY,
        ["s3:GetObject", "s3:PutObject", "s3:GetObjectTagging"],
        "s3:PutObjectTagging",
        OBJECT,
        prepared=has_versions,
    ),
}


def attempt(aws: LocalAWS, case: Case, user: str, *statements: dict[str, Any]) -> tuple[str, str]:
    """Return code and message of the error that a user's call ends with; empty if it succeeds."""
    client = aws.client(case.client, aws.user(user, *statements))
    try:
        getattr(client, xform_name(case.operation))(**case.given)
    except ClientError as problem:
        error = problem.response["Error"]
        return error["Code"], error.get("Message", "")
    return "", ""


@pytest.mark.services
@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_service_does_for_its_caller_only_what_the_caller_may(aws: LocalAWS, case: Case) -> None:
    case.prepared(aws)
    has = allow(case.has)
    missing = allow(case.action, case.resource, **case.condition)
    code, message = attempt(aws, case, "mallory", has)
    assert code in NOT_AUTHORIZED, (code, message)
    assert case.action.lower() in message.lower(), message
    elsewhere = allow(case.action, "arn:aws:iam::*:role/harmless" if "iam:" in case.action else "arn:aws:x:::other")
    assert attempt(aws, case, "nearly", has, elsewhere)[0] in NOT_AUTHORIZED
    code, message = attempt(aws, case, "alice", has, missing)
    assert code not in NOT_AUTHORIZED, message


TEMPLATE_IMAGE = f"arn:aws:ec2:{REGION}::image/ami-12c6146b"
NO_SUCH_VERSION = [
    {**CONFIGS[0], "LaunchTemplateSpecification": {**THEIRS, "Version": version}} for version in ("9", "x")
]
CREATE_FLEET, CREATE_GROUP = ("ec2", "CreateFleet"), ("autoscaling", "CreateAutoScalingGroup")
INSTANCES, IMAGES = f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/*", f"arn:aws:ec2:{REGION}::image/*"
DENIED: dict[str, tuple[tuple[str, str], dict[str, Any], dict[str, Any]]] = {
    # the operation, its parameters, and the Deny that keeps it from the template
    "the image of the template": (
        CREATE_FLEET,
        {"LaunchTemplateConfigs": CONFIGS, "TargetCapacitySpecification": FLEET},
        {"Action": "ec2:RunInstances", "Resource": TEMPLATE_IMAGE},
    ),
    "the type of instance that is set instead": (
        CREATE_FLEET,
        {"LaunchTemplateConfigs": CONFIGS, "TargetCapacitySpecification": FLEET},
        {
            "Action": "ec2:RunInstances",
            "Resource": INSTANCES,
            "Condition": {"StringEquals": {"ec2:InstanceType": "t3.micro"}},
        },
    ),
    "the template": (
        CREATE_GROUP,
        {**GROUP, "LaunchTemplate": THEIRS},
        {
            "Action": "ec2:RunInstances",
            "Resource": IMAGES,
            "Condition": {"Bool": {"ec2:IsLaunchTemplateResource": "true"}},
        },
    ),
    "a version that does not exist": (
        CREATE_FLEET,
        {"LaunchTemplateConfigs": NO_SUCH_VERSION[:1], "TargetCapacitySpecification": FLEET},
        {"Action": "ec2:RunInstances", "Resource": TEMPLATE_IMAGE},
    ),
    "a version that is not a number": (
        CREATE_FLEET,
        {"LaunchTemplateConfigs": NO_SUCH_VERSION[1:], "TargetCapacitySpecification": FLEET},
        {"Action": "ec2:RunInstances", "Resource": TEMPLATE_IMAGE},
    ),
}


@pytest.mark.services
@pytest.mark.parametrize(("operation", "given", "deny"), DENIED.values(), ids=DENIED.keys())
def test_what_a_launch_template_says_can_be_denied(
    aws: LocalAWS, operation: tuple[str, str], given: dict[str, Any], deny: dict[str, Any]
) -> None:
    has_template(aws)
    case = Case(*operation, given, [], "")
    denied = {"Effect": "Deny", **deny}
    code, _ = attempt(aws, case, "mallory", allow(["ec2:*", "autoscaling:*", "iam:PassRole"]), denied)
    assert code in NOT_AUTHORIZED


@pytest.mark.services
def test_a_launch_may_be_bound_to_a_template_and_what_it_says(aws: LocalAWS) -> None:
    has_template(aws)
    template = f"arn:aws:ec2:{REGION}:{ACCOUNT}:launch-template/*"
    bound = allow(
        "ec2:RunInstances",
        "*",
        Condition={"ArnLike": {"ec2:LaunchTemplate": template}, "Bool": {"ec2:IsLaunchTemplateResource": "true"}},
    )
    others = allow(["ec2:CreateTags", "ec2:CreateFleet", "iam:PassRole"])
    case = Case("ec2", "RunInstances", LAUNCH, [], "")
    assert attempt(aws, case, "alice", bound, others) == ("", "")
    for given in ({"ImageId": "ami-12c6146b"}, {"InstanceType": "t3.micro"}):
        case = Case("ec2", "RunInstances", {**LAUNCH, **given}, [], "")
        assert attempt(aws, case, f"mallory-{next(iter(given))}", bound, others)[0] in NOT_AUTHORIZED


def test_a_copy_without_tags_needs_nothing_for_tags(aws: LocalAWS) -> None:
    has_versions(aws)
    s3 = aws.client("s3", aws.user("alice", allow(["s3:GetObject", "s3:PutObject"])))
    s3.copy_object(**COPY, TaggingDirective="REPLACE")
    assert aws.client("s3").get_object_tagging(Bucket="tagged", Key="copy")["TagSet"] == []


def test_the_tags_are_those_of_the_version_that_is_read(aws: LocalAWS) -> None:
    has_versions(aws)
    old = aws.client("s3").list_object_versions(Bucket="tagged")["Versions"][0]["VersionId"]
    new = aws.client("s3").put_object(Bucket="tagged", Key="k", Body=b"2", Tagging="team=red")["VersionId"]
    blue = {"Condition": {"StringEquals": {"s3:ExistingObjectTag/team": "blue"}}}
    reading = allow(["s3:GetObject", "s3:GetObjectVersion", "s3:DeleteObjectVersion"], OBJECT, **blue)
    s3 = aws.client("s3", aws.user("alice", reading, allow(["s3:PutObject", "s3:ListBucket"])))
    assert s3.get_object(Bucket="tagged", Key="k", VersionId=old)["Body"].read() == b"1"
    for given in ({}, {"VersionId": new}):
        with pytest.raises(ClientError, match="s3:GetObject"):
            s3.get_object(Bucket="tagged", Key="k", **given)
    copy = {"Bucket": "tagged", "Key": "k", "TaggingDirective": "REPLACE"}
    with pytest.raises(ClientError, match="s3:GetObjectVersion"):
        s3.copy_object(**copy, CopySource=f"tagged/k?versionId={new}")
    s3.copy_object(**copy, CopySource=f"tagged/k?versionId={old}")
    versions = [{"Key": "k", "VersionId": version} for version in (new, old)]
    answer = [s3.delete_objects(Bucket="tagged", Delete={"Objects": [one]}) for one in versions]
    assert ["Errors" in one for one in answer] == [True, False]


@pytest.mark.parametrize("operation", ["put_object", "create_multipart_upload"])
def test_a_tag_twice_is_refused(aws: LocalAWS, operation: str) -> None:
    aws.client("s3").create_bucket(Bucket="tagged")
    key = aws.user("alice", allow("s3:*", "*", Condition={"StringEqualsIfExists": {"s3:RequestObjectTag/a": "1"}}))
    with pytest.raises(ClientError, match="without tag name duplicates") as raised:
        getattr(aws.client("s3", key), operation)(Bucket="tagged", Key="k", Tagging="a=2&a=1")
    assert raised.value.response["Error"]["Code"] == "InvalidArgument"
    aws.client("s3", key).put_object(Bucket="tagged", Key="k", Tagging="a=1&b=2")
    twice = {"TagSet": [{"Key": "a", "Value": "2"}, {"Key": "a", "Value": "1"}]}
    with pytest.raises(ClientError, match="multiple Tags with the same key"):
        aws.client("s3", key).put_object_tagging(Bucket="tagged", Key="k", Tagging=twice)
