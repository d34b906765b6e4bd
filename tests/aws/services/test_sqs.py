"""SQS: a queue's URL in one form, AddPermission, the hosts in its answers, and the words of its refusals."""

from __future__ import annotations

import json
from typing import Any

import pytest

from podrole.aws.protocol.wire import HTTPResponse
from podrole.aws.services.sqs import RULES
from podrole.iam.errors import PolicyError
from podrole.iam.evaluate import Request
from podrole.iam.principal import principal_of
from support.aws_facts import call_of, request
from support.calls import ACCOUNT, REGION
from support.service_rules import document, refusal, resolved

URL = f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/orders"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"QueueUrl": f"http://localhost:4566/{ACCOUNT}/orders"}, {"QueueUrl": URL}),
        ({"QueueUrl": URL}, {"QueueUrl": URL}),
        ({"QueueName": "orders"}, {"QueueName": "orders"}),
    ],
)
def test_url_of_a_queue_is_written_in_one_way(given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert resolved(RULES, "SendMessage", **given) == expected


def test_url_that_names_no_queue_is_refused() -> None:
    url = f"http://localhost/{ACCOUNT}/orders/more"
    assert refusal(resolved, RULES, "SendMessage", QueueUrl=url) == ("InvalidAddress", 404)


ACCOUNTS, ACTIONS = {"AWSAccountIds": ["1", "2"]}, {"Actions": ["SendMessage", "*"]}


def test_a_permission_for_accounts_is_one_statement() -> None:
    for given in (ACCOUNTS | ACTIONS, {"AWSAccountId": ["1", "2"], "ActionName": ["SendMessage", "*"]}):
        found = document(RULES, "AddPermission", **given)
        assert found is not None
        statement = json.loads(found.text)["Statement"]
        assert statement["Principal"] == {"AWS": ["arn:aws:iam::1:root", "arn:aws:iam::2:root"]}
        assert statement["Action"] == ["sqs:SendMessage", "sqs:*"]


@pytest.mark.parametrize("given", [ACCOUNTS, ACTIONS])
def test_a_permission_without_accounts_or_actions_is_left_to_the_service(given: dict[str, Any]) -> None:
    assert document(RULES, "AddPermission", **given) is None


BODY = f'{{"QueueUrl":"{URL}"}}'.encode()
BESIDE = f'{{"QueueUrl":"http://localhost:4566/{ACCOUNT}/orders"}}'.encode()


@pytest.mark.parametrize(
    ("operation", "host", "status", "expected"),
    [
        *((name, "localhost:4566", 200, BESIDE) for name in ("CreateQueue", "GetQueueUrl", "ListQueues")),
        ("ListDeadLetterSourceQueues", "localhost:4566", 200, BESIDE),
        ("SendMessage", "localhost:4566", 200, BODY),
        ("CreateQueue", "localhost:4566", 299, BESIDE),
        ("CreateQueue", "localhost:4566", 300, BODY),
        ("CreateQueue", 'a"b', 200, BODY),
        ("CreateQueue", None, 200, BODY),
    ],
)
def test_urls_in_answers_lead_to_where_the_request_came_in(
    operation: str, host: str | None, status: int, expected: bytes
) -> None:
    headers = [] if host is None else [("host", host)]
    call = call_of(f"sqs:{operation}", request(headers=headers, scheme="http"))
    assert RULES.answer(call, HTTPResponse(status, [], BODY)) == HTTPResponse(status, [], expected)


def test_refusals_spell_actions_of_sqs_in_lower_case() -> None:
    principal = principal_of("sns.amazonaws.com")
    for action, spelled in (("sqs:SendMessage", "sqs:sendmessage"), ("kms:Decrypt", "kms:Decrypt")):
        asked = Request(principal, action, "*", ACCOUNT, {})
        assert RULES.spell(f"not authorized to perform: {action}", asked) == f"not authorized to perform: {spelled}"


def test_codes_of_refusals() -> None:
    fault = RULES.fault(PolicyError("x", aws_code="y"))
    assert (fault.error_code, fault.status) == ("InvalidAttributeValue", 400)
    assert (RULES.denied, RULES.key_denied) == (("AccessDenied", 403), ("KmsAccessDenied", 400))
