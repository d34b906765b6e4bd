"""An encoded message can be put on a command line, whatever the nonce."""

from __future__ import annotations

import pytest

from podrole.aws.encoded_messages import EncodedMessages
from podrole.iam.evaluate import Decision, Outcome, Request
from podrole.iam.principal import Principal, PrincipalType


@pytest.mark.parametrize("first", [0x00, 0x7F, 0xF8, 0xFB, 0xFF])
def test_no_message_begins_as_an_option_does(first: int) -> None:
    messages = EncodedMessages("secret", random_bytes=lambda count: bytes([first] * count))
    principal = Principal(PrincipalType.USER, "111122223333", "arn:aws:iam::111122223333:user/eve")
    sealed = messages.seal(Request(principal, "ec2:StartInstances", "*"), Decision(Outcome.IMPLICITLY_DENIED))
    assert not sealed.startswith("-")
    assert "StartInstances" in (messages.open(sealed) or "")
