"""What calls of SQS and SNS need, case by case."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from podrole.iam.actions.messaging import queue_arn, sns, sqs
from support.calls import ACCOUNT, REGION, Account, call, text_of

URL = f"https://h/{ACCOUNT}/q"
TOPIC = "arn:aws:sns:r:1:t"


def handle(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("ListQueues", {"QueueNamePrefix": "q"}, ["sqs:ListQueues arn:aws:sqs:HERE:*"]),
        ("SendMessage", {"QueueUrl": URL}, ["sqs:SendMessage arn:aws:sqs:HERE:q"]),
        ("SendMessageBatch", {"QueueUrl": URL}, ["sqs:SendMessage arn:aws:sqs:HERE:q"]),
        ("GetQueueUrl", {"QueueName": "q"}, ["sqs:GetQueueUrl arn:aws:sqs:HERE:q"]),
        (
            "GetQueueUrl",
            {"QueueName": "q", "QueueOwnerAWSAccountId": "444455556666"},
            [f"sqs:GetQueueUrl arn:aws:sqs:{REGION}:444455556666:q"],
        ),
        ("CreateQueue", {"QueueName": "q"}, ["sqs:CreateQueue arn:aws:sqs:HERE:q!"]),
        ("SendMessage", {"QueueUrl": "https://h/a/b"}, ["sqs:SendMessage arn:aws:sqs:HERE:*?"]),
        ("SendMessage", {}, ["sqs:SendMessage arn:aws:sqs:HERE:*?"]),
        (
            "StartMessageMoveTask",
            {"SourceArn": "arn:aws:sqs:r:1:dead", "DestinationArn": "arn:aws:sqs:r:1:q"},
            [
                "sqs:StartMessageMoveTask arn:aws:sqs:r:1:dead",
                "sqs:ReceiveMessage arn:aws:sqs:r:1:dead",
                "sqs:DeleteMessage arn:aws:sqs:r:1:dead",
                "sqs:GetQueueAttributes arn:aws:sqs:r:1:dead",
                "sqs:SendMessage arn:aws:sqs:r:1:q",
            ],
        ),
        (
            "ListMessageMoveTasks",
            {"SourceArn": "arn:aws:sqs:r:1:dead"},
            ["sqs:ListMessageMoveTasks arn:aws:sqs:r:1:dead", "sqs:ReceiveMessage arn:aws:sqs:r:1:dead"],
        ),
    ],
)
def test_a_call_of_sqs_needs(operation: str, given: dict[str, Any], expected: list[str]) -> None:
    found = sqs(call("sqs", operation, given), Account()) or []
    assert [text_of(one, new=True) for one in found] == expected


@pytest.mark.parametrize(
    ("task", "queue"),
    [
        (handle('{"taskId":"1","sourceArn":"arn:aws:sqs:r:1:dead"}'), "arn:aws:sqs:r:1:dead"),
        (handle("arn:aws:sqs:r:1:dead"), "arn:aws:sqs:r:1:dead"),
        (handle("1"), "arn:aws:sqs:HERE:*?"),
        (handle("arn:aws:sqs:r:1:dead") + "!", "arn:aws:sqs:HERE:*?"),
        ("not base64", "arn:aws:sqs:HERE:*?"),
    ],
)
def test_the_handle_of_a_task_names_its_queue(task: str, queue: str) -> None:
    found = sqs(call("sqs", "CancelMessageMoveTask", {"TaskHandle": task}), Account()) or []
    assert text_of(found[0]) == f"sqs:CancelMessageMoveTask {queue}"
    assert len(found) == 4


@pytest.mark.parametrize(
    ("url", "arn"),
    [
        ("https://h/444455556666/q.fifo", f"arn:aws:sqs:{REGION}:444455556666:q.fifo"),
        ("q", f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"),
        ("https://h/q", None),
    ],
)
def test_a_queue_is_named_by_its_url(url: str, arn: str | None) -> None:
    assert queue_arn(call("sqs", "SendMessage", {}), url) == arn


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("Publish", {"TopicArn": TOPIC}, [f"sns:Publish {TOPIC}"]),
        ("PublishBatch", {"TopicArn": TOPIC}, [f"sns:Publish {TOPIC}"]),
        ("Publish", {"TopicArn": TOPIC, "TargetArn": "t"}, [f"sns:Publish {TOPIC}", "sns:Publish t"]),
        ("Publish", {"PhoneNumber": "+1"}, ["sns:Publish *"]),
        ("Unsubscribe", {"SubscriptionArn": f"{TOPIC}:u"}, [f"sns:Unsubscribe {TOPIC}"]),
        ("Unsubscribe", {"SubscriptionArn": TOPIC, "TopicArn": "t"}, ["sns:Unsubscribe t"]),
        ("Unsubscribe", {"SubscriptionArn": 1}, None),
        ("CreateTopic", {"Name": "t"}, ["sns:CreateTopic arn:aws:sns:HERE:t!"]),
        ("CreateTopic", {}, None),
        ("SetSMSAttributes", {"Name": "t"}, None),
        ("GetTopicAttributes", {"TopicArn": TOPIC}, [f"sns:GetTopicAttributes {TOPIC}"]),
        ("TagResource", {"ResourceArn": TOPIC}, [f"sns:TagResource {TOPIC}"]),
        ("TagResource", {"TopicArn": TOPIC, "ResourceArn": "r"}, [f"sns:TagResource {TOPIC}"]),
    ],
)
def test_a_call_of_sns_needs(operation: str, given: dict[str, Any], expected: list[str] | None) -> None:
    found = sns(call("sns", operation, given), Account())
    assert (found and [text_of(one, new=True) for one in found]) == expected
