"""A refusal by policy in the code, the status and the words of each protocol and service."""

from __future__ import annotations

from dataclasses import replace

import pytest

from podrole.aws.access_denied import Refusals, explanation
from podrole.aws.encoded_messages import EncodedMessages
from podrole.iam.evaluate import Decision, Outcome, Request
from podrole.iam.policy import PolicyKind
from podrole.iam.principal import principal_of
from support.aws_facts import call_of
from support.calls import call

BOB = principal_of("arn:aws:iam::111122223333:user/bob")
DENIED = Decision(Outcome.IMPLICITLY_DENIED, PolicyKind.IDENTITY)
MESSAGES = EncodedMessages("a secret")
REFUSALS = Refusals(MESSAGES)
TABLE = "arn:aws:dynamodb:us-east-1:111122223333:table/t"


@pytest.mark.parametrize(
    ("name", "code", "status"),
    [
        ("ec2:RunInstances", "UnauthorizedOperation", 403),
        ("dynamodb:GetItem", "AccessDeniedException", 400),
        ("lambda:Invoke", "AccessDeniedException", 403),
        ("iam:GetRole", "AccessDenied", 403),
        ("s3:GetObject", "AccessDenied", 403),
        ("sns:Publish", "AuthorizationError", 403),
    ],
)
def test_the_code_is_that_of_the_protocol_or_the_service(name: str, code: str, status: int) -> None:
    refusal = REFUSALS.access_denied(call_of(name), Request(BOB, name, "*"), DENIED, [])
    assert (refusal.error_code, refusal.status) == (code, status)


def test_cbor_has_the_code_of_json() -> None:
    called = replace(call_of("dynamodb:GetItem"), protocol="smithy-rpc-v2-cbor")
    refusal = REFUSALS.access_denied(called, Request(BOB, "dynamodb:GetItem", TABLE), DENIED, [])
    assert (refusal.error_code, refusal.status) == ("AccessDeniedException", 400)


def test_only_ec2_encodes_a_message_and_only_about_a_resource() -> None:
    instance = "arn:aws:ec2:us-east-1:111122223333:instance/i-1"
    about = Request(BOB, "ec2:StopInstances", instance)
    message = REFUSALS.access_denied(call_of("ec2:StopInstances"), about, DENIED, []).message
    plain, _, encoded = message.partition(" Encoded authorization failure message: ")
    assert plain.startswith("You are not authorized to perform this operation. ")
    assert instance in (MESSAGES.open(encoded) or "")
    listing = Request(BOB, "ec2:DescribeInstances", "*")
    message = REFUSALS.access_denied(call_of("ec2:DescribeInstances"), listing, DENIED, []).message
    assert message.startswith("You are not authorized to perform this operation. ")
    assert "Encoded" not in message
    item = Request(BOB, "dynamodb:GetItem", TABLE)
    message = REFUSALS.access_denied(call_of("dynamodb:GetItem"), item, DENIED, []).message
    assert "You are not authorized" not in message
    assert message == REFUSALS.text(call("dynamodb", "GetItem", {}), item, DENIED)


@pytest.mark.parametrize(("decision", "by"), [(DENIED, "identity"), (Decision(Outcome.ALLOWED), None)])
def test_the_explanation_names_the_kind_of_policy(decision: Decision, by: str | None) -> None:
    found = explanation(Request(BOB, "dynamodb:GetItem", TABLE), decision, [])
    assert found == {
        "action": "dynamodb:GetItem",
        "resource": TABLE,
        "decision": decision.outcome.value,
        "decided_by": by,
        "evidence": [],
    }
