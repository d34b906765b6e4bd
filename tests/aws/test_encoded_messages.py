"""An encoded message can be put on a command line, whatever the nonce."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from collections.abc import Mapping

import pytest

from podrole.aws.caller import ANONYMOUS
from podrole.aws.encoded_messages import EncodedMessages, message
from podrole.aws.errors import AWSError
from podrole.aws.operations.decode_message import MessageDecoder
from podrole.aws.protocol.call import ReceivedRequest
from podrole.aws.protocol.identify import identify
from podrole.aws.protocol.wire import HTTPRequest
from podrole.iam.document import compile_policy
from podrole.iam.evaluate import Decision, Outcome, Request
from podrole.iam.policy import PolicyKind
from podrole.iam.principal import Principal, PrincipalType
from podrole.sts.parameters import MAX_ENCODED_MESSAGE
from support.aws_facts import call_of


@pytest.mark.parametrize("first", [0x00, 0x7F, 0xF8, 0xFB, 0xFF])
def test_no_message_begins_with_a_dash(first: int) -> None:
    messages = EncodedMessages("secret", random_bytes=lambda count: bytes([first] * (count - 1) + [7]))
    principal = Principal(PrincipalType.USER, "111122223333", "arn:aws:iam::111122223333:user/eve")
    sealed = messages.seal(Request(principal, "ec2:StartInstances", "*"), Decision(Outcome.IMPLICITLY_DENIED))
    assert not sealed.startswith("-")
    assert base64.urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))[:12] == bytes([first & 0x7F, *[first] * 10, 7])
    assert "StartInstances" in (messages.open(sealed) or "")


BOB = Principal(PrincipalType.ASSUMED_ROLE, "111122223333", "arn:aws:sts::111122223333:assumed-role/r/bob", "AROAX:bob")
KEYS = {
    "aws:PrincipalArn": "arn:aws:iam::111122223333:role/r",
    "aws:TagKeys": ["a", "b"],
    "aws:RequestedRegion": "eu-west-1",
}


def denial_by(kind: PolicyKind, **statement: object) -> Decision:
    document = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Deny", **statement}})
    return Decision(Outcome.EXPLICITLY_DENIED, statement=compile_policy(document, kind).statements[0])


def test_a_message_has_the_request_and_the_statement() -> None:
    condition = {"StringEquals": {"aws:RequestedRegion": "eu-west-1"}}
    denial = denial_by(PolicyKind.IDENTITY, Sid="guard", Action="ec2:*", Resource="*", Condition=condition)
    found = message(Request(BOB, "ec2:StartInstances", "*", context=KEYS), denial)
    assert found == {
        "allowed": False,
        "explicitDeny": True,
        "matchedStatements": {
            "items": [
                {
                    "statementId": "guard",
                    "effect": "DENY",
                    "principals": {"items": [{"value": "AROAX"}]},
                    "principalGroups": {"items": []},
                    "actions": {"items": [{"value": "ec2:*"}]},
                    "resources": {"items": [{"value": "*"}]},
                    "conditions": {
                        "items": [
                            {
                                "key": "aws:RequestedRegion",
                                "operator": "StringEquals",
                                "values": {"items": [{"value": "eu-west-1"}]},
                            }
                        ]
                    },
                }
            ]
        },
        "failures": {"items": []},
        "context": {
            "principal": {"id": "AROAX:bob", "arn": BOB.arn},
            "action": "ec2:StartInstances",
            "resource": "*",
            "conditions": {
                "items": [
                    {"key": "aws:RequestedRegion", "values": {"items": [{"value": "eu-west-1"}]}},
                    {"key": "aws:TagKeys", "values": {"items": [{"value": "a"}, {"value": "b"}]}},
                ]
            },
        },
    }


def test_a_message_of_an_implicit_denial_has_no_statement() -> None:
    found = message(Request(BOB, "ec2:StartInstances", "*"), Decision(Outcome.IMPLICITLY_DENIED))
    assert (found["explicitDeny"], found["matchedStatements"]) == (False, {"items": []})


def test_a_statement_of_a_trust_policy_has_no_resources() -> None:
    denial = denial_by(PolicyKind.TRUST, Principal={"AWS": "*"}, Action="sts:AssumeRole")
    found = message(Request(BOB, "sts:AssumeRole", "*"), denial)
    assert found["matchedStatements"]["items"][0]["resources"] == {"items": []}


@pytest.mark.parametrize("length", range(40, 48))
def test_messages_of_every_length_are_opened(length: int) -> None:
    messages = EncodedMessages("secret")
    request = Request(BOB, "a" * length, "*")
    refused = Decision(Outcome.IMPLICITLY_DENIED)
    assert json.loads(messages.open(messages.seal(request, refused)) or "") == message(request, refused)


def test_a_message_that_is_too_long_leaves_out_the_conditions() -> None:
    messages, refused = EncodedMessages("secret"), Decision(Outcome.IMPLICITLY_DENIED)
    long = {f"aws:RequestTag/{number}": secrets.token_hex(64) for number in range(200)}

    def conditions(keys: Mapping[str, str]) -> int:
        sealed = messages.seal(Request(BOB, "ec2:RunInstances", "*", context=keys), refused)
        assert len(sealed) <= MAX_ENCODED_MESSAGE
        return len(json.loads(messages.open(sealed) or "")["context"]["conditions"]["items"])

    assert conditions(long) == 0
    assert conditions({"aws:RequestTag/a": "b"}) == 1


def test_a_message_of_the_greatest_length_keeps_the_conditions(monkeypatch: pytest.MonkeyPatch) -> None:
    messages, request = EncodedMessages("secret"), Request(BOB, "ec2:RunInstances", "*", context=KEYS)
    whole = messages.seal(request, Decision(Outcome.IMPLICITLY_DENIED))
    monkeypatch.setattr("podrole.aws.encoded_messages.MAX_ENCODED_MESSAGE", len(whole))
    assert len(messages.seal(request, Decision(Outcome.IMPLICITLY_DENIED))) == len(whole)


def test_a_message_of_another_world_is_not_opened() -> None:
    sealed = EncodedMessages("one").seal(Request(BOB, "a:b", "*"), Decision(Outcome.IMPLICITLY_DENIED))
    assert EncodedMessages("two").open(sealed) is None


AT = "at 'encodedMessage' failed to satisfy constraint: Member must"


@pytest.mark.parametrize(
    ("message", "code", "text"),
    [
        (None, "ValidationError", f"1 validation error detected: Value null {AT} not be null"),
        ("", "ValidationError", f"1 validation error detected: Value {AT} have length greater than or equal to 1"),
        (
            "x" * 10_241,
            "ValidationError",
            f"1 validation error detected: Value {AT} have length less than or equal to 10240",
        ),
        ("x" * 10_240, "InvalidAuthorizationMessageException", "Message is not valid"),
        ("x", "InvalidAuthorizationMessageException", "Message is not valid"),
    ],
)
def test_a_message_that_cannot_be_decoded_is_refused(message: str | None, code: str, text: str) -> None:
    form = "Action=DecodeAuthorizationMessage&Version=2011-06-15"
    form += "" if message is None else f"&EncodedMessage={message}"
    headers = [("content-type", "application/x-www-form-urlencoded")]
    http = HTTPRequest("POST", "/", "", headers, form.encode(), "127.0.0.1")
    call = identify(ReceivedRequest("id", http, 0.0))
    with pytest.raises(AWSError) as raised:
        asyncio.run(MessageDecoder(EncodedMessages("secret")).decode_authorization_message(call, ANONYMOUS))
    assert (raised.value.error_code, raised.value.message, raised.value.status) == (code, text, 400)


def test_a_message_of_this_world_is_decoded() -> None:
    messages = EncodedMessages("secret")
    call = call_of("sts:DecodeAuthorizationMessage")
    sealed = messages.seal(Request(BOB, "a:b", "*"), Decision(Outcome.IMPLICITLY_DENIED))
    call.parameters = {"EncodedMessage": sealed}
    answer = asyncio.run(MessageDecoder(messages).decode_authorization_message(call, ANONYMOUS))
    assert answer.status == 200
    assert b"<DecodedMessage>{&quot;allowed&quot;:false" in answer.body.replace(b'"', b"&quot;")
