"""A call that makes a service deliver somewhere is refused if the destination does not let the service do that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.authorization import archive
from support.aws import ACCOUNT, REGION, LocalAWS, policy

pytestmark = pytest.mark.services

BUCKET, TRAIL = "arn:aws:s3:::uploads", f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/all-calls"
QUEUE, TOPIC = f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders", f"arn:aws:sns:{REGION}:{ACCOUNT}:news"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
GROUP = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:app:*"
FULL_CONTROL = {"s3:x-amz-acl": "bucket-owner-full-control"}


def statement(principal: str, action: str, resource: str, source: str, **more: str) -> dict[str, Any]:
    condition = {"ArnLike": {"aws:SourceArn": source}, "StringEquals": {"aws:SourceAccount": ACCOUNT, **more}}
    service = {"Service": f"{principal}.amazonaws.com"}
    return {"Effect": "Allow", "Principal": service, "Action": action, "Resource": resource, "Condition": condition}


Statements = list[dict[str, Any]]


def queue_with(aws: LocalAWS, statements: Statements) -> None:
    aws.client("sqs").create_queue(QueueName="orders", Attributes={"Policy": policy(*statements)} if statements else {})


def topic_with(aws: LocalAWS, statements: Statements) -> None:
    aws.client("sns").create_topic(Name="news", Attributes={"Policy": policy(*statements)} if statements else {})


def function_with(aws: LocalAWS, statements: Statements) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    functions, role = aws.client("lambda"), aws.role("runner", trust)
    functions.create_function(
        FunctionName="f", Runtime="python3.13", Handler="a.b", Role=role, Code={"ZipFile": archive()}
    )
    for one in statements:
        functions.add_permission(
            FunctionName="f",
            StatementId="1",
            Action=one["Action"],
            Principal=one["Principal"]["Service"],
            SourceArn=one["Condition"]["ArnLike"]["aws:SourceArn"],
        )


def bucket_with(aws: LocalAWS, statements: Statements) -> None:
    aws.client("s3").create_bucket(Bucket="uploads")
    if statements:
        aws.client("s3").put_bucket_policy(Bucket="uploads", Policy=policy(*statements))


def notifies(**configuration: str) -> Callable[[LocalAWS], Any]:
    (member, arn), *_ = configuration.items()
    name = {"Lambda": "LambdaFunctionConfigurations", "Queue": "QueueConfigurations", "Topic": "TopicConfigurations"}

    def call(aws: LocalAWS) -> Any:
        s3 = aws.client("s3")
        s3.create_bucket(Bucket="uploads")
        one = {("LambdaFunctionArn" if member == "Lambda" else f"{member}Arn"): arn, "Events": ["s3:ObjectCreated:*"]}
        return s3.put_bucket_notification_configuration(
            Bucket="uploads", NotificationConfiguration={name[member]: [one]}
        )

    return call


def subscribes(aws: LocalAWS) -> Any:
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="app")
    return logs.put_subscription_filter(logGroupName="app", filterName="all", filterPattern="", destinationArn=FUNCTION)


def exports(aws: LocalAWS) -> Any:
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="app")
    return logs.create_export_task(
        logGroupName="app", fromTime=0, to=1, destination="uploads", destinationPrefix="logs"
    )


def trails(**given: Any) -> Callable[[LocalAWS], Any]:
    def call(aws: LocalAWS) -> Any:
        if "SnsTopicName" in given:
            bucket_with(aws, TRAIL_STATEMENTS)
        return aws.client("cloudtrail").create_trail(Name="all-calls", S3BucketName="uploads", **given)

    return call


LINKED = "role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig"


def records(aws: LocalAWS, role: str = LINKED) -> Any:
    recorder = {"name": "default", "roleARN": f"arn:aws:iam::{ACCOUNT}:{role}"}
    return aws.client("config").put_configuration_recorder(ConfigurationRecorder=recorder)


def channels(role: str = LINKED, **given: Any) -> Callable[[LocalAWS], Any]:
    def call(aws: LocalAWS) -> Any:
        if "snsTopicARN" in given:
            bucket_with(aws, CHANNEL_STATEMENTS)
        records(aws, role)
        channel = {"name": "default", "s3BucketName": "uploads", **given}
        return aws.client("config").put_delivery_channel(DeliveryChannel=channel)

    return call


CHANNEL = f"arn:aws:config:{REGION}:{ACCOUNT}:*"
CHANNEL_STATEMENTS = [
    statement("config", "s3:GetBucketAcl", BUCKET, CHANNEL.removesuffix("*")),
    statement("config", "s3:PutObject", f"{BUCKET}/AWSLogs/{ACCOUNT}/Config/*", CHANNEL, **FULL_CONTROL),
]

TRAIL_STATEMENTS = [
    statement("cloudtrail", "s3:GetBucketAcl", BUCKET, TRAIL),
    statement("cloudtrail", "s3:PutObject", f"{BUCKET}/AWSLogs/{ACCOUNT}/*", TRAIL, **FULL_CONTROL),
]


@dataclass(frozen=True)
class Case:
    """What makes the destination with statements in its policy, the call, all statements that it needs, the code."""

    destination: Callable[[LocalAWS, Statements], None]
    call: Callable[[LocalAWS], Any]
    needed: Statements
    code: str


INVALID, TRAIL_CODE = "InvalidArgument", "InsufficientS3BucketPolicyException"
EXPORT = [
    statement(f"logs.{REGION}", "s3:GetBucketAcl", BUCKET, f"{GROUP.removesuffix('app:*')}*"),
    statement("logs", "s3:PutObject", f"{BUCKET}/logs/*", GROUP, **FULL_CONTROL),
]
PREFIXED = statement("cloudtrail", "s3:PutObject", f"{BUCKET}/p/AWSLogs/{ACCOUNT}/*", TRAIL)
CHANNEL_CODE = "InsufficientDeliveryPolicyException"
CHANNEL_PREFIXED = statement("config", "s3:PutObject", f"{BUCKET}/p/AWSLogs/{ACCOUNT}/Config/*", CHANNEL)
CASES = {
    "notifications to a queue": Case(
        queue_with, notifies(Queue=QUEUE), [statement("s3", "sqs:SendMessage", QUEUE, BUCKET)], INVALID
    ),
    "notifications to a topic": Case(
        topic_with, notifies(Topic=TOPIC), [statement("s3", "sns:Publish", TOPIC, BUCKET)], INVALID
    ),
    "notifications to a function": Case(
        function_with, notifies(Lambda=FUNCTION), [statement("s3", "lambda:InvokeFunction", FUNCTION, BUCKET)], INVALID
    ),
    "a subscription of a log group": Case(
        function_with,
        subscribes,
        [statement("logs", "lambda:InvokeFunction", FUNCTION, GROUP)],
        "InvalidParameterException",
    ),
    "an export of a log group": Case(bucket_with, exports, EXPORT, "AccessDeniedException"),
    "a trail": Case(bucket_with, trails(), TRAIL_STATEMENTS, TRAIL_CODE),
    "a trail with a prefix": Case(bucket_with, trails(S3KeyPrefix="p"), [TRAIL_STATEMENTS[0], PREFIXED], TRAIL_CODE),
    "a trail with a topic": Case(
        topic_with,
        trails(SnsTopicName="news"),
        [statement("cloudtrail", "sns:Publish", TOPIC, TRAIL)],
        "InsufficientSnsTopicPolicyException",
    ),
    "a delivery channel": Case(bucket_with, channels(), CHANNEL_STATEMENTS, CHANNEL_CODE),
    "a delivery channel with a prefix": Case(
        bucket_with, channels(s3KeyPrefix="p"), [CHANNEL_STATEMENTS[0], CHANNEL_PREFIXED], CHANNEL_CODE
    ),
    "a delivery channel with a topic": Case(
        topic_with, channels(snsTopicARN=TOPIC), [statement("config", "sns:Publish", TOPIC, CHANNEL)], CHANNEL_CODE
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_destination_that_allows_the_service_is_accepted(aws: LocalAWS, case: Case) -> None:
    case.destination(aws, case.needed)
    case.call(aws)


MISSING = [(name, at) for name, case in CASES.items() for at in range(len(case.needed))]


@pytest.mark.parametrize(("name", "at"), MISSING)
def test_a_destination_without_one_of_the_statements_is_refused(aws: LocalAWS, name: str, at: int) -> None:
    case = CASES[name]
    case.destination(aws, [one for number, one in enumerate(case.needed) if number != at])
    with pytest.raises(ClientError) as raised:
        case.call(aws)
    assert raised.value.response["Error"]["Code"] == case.code
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


@pytest.mark.parametrize("arn", [QUEUE, TOPIC, FUNCTION])
def test_notifications_to_a_destination_that_does_not_exist_are_refused(aws: LocalAWS, arn: str) -> None:
    member = {QUEUE: "Queue", TOPIC: "Topic", FUNCTION: "Lambda"}[arn]
    with pytest.raises(ClientError, match="Unable to validate the following destination configurations"):
        notifies(**{member: arn})(aws)
    assert "does not exist" in str(aws.last_event().why)


# Roles that services deliver with

STREAM = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/events"
HOSE = f"arn:aws:firehose:{REGION}:{ACCOUNT}:deliverystream/hose"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/deliverer"
TRUSTED_KEYS = {"aws:SourceAccount": ACCOUNT}


def trust(service: str, source: str) -> dict[str, Any]:
    condition = {"StringEquals": TRUSTED_KEYS, "ArnLike": {"aws:SourceArn": source}}
    principal = {"Service": f"{service}.amazonaws.com"}
    return {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", "Condition": condition}


def allows(*actions: str, resource: str | list[str], **keys: str) -> dict[str, Any]:
    found: dict[str, Any] = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return {**found, "Condition": {"StringEquals": keys}} if keys else found


def streams(arn: str, role: str | None = ROLE) -> Callable[[LocalAWS], Any]:
    def call(aws: LocalAWS) -> Any:
        logs = aws.client("logs")
        logs.create_log_group(logGroupName="app")
        if arn == STREAM:
            aws.client("kinesis").create_stream(StreamName="events", ShardCount=1)
        else:
            aws.client("firehose").create_delivery_stream(
                DeliveryStreamName="hose",
                S3DestinationConfiguration={"RoleARN": ROLE, "BucketARN": BUCKET},
            )
        more = {} if role is None else {"roleArn": role}
        return logs.put_subscription_filter(
            logGroupName="app", filterName="all", filterPattern="", destinationArn=arn, **more
        )

    return call


def names_a_destination(aws: LocalAWS) -> Any:
    aws.client("kinesis").create_stream(StreamName="events", ShardCount=1)
    return aws.client("logs").put_destination(destinationName="central", targetArn=STREAM, roleArn=ROLE)


def channels_of_role(**more: str) -> Callable[[LocalAWS], Any]:
    def call(aws: LocalAWS) -> Any:
        aws.client("s3").create_bucket(Bucket="uploads")
        if more:
            topic_with(aws, [])
        return put_channel(aws, **more)

    return call


def put_channel(aws: LocalAWS, **more: str) -> Any:
    records(aws, "role/deliverer")
    channel = {"name": "default", "s3BucketName": "uploads", **more}
    return aws.client("config").put_delivery_channel(DeliveryChannel=channel)


DELIVERED = f"{BUCKET}/AWSLogs/{ACCOUNT}/Config/*"
WRITES = allows("s3:PutObject", resource=DELIVERED, **FULL_CONTROL)
READS_ACL = allows("s3:GetBucketAcl", resource=BUCKET)
COULD_NOT = "Could not deliver test message to specified"
INSUFFICIENT = "Insufficient delivery policy"


@dataclass(frozen=True)
class OfRole:
    """A call with a role, the trust and the permissions that the role needs, and the refusals without either."""

    call: Callable[[LocalAWS], Any]
    trust: dict[str, Any]
    permissions: Statements
    untrusted: str
    refused: str


ASSUME = "Make sure you have given CloudWatch Logs permission to assume the provided role"
OF_ROLES = {
    "a subscription of a stream": OfRole(
        streams(STREAM), trust("logs", GROUP), [allows("kinesis:PutRecord", resource=STREAM)], ASSUME, COULD_NOT
    ),
    "a subscription of a delivery stream": OfRole(
        streams(HOSE),
        trust(f"logs.{REGION}", f"{GROUP.removesuffix('app:*')}*"),
        [allows("firehose:PutRecord", resource=HOSE)],
        ASSUME,
        COULD_NOT,
    ),
    "a destination": OfRole(
        names_a_destination,
        trust("logs", f"arn:aws:logs:{REGION}:{ACCOUNT}:*"),
        [allows("kinesis:PutRecord", resource=STREAM)],
        ASSUME,
        COULD_NOT,
    ),
    "a delivery channel": OfRole(
        channels_of_role(), trust("config", CHANNEL), [WRITES, READS_ACL], INSUFFICIENT, INSUFFICIENT
    ),
    "a delivery channel with a topic": OfRole(
        channels_of_role(snsTopicARN=TOPIC),
        trust("config", CHANNEL),
        [WRITES, READS_ACL, allows("sns:Publish", resource=TOPIC)],
        INSUFFICIENT,
        INSUFFICIENT,
    ),
}
OF_EACH_ROLE = pytest.mark.parametrize("case", OF_ROLES.values(), ids=OF_ROLES.keys())


@OF_EACH_ROLE
def test_a_role_that_may_deliver_is_accepted(aws: LocalAWS, case: OfRole) -> None:
    aws.role("deliverer", case.trust, *case.permissions)
    case.call(aws)


@OF_EACH_ROLE
@pytest.mark.parametrize("change", [{"Principal": {"Service": "ec2.amazonaws.com"}}, {"Action": "sts:TagSession"}])
def test_a_role_that_the_service_may_not_assume_is_refused(aws: LocalAWS, case: OfRole, change: dict[str, Any]) -> None:
    aws.role("deliverer", {**case.trust, **change}, *case.permissions)
    with pytest.raises(ClientError, match=case.untrusted):
        case.call(aws)


@OF_EACH_ROLE
def test_a_role_that_trusts_the_service_for_another_account_is_refused(aws: LocalAWS, case: OfRole) -> None:
    other = {"StringEquals": {"aws:SourceAccount": "444455556666"}}
    aws.role("deliverer", {**case.trust, "Condition": other}, *case.permissions)
    with pytest.raises(ClientError, match=case.untrusted):
        case.call(aws)


@pytest.mark.parametrize(
    ("name", "at"), [(name, at) for name, case in OF_ROLES.items() for at in range(len(case.permissions))]
)
def test_a_role_without_one_of_its_permissions_is_refused(aws: LocalAWS, name: str, at: int) -> None:
    case = OF_ROLES[name]
    aws.role("deliverer", case.trust, *(one for number, one in enumerate(case.permissions) if number != at))
    with pytest.raises(ClientError, match=case.refused):
        case.call(aws)


@OF_EACH_ROLE
def test_a_role_whose_boundary_does_not_allow_the_delivery_is_refused(aws: LocalAWS, case: OfRole) -> None:
    boundary = "arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess"
    aws.role("deliverer", case.trust, *case.permissions, PermissionsBoundary=boundary)
    with pytest.raises(ClientError, match=case.refused):
        case.call(aws)


def test_a_role_that_does_not_exist_delivers_nothing(aws: LocalAWS) -> None:
    with pytest.raises(ClientError, match=ASSUME):
        streams(STREAM)(aws)
    with pytest.raises(ClientError, match=INSUFFICIENT):
        channels_of_role()(aws)


def test_a_recorder_can_be_made_with_a_role_that_may_not_deliver(aws: LocalAWS) -> None:
    records(aws, "role/recorder")  # the channel alone names a destination


def test_config_sends_to_a_topic_as_itself_if_the_recorders_role_may_not(aws: LocalAWS) -> None:
    aws.role("deliverer", trust("config", CHANNEL), WRITES, READS_ACL)
    topic_with(aws, [statement("config", "sns:Publish", TOPIC, CHANNEL)])
    aws.client("s3").create_bucket(Bucket="uploads")
    put_channel(aws, snsTopicARN=TOPIC)


def test_in_its_own_account_config_writes_to_a_bucket_only_as_the_recorders_role(aws: LocalAWS) -> None:
    aws.role("deliverer", trust("config", CHANNEL))
    bucket_with(aws, CHANNEL_STATEMENTS)
    with pytest.raises(ClientError, match=INSUFFICIENT):
        put_channel(aws)


def test_config_writes_to_a_bucket_of_another_account_as_itself_if_the_recorders_role_may_not(aws: LocalAWS) -> None:
    other = aws.administrator_of("444455556666")
    theirs = aws.client("s3", other)
    theirs.create_bucket(Bucket="uploads")
    theirs.put_bucket_policy(Bucket="uploads", Policy=policy(*CHANNEL_STATEMENTS))
    aws.role("deliverer", trust("config", CHANNEL))
    put_channel(aws)


@pytest.mark.parametrize(
    ("arn", "role", "vendor"), [(STREAM, None, "kinesis"), (HOSE, None, "firehose"), (FUNCTION, ROLE, "lambda")]
)
def test_streams_need_a_role_and_functions_take_none(aws: LocalAWS, arn: str, role: str | None, vendor: str) -> None:
    more = {} if role is None else {"roleArn": role}
    word = "without" if role is None else "with"
    with pytest.raises(ClientError, match=f"destinationArn for vendor {vendor} cannot be used {word} roleArn"):
        aws.client("logs").put_subscription_filter(
            logGroupName="app", filterName="all", filterPattern="", destinationArn=arn, **more
        )


@pytest.mark.parametrize(
    ("destination", "code"),
    [({"s3BucketName": "gone"}, "NoSuchBucketException"), ({"snsTopicARN": TOPIC}, "InvalidSNSTopicARNException")],
)
def test_a_delivery_channel_to_what_does_not_exist_is_refused(
    aws: LocalAWS, destination: dict[str, str], code: str
) -> None:
    bucket_with(aws, CHANNEL_STATEMENTS)
    records(aws)
    with pytest.raises(ClientError) as raised:
        aws.client("config").put_delivery_channel(
            DeliveryChannel={"name": "default", "s3BucketName": "uploads", **destination}
        )
    assert raised.value.response["Error"]["Code"] == code
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_without_a_recorder_config_itself_refuses_a_delivery_channel(aws: LocalAWS) -> None:
    with pytest.raises(ClientError) as raised:
        aws.client("config").put_delivery_channel(DeliveryChannel={"name": "default", "s3BucketName": "gone"})
    assert raised.value.response["Error"]["Code"] == "NoAvailableConfigurationRecorderException"
