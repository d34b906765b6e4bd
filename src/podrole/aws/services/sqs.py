"""What is special about SQS: the attribute Policy of a queue, and AddPermission, which grants to accounts."""

from __future__ import annotations

import json

from podrole.aws.errors import AWSError
from podrole.aws.services.rules import Document, Resolving, ServiceRules, Storing, error, parameter
from podrole.iam.actions.messaging import queue_arn
from podrole.iam.errors import PolicyError
from podrole.iam.evaluate import Request


def account_statement(storing: Storing) -> Document | None:
    """Return the policy with the one statement that AddPermission makes: it grants actions to accounts."""
    accounts = storing.given.get("AWSAccountIds") or storing.given.get("AWSAccountId") or []
    actions = storing.given.get("Actions") or storing.given.get("ActionName") or []
    if not accounts or not actions:
        return None  # the service refuses this itself
    service = storing.call.service.name
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": [f"arn:aws:iam::{account}:root" for account in accounts]},
        "Action": [f"{service}:{action}" for action in actions],
        "Resource": "*",
    }
    return Document(json.dumps({"Version": "2012-10-17", "Statement": statement}))


def _resolve(resolving: Resolving) -> None:
    """Write the queue's URL in one way: moto takes everything behind the last slash for the name."""
    url = resolving.given.get("QueueUrl")
    if not isinstance(url, str):
        return
    arn = queue_arn(resolving.asked, url)
    if arn is None:
        raise AWSError("InvalidAddress", 404, f"The address {url} is not valid for this endpoint.")
    region, account, name = arn.split(":")[3:]
    resolving.given["QueueUrl"] = f"https://sqs.{region}.amazonaws.com/{account}/{name}"


def _fault(fault: PolicyError) -> AWSError:
    return error("InvalidAttributeValue", "Invalid value for the parameter Policy.", fault)


def _spell(sentence: str, request: Request) -> str:
    if not request.action.startswith("sqs:"):
        return sentence
    return sentence.replace(request.action, request.action.lower())


RULES = ServiceRules(
    "sqs",
    documents={
        "AddPermission": account_statement,
        "CreateQueue": parameter("Attributes", "Policy"),
        "SetQueueAttributes": parameter("Attributes", "Policy"),
    },
    fault=_fault,
    resolve=_resolve,
    denied=("AccessDenied", 403),  # once a query service, it kept that protocol's code
    spell=_spell,
)
