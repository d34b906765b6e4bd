"""A stack's resources need what direct calls need: no policy, destination, role or key gets around its check."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from podrole.doctor.facts.history import find_event
from support.authorization import archive
from support.aws import ACCOUNT, REGION, LocalAWS, allow, policy, refused, trust_of

pytestmark = pytest.mark.services

ROOT = f"arn:aws:iam::{ACCOUNT}:root"
QUEUE, TOPIC = f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders", f"arn:aws:sns:{REGION}:{ACCOUNT}:news"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
LOGS_ROLE = f"arn:aws:iam::{ACCOUNT}:role/deliverer"
Resources = dict[str, dict[str, Any]]


def resource(kind: str, *needed: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{kind}", "Properties": properties, "DependsOn": list(needed)}


def document(principal: Any, action: str | list[str], on: str = "*", **more: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": on, **more}
    return {"Version": "2012-10-17", "Statement": [statement]}


def make(aws: LocalAWS, resources: Resources, key: dict[str, str] | None = None, **more: Any) -> tuple[str, str]:
    """Create a stack. Return its status, and why its first resource failed."""
    body = json.dumps({"Resources": resources, **more})
    aws.client("cloudformation", key).create_stack(StackName="shop", TemplateBody=body)
    return told(aws)


def change(aws: LocalAWS, resources: Resources) -> tuple[str, str]:
    body = json.dumps({"Resources": resources})
    aws.client("cloudformation").update_stack(StackName="shop", TemplateBody=body)
    return told(aws)


def told(aws: LocalAWS) -> tuple[str, str]:
    client = aws.client("cloudformation")
    events = client.describe_stack_events(StackName="shop")["StackEvents"]
    failed = [one["ResourceStatusReason"] for one in events if one["ResourceStatus"].endswith("_FAILED")]
    return client.describe_stacks(StackName="shop")["Stacks"][0]["StackStatus"], failed[0] if failed else ""


MADE, BACK = "CREATE_COMPLETE", "ROLLBACK_COMPLETE"
BUCKET = resource("S3::Bucket", BucketName="uploads")
NOTIFIED = {"QueueConfigurations": [{"Event": "s3:ObjectCreated:*", "Queue": QUEUE}]}
NOTIFYING = resource("S3::Bucket", "P", BucketName="uploads", NotificationConfiguration=NOTIFIED)
JOBS = resource("SQS::Queue", QueueName="orders")
S3 = {"Service": "s3.amazonaws.com"}


def queue_policy(principal: Any) -> dict[str, Any]:
    return resource(
        "SQS::QueuePolicy", Queues=[{"Ref": "Q"}], PolicyDocument=document(principal, "sqs:SendMessage", QUEUE)
    )


def bucket_policy(principal: Any, on: str = "arn:aws:s3:::uploads/*", *needed: str) -> dict[str, Any]:
    return resource(
        "S3::BucketPolicy", "B", *needed, Bucket="uploads", PolicyDocument=document(principal, "s3:GetObject", on)
    )


def function(**more: Any) -> dict[str, Any]:
    code = {"ZipFile": "def handler(event, context): pass"}
    role = f"arn:aws:iam::{ACCOUNT}:role/runner"
    given = {"FunctionName": "f", "Runtime": "python3.13", "Handler": "a.b", "Role": role, "Code": code, **more}
    return resource("Lambda::Function", **given)


def runner(aws: LocalAWS) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    aws.role("runner", trust)


def deliverer(aws: LocalAWS) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "logs.amazonaws.com"}, "Action": "sts:AssumeRole"}
    aws.role("deliverer", trust)
    aws.client("kinesis").create_stream(StreamName="events", ShardCount=1)


def launch_template(aws: LocalAWS) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    aws.role("admin-node", trust)
    aws.client("iam").create_instance_profile(InstanceProfileName="node")
    aws.client("iam").add_role_to_instance_profile(InstanceProfileName="node", RoleName="admin-node")
    data = {"ImageId": "ami-12345678", "InstanceType": "t3.micro", "IamInstanceProfile": {"Name": "node"}}
    aws.client("ec2").create_launch_template(LaunchTemplateName="node", LaunchTemplateData=data)


def code_in_s3(aws: LocalAWS) -> None:
    runner(aws)
    aws.client("s3").create_bucket(Bucket="code")
    aws.client("s3").put_object(Bucket="code", Key="f.zip", Body=archive())


def nothing(_: LocalAWS) -> None: ...


@dataclass(frozen=True)
class Case:
    """A stack that is refused, with the reason, and its legitimate neighbour: other resources, or more rights.

    Without ``rights`` the administrator makes the stack.
    """

    resources: Resources
    reason: str
    neighbour: Resources | None = None
    before: Callable[[LocalAWS], None] = nothing
    rights: list[str] = field(default_factory=list)
    more_rights: list[str] = field(default_factory=list)


GROUP = resource("Logs::LogGroup", LogGroupName="app")
FILTER = resource("Logs::SubscriptionFilter", "G", "P", LogGroupName="app", FilterPattern="", DestinationArn=FUNCTION)
OF_ROLE = resource(
    "Logs::SubscriptionFilter",
    "G",
    LogGroupName="app",
    FilterPattern="",
    DestinationArn=f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/events",
    RoleArn=LOGS_ROLE,
)
KEY = document({"AWS": ROOT}, "kms:*")
GROUP_OF_INSTANCES = resource(
    "AutoScaling::AutoScalingGroup",
    MinSize="0",
    MaxSize="1",
    AvailabilityZones=[f"{REGION}a"],
    LaunchTemplate={"LaunchTemplateName": "node", "Version": "1"},
)
FLOW = {
    "ResourceType": "VPC",
    "TrafficType": "ALL",
    "LogGroupName": "flows",
    "DeliverLogsPermissionArn": LOGS_ROLE,
}
NETWORK = resource("EC2::VPC", CidrBlock="10.1.0.0/16")
RUNBOOK = {
    "schemaVersion": "0.3",
    "assumeRole": LOGS_ROLE,
    "mainSteps": [{"name": "a", "action": "aws:sleep", "inputs": {"Duration": "PT1S"}}],
}
URI = f"arn:aws:apigateway:{REGION}:sqs:path/{ACCOUNT}/orders"
OPEN = {"AWS": "*"}
UNBLOCKED = resource("S3::Bucket", BucketName="uploads", PublicAccessBlockConfiguration={"BlockPublicPolicy": False})
NOBODY = {"AWS": f"arn:aws:iam::{ACCOUNT}:role/nobody"}
DELEGATED = {"AWS": ROOT}
FOR_NOBODY = document(NOBODY, "sns:Publish")

CASES = {
    "notifications to a queue": Case(
        {"Q": JOBS, "P": queue_policy({"Service": "sns.amazonaws.com"}), "B": NOTIFYING},
        "Unable to validate the following destination configurations",
        {"Q": JOBS, "P": queue_policy(S3), "B": NOTIFYING},
    ),
    "a public bucket policy": Case(
        {"B": BUCKET, "P": bucket_policy(OPEN)}, "Access Denied", {"B": UNBLOCKED, "P": bucket_policy(OPEN)}
    ),
    "a bucket policy for another bucket": Case(
        {"B": BUCKET, "P": bucket_policy(DELEGATED, "arn:aws:s3:::other/*")},
        "Policy has invalid resource",
        {"B": BUCKET, "P": bucket_policy(DELEGATED)},
    ),
    "a bucket policy for nobody": Case(
        {"B": BUCKET, "P": bucket_policy(NOBODY)}, "Invalid principal in policy", {"B": BUCKET}
    ),
    "a topic policy for nobody": Case(
        {
            "T": resource("SNS::Topic", TopicName="news"),
            "P": resource("SNS::TopicPolicy", "T", Topics=[TOPIC], PolicyDocument=document(NOBODY, "sns:Publish")),
        },
        "Invalid parameter: Policy Error:",
        {
            "T": resource("SNS::Topic", TopicName="news"),
            "P": resource("SNS::TopicPolicy", "T", Topics=[TOPIC], PolicyDocument=document(DELEGATED, "sns:Publish")),
        },
    ),
    "a topic's inline policy for nobody": Case(
        {
            "T": resource("SNS::Topic", TopicName="news"),
            "P": resource(
                "SNS::TopicInlinePolicy", "T", TopicArn=TOPIC, PolicyDocument=document(NOBODY, "sns:Publish")
            ),
        },
        "Invalid parameter: Policy Error:",
    ),
    "a repository policy for nobody": Case(
        {"R": resource("ECR::Repository", RepositoryName="r", RepositoryPolicyText=document(NOBODY, "ecr:*"))},
        "Invalid repository policy provided",
    ),
    "a key that locks out": Case(
        {"K": resource("KMS::Key", KeyPolicy=document({"AWS": ROOT}, "kms:Encrypt"))},
        "The new key policy will not allow you to update the key policy in the future.",
        {"K": resource("KMS::Key", KeyPolicy=KEY)},
    ),
    "a key for nobody": Case(
        {"K": resource("KMS::Key", KeyPolicy=document(NOBODY, "kms:*"))}, "Invalid principal in policy"
    ),
    "a permission for nobody": Case(
        {
            "F": function(),
            "P": resource(
                "Lambda::Permission", "F", FunctionName="f", Action="lambda:InvokeFunction", Principal=NOBODY["AWS"]
            ),
        },
        "The provided principal was invalid.",
        before=runner,
    ),
    "a log policy without a statement": Case(
        {"P": resource("Logs::ResourcePolicy", PolicyName="p", PolicyDocument='{"Version": "2012-10-17"}')},
        "Invalid policy document",
    ),
    "a subscription of a function": Case(
        {"G": GROUP, "F": function(), "P": JOBS, "S": FILTER},
        "Could not execute the lambda function.",
        {
            "G": GROUP,
            "F": function(),
            "P": resource(
                "Lambda::Permission",
                "F",
                FunctionName="f",
                Action="lambda:InvokeFunction",
                Principal="logs.amazonaws.com",
            ),
            "S": FILTER,
        },
        before=runner,
    ),
    "a subscription by a role": Case(
        {"G": GROUP, "S": OF_ROLE}, "Could not deliver test message to specified Kinesis stream.", before=deliverer
    ),
    "a role of a flow log": Case(
        {
            "V": resource("EC2::VPC", CidrBlock="10.1.0.0/16"),
            "L": resource("EC2::FlowLog", ResourceId={"Ref": "V"}, **FLOW),
        },
        "iam:PassRole",
        before=deliverer,
        rights=["ec2:*"],
        more_rights=["iam:PassRole"],
    ),
    "a role of a runbook in a text": Case(
        {"D": resource("SSM::Document", Name="runbook", DocumentType="Automation", Content=json.dumps(RUNBOOK))},
        "iam:PassRole",
        before=deliverer,
        rights=["ssm:*"],
    ),
    "a role of an API's integration": Case(
        {
            "A": resource("ApiGateway::RestApi", Name="a"),
            "M": resource(
                "ApiGateway::Method",
                RestApiId={"Ref": "A"},
                ResourceId={"Fn::GetAtt": ["A", "RootResourceId"]},
                HttpMethod="GET",
                AuthorizationType="NONE",
                Integration={"Type": "AWS", "IntegrationHttpMethod": "POST", "Uri": URI, "Credentials": LOGS_ROLE},
            ),
        },
        "iam:PassRole",
        before=deliverer,
        rights=["apigateway:*"],
        more_rights=["iam:PassRole"],
    ),
    "a role of a launch template": Case(
        {"A": GROUP_OF_INSTANCES},
        "ec2:RunInstances",
        before=launch_template,
        rights=["autoscaling:*"],
        more_rights=["ec2:RunInstances", "iam:PassRole"],
    ),
    "code in a bucket": Case(
        {"F": function(Code={"S3Bucket": "code", "S3Key": "f.zip"})},
        "s3:GetObject",
        before=code_in_s3,
        rights=["lambda:*", "iam:PassRole"],
        more_rights=["s3:GetObject"],
    ),
    "a policy that a condition hides": Case(
        {
            "Q": {
                "Type": "AWS::SQS::Queue",
                "Properties": {"Fn::If": ["Yes", {"QueueName": "q", "Policy": policy(allow("sqs:*"))}, {}]},
            }
        },
        "NotImplementedError",
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_what_a_direct_call_may_not_do_fails_and_is_rolled_back(aws: LocalAWS, case: Case) -> None:
    case.before(aws)
    key = aws.user("blue", allow(["cloudformation:*", *case.rights])) if case.rights else None
    status, reason = make(aws, case.resources, key, Conditions={"Yes": {"Fn::Equals": ["a", "a"]}})
    assert (status, case.reason in reason) == (BACK, True), reason


def test_refused_call_of_a_stack_is_an_event_like_a_direct_one(aws: LocalAWS) -> None:
    kms = aws.client("kms")
    key_arn = kms.create_key()["KeyMetadata"]["Arn"]
    key = aws.user("blue", allow(["cloudformation:*", "logs:*"]))
    group = {"KmsKeyId": key_arn, "LogGroupName": "app"}
    refused(aws.client("ssm", key).put_parameter, Name="a", Value="b", Type="String")  # another event
    aws.events.clear()
    assert make(aws, {"L": resource("Logs::LogGroup", **group)}, key)[0] == BACK
    of_stack = [one for one in aws.events.recent() if one.is_refusal]
    aws.events.clear()
    refused(aws.client("logs", key).create_log_group, logGroupName="app", kmsKeyId=key_arn)
    (direct,) = [one for one in aws.events.recent() if one.is_refusal]
    (inner,) = of_stack
    assert (inner.who, inner.what, inner.code) == (direct.who, direct.what, direct.code)
    assert (inner.why, inner.explanation) == (direct.why, direct.explanation)
    assert inner.id.endswith("-1")
    assert find_event(of_stack, "last") is inner


def test_call_of_a_stack_that_is_tried_again_is_one_event(aws: LocalAWS) -> None:
    jobs, queues = {"Q": JOBS}, document("*", "sqs:SendMessage", QUEUE)
    make(aws, {**jobs, "P": resource("SQS::QueuePolicy", Queues=[{"Ref": "Q"}], PolicyDocument=queues)})
    aws.events.clear()
    wrong = document({"AWS": f"arn:aws:iam::{ACCOUNT}:role/missing"}, "sqs:SendMessage", QUEUE)
    change(aws, {**jobs, "P": resource("SQS::QueuePolicy", Queues=[{"Ref": "Q"}], PolicyDocument=wrong)})
    assert [one.what for one in aws.events.recent() if one.is_refusal] == ["sqs:SetQueueAttributes"]


@pytest.mark.parametrize(
    "case", [pytest.param(one, id=name) for name, one in CASES.items() if one.neighbour or one.more_rights]
)
def test_its_neighbour_is_made(aws: LocalAWS, case: Case) -> None:
    case.before(aws)
    rights = [*case.rights, *case.more_rights]
    key = aws.user("blue", allow(["cloudformation:*", *rights])) if rights else None
    assert make(aws, case.neighbour or case.resources, key) == (MADE, "")


def test_who_may_create_buckets_stores_no_bucket_policy_and_no_notifications(aws: LocalAWS) -> None:
    key = aws.user("blue", allow(["cloudformation:*", "s3:CreateBucket"]))
    for resources in ({"B": BUCKET, "P": bucket_policy(DELEGATED)}, {"P": JOBS, "B": NOTIFYING}):
        assert refused(lambda given=resources: make(aws, given, key))[:2] == ("AccessDenied", 403)


def test_notifications_are_stored_and_removed(aws: LocalAWS) -> None:
    parts = {"Q": JOBS, "P": queue_policy(S3)}
    make(aws, {**parts, "B": NOTIFYING})
    stored = aws.client("s3").get_bucket_notification_configuration(Bucket="uploads")
    assert [one["QueueArn"] for one in stored["QueueConfigurations"]] == [QUEUE]
    change(aws, {**parts, "B": BUCKET})
    assert "QueueConfigurations" not in aws.client("s3").get_bucket_notification_configuration(Bucket="uploads")


@pytest.mark.parametrize("name", ["notifications to a queue", "a repository policy for nobody"])
def test_a_resource_that_cannot_be_completed_is_taken_back(aws: LocalAWS, name: str) -> None:
    make(aws, CASES[name].resources)
    assert aws.client("s3").list_buckets()["Buckets"] == []
    assert aws.client("ecr").describe_repositories()["repositories"] == []


def test_a_bucket_policy_of_others_is_neither_replaced_nor_removed(aws: LocalAWS) -> None:
    aws.client("s3").create_bucket(Bucket="uploads")
    own = policy(trust_of(ROOT, "s3:GetObject", Resource="arn:aws:s3:::uploads/*"))
    aws.client("s3").put_bucket_policy(Bucket="uploads", Policy=own)
    one = bucket_policy(DELEGATED)
    del one["DependsOn"]
    assert make(aws, {"P": one}) == (BACK, "The policy already exists on arn:aws:s3:::uploads.")
    assert aws.client("s3").get_bucket_policy(Bucket="uploads")["Policy"] == own


def test_a_bucket_policy_decides_is_bound_and_ends_with_its_stack(aws: LocalAWS) -> None:
    aws.set_up_role()
    aws.client("s3").create_bucket(Bucket="uploads")
    aws.client("s3").put_object(Bucket="uploads", Key="a", Body=b"x")
    one = bucket_policy({"AWS": f"arn:aws:iam::{ACCOUNT}:role/reader"})
    del one["DependsOn"]
    assert make(aws, {"P": one}) == (MADE, "")
    assert aws.client("s3", aws.credentials()).get_object(Bucket="uploads", Key="a")["Body"].read() == b"x"
    aws.client("iam").delete_role(RoleName="reader")
    aws.set_up_role()
    assert refused(aws.client("s3", aws.credentials()).get_object, Bucket="uploads", Key="a")[0] == "AccessDenied"
    aws.client("cloudformation").delete_stack(StackName="shop")
    assert refused(aws.client("s3").get_bucket_policy, Bucket="uploads")[0] == "NoSuchBucketPolicy"


def test_a_key_is_bound_and_its_policy_is_changed_or_kept(aws: LocalAWS) -> None:
    assert make(aws, {"K": resource("KMS::Key", KeyPolicy=KEY)}) == (MADE, "")
    changed = document({"AWS": ROOT}, ["kms:PutKeyPolicy", "kms:GetKeyPolicy", "kms:Describe*", "kms:*Key*"])
    assert change(aws, {"K": resource("KMS::Key", KeyPolicy=changed)})[0] == "UPDATE_COMPLETE"
    kms = aws.client("kms")
    (key,) = kms.list_keys()["Keys"]
    assert json.loads(kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"]) == changed
    locked = {"K": resource("KMS::Key", KeyPolicy=document({"AWS": ROOT}, "kms:Encrypt"))}
    assert change(aws, locked)[0] == "UPDATE_ROLLBACK_COMPLETE"
    assert json.loads(kms.get_key_policy(KeyId=key["KeyId"], PolicyName="default")["Policy"]) == changed


def test_a_permission_is_changed_and_ends_with_its_stack(aws: LocalAWS) -> None:
    def permission(principal: str) -> dict[str, Any]:
        return resource(
            "Lambda::Permission",
            FunctionName="f",
            Action="lambda:InvokeFunction",
            Principal=f"{principal}.amazonaws.com",
        )

    runner(aws)
    functions, role = aws.client("lambda"), f"arn:aws:iam::{ACCOUNT}:role/runner"
    functions.create_function(
        FunctionName="f", Runtime="python3.13", Handler="a.b", Role=role, Code={"ZipFile": archive()}
    )
    for principal in ("s3", "sns"):
        (make if principal == "s3" else change)(aws, {"P": permission(principal)})
        statements = json.loads(functions.get_policy(FunctionName="f")["Policy"])["Statement"]
        assert [one["Principal"] for one in statements] == [{"Service": f"{principal}.amazonaws.com"}]
    aws.client("cloudformation").delete_stack(StackName="shop")
    assert refused(functions.get_policy, FunctionName="f")[0] == "ResourceNotFoundException"


def test_who_may_not_remove_a_policy_does_not_delete_its_stack(aws: LocalAWS) -> None:
    make(aws, {"B": BUCKET, "P": bucket_policy(DELEGATED)})
    key = aws.user("blue", allow(["cloudformation:*", "s3:DeleteBucket"]))
    assert refused(aws.client("cloudformation", key).delete_stack, StackName="shop")[:2] == ("AccessDenied", 403)
    assert aws.client("s3").get_bucket_policy(Bucket="uploads")["Policy"]


def test_a_session_with_trust_makes_what_its_role_may(aws: LocalAWS) -> None:
    role = aws.role("deployer", trust_of(ROOT), allow(["cloudformation:*", "s3:*"]))
    session = aws.client("sts").assume_role(RoleArn=role, RoleSessionName="one")["Credentials"]
    assert make(aws, {"B": BUCKET, "P": bucket_policy(DELEGATED)}, dict(session)) == (MADE, "")


def stream_policy(aws: LocalAWS) -> str | None:
    found = aws.client("kinesis").get_resource_policy(ResourceARN=STREAM)["Policy"]
    return None if found in ("", "{}") else str(found)


def secret_policy(aws: LocalAWS) -> str | None:
    return aws.client("secretsmanager").get_resource_policy(SecretId="s").get("ResourcePolicy")


def topic_policy(aws: LocalAWS) -> str | None:
    found = aws.client("sns").get_topic_attributes(TopicArn=TOPIC)["Attributes"]["Policy"]
    return None if "__default_policy_ID" in found else str(found)


STREAM = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/events"
STORED: dict[str, tuple[Callable[[LocalAWS], Any], Resources, Callable[[LocalAWS], str | None]]] = {
    "a stream": (
        lambda aws: aws.client("kinesis").create_stream(StreamName="events", ShardCount=1),
        {
            "P": resource(
                "Kinesis::ResourcePolicy",
                ResourceArn=STREAM,
                ResourcePolicy=document(DELEGATED, "kinesis:DescribeStream", STREAM),
            )
        },
        stream_policy,
    ),
    "a secret": (
        lambda aws: aws.client("secretsmanager").create_secret(Name="s", SecretString="x"),
        {
            "P": resource(
                "SecretsManager::ResourcePolicy",
                SecretId="s",
                ResourcePolicy=document(DELEGATED, "secretsmanager:GetSecretValue"),
                BlockPublicPolicy="true",
            )
        },
        secret_policy,
    ),
    "a topic": (
        lambda aws: aws.client("sns").create_topic(Name="news"),
        {"P": resource("SNS::TopicPolicy", Topics=[TOPIC], PolicyDocument=document(DELEGATED, "sns:Publish", TOPIC))},
        topic_policy,
    ),
}


@pytest.mark.parametrize("name", STORED)
def test_a_policy_in_a_template_is_stored_and_ends_with_its_stack(aws: LocalAWS, name: str) -> None:
    before, resources, stored = STORED[name]
    before(aws)
    assert make(aws, resources) == (MADE, "")
    properties = resources["P"]["Properties"]
    assert json.loads(stored(aws) or "{}") == properties.get("ResourcePolicy", properties.get("PolicyDocument"))
    aws.client("cloudformation").delete_stack(StackName="shop")
    assert stored(aws) is None


def test_a_repository_policy_is_stored_changed_and_removed(aws: LocalAWS) -> None:
    def text(action: str) -> dict[str, Any]:
        statement = {"Effect": "Allow", "Principal": DELEGATED, "Action": action}
        return {"Version": "2012-10-17", "Statement": [statement]}

    def stored() -> Any:
        return json.loads(aws.client("ecr").get_repository_policy(repositoryName="shop")["policyText"])

    encrypted = {"encryptionType": "AES256"}
    given = {"RepositoryName": "shop", "EncryptionConfiguration": encrypted}
    for run, action in ((make, "ecr:BatchGetImage"), (change, "ecr:DescribeImages")):
        run(aws, {"R": resource("ECR::Repository", **given, RepositoryPolicyText=text(action))})
        assert stored() == text(action)
    change(aws, {"R": resource("ECR::Repository", **given)})
    assert (
        refused(aws.client("ecr").get_repository_policy, repositoryName="shop")[0]
        == "RepositoryPolicyNotFoundException"
    )
