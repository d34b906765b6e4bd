"""SQS and SNS: queues by URL, topics by ARN, batches under the name of one."""

from __future__ import annotations

import base64
import binascii
import re

from podrole.iam.actions.call import Call, Permission, Resolver
from podrole.iam.actions.tables import actions_of

_MOVING = {
    "StartMessageMoveTask": ("StartMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"),
    "CancelMessageMoveTask": ("CancelMessageMoveTask", "ReceiveMessage", "DeleteMessage", "GetQueueAttributes"),
    "ListMessageMoveTasks": ("ListMessageMoveTasks", "ReceiveMessage"),
}


def sqs(call: Call, resolver: Resolver) -> list[Permission] | None:  # noqa: ARG001 - the signature of all
    """Return what an SQS call needs."""
    parameters = call.parameters
    if call.operation == "ListQueues":
        return [Permission("sqs:ListQueues", call.arn("sqs", "*"))]
    names = _MOVING.get(call.operation, (next(iter(actions_of("sqs", call.operation) or ()), call.operation),))
    names = tuple(name.removeprefix("sqs:") for name in names)
    if isinstance(parameters.get("QueueUrl"), str):
        resource = queue_arn(call, parameters["QueueUrl"])
    elif isinstance(parameters.get("QueueName"), str):
        account = parameters.get("QueueOwnerAWSAccountId") or call.account
        resource = call.arn("sqs", parameters["QueueName"], account=str(account))
    elif isinstance(parameters.get("SourceArn"), str):
        resource = parameters["SourceArn"]
    else:
        resource = _task_arn(parameters.get("TaskHandle"))
    if resource is None:
        return [Permission(f"sqs:{name}", call.arn("sqs", "*"), partial=True) for name in names]
    exists = call.operation != "CreateQueue"
    needed = [Permission(f"sqs:{name}", resource, exists=exists) for name in names]
    if isinstance(parameters.get("DestinationArn"), str):
        needed.append(Permission("sqs:SendMessage", parameters["DestinationArn"]))
    return needed


_QUEUE = re.compile(r"(?:https?://[^/?#]+/([0-9]{12})/)?([A-Za-z0-9_-]{1,80}(?:\.fifo)?)")


def queue_arn(call: Call, url: str) -> str | None:
    """Return the ARN of the queue at ``https://HOST/ACCOUNT/NAME``, or of a bare name; None for anything else."""
    match = _QUEUE.fullmatch(url)
    return call.arn("sqs", match[2], account=match[1]) if match is not None else None


def _task_arn(handle: object) -> str | None:
    # A task's handle holds the ARN of its source queue; what does not say so is not believed.
    try:
        text = base64.b64decode(str(handle), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    start = text.find("arn:")
    return text[start:].partition('"')[0] if start >= 0 else None


def sns(call: Call, resolver: Resolver) -> list[Permission] | None:  # noqa: ARG001 - the signature of all
    """Return what an SNS call needs."""
    parameters = call.parameters
    if call.operation in ("Publish", "PublishBatch"):
        arns = [str(parameters[name]) for name in ("TopicArn", "TargetArn") if parameters.get(name)]
        return [Permission("sns:Publish", arn) for arn in arns] or [Permission("sns:Publish")]
    subscription = parameters.get("SubscriptionArn")
    if isinstance(subscription, str) and subscription.count(":") >= 6:
        return [Permission(f"sns:{call.operation}", subscription.rpartition(":")[0])]
    if call.operation == "CreateTopic" and parameters.get("Name"):
        return [Permission("sns:CreateTopic", call.arn("sns", str(parameters["Name"])), exists=False)]
    topic = parameters.get("TopicArn") or parameters.get("ResourceArn")
    if isinstance(topic, str):
        return [Permission(f"sns:{call.operation}", topic)]
    return None
