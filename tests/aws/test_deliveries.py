"""What the services send to others never delays or fails the call that sends it, and stays on this machine."""

from __future__ import annotations

import io
import json
import logging
import time
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from podrole.aws.emulator import deliveries as deliveries_module
from podrole.aws.emulator.deliveries import Deliveries, Delivery, DeliveryRefused, is_loopback
from podrole.base.serving import LOOPBACK
from support.aws import ACCOUNT, REGION, LocalAWS, refused, trust_of
from support.receiver import Receiver, receiving

pytestmark = pytest.mark.services

OTHER_HOST = "http://192.0.2.1:9"
SILENT = b""


@pytest.fixture
def fresh_log(aws: LocalAWS) -> None:
    """A log in which no failure has been noted."""
    aws.services._deliveries._logged.clear()


def subscribed_topic(aws: LocalAWS, endpoint: str, protocol: str = "http") -> str:
    sns = aws.client("sns")
    topic = str(sns.create_topic(Name="orders")["TopicArn"])
    sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint)
    return topic


def firehose_to(aws: LocalAWS, url: str) -> str:
    aws.client("s3").create_bucket(Bucket="backup")
    role = aws.role("firehose", trust_of(f"arn:aws:iam::{ACCOUNT}:root"))
    aws.client("firehose").create_delivery_stream(
        DeliveryStreamName="logs",
        HttpEndpointDestinationConfiguration={
            "EndpointConfiguration": {"Url": url},
            "S3Configuration": {"RoleARN": role, "BucketARN": "arn:aws:s3:::backup"},
        },
    )
    return "logs"


def publish(aws: LocalAWS, url: str) -> Callable[[], Any]:
    topic = subscribed_topic(aws, url)
    return lambda: aws.client("sns").publish(TopicArn=topic, Message="one")


def put_record(aws: LocalAWS, url: str) -> Callable[[], Any]:
    stream = firehose_to(aws, url)
    return lambda: aws.client("firehose").put_record(DeliveryStreamName=stream, Record={"Data": b"one"})


SENDERS = {"SNS": publish, "Firehose": put_record}


@pytest.mark.parametrize("sender", SENDERS)
def test_receiver_that_does_not_answer_delays_no_call(aws: LocalAWS, sender: str) -> None:
    with receiving(answer=SILENT) as receiver:
        send = SENDERS[sender](aws, receiver.url)
        began = time.monotonic()
        send()
        aws.client("sqs").list_queues()
        assert time.monotonic() - began < 5
        receiver.wait()


def test_subscriber_gets_the_message(aws: LocalAWS) -> None:
    with receiving() as receiver:
        aws.client("sns").publish(TopicArn=subscribed_topic(aws, f"{receiver.url}/hook?x=1"), Message="an order")
        head, _, body = receiver.wait().partition(b"\r\n\r\n")
    assert head.startswith(b"POST /hook?x=1 HTTP/1.1\r\n")
    assert f"host: {LOOPBACK}:{receiver.port}".encode() in head.lower()
    assert b"content-type: text/plain; charset=utf-8" in head.lower()
    assert json.loads(body)["Message"] == "an order"


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def wait_for_warning(caplog: pytest.LogCaptureFixture) -> str:
    end = time.monotonic() + 20
    while not warnings(caplog) and time.monotonic() < end:
        time.sleep(0.01)
    return warnings(caplog)[0]


@pytest.mark.usefixtures("fresh_log")
@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        (b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n", "it answered 500"),
        (b"HTTP/1.1 302 Found\r\nlocation: http://192.0.2.1/\r\ncontent-length: 0\r\n\r\n", "it answered 302"),
        (b"SSH-2.0-server\r\n\r\n", "RemoteProtocolError"),
    ],
    ids=["server-error", "redirect", "not-http"],
)
def test_failed_delivery_is_logged_once_without_the_path(
    aws: LocalAWS, caplog: pytest.LogCaptureFixture, behaviour: bytes, told: str
) -> None:
    with receiving(answer=behaviour) as receiver:
        topic = subscribed_topic(aws, f"{receiver.url}/secret-of-the-path")
        for _ in range(3):
            aws.client("sns").publish(TopicArn=topic, Message="a secret message")
            receiver.wait()
        message = wait_for_warning(caplog)
        assert message.startswith(f"SNS could not deliver to {receiver.url}: {told}")
        assert "secret" not in message
    assert len(warnings(caplog)) == 1


@pytest.mark.usefixtures("fresh_log")
def test_delivery_to_another_host_is_refused_and_the_log_names_the_option(
    aws: LocalAWS, caplog: pytest.LogCaptureFixture
) -> None:
    aws.client("sns").publish(TopicArn=subscribed_topic(aws, OTHER_HOST), Message="one")
    assert wait_for_warning(caplog) == (
        f"SNS could not deliver to {OTHER_HOST}: The services deliver to loopback only. Start with --deliver-anywhere "
        "to allow other hosts. Further failures are not logged."
    )


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:192.0.2.1", False),
        ("0.0.0.0", False),
        ("::", False),
        ("169.254.169.254", False),
        ("fe80::1%lo", False),
        ("10.0.0.1", False),
    ],
)
def test_loopback_is_this_machine_alone(address: str, loopback: bool) -> None:
    assert is_loopback(address) == loopback


async def test_every_host_is_a_receiver_if_the_settings_allow_it() -> None:
    assert await Deliveries(anywhere=True)._address("192.0.2.1", 80) == "192.0.2.1"
    with pytest.raises(DeliveryRefused):
        await Deliveries()._address("192.0.2.1", 80)


async def test_slow_receiver_is_given_up(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(deliveries_module, "DELIVERY_SECONDS", 0.2)
    with receiving(answer=SILENT) as receiver:
        deliveries = Deliveries()
        await deliveries._deliver(Delivery("SNS", "POST", receiver.url))
        await deliveries.aclose()
    assert "it took longer than" in warnings(caplog)[0]


async def test_deliveries_that_wait_are_bounded(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(deliveries_module, "MAX_PENDING", 2)
    with receiving(answer=SILENT) as receiver:
        deliveries = Deliveries()
        for _ in range(3):
            deliveries.start(Delivery("SNS", "POST", receiver.url))
        assert deliveries._pending == 2
        assert "2 deliveries are waiting" in warnings(caplog)[0]
        await deliveries.aclose()


def function(aws: LocalAWS, name: str = "worker") -> str:
    role = aws.role(name, trust_of(f"arn:aws:iam::{ACCOUNT}:root"))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as code:
        code.writestr("main.py", "def handler(event, context): return 1")
    answer = aws.client("lambda").create_function(
        FunctionName=name, Runtime="python3.12", Role=role, Handler="main.handler", Code={"ZipFile": archive.getvalue()}
    )
    return str(answer["FunctionArn"])


def test_call_that_needs_the_result_of_a_function_is_not_implemented(aws: LocalAWS) -> None:
    function(aws)
    code, status, text = refused(aws.client("lambda").invoke, FunctionName="worker")
    assert (code, status) == ("NotImplemented", 501)
    assert "podrole runs no Lambda functions" in text


def event_to_rule_target(aws: LocalAWS, target: str) -> None:
    events = aws.client("events")
    events.put_rule(Name="all", EventPattern=json.dumps({"source": ["shop"]}))
    events.put_targets(Rule="all", Targets=[{"Id": "1", "Arn": target}])
    sent = events.put_events(Entries=[{"Source": "shop", "DetailType": "order", "Detail": "{}"}])
    assert sent["FailedEntryCount"] == 0


def message_to_subscriber(aws: LocalAWS, target: str) -> None:
    aws.client("sns").publish(TopicArn=subscribed_topic(aws, target, "lambda"), Message="one")


def object_in_bucket(aws: LocalAWS, target: str) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="uploads")
    configuration = {"LambdaFunctionConfigurations": [{"LambdaFunctionArn": target, "Events": ["s3:ObjectCreated:*"]}]}
    s3.put_bucket_notification_configuration(
        Bucket="uploads", NotificationConfiguration=configuration, SkipDestinationValidation=True
    )
    s3.put_object(Bucket="uploads", Key="one", Body=b"1")


def message_in_queue(aws: LocalAWS, target: str) -> None:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    source = f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs"
    aws.client("lambda").create_event_source_mapping(FunctionName=target, EventSourceArn=source)
    sqs.send_message(QueueUrl=url, MessageBody="one")
    assert len(sqs.receive_message(QueueUrl=url)["Messages"]) == 1


def item_in_table(aws: LocalAWS, target: str) -> None:
    dynamodb = aws.client("dynamodb")
    table = dynamodb.create_table(
        TableName="orders",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
    )["TableDescription"]
    aws.client("lambda").create_event_source_mapping(
        FunctionName=target, EventSourceArn=table["LatestStreamArn"], StartingPosition="LATEST"
    )
    dynamodb.put_item(TableName="orders", Item={"id": {"S": "1"}})


def event_in_log(aws: LocalAWS, target: str) -> None:
    logs = aws.client("logs")
    logs.create_log_group(logGroupName="app")
    logs.create_log_stream(logGroupName="app", logStreamName="one")
    aws.client("lambda").add_permission(
        FunctionName=target, StatementId="1", Action="lambda:InvokeFunction", Principal="logs.amazonaws.com"
    )
    logs.put_subscription_filter(logGroupName="app", filterName="all", filterPattern="", destinationArn=target)
    event = {"timestamp": int(time.time() * 1000), "message": "one"}
    logs.put_log_events(logGroupName="app", logStreamName="one", logEvents=[event])


@pytest.mark.usefixtures("fresh_log")
@pytest.mark.parametrize(
    "send",
    [event_to_rule_target, message_to_subscriber, object_in_bucket, message_in_queue, item_in_table, event_in_log],
)
def test_event_for_a_function_is_accepted_and_logged(
    aws: LocalAWS, caplog: pytest.LogCaptureFixture, send: Callable[[LocalAWS, str], None]
) -> None:
    target = function(aws)
    send(aws, target)
    assert target in wait_for_warning(caplog)


@pytest.mark.usefixtures("fresh_log")
def test_message_that_the_policy_of_a_queue_does_not_allow_is_logged(
    aws: LocalAWS, caplog: pytest.LogCaptureFixture
) -> None:
    aws.client("sqs").create_queue(QueueName="jobs")
    topic = subscribed_topic(aws, f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs", "sqs")
    aws.client("sns").publish(TopicArn=topic, Message="one")
    assert "its policies do not allow sns.amazonaws.com to perform sqs:SendMessage" in wait_for_warning(caplog)


@pytest.mark.usefixtures("fresh_log")
def test_message_for_a_deleted_queue_does_not_fail_the_publish(aws: LocalAWS, caplog: pytest.LogCaptureFixture) -> None:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    topic = subscribed_topic(aws, f"arn:aws:sqs:{REGION}:{ACCOUNT}:jobs", "sqs")
    sqs.delete_queue(QueueUrl=url)
    aws.client("sns").publish(TopicArn=topic, Message="one")
    assert "a subscriber of" in wait_for_warning(caplog)


def test_message_structure_that_is_wrong_is_still_refused(aws: LocalAWS) -> None:
    with receiving() as receiver:
        topic = subscribed_topic(aws, receiver.url)
        code, status, _ = refused(
            aws.client("sns").publish, TopicArn=topic, Message="not json", MessageStructure="json"
        )
    assert (code, status) == ("InvalidParameter", 400)


def test_batch_job_fails_at_once(aws: LocalAWS) -> None:
    batch, iam = aws.client("batch"), aws.client("iam")
    role = aws.role("batch", trust_of(f"arn:aws:iam::{ACCOUNT}:root"))
    assert iam.get_role(RoleName="batch")
    environment = batch.create_compute_environment(
        computeEnvironmentName="environment", type="UNMANAGED", state="ENABLED", serviceRole=role
    )["computeEnvironmentArn"]
    order = [{"order": 1, "computeEnvironment": environment}]
    queue = batch.create_job_queue(jobQueueName="queue", state="ENABLED", priority=1, computeEnvironmentOrder=order)
    definition = batch.register_job_definition(
        jobDefinitionName="definition",
        type="container",
        containerProperties={"image": "busybox", "vcpus": 1, "memory": 128, "command": ["true"]},
    )
    job = batch.submit_job(jobName="job", jobQueue=queue["jobQueueArn"], jobDefinition=definition["jobDefinitionArn"])[
        "jobId"
    ]
    assert batch.describe_jobs(jobs=[job])["jobs"][0]["status"] == "FAILED"


def test_receiver_reads_whole_requests() -> None:
    assert not Receiver._is_whole(b"POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nab")
