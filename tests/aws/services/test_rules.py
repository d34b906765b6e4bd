"""What holds for a service that says nothing of its own, and the parts that services say it with."""

from __future__ import annotations

from typing import Any

import pytest

from podrole.aws.protocol.wire import HTTPResponse
from podrole.aws.services.rules import (
    Authorizing,
    Delivering,
    Document,
    NoSuchPrincipal,
    ServiceRules,
    Storing,
    error,
    parameter,
    unjudged,
)
from podrole.iam.document import parse_policy
from podrole.iam.errors import PolicyError
from podrole.iam.evaluate import Request
from podrole.iam.policy import PolicyKind
from podrole.iam.principal import ANONYMOUS
from support.aws_facts import FakeFacts, call_of
from support.calls import ACCOUNT

FACTS, CALL = FakeFacts(), call_of("sqs:CreateQueue")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"Attributes": {"Policy": "{}"}}, Document("{}")),
        ({"Attributes": {"Policy": ""}}, None),
        ({"Attributes": {"Policy": {"a": "b"}}}, None),
        ({"Attributes": {}}, None),
        ({"Attributes": "{}"}, None),
        ({}, None),
    ],
)
def test_a_document_is_the_text_of_a_parameter(given: dict[str, Any], expected: Document | None) -> None:
    assert parameter("Attributes", "Policy")(Storing(CALL, given, ACCOUNT, FACTS)) == expected


def malformed() -> PolicyError:
    with pytest.raises(PolicyError) as raised:
        parse_policy("{}", PolicyKind.RESOURCE)
    return raised.value


def test_refusal_of_a_document_has_the_services_words_and_all_faults() -> None:
    refused = error("Code", "text", malformed())
    assert (refused.error_code, refused.status, refused.message) == ("Code", 400, "text")
    assert refused.explanation is not None
    assert refused.explanation["faults"]
    assert "\n" not in (refused.why or "\n")
    assert error("Code", "text", malformed(), 422).status == 422


def test_refusal_of_a_document_says_which_principal_does_not_exist() -> None:
    fault = NoSuchPrincipal("arn:aws:iam::1:role/r")
    assert (fault.aws_code, fault.message) == (
        "MalformedPolicyDocument",
        'Invalid principal in policy: "AWS":"arn:aws:iam::1:role/r"',
    )
    refused = error("Code", "text", fault)
    assert refused.why == "The document names arn:aws:iam::1:role/r, which does not exist."
    assert refused.explanation is None
    assert error("Code", "text", PolicyError("too long", aws_code="x")).why == "too long"


def test_a_service_without_rules_changes_nothing() -> None:
    rules, asked = ServiceRules("x"), Request(ANONYMOUS, "x:Do", "*")
    storing = Storing(CALL, {}, ACCOUNT, FACTS)
    rules.check(storing, parse_policy(_PUBLIC, PolicyKind.RESOURCE))
    rules.before(CALL, FACTS)
    rules.require_destinations(Delivering(CALL, ACCOUNT, FACTS, None))  # type: ignore[arg-type]
    answer = HTTPResponse(200, [], b"")
    assert rules.answer(CALL, answer) is answer
    assert list(rules.also_needs(Authorizing(CALL, ACCOUNT, FACTS, []))) == []
    assert rules.spell("sentence", asked) == "sentence"
    assert rules.resolve is rules.denied is rules.key_denied is None
    fault = rules.fault(malformed())
    assert (fault.error_code, fault.status) == ("MalformedPolicyDocumentException", 400)


_PUBLIC = (
    '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}}'
)


def test_a_policy_that_would_be_ignored_is_refused() -> None:
    refused = unjudged(CALL)
    assert (refused.error_code, refused.status) == ("NotImplemented", 501)
