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
    given = call.parameters
    if call.operation == "ListQueues":
        return [Permission("sqs:ListQueues", call.arn("sqs", "*"))]
    names = _MOVING.get(call.operation, (next(iter(actions_of("sqs", call.operation) or ()), call.operation),))
    names = tuple(name.removeprefix("sqs:") for name in names)
    if isinstance(given.get("QueueUrl"), str):
        resource = queue_arn(call, given["QueueUrl"])
    elif isinstance(given.get("QueueName"), str):
        account = given.get("QueueOwnerAWSAccountId") or call.account
        resource = call.arn("sqs", given["QueueName"], account=str(account))
    elif isinstance(given.get("SourceArn"), str):
        resource = given["SourceArn"]
    else:
        resource = _task_arn(given.get("TaskHandle"))
    if resource is None:
        return [Permission(f"sqs:{name}", call.arn("sqs", "*"), partial=True) for name in names]
    exists = call.operation != "CreateQueue"
    needed = [Permission(f"sqs:{name}", resource, exists=exists) for name in names]
    if isinstance(given.get("DestinationArn"), str):
        needed.append(Permission("sqs:SendMessage", given["DestinationArn"]))
    return needed


_QUEUE = re.compile(r"(?:https?://[^/?#]+/([0-9]{12})/)?([A-Za-z0-9_-]{1,80}(?:\.fifo)?)")


def queue_arn(call: Call, url: str) -> str | None:
    """Return the ARN of the queue at ``https://HOST/ACCOUNT/NAME``, or of a bare name; None for anything else."""
    found = _QUEUE.fullmatch(url)
    return call.arn("sqs", found[2], account=found[1]) if found is not None else None


def _task_arn(handle: object) -> str | None:
    # A task's handle holds the ARN of its source queue; what does not say so is not believed.
    try:
        text = base64.b64decode(str(handle), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    found = text.find("arn:")
    return text[found:].partition('"')[0] if found >= 0 else None


def sns(call: Call, resolver: Resolver) -> list[Permission] | None:  # noqa: ARG001 - the signature of all
    """Return what an SNS call needs."""
    given = call.parameters
    if call.operation in ("Publish", "PublishBatch"):
        arns = [str(given[name]) for name in ("TopicArn", "TargetArn") if given.get(name)]
        return [Permission("sns:Publish", arn) for arn in arns] or [Permission("sns:Publish")]
    subscription = given.get("SubscriptionArn")
    if isinstance(subscription, str) and subscription.count(":") >= 6:
        return [Permission(f"sns:{call.operation}", subscription.rpartition(":")[0])]
    if call.operation == "CreateTopic" and given.get("Name"):
        return [Permission("sns:CreateTopic", call.arn("sns", str(given["Name"])), exists=False)]
    topic = given.get("TopicArn") or given.get("ResourceArn")
    if isinstance(topic, str):
        return [Permission(f"sns:{call.operation}", topic)]
    return None
