"""STS DecodeAuthorizationMessage: what EC2's encoded messages of this world say."""

from __future__ import annotations

from podrole.aws.caller import Caller
from podrole.aws.encoded_messages import MOST_CHARACTERS, EncodedMessages
from podrole.aws.errors import AWSError
from podrole.aws.protocol.call import IdentifiedCall
from podrole.aws.protocol.parameters import parameters
from podrole.aws.protocol.render import text, xml_response
from podrole.aws.protocol.wire import HTTPResponse


class MessageDecoder:
    """Opens messages; who may is the authorization station's affair."""

    def __init__(self, messages: EncodedMessages) -> None:
        self._messages = messages

    async def decode_authorization_message(self, call: IdentifiedCall, _: Caller) -> HTTPResponse:
        """https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html."""
        encoded = str(parameters(call).get("EncodedMessage") or "")
        if not 1 <= len(encoded) <= MOST_CHARACTERS:
            bound = "greater than or equal to 1" if not encoded else f"less than or equal to {MOST_CHARACTERS}"
            raise AWSError(
                "ValidationError",
                400,
                "1 validation error detected: Value at 'encodedMessage' failed to satisfy constraint: "
                f"Member must have length {bound}",
            )
        decoded = self._messages.open(encoded)
        if decoded is None:
            raise AWSError(
                "InvalidAuthorizationMessageException",
                400,
                "Message is not valid",
                why="The message was not sealed by this world, or has been changed.",
            )
        return xml_response(
            '<DecodeAuthorizationMessageResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">\n'
            "  <DecodeAuthorizationMessageResult>\n"
            f"    <DecodedMessage>{text(decoded)}</DecodedMessage>\n"
            "  </DecodeAuthorizationMessageResult>\n"
            f"  <ResponseMetadata>\n    <RequestId>{call.id}</RequestId>\n  </ResponseMetadata>\n"
            "</DecodeAuthorizationMessageResponse>\n",
            call.id,
        )
