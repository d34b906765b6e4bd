"""What is special about SQS: the attribute Policy of a queue, and AddPermission, which grants to accounts."""

from __future__ import annotations

import json
import re

from podrole.aws.errors import AWSError
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.wire import HTTPResponse
from podrole.aws.services.encryption import uses_of_resources
from podrole.aws.services.rules import Document, Resolving, ServiceRules, Storing, error, parameter
from podrole.iam.actions.messaging import queue_arn
from podrole.iam.errors import PolicyError
from podrole.iam.evaluate import Request


def account_statement(storing: Storing) -> Document | None:
    """Return the policy with the one statement that AddPermission makes: it grants actions to accounts."""
    accounts = storing.given.get("AWSAccountIds") or storing.given.get("AWSAccountId")
    actions = storing.given.get("Actions") or storing.given.get("ActionName")
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


def _answer(call: IdentifiedCall, answer: HTTPResponse) -> HTTPResponse:
    """Let the URLs of queues lead to where the request came in: SDKs take their host for the endpoint."""
    host = call.http.header.get("host", "")
    if call.operation not in _RETURNING_URLS or answer.status >= 300 or not _HOST.fullmatch(host):
        return answer
    base = f"{call.http.scheme}://{host}/".encode()
    return HTTPResponse(answer.status, answer.headers, _URL.sub(lambda match: base + match[1], answer.body))


_RETURNING_URLS = frozenset({"CreateQueue", "GetQueueUrl", "ListDeadLetterSourceQueues", "ListQueues"})
_HOST = re.compile(r"(?:[A-Za-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]+)?")
_URL = re.compile(rb"https?://[A-Za-z0-9.-]+(?::[0-9]+)?/([0-9]{12}/[A-Za-z0-9_-]{1,80})")


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
    answer=_answer,
    also_needs=uses_of_resources,
    key_denied=("KmsAccessDenied", 400),
    denied=("AccessDenied", 403),  # once a query service, it kept that protocol's code
    spell=_spell,
)
