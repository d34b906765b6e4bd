"""An encoded message can be put on a command line, whatever the nonce."""

from __future__ import annotations

import asyncio

import pytest

from podrole.aws.caller import ANONYMOUS
from podrole.aws.encoded_messages import EncodedMessages
from podrole.aws.errors import AWSError
from podrole.aws.operations.decode_message import MessageDecoder
from podrole.aws.protocol.call import ReceivedRequest
from podrole.aws.protocol.identify import identify
from podrole.aws.protocol.wire import HTTPRequest
from podrole.iam.evaluate import Decision, Outcome, Request
from podrole.iam.principal import Principal, PrincipalType


@pytest.mark.parametrize("first", [0x00, 0x7F, 0xF8, 0xFB, 0xFF])
def test_no_message_begins_with_a_dash(first: int) -> None:
    messages = EncodedMessages("secret", random_bytes=lambda count: bytes([first] * count))
    principal = Principal(PrincipalType.USER, "111122223333", "arn:aws:iam::111122223333:user/eve")
    sealed = messages.seal(Request(principal, "ec2:StartInstances", "*"), Decision(Outcome.IMPLICITLY_DENIED))
    assert not sealed.startswith("-")
    assert "StartInstances" in (messages.open(sealed) or "")


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
    assert (raised.value.error_code, raised.value.message) == (code, text)
