"""A call that waits for a message or a task leaves the services free for others."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest

from support.aws import LocalAWS

pytestmark = pytest.mark.services


def queue(aws: LocalAWS, **attributes: str) -> str:
    return str(aws.client("sqs").create_queue(QueueName="jobs", Attributes=attributes)["QueueUrl"])


def receiving(aws: LocalAWS, **parameters: Any) -> tuple[threading.Thread, list[Any]]:
    received: list[Any] = []
    client = aws.client("sqs", read_timeout=30)
    thread = threading.Thread(target=lambda: received.append(client.receive_message(**parameters)))
    thread.start()
    return thread, received


def wait_until_served(aws: LocalAWS, url: str) -> None:
    """Wait until a receive is waiting in the event loop: the services have answered it at least once."""
    for _ in range(3):
        aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])


@pytest.mark.parametrize("waits_by", ["request", "queue"])
def test_long_poll_delays_no_other_call_and_gets_the_message(aws: LocalAWS, waits_by: str) -> None:
    url = queue(aws, **({"ReceiveMessageWaitTimeSeconds": "20"} if waits_by == "queue" else {}))
    parameters = {"QueueUrl": url, **({"WaitTimeSeconds": 20} if waits_by == "request" else {})}
    waiting = [receiving(aws, **parameters) for _ in range(3)]
    began = time.monotonic()
    wait_until_served(aws, url)
    for number in range(3):
        aws.client("sqs").send_message(QueueUrl=url, MessageBody=str(number))
    for thread, _ in waiting:
        thread.join(15)
    assert time.monotonic() - began < 10
    bodies = sorted(message["Body"] for _, received in waiting for message in received[0]["Messages"])
    assert bodies == ["0", "1", "2"]


def test_long_poll_ends_without_a_message(aws: LocalAWS) -> None:
    began = time.monotonic()
    answer = aws.client("sqs").receive_message(QueueUrl=queue(aws), WaitTimeSeconds=1)
    assert "Messages" not in answer
    assert 0.9 < time.monotonic() - began < 10


def test_delayed_message_ends_a_long_poll(aws: LocalAWS) -> None:
    url = queue(aws)
    aws.client("sqs").send_message(QueueUrl=url, MessageBody="late", DelaySeconds=1)
    answer = aws.client("sqs").receive_message(QueueUrl=url, WaitTimeSeconds=20)
    assert answer["Messages"][0]["Body"] == "late"


def test_waiting_for_a_task_of_a_workflow_delays_no_other_call(aws: LocalAWS) -> None:
    swf = aws.client("swf")
    swf.register_domain(name="d", workflowExecutionRetentionPeriodInDays="1")
    client, done = aws.client("swf", read_timeout=30), threading.Event()

    def poll() -> None:
        client.poll_for_decision_task(domain="d", taskList={"name": "t"})
        done.set()

    pollers = [threading.Thread(target=poll) for _ in range(5)]
    began = time.monotonic()
    for poller in pollers:
        poller.start()
    for poller in pollers:
        poller.join(20)
    assert time.monotonic() - began < 4  # five seconds, if each had slept in the services' thread
    assert done.is_set()
