"""A service reaches a queue or a topic for a resource only if its policy allows that, as in AWS."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from support.aws import ACCOUNT, REGION, LocalAWS, policy

pytestmark = pytest.mark.services

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:news"
RULE = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/all"
BUCKET = "arn:aws:s3:::uploads"


def by_sns(aws: LocalAWS) -> None:
    aws.client("sns").create_topic(Name="news")
    aws.client("sns").subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE)
    aws.client("sns").publish(TopicArn=TOPIC, Message="hello")


def by_events(aws: LocalAWS) -> None:
    events = aws.client("events")
    events.put_rule(Name="all", EventPattern=json.dumps({"source": ["shop"]}))
    events.put_targets(Rule="all", Targets=[{"Id": "1", "Arn": QUEUE}])
    events.put_events(Entries=[{"Source": "shop", "DetailType": "sold", "Detail": "{}"}])


def by_s3(aws: LocalAWS) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="uploads")
    configuration = {"QueueConfigurations": [{"QueueArn": QUEUE, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(
        Bucket="uploads", NotificationConfiguration=configuration, SkipDestinationValidation=True
    )
    s3.put_object(Bucket="uploads", Key="k", Body=b"1")


SENDERS: dict[str, tuple[Callable[[LocalAWS], None], str, str]] = {
    "SNS": (by_sns, "sns.amazonaws.com", TOPIC),
    "EventBridge": (by_events, "events.amazonaws.com", RULE),
    "S3": (by_s3, "s3.amazonaws.com", BUCKET),
}


def granting(principal: str, source: str, effect: str = "Allow") -> dict[str, Any]:
    return {
        "Effect": effect,
        "Principal": {"Service": principal},
        "Action": "sqs:SendMessage",
        "Resource": QUEUE,
        "Condition": {"ArnEquals": {"aws:SourceArn": source}, "StringEquals": {"aws:SourceAccount": ACCOUNT}},
    }


def received(aws: LocalAWS, send: Callable[[LocalAWS], None], *statements: dict[str, Any]) -> bool:
    """Return whether the queue gets a message with these statements in its policy."""
    sqs = aws.client("sqs")
    given = {"Policy": policy(*statements)} if statements else {}
    url = sqs.create_queue(QueueName="orders", Attributes=given)["QueueUrl"]
    send(aws)
    return bool(sqs.receive_message(QueueUrl=url).get("Messages"))


@pytest.mark.parametrize(("send", "principal", "source"), SENDERS.values(), ids=SENDERS.keys())
def test_a_queue_that_allows_the_service_for_the_resource_gets_its_messages(
    aws: LocalAWS, send: Callable[[LocalAWS], None], principal: str, source: str
) -> None:
    assert received(aws, send, granting(principal, source))


@pytest.mark.parametrize(("send", "principal", "source"), SENDERS.values(), ids=SENDERS.keys())
@pytest.mark.parametrize("case", ["no policy", "another service", "another resource", "a Deny"])
def test_any_other_queue_gets_none_and_the_call_succeeds(
    aws: LocalAWS, send: Callable[[LocalAWS], None], principal: str, source: str, case: str
) -> None:
    statements = {
        "no policy": [],
        "another service": [granting("ses.amazonaws.com", source)],
        "another resource": [granting(principal, f"{source}-2")],
        "a Deny": [granting(principal, source), granting(principal, source, "Deny")],
    }[case]
    assert not received(aws, send, *statements)


@pytest.mark.parametrize("case", ["of another organization", "of this organization"])
def test_a_resource_control_policy_limits_services_too(aws: LocalAWS, case: str) -> None:
    organizations = aws.client("organizations")
    organization = organizations.create_organization(FeatureSet="ALL")["Organization"]["Id"]
    root = organizations.list_roots()["Roots"][0]["Id"]
    organizations.enable_policy_type(RootId=root, PolicyType="RESOURCE_CONTROL_POLICY")
    member = organizations.create_account(Email="m@example.com", AccountName="m")["CreateAccountStatus"]["AccountId"]
    condition = {
        "StringNotEqualsIfExists": {
            "aws:SourceOrgID": organization if case == "of this organization" else "o-other00000"
        },
        "Null": {"aws:SourceAccount": "false"},
        "Bool": {"aws:PrincipalIsAWSService": "true"},
    }
    deny = {"Effect": "Deny", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*", "Condition": condition}
    made = organizations.create_policy(Name="p", Description="", Type="RESOURCE_CONTROL_POLICY", Content=policy(deny))[
        "Policy"
    ]["PolicySummary"]["Id"]
    organizations.attach_policy(PolicyId=made, TargetId=root)
    credentials = aws.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{member}:role/OrganizationAccountAccessRole", RoleSessionName="member"
    )["Credentials"]
    queue, topic = QUEUE.replace(ACCOUNT, member), TOPIC.replace(ACCOUNT, member)
    statement = json.loads(json.dumps(granting("sns.amazonaws.com", TOPIC)).replace(ACCOUNT, member))
    sqs, sns = aws.client("sqs", credentials), aws.client("sns", credentials)
    url = sqs.create_queue(QueueName="orders", Attributes={"Policy": policy(statement)})["QueueUrl"]
    sns.create_topic(Name="news")
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    sns.publish(TopicArn=topic, Message="hello")
    assert ("Messages" in sqs.receive_message(QueueUrl=url)) is (case == "of this organization")


def test_the_caller_reaches_the_queue_without_a_policy(aws: LocalAWS) -> None:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="orders")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="1")
    sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": "1", "MessageBody": "2"}])
    assert len(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]) == 2


def test_s3_reaches_a_topic_that_allows_it_and_no_other(aws: LocalAWS) -> None:
    s3, sqs = aws.client("s3"), aws.client("sqs")
    url = sqs.create_queue(QueueName="orders", Attributes={"Policy": policy(granting("sns.amazonaws.com", TOPIC))})
    aws.client("sns").create_topic(Name="news")
    aws.client("sns").subscribe(TopicArn=TOPIC, Protocol="sqs", Endpoint=QUEUE)
    s3.create_bucket(Bucket="uploads")
    configuration = {"TopicConfigurations": [{"TopicArn": TOPIC, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(
        Bucket="uploads", NotificationConfiguration=configuration, SkipDestinationValidation=True
    )
    assert "Messages" not in sqs.receive_message(QueueUrl=url["QueueUrl"])
    statement = granting("s3.amazonaws.com", BUCKET) | {"Action": "sns:Publish", "Resource": TOPIC}
    aws.client("sns").set_topic_attributes(TopicArn=TOPIC, AttributeName="Policy", AttributeValue=policy(statement))
    s3.put_object(Bucket="uploads", Key="k", Body=b"1")
    assert "Messages" in sqs.receive_message(QueueUrl=url["QueueUrl"])
